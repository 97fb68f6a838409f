/**
 * The server as a synchronous machine: it authorises, orders, deduplicates, runs and logs mutations.
 *
 *     push ── authorise ── seen before? ── in order? ── run ── changes ── commit ── results, pokes
 *
 * Everything that one call decides is one transaction of the store, so a result exists only when its
 * effects are durable. Time comes from a port; nothing here waits.
 */
import { Afterwards } from "./afterwards.ts";
import type { AccessRequest, AnyApp, Principal } from "./app.ts";
import type { Change, ChangeOp, LogHead } from "./change.ts";
import {
  Claims,
  type PullPage,
  type ScopeClaim,
  type ScopeCommit,
  type ScopeSnapshot,
} from "./claims.ts";
import { DriftlessError, type ErrorCode } from "./errors.ts";
import { lookAhead } from "./foresight.ts";
import { canonicalText } from "./json.ts";
import {
  CLOCK_AHEAD_MS_MAX,
  ERROR_TEXT_UNITS_MAX,
  IN_FLIGHT_MAX,
  LOG_AGE_MS_MAX,
  LOG_CHANGES_MAX,
  PULL_LIMIT_DEFAULT,
} from "./limits.ts";
import { encodeStamps, isLive } from "./lww.ts";
import { checkMutation, type PushedMutation } from "./mutation.ts";
import type { Clock } from "./ports.ts";
import { answerMetered, type Spend } from "./reconcile/metered.ts";
import { rowsOf } from "./stored_rows.ts";
import type { AnyStore } from "./suspend.ts";
import { runMutation, type Write } from "./transaction.ts";
import { checkAppVersion, upgradeCall } from "./upgrade.ts";

/** One caller's mutations, in order. */
export interface PushRequest {
  readonly principal: Principal | null;
  readonly mutations: readonly PushedMutation[];
}

/** What became of one mutation. */
export interface MutationResult {
  readonly id: string;
  readonly ok: boolean;
  /** The scope's cursor at which its effects are visible. */
  readonly cursor: number;
  /** The highest sequence number of its client that is decided; 0 without a client. */
  readonly lastSeq: number;
  readonly code: ErrorCode | null;
  readonly error: string | null;
  /** Its effects; empty for a repeated mutation. */
  readonly changes: readonly Change[];
  /** How many there are, of a mutation that was accepted; absent for a repeated one. */
  readonly changeCount?: number;
}

/** The outcome of {@linkcode SyncServer.push}. */
export interface PushOutcome {
  /** For each request, a result for each of its mutations, in order. */
  readonly results: readonly (readonly MutationResult[])[];
  readonly commits: readonly ScopeCommit[];
}

/** What a {@linkcode SyncServer} is made of. */
export interface SyncServerOptions {
  readonly app: AnyApp;
  readonly store: AnyStore;
  readonly clock: Clock;
  /** Everyone may do everything; for development on loopback. */
  readonly open?: boolean;
  /** Told of errors that callers must not see: what a mutator or `authorize` threw. */
  readonly onFailure?: (error: unknown, where: string) => void;
}

/** The authority over every scope of one store. */
export class SyncServer {
  readonly #app: AnyApp;
  readonly #store: AnyStore;
  readonly #afterwards: Afterwards;
  readonly #claims: Claims;
  readonly #clock: Clock;
  readonly #open: boolean;
  readonly #onFailure: (error: unknown, where: string) => void;

  constructor(options: SyncServerOptions) {
    this.#app = options.app;
    this.#store = options.store;
    this.#afterwards = new Afterwards(options.store);
    this.#claims = new Claims(options.store);
    this.#clock = options.clock;
    this.#open = options.open ?? false;
    const { onFailure } = options;
    this.#onFailure = (error, where) => this.#afterwards.do(() => onFailure?.(error, where));
  }

  /**
   * Runs calls of this server: at once on a store that has all its data at hand. On one that suspends
   * its readers this is the only way, with one push or trim at the most; nothing else in `work` has an
   * effect, and what is reported or counted there is that once.
   */
  settled<T>(work: () => T): T | Promise<T> {
    return this.#afterwards.settled(work);
  }

  /** Identifies the history that cursors count in. */
  get epoch(): string {
    return this.#store.epoch;
  }

  /** The version of the app that runs here. */
  get appVersion(): number {
    return this.#app.version;
  }

