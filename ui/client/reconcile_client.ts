/**
 * Keeps a client's rows equal to the server's: compares digests when there is time, and has what
 * differs found and fetched. Loaded only when there is something to compare.
 *
 *     claim ── equal ──> verified
 *       └──── different ──> exchange ──> repaired
 *                              └──(fails, or too much)──> snapshot
 *
 * An error of this module is none of the classes that the rest of the client knows, because a page may
 * have loaded them twice: whatever fails here ends in a snapshot.
 */
import type { ReplicaMove } from "../../core/persistence.ts";
import type { Kernel } from "../../core/ports.ts";
import type { LoadedSnapshot } from "../../core/snapshot.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import { auditRows } from "./audit.ts";
import { ExchangeCalls } from "./exchange_calls.ts";
import type { Claim, ReconcileClientOptions } from "./lazy_reconciler.ts";
import type { AuditReport, Integrity, ReconcileProgress } from "./reconcile_report.ts";
import { ReplicaTree } from "./replica_tree.ts";
import { idle, inSlices, type Pause, soon } from "./slices.ts";
import { openKernel } from "../../wasm/kernel.ts";

/** The so-manieth claim in a row that is not true has all rows loaded; after that, no more is done. */
export const MISMATCHES_MAX = 3;

const INTEGRITY: Readonly<Record<ReconcileProgress["state"], Integrity>> = {
  verified: "verified",
  different: "repairing",
  exchanging: "repairing",
  // An exchange ends when the digests are equal; a snapshot has yet to be compared.
  repaired: "verified",
  snapshot: "unknown",
  stuck: "different",
};

/** What an audit says of the server. */
type ServerAudit = Pick<AuditReport, "server" | "fetched" | "removed">;

const UNREACHED: ServerAudit = { server: "unreachable", fetched: 0, removed: 0 };

/** Opens it for a client that runs. */
export async function openReconcileClient(
  options: ReconcileClientOptions,
): Promise<ReconcileClient> {
  return new ReconcileClient(options, await openKernel());
}

/** What compares and repairs the rows of one running client. */
export class ReconcileClient {
  readonly #options: ReconcileClientOptions;
  readonly #calls: ExchangeCalls;
  readonly #tree: ReplicaTree;
  /** Made anew beside the first, for an audit. */
  #second: ReplicaTree | null = null;
  readonly #newTree: () => ReplicaTree;
  readonly #end = new AbortController();
  #claim: Claim | null = null;
  #work: Promise<void> | null = null;
  #auditing: Promise<AuditReport> | null = null;
  #telling: Promise<void> | null = null;
  /** Claims in a row that were not true, of rows that were repaired for the one before. */
  #mismatches = 0;
  /** Whether rows have come since the last repair was asked for. */
  #isReplaced = false;
  /** What the last repair came to; `null` for a snapshot. */
  #found: LoadedSnapshot | null = null;

  constructor(options: ReconcileClientOptions, kernel: Kernel) {
    this.#options = options;
    const { scope, machine } = options;
    this.#calls = new ExchangeCalls(options);
    this.#newTree = () =>
      new ReplicaTree({
        kernel,
        random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
        scope,
        machine: machine(),
      });
    this.#tree = this.#newTree();
  }

  moved(move: ReplicaMove): void {
    if (move.kind === "snapshot") this.#isReplaced = true;
    this.#tree.moved(move);
    this.#second?.moved(move);
  }

  received(message: DownMessage): boolean {
    return this.#calls.received(message);
  }

