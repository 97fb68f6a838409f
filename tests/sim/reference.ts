/**
 * The sequential reference: the rules of the simulated app and the merge of its notes, written a
 * second time in the plainest way, run once for each decided mutation in the server's order.
 *
 * It knows nothing of stores, logs, transactions or text stamps, and says for each mutation whether
 * it had to be accepted and what the rows are afterwards.
 */
import type { ErrorCode } from "../../core/errors.ts";
import { canonicalText, type Json } from "../../core/json.ts";
import { CLOCK_AHEAD_MS_MAX } from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import { DREAM, FRAGILE_REST, LIST_ITEMS_MAX } from "./simulated_app.ts";
import { RowSet } from "./row_set.ts";
import { BrokenPromise } from "./world.ts";

/** A mutation as it was decided: with the number and the client that it came with. */
export interface Decided extends Mutation {
  /** The server's clock at that moment, in milliseconds. */
  readonly serverNow: number;
  /** Its author was not allowed to write then. */
  readonly isBarred: boolean;
  /** The cursors whose changes its author had been told of, in this history. */
  readonly seen: { readonly after: number; readonly to: number };
  /** When its client was decided about before, in milliseconds. */
  readonly clientTime: number;
}

/** Where a write stands in the order of writes, and the cursor that it brought about. */
type Stamp = readonly [time: number, seq: number, client: string, cursor: number];

interface Row {
  data: Readonly<Record<string, Json>>;
  /** The write that each field is from. */
  readonly fields: Map<string, Stamp>;
  /** The write that made the record; counts for every field without its own. */
  base: Stamp;
  deleted: Stamp;
  /** The cursor of the newest change, for the trimming of tombstones. */
  cursor: number;
}

const NEVER: Stamp = [-1, 0, "", 0];

class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}

/** One scope as it has to be. */
export class Reference {
  readonly live = new RowSet();
  readonly #rows = new Map<string, Row>();
  #cursor = 0;
  /** The time of the newest change, in milliseconds. */
  #time = 0;