  /**
   * Checks that a client that runs this version of the app can be served.
   *
   * @throws {VersionError} when it is too old or too new
   */
  checkVersion(version: number | undefined): void {
    checkAppVersion(this.#app, version);
  }

  /** What a mutation of a client that runs this version of the app is here. */
  upgraded(mutation: PushedMutation, version: number = this.#app.version): PushedMutation {
    if (version >= this.#app.version || mutation.defect !== undefined) return mutation;
    try {
      const call = upgradeCall(this.#app, mutation, version);
      return checkMutation({ ...mutation, ...call });
    } catch (thrown) {
      const defect = thrown as DriftlessError;
      if (defect.cause !== undefined) this.#onFailure(defect, `migration of ${mutation.name}`);
      return { ...mutation, defect };
    }
  }

  /** Whether a principal may act in a scope, as the app says; an `authorize` that throws says no. */
  allows(request: AccessRequest): boolean {
    const { authorize } = this.#app;
    if (authorize === undefined) return this.#open || request.principal !== null;
    try {
      const answer: unknown = authorize(request);
      if (answer instanceof Promise) {
        answer.catch(() => {});
        throw new TypeError("authorize must not return a promise");
      }
      return answer === true;
    } catch (error) {
      this.#onFailure(error, "authorize");
      return false;
    }
  }

  /**
   * Decides any number of callers' mutations in one transaction. `ends` says of a scope that nothing
   * waits to be written there after this: its commit carries the root then.
   *
   * @throws {DriftlessError} `store_failed`, or `unavailable` when another process has upgraded the
   *   store to another version of the app: then nothing was decided
   */
  push(
    requests: readonly PushRequest[],
    ends: (scope: string) => boolean = () => true,
  ): PushOutcome {
    const outcome = this.#store.transaction(() => {
      lookAhead(this.#store, requests);
      const rows = this.#store.appVersion();
      if (rows !== this.#app.version) {
        throw new DriftlessError(
          "unavailable",
          `Cannot write rows of version ${rows} of the app: this program runs version ` +
            this.#app.version,
        );
      }
      const logs = new Map<string, Change[]>();
      const results = requests.map(({ principal, mutations }) =>
        mutations.map((mutation) => {
          const result = this.#decide(principal, mutation);
          const log = logs.get(mutation.scope);
          if (log !== undefined) log.push(...result.changes);
          else if (result.changes.length > 0) logs.set(mutation.scope, [...result.changes]);
          return result;
        })
      );
      const commits = Array.from(
        logs,
        ([scope, changes]) => this.#claims.ofCommit(scope, changes, ends(scope)),
      );
      return { results, commits };
    });
    this.#claims.committed(outcome.commits);
    return outcome;
  }

  /**
   * Changes after a cursor.
   *
   * @throws {DriftlessError} `cursor_too_old` when the log does not reach from the cursor to its end
   */
  pull(scope: string, cursor: number, limit: number = PULL_LIMIT_DEFAULT): PullPage {
    return this.#claims.pull(scope, cursor, limit);
  }

  /** All live rows of a scope at its newest cursor. */
  snapshot(scope: string): ScopeSnapshot {
    return this.#claims.snapshot(scope);
  }

  /** The end and the floor of a scope's log. */
  head(scope: string): LogHead {
    return this.#store.head(scope);
  }

  /** The same, with the root of the rows there. */
  claim(scope: string): ScopeClaim {
    return this.#claims.head(scope);
  }

  /**
   * Answers a step of the exchange that finds what differs; or says how long to wait before the next
   * one, in milliseconds.
   *
   * @throws {DriftlessError} `too_large`; `malformed`; `upgrade_required` when the tree is of another
   *   version; `not_found` when the store keeps none
   */
  reconcile(scope: string, request: Uint8Array, spend: Spend): Uint8Array | number {
    const count = (work: number) => this.#afterwards.do(() => void spend(work));
    return answerMetered(this.#store, scope, request, () => spend(0), count);
  }

  /**
   * How far this server has decided a client's mutations.
   *
   * @throws {DriftlessError} `forbidden` when the client id belongs to another principal
   */
  lastSeq(scope: string, client: string, principal: Principal | null): number {
    const record = this.#store.client(scope, client);
    if (record !== undefined && record.principal !== (principal?.id ?? "")) throw notTheirs();
    return record?.lastSeq ?? 0;
  }

  /** Trims the log of a scope, or else every log, to the retention; says how many changes went. */
  trim(one?: string): number {
    const retention = {
      changes: LOG_CHANGES_MAX,
      before: this.#clock.now() - LOG_AGE_MS_MAX,
      outcomes: IN_FLIGHT_MAX,
    };
    return this.#store.transaction(() => {
      const scopes = one === undefined ? this.#store.scopes() : [one];
      return scopes.reduce((sum, scope) => sum + this.#store.trim(scope, retention), 0);
    });
  }

  #decide(principal: Principal | null, mutation: PushedMutation): MutationResult {
    const { scope, client, seq } = mutation;
    const record = client === "" ? undefined : this.#store.client(scope, client);
    if (record !== undefined && record.principal !== (principal?.id ?? "")) {
      return this.#refused(mutation, 0, "forbidden", notTheirs().message);
    }
    const seen = this.#store.outcome(scope, mutation.id);
    const author = seen && this.#store.client(scope, seen.client);
    // Strangers leave no trace; whoever has written here before is refused on the record, in order.
    const isKnown = record !== undefined || author?.principal === (principal?.id ?? "");
    if (!isKnown && !this.allows({ principal, scope, action: "write" })) {
      return this.#refused(mutation, 0, "forbidden", NOT_WRITABLE);
    }
    const lastSeq = record?.lastSeq ?? 0;
    if (seen !== undefined) {
      // A client that was renumbered sends what another number already brought here.
      const isNext = client !== "" && seq === lastSeq + 1;
      const time = Math.max(this.#clock.now(), record?.time ?? 0);
      if (isNext) this.#advance(mutation, principal, time);
      return {
        ...this.#refused(mutation, isNext ? seq : lastSeq, seen.code, seen.error),
        ok: seen.code === null,
      };
    }
    if (client !== "" && seq !== lastSeq + 1) {
      const message = `Cannot take mutation ${seq} of this client: the next one is ${lastSeq + 1}`;
      return this.#refused(mutation, lastSeq, "sequence_gap", message);
    }
    return this.#run(principal, mutation, record?.time ?? 0);
  }

  /** Runs a mutation that is new and next in line, and records the outcome, whatever it is. */
  #run(
    principal: Principal | null,
    mutation: PushedMutation,
    clientTime: number,
  ): MutationResult {
    const { scope, seq } = mutation;
    const head = this.#store.head(scope);
    const now = this.#clock.now();
    // Later than every change that its author can have seen, and than its own writes that changed
    // nothing for others to see, so that it wins over what it builds on.
    const next = Math.max(head.time, clientTime) + 1;
    const createdAt = mutation.createdAt === 0
      ? Math.max(now, next)
      : Math.min(mutation.createdAt, Math.max(now + CLOCK_AHEAD_MS_MAX, next));
    // A change is never older than the stamps in it: who has seen its time stamps later than it.
    const time = Math.max(now, head.time, createdAt);
    let code: ErrorCode | null = null;
    let error: string | null = null;
    let changes: readonly Change[] = [];
    try {
      const access = { principal, scope, action: "write" } as const;
      if (!this.allows(access)) throw new DriftlessError("forbidden", NOT_WRITABLE);
      if (mutation.defect !== undefined) throw mutation.defect;
      if (!this.allows({ ...access, mutator: mutation.name })) {
        throw new DriftlessError("forbidden", `You may not call "${mutation.name}" in this scope`);
      }
      const writes = runMutation(
        this.#app,
        rowsOf(this.#store, scope),
        { ...mutation, createdAt },
        principal,
      );
      changes = this.#apply(scope, writes, head.cursor, time);
    } catch (thrown) {
      if (!(thrown instanceof DriftlessError) || thrown.code === "store_failed") throw thrown;
      if (thrown.code === "mutator_failed") this.#onFailure(thrown, `mutator ${mutation.name}`);
      code = thrown.code;
      error = thrown.message.slice(0, ERROR_TEXT_UNITS_MAX).toWellFormed();
    }
    const cursor = head.cursor + changes.length;
    this.#store.putOutcome(scope, {
      mutation: mutation.id,
      client: mutation.client,
      seq,
      cursor,
      code,
      error,
      time,
    });
    if (mutation.client !== "") this.#advance(mutation, principal, time);
    const { id } = mutation;
    const result = { id, ok: code === null, cursor, lastSeq: seq, code, error, changes };
    return code === null ? { ...result, changeCount: changes.length } : result;
  }

