/**
 * Where everything is in KV: the keys, and what the values mean.
 *
 *     "meta"                                epoch and version of the app
 *     "names"                               written whenever a scope comes into being
 *     "scope"   scope                       head: its version is the version of all below
 *     "row"     scope entity id             a row, alive or a tombstone
 *     "at"      scope live cursor entity id names of rows by cursor, tombstones first
 *     "log"     scope cursor                a change
 *     "client"  scope client                how far a client has come
 *     "outcome" scope mutation              what was decided
 *     "old"     scope time mutation         outcomes by time
 *     "node"    scope number                a node of the tree
 *     "ring"    scope number                what one of the newest commits touched
 *     "stage"   id [batch piece]            a commit that is too large for one (see redo.ts)
 *     "island"  key                         state of islands (see islands.ts)
 *     "ticket"  id                          who may open a live connection (see tickets.ts)
 *     "trimmed"                             when the logs were last trimmed (see edge/deploy/trimming.ts)
 *     "chunk"   key … piece                 of a value that is too large for one key
 *
 * All of them begin with the prefix of the store. Numbers are JavaScript numbers, which KV sorts
 * as such, and text sorts as UTF-8. Values are bytes: a line of JSON, and behind it text as it
 * is; where a value is in chunks, its key has their number instead.
 */
import type { Change, ChangeOp } from "../../core/change.ts";
import { DriftlessError, type ErrorCode } from "../../core/errors.ts";
import type { ClientRecord, Outcome, StoredRow } from "../../core/store.ts";
import { keyBytes, KV_KEY_BYTES_MAX, type KvKey } from "./connection.ts";

/** The head of a scope. */
export interface KvHead {
  readonly cursor: number;
  readonly floor: number;
  readonly time: number;
  /** The cursor at which the tree is right; -1 when it was never built. */
  readonly tree: number;
  /** How many commits have written to the scope. */
  readonly commits: number;
  /** The stage of the newest one, while it is valid and not in its place yet. */
  readonly redo?: string;
}

/** The store as a whole. */
export interface KvMeta {
  readonly layout: number;
  readonly epoch: string;
  readonly appVersion: number;
}

/** What a point of a scope may hold. */
export type PointValue = StoredRow | ClientRecord | Outcome | Uint8Array;

/** Of the keys above. */
export const LAYOUT_VERSION = 1;
/** What the keys of a store begin with unless told otherwise. */
export const KV_PREFIX = "driftless";
/** The head of a scope that does not exist. */
export const NO_KV_HEAD: KvHead = Object.freeze({
  cursor: 0,
  floor: 0,
  time: 0,
  tree: 0,
  commits: 0,
});

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NEW_LINE = 10;
/**
 * Bytes that the key of a piece has more than that of its value: the word before it, and a
 * number.
 */
const CHUNK_KEY_BYTES = 16;
/**
 * Bytes that the key of a row by its cursor has more than that of the row: two numbers, a
 * shorter word.
 */
const AT_KEY_BYTES = 17;
const ROW = "row\0";

/** The collection of points that the rows of an entity are; others have the names of their keys. */
export function rowsOf(entity: string): string {
  return ROW + entity;
}

/** Whether a collection has rows. */
export function hasRows(collection: string): boolean {
  return collection.startsWith(ROW);
}

/** The keys of one store. */
export class KvLayout {
  readonly #prefix: KvKey;

  constructor(prefix: KvKey) {
    this.#prefix = prefix;
  }

