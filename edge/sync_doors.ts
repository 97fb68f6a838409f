/**
 * The sync doors over HTTP: JSON in, JSON out, in shapes that a person can type into curl.
 *
 *     POST /_sync/push      { mutations: [{ id, name, scope?, client?, seq?, args?, created_at? }], app_version? }
 *                        →  { results: [{ ok, id, cursor, last_seq, code?, error?, changes? }] }
 *     POST /_sync/pull      { scope?, cursor, limit? }
 *                        →  { changes: [{ cursor, scope, entity, id, op, data, time }], has_more, next_cursor }
 *     POST /_sync/snapshot  { scope? }  →  { data: { entity: { id: record } }, cursor }
 *                  with columns: true   →  { pages: [{ entity, keys, ids, columns }], cursor }
 *     POST /_sync/reconcile, protobuf both ways: `core/wire/reconcile.proto`
 *
 * `app_version` is the version of the app that the caller runs; one that does not say runs the server's.
 * Pull and snapshot take it as well, and then answer with the server's.
 *
 * `root`, on the last page of a pull and at the end of a snapshot, is the digest of all rows at that
 * cursor: 32 bytes in base64url without padding. A store that keeps no tree has none.
 *
 * Records are spliced in as the text that the store holds: nothing is parsed on the way out.
 */
import type { Change } from "../core/change.ts";
import { DriftlessError } from "../core/errors.ts";
import { checkJson, isJsonObject, type JsonObject, parseJson } from "../core/json.ts";
import { PULL_LIMIT_DEFAULT, PUSH_BATCH_MAX } from "../core/limits.ts";
import {
  checkInteger,
  checkMutation,
  checkName,
  checkScope,
  type PushedMutation,
  readInPlace,
} from "../core/mutation.ts";
import type { MutationResult, SyncServer } from "../core/server.ts";
import type { SnapshotReader } from "../core/store.ts";
import { whenSettled } from "../core/suspend.ts";
import { ReconcileRequest } from "../core/wire/reconcile_gen.ts";
import type { Committer } from "./committer.ts";
import type { Identity } from "./identity.ts";
import { RateLimitedError } from "./rate.ts";
import type { SpendWork } from "./reconcile_rate.ts";
import { COLUMNS, RECORDS, type SnapshotPages, snapshotStream } from "./snapshot_stream.ts";

/** Snapshots of more than one page that are being read: each has a connection to the store. */
export const SNAPSHOTS_MAX = 256;
/** A time as RFC 3339 writes it. */
const RFC3339 = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What the doors open to. */
export interface SyncDoorsOptions {
  readonly server: SyncServer;
  readonly committer: Committer;
  /** Spends what one principal may push; returns how long to wait, in milliseconds, or 0. */
  readonly spend: (identity: Identity, mutations: number) => number;
  /** Counts the work of a caller's exchanges; returns how long to wait for more, in milliseconds. */
  readonly spendWork: SpendWork;
  /** Whether callers can name themselves at all: then nobody in particular is asked to. */
  readonly open: boolean;
}

/** The doors; each takes a body, and throws a {@linkcode DriftlessError}. */
export class SyncDoors {
  readonly #options: SyncDoorsOptions;
  #snapshots = 0;

  constructor(options: SyncDoorsOptions) {
    this.#options = options;
  }