  closed(): void {
    this.#calls.closed();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#claim = null;
    await Promise.allSettled([this.#work, this.#auditing, this.#telling]);
  }

  /** The server claims a digest. Only the newest claim counts. */
  claimed(claim: Claim): void {
    if (this.#end.signal.aborted) return;
    this.#claim = claim;
    this.#work ??= this.#compareAll().catch(() => {
      // It was stopped, or rows cannot be hashed: then nothing is known of them.
    }).finally(() => this.#work = null);
  }

  async #compareAll(): Promise<void> {
    for (let claim = this.#claim; claim !== null; claim = this.#claim) {
      await this.#build(this.#tree, idle, this.#end.signal);
      claim = this.#claim;
      this.#claim = null;
      if (claim !== null) await this.#compare(claim);
    }
  }

  async #compare(claim: Claim, isRebuilt = false): Promise<void> {
    const isTrue = this.#tree.isTrue(claim, claim.root);
    if (isTrue === undefined) return;
    if (isTrue) {
      this.#mismatches = 0;
      return this.#tell("verified");
    }
    // A repair that never came about says nothing of the rows.
    const isUnrepaired = !this.#isReplaced && !isRebuilt && this.#mismatches > 0;
    if (isUnrepaired && this.#mismatches <= MISMATCHES_MAX) this.#mismatches--;
    // The second time the digests themselves are in doubt.
    if (this.#mismatches === 1 && !isRebuilt) {
      this.#tree.rebuild();
      await this.#build(this.#tree, soon, this.#end.signal);
      return await this.#compare(claim, true);
    }
    if (this.#mismatches > MISMATCHES_MAX) return;
    if (this.#mismatches === MISMATCHES_MAX) this.#tell("stuck");
    else if (this.#repairSoon() === null) return;
    else this.#tell("different");
    this.#mismatches++;
  }

  /** Has the machine ask for a repair; `null` when this is not the time: a claim will come then. */
  #repairSoon(): Promise<void> | null {
    const { machine: running, isNetworking, isGreeted, rounds, replace } = this.#options;
    const machine = running();
    if (!isNetworking() || isGreeted() && !machine.isLive) return null;
    this.#isReplaced = false;
    machine.cursorLost();
    if (isGreeted()) return replace();
    const round = rounds.idle().then(() => isGreeted() ? replace() : rounds.sync());
    // The next round by itself tells of a failure that lasts.
    round.catch(() => {});
    return round;
  }

  async repair(signal: AbortSignal): Promise<LoadedSnapshot | null> {
    const both = AbortSignal.any([signal, this.#end.signal]);
    const found = this.#found = await this.#repair(both).catch(() => null);
    if (both.aborted) return null;
    if (found === null) this.#tell("snapshot");
    // When the machine has it.
    else this.#telling = soon().then(() => this.#tell("repaired"));
    return found;
  }

  async #repair(signal: AbortSignal): Promise<LoadedSnapshot | null> {
    if (this.#mismatches >= MISMATCHES_MAX) return null;
    await this.#build(this.#tree, soon, signal);
    return await this.#calls.run(this.#tree, signal, (exchange) => {
      this.#tell("exchanging", { exchange });
    });
  }

  audit(): Promise<AuditReport> {
    return this.#auditing ??= this.#audit().finally(() => this.#auditing = null);
  }

  async #audit(): Promise<AuditReport> {
    const { signal } = this.#end;
    const build = (tree: ReplicaTree) => this.#build(tree, soon, signal);
    const second = this.#second = this.#newTree();
    try {
      const own = await auditRows({ ...this.#options, first: this.#tree, second, build });
      if (own.digests === "different") this.#tree.rebuild();
      return { ...own, ...await this.#auditServer(), cursor: this.#options.machine().cursor };
    } finally {
      this.#second = null;
    }
  }

  async #auditServer(): Promise<ServerAudit> {
    this.#mismatches = 0;
    this.#found = null;
    const repair = this.#repairSoon();
    try {
      if (repair === null) return UNREACHED;
      await repair;
    } catch {
      return UNREACHED;
    }
    return outcomeOf(this.#found);
  }

  #build(tree: ReplicaTree, pause: Pause, signal: AbortSignal): Promise<void> {
    return inSlices(pause, (rowsMax) => {
      signal.throwIfAborted();
      return tree.step(rowsMax);
    });
  }

  #tell(
    state: ReconcileProgress["state"],
    more: Pick<ReconcileProgress, "exchange"> = {},
  ): void {
    const { machine, show, told } = this.#options;
    if (this.#end.signal.aborted) return;
    show(INTEGRITY[state]);
    told({ state, cursor: machine().cursor, rows: this.#tree.count, ...more });
  }
}

/** What a repair that has been done came to; `null` for a snapshot. */
function outcomeOf(found: LoadedSnapshot | null): ServerAudit {
  if (found?.gone === undefined) return { ...UNREACHED, server: "replaced" };
  const [fetched, removed] = [found.rows.length, found.gone.length];
  return { server: fetched + removed === 0 ? "equal" : "repaired", fetched, removed };
}