  /** The key with these parts. */
  key(...parts: KvKey): KvKey {
    return [...this.#prefix, ...parts];
  }

  /**
   * The key of a point.
   *
   * @throws {DriftlessError} `too_large`
   */
  point(scope: string, collection: string, id: string | number): KvKey {
    const key = hasRows(collection)
      ? this.key("row", scope, collection.slice(ROW.length), id)
      : this.key(collection, scope, id);
    return checkedKey(key, hasRows(collection) ? AT_KEY_BYTES : CHUNK_KEY_BYTES);
  }

  /** The prefix of a collection's points. */
  points(scope: string, collection: string): KvKey {
    return hasRows(collection)
      ? this.key("row", scope, collection.slice(ROW.length))
      : this.key(collection, scope);
  }

  /** A key of the rows by cursor. */
  at(scope: string, { live, cursor, entity, id }: StoredRow): KvKey {
    return this.key("at", scope, live ? 1 : 0, cursor, entity, id);
  }

  /** The key of a piece of the value under a key. */
  chunk(key: KvKey, piece: number): KvKey {
    return this.key("chunk", ...key.slice(this.#prefix.length), piece);
  }

  /** The head that a key is of: the name of its scope. */
  scopeOf(key: KvKey): string {
    return key[this.#prefix.length + 1] as string;
  }
}

/** Checks that a key, and those that are made of it, are not too long for KV. */
export function checkedKey(key: KvKey, more: number): KvKey {
  const bytes = keyBytes(key) + more;
  if (bytes <= KV_KEY_BYTES_MAX) return key;
  throw new DriftlessError(
    "too_large",
    `Cannot store what has such long names: its key is of ${bytes} bytes, and KV takes ` +
      KV_KEY_BYTES_MAX,
  );
}

/** The bytes of any JSON. */
export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** The value of such bytes. */
export function jsonOf<T>(bytes: unknown): T {
  return JSON.parse(decoder.decode(bytes as Uint8Array)) as T;
}

/** The bytes of a point. */
export function pointBytes(collection: string, value: PointValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if ("stamps" in value) {
    const { cursor, live, stamps, json } = value;
    return linesBytes([cursor, live ? 1 : 0, stamps], json);
  }
  if (collection === "client") {
    const { principal, lastSeq, time } = value as ClientRecord;
    return jsonBytes([principal, lastSeq, time]);
  }
  const { client, seq, cursor, code, error, time } = value as Outcome;
  return jsonBytes([client, seq, cursor, code, error, time]);
}

/** The point of such bytes. */
export function pointOf(collection: string, id: string | number, bytes: Uint8Array): PointValue {
  if (collection === "node") return bytes;
  if (collection === "client") {
    const [principal, lastSeq, time] = jsonOf<[string, number, number]>(bytes);
    return Object.freeze({ client: id as string, principal, lastSeq, time });
  }
  if (collection === "outcome") {
    const [client, seq, cursor, code, error, time] = jsonOf<
      [string, number, number, ErrorCode | null, string | null, number]
    >(bytes);
    return Object.freeze({ mutation: id as string, client, seq, cursor, code, error, time });
  }
  const [[cursor, live, stamps], json] = linesOf<[number, number, string]>(bytes);
  const entity = collection.slice(ROW.length);
  return Object.freeze({ entity, id: id as string, json, stamps, live: live === 1, cursor });
}

/** The bytes of a change; its cursor is in its key. */
export function changeBytes({ entity, id, op, time, json }: Change): Uint8Array {
  return linesBytes([entity, id, op, time, json === null ? 0 : 1], json ?? "");
}

/** The change of such bytes. */
export function changeOf(cursor: number, bytes: Uint8Array): Change {
  const [[entity, id, op, time, has], json] = linesOf<[string, string, ChangeOp, number, number]>(
    bytes,
  );
  return Object.freeze({ cursor, entity, id, op, json: has === 1 ? json : null, time });
}

/** A line of JSON, and a text as it is. */
export function linesBytes(head: unknown, text: string): Uint8Array {
  return encoder.encode(`${JSON.stringify(head)}\n${text}`);
}

/** What such bytes hold. */
export function linesOf<T>(bytes: Uint8Array): [T, string] {
  const at = bytes.indexOf(NEW_LINE);
  return [jsonOf<T>(bytes.subarray(0, at)), decoder.decode(bytes.subarray(at + 1))];
}
