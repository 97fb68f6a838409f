/**
 * Commits of any size: staged, made valid by one commit, and then put into place in several.
 *
 *     header, pieces ── heads marked ── VALID ── batches in place ── no marks ── nothing left
 *           └──────────────┴── UNDONE ── no marks, heads as they were ── nothing left
 *
 * Up to VALID nothing has happened; from there on all of it has: whoever meets a marked head
 * puts the batches into place before reading on. Each batch checks the header, so nobody does it
 * too late, and writes what does not depend on what is there, so that twice is once. Heads are
 * marked in the commit that makes the stage valid, or before it where there are more than one
 * commit can check: then those who meet a mark wait for a while, and undo it if its author does
 * not come back.
 */
import {
  KV_CHECKS_MAX,
  KV_VALUE_BYTES_MAX,
  type KvCheck,
  type KvConnection,
  type KvEntry,
  type KvKey,
} from "./connection.ts";
import { jsonBytes, jsonOf, type KvHead, type KvLayout } from "./layout.ts";
import {
  addWrites,
  batchesOf,
  decodeBatch,
  encodeBatch,
  fitsOneCommit,
  joinedBytes,
} from "./stage.ts";
import type { KvReader, KvWrite } from "./values.ts";

/** What is committed together. */
export interface KvCommit {
  /** Heads that were read, by scope, with the version that they must have still. */
  readonly scopes: ReadonlyMap<string, string | null>;
  /** Other keys that must be as they were. */
  readonly checks: readonly KvCheck[];
  /** The new heads, by scope: of some of those that were read. */
  readonly heads: ReadonlyMap<string, KvHead>;
  /** Writes that have to be in the commit itself: keys that others check. */
  readonly first: readonly KvWrite[];
  readonly writes: readonly KvWrite[];
}

/** The first entry of a stage. */
interface StageHeader {
  readonly state: "marking" | "valid" | "done" | "undone";
  /** Pieces of each batch; the first one is the list of the scopes. */
  readonly pieces: readonly number[];
  /** When it was begun, in milliseconds. */
  readonly time: number;
}

/** A head as it is in KV; marked when it has the id of a stage. */
interface MarkedHead extends KvHead {
  /** The head without the stage; `null` when there is none. */
  readonly before?: KvHead | null;
  /** Whether there is no head with the stage either. */
  readonly isNone?: boolean;
}

/** How old a stage is that nobody will make valid any more, in milliseconds (10 minutes). */
export const STAGE_AGE_MS_MAX = 10 * 60 * 1_000;
/** How long a marked head is waited for whose stage is not valid, in milliseconds. */
export const MARKING_MS_MAX = 10_000;
/** Heads that one commit checks, beside the header and the keys of the store as a whole. */
export const SCOPES_AT_ONCE_MAX = KV_CHECKS_MAX - 3;
/** Pieces that are staged at once. */
const STAGED_AT_ONCE = 8;
/** How long to wait before a marked head is looked at again, in milliseconds. */
const MARKED_WAIT_MS = 20;

/** Commits, and brings others' commits to their end. */
export class KvRedo {
  readonly #kv: KvConnection;
  readonly #reader: KvReader;
  readonly #layout: KvLayout;
  readonly #now: () => number;

  constructor(kv: KvConnection, reader: KvReader, layout: KvLayout, now: () => number) {
    this.#kv = kv;
    this.#reader = reader;
    this.#layout = layout;
    this.#now = now;
  }