  /** The newest cursor. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Decides a mutation: the code of a refusal, or `null`. */
  decide(mutation: Decided): ErrorCode | null {
    if (mutation.isBarred || mutation.name === DREAM) return "forbidden";
    const { createdAt, serverNow } = mutation;
    // It may always be later than what its author has seen, and never much later than the clock.
    const next = Math.max(this.#time, mutation.clientTime) + 1;
    const made = createdAt === 0
      ? Math.max(serverNow, next)
      : Math.min(createdAt, Math.max(serverNow + CLOCK_AHEAD_MS_MAX, next));
    const author = mutation.client === "" ? mutation.id : mutation.client;
    const stamp: Stamp = [made, mutation.seq, author, this.#cursor + 1];
    const draft = new Draft(this.#rows, stamp, mutation.seen);
    try {
      runRule(draft, mutation);
    } catch (refusal) {
      if (refusal instanceof Refusal) return refusal.code;
      throw refusal;
    }
    const time = Math.max(serverNow, this.#time, made);
    for (const [key, row] of draft.written) this.#commit(key, row, time);
    return null;
  }

  /** Forgets the tombstones up to a cursor, as the trimming of the log does. */
  trim(floor: number): void {
    for (const [key, row] of this.#rows) {
      if (!isLive(row) && row.cursor <= floor) this.#rows.delete(key);
    }
  }

  #commit(key: string, row: Row, time: number): void {
    const [entity = "", id = ""] = key.split("/");
    const json = isLive(row) ? canonicalText(row.data) : null;
    if (json !== (this.live.rows.get(`${entity}\0${id}`) ?? null)) {
      row.cursor = ++this.#cursor;
      this.#time = time;
      this.live.set(entity, id, json);
    }
    this.#rows.set(key, row);
  }
}

/** The rows while one rule runs. */
class Draft {
  readonly written = new Map<string, Row>();
  readonly #rows: ReadonlyMap<string, Row>;
  readonly #stamp: Stamp;
  readonly #seen: Decided["seen"];

  constructor(rows: ReadonlyMap<string, Row>, stamp: Stamp, seen: Decided["seen"]) {
    this.#rows = rows;
    this.#stamp = stamp;
    this.#seen = seen;
  }

  get(key: string): Readonly<Record<string, Json>> | undefined {
    const row = this.#row(key);
    return row !== undefined && isLive(row) ? row.data : undefined;
  }

  lists(): readonly string[] {
    return [...new Set([...this.#rows.keys(), ...this.written.keys()])]
      .filter((key) => key.startsWith("list/") && this.get(key) !== undefined);
  }

  /** A rule's own write: it wins over what is there. */
  put(key: string, data: Readonly<Record<string, Json>>): void {
    const row = this.#row(key);
    if (row === undefined || !isLive(row)) {
      const base = row === undefined ? this.#stamp : later(this.#stamp, row.deleted);
      this.#set(key, { data, fields: new Map(), base, deleted: NEVER });
      return;
    }
    const fields = new Map(row.fields);
    for (const name of Object.keys({ ...row.data, ...data })) {
      if (canonicalText([row.data[name] ?? null]) === canonicalText([data[name] ?? null])) continue;
      fields.set(name, later(row.fields.get(name) ?? row.base, this.#stamp));
    }
    this.#set(key, { ...row, data, fields });
  }

  /** A rule's own deletion: it hides everything so far. */
  drop(key: string): void {
    const row = this.#row(key);
    if (row === undefined || !isLive(row)) return;
    const newest = [...row.fields.values()].reduce(later, row.base);
    this.#set(key, { ...row, deleted: later(later(row.deleted, this.#stamp), newest) });
  }

  create(key: string, data: Readonly<Record<string, Json>>): void {
    if (this.get(key) !== undefined) throw new Refusal("conflict");
    const deleted = this.#row(key)?.deleted ?? NEVER;
    this.#losesTo(deleted);
    this.#set(key, { data, fields: new Map(), base: this.#stamp, deleted });
  }

  /** The last write wins, for each field. */
  merge(key: string, changes: Readonly<Record<string, Json>>): void {
    const row = this.#row(key);
    if (row === undefined) throw new Refusal("not_found");
    const data = { ...row.data };
    const fields = new Map(row.fields);
    for (const [name, value] of Object.entries(changes)) {
      if (this.#losesTo(fields.get(name) ?? row.base)) continue;
      data[name] = value;
      fields.set(name, this.#stamp);
    }
    this.#set(key, { ...row, data, fields });
  }

  /** Hides what is older than the deletion. */
  bury(key: string): void {
    const row = this.#row(key);
    if (row !== undefined) this.#set(key, { ...row, deleted: later(row.deleted, this.#stamp) });
  }

  /** Whether another write is newer; one that the author has seen must not be. */
  #losesTo(other: Stamp): boolean {
    if (isLater(this.#stamp, other)) return false;
    const cursor = other[3];
    if (cursor > this.#seen.after && cursor <= this.#seen.to) {
      throw new BrokenPromise(
        "causal",
        `a write of ${this.#stamp} loses to ${other}, which it saw`,
      );
    }
    return true;
  }

  #row(key: string): Row | undefined {
    return this.written.get(key) ?? this.#rows.get(key);
  }

  #set(key: string, row: Omit<Row, "cursor">): void {
    this.written.set(key, { ...row, cursor: this.#rows.get(key)?.cursor ?? 0 });
  }
}

/** The arguments of every rule together: a call has those of its own. */
interface Args {
  readonly id: string;
  readonly to: string;
  readonly item: string;
  readonly by: number;
  readonly from: number;
  readonly rows: number;
  readonly size: number;
  readonly tag: string;
  readonly data: Readonly<Record<string, Json>>;
}

function runRule(draft: Draft, { id: mutation, name, scope, args: given }: Mutation): void {
  const args = given as unknown as Args;
  const items = (id: string) => (draft.get(`list/${id}`)?.items ?? []) as readonly string[];
  const setItems = (id: string, next: readonly string[]) => {
    if (next.length > LIST_ITEMS_MAX) throw new Refusal("invalid_record");
    draft.put(`list/${id}`, { scope, items: next });
  };
  const count = (id: string) => (draft.get(`counter/${id}`)?.count ?? 0) as number;
  const setCount = (id: string, next: number) => draft.put(`counter/${id}`, { scope, count: next });
  switch (name) {
    case "list.append":
      return setItems(args.id, [...items(args.id), args.item]);
    case "list.move": {
      const { id, to, item } = args;
      if (!items(id).includes(item)) throw new Refusal("rejected");
      setItems(id, items(id).filter((other) => other !== item));
      return setItems(to, [...items(to), item]);
    }
    case "list.mint":
      return setItems(`${mutation}-1`, [args.item]);
    case "list.drop":
      return draft.drop(`list/${args.id}`);
    case "list.tally": {
      const all = draft.lists().map((key) => items(key.slice("list/".length)).length);
      return setCount("tally", all.reduce((sum, length) => sum + length, 0));
    }
    case "counter.add":
      return setCount(args.id, count(args.id) + args.by);
    case "counter.spend":
      if (count(args.id) < args.by) throw new Refusal("rejected");
      return setCount(args.id, count(args.id) - args.by);
    case "counter.fragile":
      if (count(args.id) % 3 === FRAGILE_REST) throw new Refusal("mutator_failed");
      return setCount(args.id, count(args.id) + 1);
    case "note.shout": {
      const note = draft.get(`note/${args.id}`);
      if (note === undefined) throw new Refusal("rejected");
      return draft.put(`note/${args.id}`, { ...note, title: `${note.title}!` });
    }
    case "note.drop":
      return draft.drop(`note/${args.id}`);
    case "note.create":
      return draft.create(`note/${args.id}`, args.data);
    case "note.update":
      return draft.merge(`note/${args.id}`, args.data);
    case "note.delete":
      return draft.bury(`note/${args.id}`);
    case "blob.fill":
      for (let i = 0; i < args.rows; i++) {
        draft.put(`blob/blob-${i}`, { scope, text: args.tag.padEnd(args.size, ".") });
      }
      return;
    case "blob.clear":
      for (let i = args.from; i < args.from + args.rows; i++) draft.drop(`blob/blob-${i}`);
      return;
    default:
      throw new Refusal("not_found");
  }
}

function isLive(row: Row): boolean {
  return row.deleted === NEVER ||
    [row.base, ...row.fields.values()].some((stamp) => isLater(stamp, row.deleted));
}

function isLater(a: Stamp, b: Stamp): boolean {
  if (a[0] !== b[0]) return a[0] > b[0];
  if (a[1] !== b[1]) return a[1] > b[1];
  return a[2] > b[2];
}

function later(a: Stamp, b: Stamp): Stamp {
  return isLater(a, b) ? a : b;
}