  #advance(mutation: PushedMutation, principal: Principal | null, time: number): void {
    this.#store.putClient(mutation.scope, {
      client: mutation.client,
      principal: principal?.id ?? "",
      lastSeq: mutation.seq,
      time,
    });
  }

  #apply(scope: string, writes: readonly Write[], after: number, time: number): readonly Change[] {
    const changes: Change[] = [];
    for (const { entity, id, before, after: row } of writes) {
      const json = canonicalText(row.data);
      const live = isLive(row);
      const op = changeOp(before !== undefined && isLive(before), live);
      const visible = op !== undefined &&
        (op !== "update" || before === undefined || canonicalText(before.data) !== json);
      const earlier = this.#store.row(scope, entity, id)?.cursor ?? after;
      const cursor = visible ? after + changes.length + 1 : earlier;
      this.#store.putRow(scope, { entity, id, json, stamps: encodeStamps(row), live, cursor });
      if (!visible) continue;
      const change: Change = { cursor, entity, id, op, json: live ? json : null, time };
      this.#store.append(scope, change);
      changes.push(change);
    }
    return changes;
  }

  #refused(
    mutation: PushedMutation,
    lastSeq: number,
    code: ErrorCode | null,
    error: string | null,
  ): MutationResult {
    const { cursor } = this.#store.head(mutation.scope);
    return { id: mutation.id, ok: false, cursor, lastSeq, code, error, changes: [] };
  }
}

const NOT_WRITABLE = "You may not write in this scope";

function changeOp(was: boolean, is: boolean): ChangeOp | undefined {
  if (was) return is ? "update" : "delete";
  return is ? "create" : undefined;
}

function notTheirs(): DriftlessError {
  return new DriftlessError("forbidden", "This client id belongs to another principal");
}