  /**
   * Commits, in one step or in many.
   *
   * @returns the version of the heads; `""` when only KV knows it; `undefined` when something
   *   that was checked is not so any more, and nothing is committed
   */
  async commit(commit: KvCommit): Promise<string | undefined> {
    const { scopes, heads, first, writes } = commit;
    const checks = [...this.#scopeChecks(scopes), ...commit.checks];
    const all = [
      ...Array.from(heads, ([scope, head]) => this.#headWrite(scope, head)),
      ...first,
      ...writes,
    ];
    if (scopes.size > SCOPES_AT_ONCE_MAX || !fitsOneCommit(all, checks)) {
      return await this.#commitStaged(commit);
    }
    return await this.#write(checks, all);
  }

  /**
   * Brings a stage whose mark was met a step further: to its end, unless somebody else does so.
   *
   * @returns the version of the heads, when they were all put in their place here at once
   */
  async rollForward(id: string): Promise<string | undefined> {
    const [stage] = await this.#reader.raw([this.#layout.key("stage", id)]) as [KvEntry];
    if (stage.value === null) return undefined;
    const header = jsonOf<StageHeader>(stage.value);
    switch (header.state) {
      case "marking":
        if (this.#isOlder(header, MARKING_MS_MAX)) return await this.#undo(stage, id, header);
        await new Promise((resolve) => setTimeout(resolve, MARKED_WAIT_MS));
        return undefined;
      case "valid":
        return await this.#putIntoPlace(stage, id, header);
      case "done":
      case "undone":
        await this.#unmark(stage, id, header);
        return undefined;
    }
  }

  /** Brings valid stages to their end, and takes those away that never will be. */
  async sweep(): Promise<void> {
    const keys = new Map<string, KvKey[]>();
    const headers = new Map<string, KvEntry>();
    const prefix = this.#layout.key("stage");
    for await (const entry of this.#kv.list({ prefix })) {
      const [id, ...place] = entry.key.slice(prefix.length) as [string, ...number[]];
      if (!keys.has(id)) keys.set(id, []);
      if (place.length === 0) headers.set(id, entry);
      else keys.get(id)?.push(entry.key);
    }
    for (const [id, pieces] of keys) {
      const stage = headers.get(id);
      // A header comes before all pieces: without it they are nobody's.
      if (stage === undefined) {
        await this.#remove(pieces);
        continue;
      }
      const header = jsonOf<StageHeader>(stage.value);
      if (header.state !== "marking") await this.rollForward(id);
      else if (this.#isOlder(header, STAGE_AGE_MS_MAX)) await this.#undo(stage, id, header);
    }
  }

  async #commitStaged(commit: KvCommit): Promise<string | undefined> {
    const { scopes, checks, writes } = commit;
    const id = crypto.randomUUID();
    const key = this.#layout.key("stage", id);
    const isMany = scopes.size > SCOPES_AT_ONCE_MAX;
    const marked = isMany ? [...scopes.keys()] : [...commit.heads.keys()];
    const room = { key, versionstamp: null };
    const batches = [jsonBytes(marked), ...batchesOf(writes, [room]).map(encodeBatch)];
    const pieces = batches.map((bytes) => Math.ceil(bytes.length / KV_VALUE_BYTES_MAX));
    const header: StageHeader = { state: "marking", pieces, time: this.#now() };
    const begun = await this.#write([], [{ key, value: jsonBytes(header) }]);
    for (const [batch, bytes] of batches.entries()) await this.#stage(id, batch, bytes);
    const stage: KvEntry = { key, value: jsonBytes(header), versionstamp: begun ?? null };
    const own = [{ key, versionstamp: begun ?? null }];
    const valid = [
      { key, value: jsonBytes({ ...header, state: "valid" }) },
      ...commit.first,
    ];
    const marks = await this.#marks(id, commit, marked);
    let isValid: boolean;
    if (isMany) {
      isValid = await this.#markAll(own, marks, scopes) &&
        await this.#write([...own, ...checks], valid) !== undefined;
    } else {
      const all = [...own, ...this.#scopeChecks(scopes), ...checks];
      isValid = await this.#write(all, [...marks, ...valid]) !== undefined;
    }
    if (!isValid) {
      await this.#undo(stage, id, header);
      return undefined;
    }
    try {
      return await this.rollForward(id) ?? "";
    } catch {
      // It is committed; whoever reads next brings it to its end.
      return "";
    }
  }

  /** The heads as they are marked with a stage, in the order of the scopes. */
  async #marks(id: string, { heads }: KvCommit, scopes: readonly string[]): Promise<KvWrite[]> {
    const entries = await this.#reader.raw(scopes.map((scope) => this.#layout.key("scope", scope)));
    return entries.map(({ key, value }, index) => {
      const before = value === null ? null : jsonOf<KvHead>(value);
      const head = heads.get(scopes[index] as string) ?? before;
      const isNone = head === null;
      const marked: MarkedHead = { ...head ?? NO_MARKED_HEAD, redo: id, before, isNone };
      return { key, value: jsonBytes(marked) };
    });
  }

  async #markAll(
    own: readonly KvCheck[],
    marks: readonly KvWrite[],
    scopes: ReadonlyMap<string, string | null>,
  ): Promise<boolean> {
    for (let from = 0; from < marks.length; from += SCOPES_AT_ONCE_MAX) {
      const group = marks.slice(from, from + SCOPES_AT_ONCE_MAX);
      const checks = group.map(({ key }) => (
        { key, versionstamp: scopes.get(this.#layout.scopeOf(key)) ?? null }
      ));
      if (await this.#write([...own, ...checks], group) === undefined) return false;
    }
    return true;
  }

  async #putIntoPlace(
    stage: KvEntry,
    id: string,
    header: StageHeader,
  ): Promise<string | undefined> {
    for (let batch = 1; batch < header.pieces.length; batch++) {
      const bytes = await this.#batch(id, header, batch);
      if (bytes === undefined) return undefined;
      if (await this.#write([stage], decodeBatch(bytes)) === undefined) return undefined;
    }
    const heads = await this.#heads(id, header);
    // Without its marks it has been brought to its end by somebody else.
    if (heads?.every(({ value }) => markOf(value) === id) !== true) return undefined;
    if (heads.length > SCOPES_AT_ONCE_MAX) {
      const value = jsonBytes({ ...header, state: "done" });
      await this.#write([stage], [{ key: stage.key, value }]);
      await this.rollForward(id);
      return undefined;
    }
    const writes = heads.map((entry) => unmarked(entry, "done"));
    const over = { key: stage.key, value: null };
    const version = await this.#write([stage, ...heads], [...writes, over]);
    if (version !== undefined) await this.#removePieces(id, header);
    return version;
  }

  /** Says that a stage will not be valid, unless it is; then takes it away. */
  async #undo(stage: KvEntry, id: string, header: StageHeader): Promise<undefined> {
    const value = jsonBytes({ ...header, state: "undone" });
    if (await this.#write([stage], [{ key: stage.key, value }]) !== undefined) {
      await this.rollForward(id);
      return;
    }
    // Where somebody else has swept it already, what was written after that is nobody's.
    const [now] = await this.#reader.raw([stage.key]) as [KvEntry];
    if (now.value === null) await this.#removePieces(id, header);
  }

  /** Takes the marks from all heads that have them, and then the stage away. */
  async #unmark(stage: KvEntry, id: string, header: StageHeader): Promise<void> {
    const state = header.state === "done" ? "done" : "undone";
    const heads = await this.#heads(id, header);
    if (heads === undefined && state === "done") return;
    // All pieces are there before the first mark.
    const marked = (heads ?? []).filter(({ value }) => markOf(value) === id);
    for (let from = 0; from < marked.length; from += SCOPES_AT_ONCE_MAX) {
      const group = marked.slice(from, from + SCOPES_AT_ONCE_MAX);
      const writes = group.map((entry) => unmarked(entry, state));
      // When somebody else has done so, there is nobody to wait for.
      if (await this.#write([stage, ...group], writes) === undefined) return;
    }
    const over = await this.#write([stage], [{ key: stage.key, value: null }]);
    if (over !== undefined) await this.#removePieces(id, header);
  }

  async #heads(id: string, header: StageHeader): Promise<readonly KvEntry[] | undefined> {
    const bytes = await this.#batch(id, header, 0);
    if (bytes === undefined) return undefined;
    const scopes = jsonOf<readonly string[]>(bytes);
    return await this.#reader.raw(scopes.map((scope) => this.#layout.key("scope", scope)));
  }

  async #stage(id: string, batch: number, bytes: Uint8Array): Promise<void> {
    const size = KV_VALUE_BYTES_MAX * STAGED_AT_ONCE;
    for (let from = 0; from < bytes.length; from += size) {
      const writes: KvWrite[] = [];
      for (let at = from; at < Math.min(from + size, bytes.length); at += KV_VALUE_BYTES_MAX) {
        const key = this.#layout.key("stage", id, batch, at / KV_VALUE_BYTES_MAX);
        writes.push({ key, value: bytes.slice(at, at + KV_VALUE_BYTES_MAX) });
      }
      await this.#write([], writes);
    }
  }

  /** The bytes of a batch; `undefined` when they are gone, or never came. */
  async #batch(
    id: string,
    { pieces }: StageHeader,
    batch: number,
  ): Promise<Uint8Array | undefined> {
    const entries = await this.#reader.raw(this.#pieceKeys(id, batch, pieces[batch] as number));
    const whole = entries.map(({ value }) => value).filter((value) => value instanceof Uint8Array);
    return whole.length === entries.length ? joinedBytes(whole) : undefined;
  }

  #pieceKeys(id: string, batch: number, count: number): readonly KvKey[] {
    return Array.from(
      { length: count },
      (_, piece) => this.#layout.key("stage", id, batch, piece),
    );
  }

  async #removePieces(id: string, { pieces }: StageHeader): Promise<void> {
    await this.#remove(pieces.flatMap((count, batch) => this.#pieceKeys(id, batch, count)));
  }