  /**
   * Decides a batch; a refused scope refuses all. One that is malformed is refused by itself: on the
   * record, if its `id`, `client` and `seq` can be read, so that those behind it are next in line.
   */
  async push(identity: Identity, text: string): Promise<string> {
    const { server, committer, spend } = this.#options;
    const { principal } = identity;
    const { list, version } = pushOf(text);
    server.checkVersion(version);
    if (!Array.isArray(list) || list.length === 0 || list.length > PUSH_BATCH_MAX) {
      throw new DriftlessError(
        "invalid_mutation",
        `"mutations" must be a list of 1 to ${PUSH_BATCH_MAX} mutations`,
      );
    }
    const read = list.map(readMutation);
    const good = read.filter((item): item is PushedMutation => !(item instanceof DriftlessError))
      .map((mutation) => server.upgraded(mutation, version));
    for (const scope of new Set(good.map((mutation) => mutation.scope))) {
      if (server.allows({ principal, scope, action: "write" })) continue;
      throw this.#refusal(identity, "You may not write in this scope");
    }
    const wait = spend(identity, good.length);
    if (wait > 0) throw new RateLimitedError("Cannot take so many mutations", wait);
    const decided = good.length === 0 ? [] : await committer.push({ principal, mutations: good });
    const results = decided[Symbol.iterator]();
    const parts = read.map((item, index) => {
      if (!(item instanceof DriftlessError)) {
        return resultText(item.scope, results.next().value as MutationResult);
      }
      const given = list[index];
      const id = isJsonObject(given) && typeof given.id === "string" ? given.id : null;
      const { code, message: error } = item;
      return JSON.stringify({ ok: false, id, cursor: 0, last_seq: 0, code, error });
    });
    return `{"results":[${parts.join(",")}],"epoch":${JSON.stringify(server.epoch)}}`;
  }

  /** One page of the log. */
  pull(identity: Identity, text: string): string | Promise<string> {
    const { server } = this.#options;
    const body = bodyOf(text);
    const version = this.#versionIn(body);
    const scope = this.#readable(identity, body.scope);
    const cursor = checkInteger(body.cursor ?? 0, "cursor");
    const limit = readLimit(body.limit);
    const client = body.client === undefined ? undefined : checkName(body.client, "client");
    const read = () => ({
      lastSeq: client === undefined
        ? ""
        : `,"last_seq":${server.lastSeq(scope, client, identity.principal)}`,
      page: server.pull(scope, cursor, limit),
    });
    return whenSettled(server.settled(read), ({ lastSeq, page }) => {
      const { changes, hasMore, nextCursor, root } = page;
      const list = changes.map((change) => changeText(scope, change)).join(",");
      const epoch = JSON.stringify(server.epoch);
      return `{"changes":[${list}],"has_more":${hasMore},"next_cursor":${nextCursor},` +
        `"epoch":${epoch}${rootText(root)}${lastSeq}${version}}`;
    });
  }

  /**
   * All rows of a scope as one JSON text, in parts.
   *
   * @throws {DriftlessError} `unavailable` when too many others are reading
   */
  snapshot(
    identity: Identity,
    text: string,
  ): ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>> {
    const { server } = this.#options;
    const body = bodyOf(text);
    const version = this.#versionIn(body);
    const scope = this.#readable(identity, body.scope);
    return whenSettled(server.settled(() => server.snapshot(scope)), (snapshot) => {
      const pages = this.#counted(snapshot);
      const { cursor, time, root } = snapshot;
      const epoch = JSON.stringify(server.epoch);
      const end = `,"cursor":${cursor},"epoch":${epoch},"time":${time}${rootText(root)}${version}}`;
      return snapshotStream(pages, body.columns === true ? COLUMNS : RECORDS, end);
    });
  }

  /** A step of finding what differs; callers without a name are told apart by their `address`. */
  reconcile(
    identity: Identity,
    address: string,
    request: Uint8Array,
  ): Uint8Array | Promise<Uint8Array> {
    const { server, spendWork } = this.#options;
    const scope = this.#readable(identity, scopeOf(request));
    const spend = (work: number) => spendWork(identity, address, work);
    return whenSettled(
      server.settled(() => server.reconcile(scope, request, spend)),
      (answer) => {
        if (typeof answer !== "number") return answer;
        throw new RateLimitedError("Cannot compare so many rows at once", answer);
      },
    );
  }