  async #remove(keys: readonly KvKey[]): Promise<void> {
    for (const writes of batchesOf(keys.map((key) => ({ key, value: null })), [])) {
      await this.#write([], writes);
    }
  }

  #headWrite(scope: string, head: KvHead): KvWrite {
    return { key: this.#layout.key("scope", scope), value: jsonBytes(head) };
  }

  #scopeChecks(scopes: ReadonlyMap<string, string | null>): readonly KvCheck[] {
    return Array.from(scopes, ([scope, versionstamp]) => (
      { key: this.#layout.key("scope", scope), versionstamp }
    ));
  }

  #isOlder({ time }: StageHeader, ms: number): boolean {
    return this.#now() - time >= ms;
  }

  async #write(
    checks: readonly KvCheck[],
    writes: readonly KvWrite[],
  ): Promise<string | undefined> {
    const atomic = this.#kv.atomic();
    atomic.check(...checks.map(({ key, versionstamp }) => ({ key, versionstamp })));
    addWrites(atomic, writes);
    const result = await atomic.commit();
    return result.ok ? result.versionstamp : undefined;
  }
}

const NO_MARKED_HEAD: KvHead = { cursor: 0, floor: 0, time: 0, tree: 0, commits: 0 };

/** The stage that a head is marked with. */
export function markOf(value: unknown): string | undefined {
  return value === null ? undefined : jsonOf<MarkedHead>(value).redo;
}

function unmarked({ key, value }: KvEntry, state: "done" | "undone"): KvWrite {
  const { redo: _, before, isNone, ...head } = jsonOf<MarkedHead>(value);
  const next = state === "undone" ? before ?? null : isNone === true ? null : head;
  return { key, value: next === null ? null : jsonBytes(next) };
}