  #counted(reader: SnapshotReader): SnapshotPages {
    const { server } = this.#options;
    if (this.#snapshots >= SNAPSHOTS_MAX) {
      reader.close();
      throw new DriftlessError("unavailable", "Cannot open more snapshots now");
    }
    this.#snapshots++;
    let open = true;
    return {
      next: (limit) => server.settled(() => reader.next(limit)),
      close: () => {
        if (open) this.#snapshots--;
        open = false;
        reader.close();
      },
    };
  }

  /** The part of an answer that is for callers who said which version they run. */
  #versionIn(body: JsonObject): string {
    const { server } = this.#options;
    const version = readVersion(body.app_version);
    server.checkVersion(version);
    return version === undefined ? "" : `,"app_version":${server.appVersion}`;
  }

  #readable(identity: Identity, value: unknown): string {
    const { principal } = identity;
    const scope = checkScope(value);
    if (!this.#options.server.allows({ principal, scope, action: "read" })) {
      throw this.#refusal(identity, "You may not read this scope");
    }
    return scope;
  }

  #refusal({ principal }: Identity, message: string): DriftlessError {
    return principal === null && !this.#options.open
      ? new DriftlessError("unauthenticated", `${message} without a token`)
      : new DriftlessError("forbidden", message);
  }
}

/** The JSON object that every door takes; no body counts as `{}`. */
function bodyOf(text: string): JsonObject {
  const body = text === "" ? {} : parseJson(text);
  if (!isJsonObject(body)) throw new DriftlessError("malformed", "The body must be a JSON object");
  return body;
}

/** A push. Each mutation in it is checked by itself, so that one spoils no other. */
function pushOf(text: string): { readonly list: unknown; readonly version: number | undefined } {
  let body: unknown;
  try {
    body = JSON.parse(text === "" ? "{}" : text);
  } catch {
    throw new DriftlessError("malformed", "Cannot parse JSON: the text is not well-formed");
  }
  if (!isJsonObject(body)) throw new DriftlessError("malformed", "The body must be a JSON object");
  const { mutations, ...rest } = body;
  checkJson(rest);
  return { list: mutations, version: readVersion(rest.app_version) };
}

function scopeOf(request: Uint8Array): string {
  try {
    return ReconcileRequest.decode(request).scope;
  } catch {
    throw new DriftlessError("malformed", "Cannot read the request: the bytes are not a message");
  }
}

function rootText(root: Uint8Array | undefined): string {
  if (root === undefined) return "";
  const text = root.toBase64({ alphabet: "base64url", omitPadding: true });
  return `,"root":"${text}"`;
}

function readVersion(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : checkInteger(value, "app_version");
}

function readMutation(value: unknown): PushedMutation | DriftlessError {
  try {
    if (!isJsonObject(value)) {
      throw new DriftlessError("invalid_mutation", "A mutation must be a JSON object");
    }
    const { args, ...rest } = value;
    return readInPlace(value, () => {
      checkJson(rest, "invalid_mutation");
      return checkMutation({ ...rest, args, createdAt: readTime(value.created_at) });
    });
  } catch (error) {
    if (error instanceof DriftlessError) return error;
    throw error;
  }
}

/** How many changes; as in Go, nothing and what is not positive mean the default. */
function readLimit(value: unknown): number {
  if (value === undefined || value === null) return PULL_LIMIT_DEFAULT;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new DriftlessError("invalid_mutation", `"limit" must be an integer`);
  }
  return value;
}

/** A time in milliseconds, or as RFC 3339 text; one before 1970, as Go's zero time, means "now". */
function readTime(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const text = value.toUpperCase();
  const time = RFC3339.test(text) ? Date.parse(text.replace(" ", "T")) : NaN;
  if (Number.isNaN(time)) {
    throw new DriftlessError("invalid_mutation", `"created_at" is neither a number nor a time`);
  }
  return Math.max(0, time);
}

function resultText(scope: string, result: MutationResult): string {
  const { ok, id, cursor, lastSeq, code, error, changes } = result;
  const head = JSON.stringify({
    ok,
    id,
    cursor,
    last_seq: lastSeq,
    ...(ok ? {} : { code, error }),
  });
  if (changes.length === 0) return head;
  const list = changes.map((change) => changeText(scope, change)).join(",");
  return `${head.slice(0, -1)},"changes":[${list}]}`;
}

function changeText(scope: string, { cursor, entity, id, op, json, time }: Change): string {
  const head = JSON.stringify({ cursor, scope, entity, id, op, time: new Date(time) });
  return json === null ? head : `${head.slice(0, -1)},"data":${json}}`;
}
