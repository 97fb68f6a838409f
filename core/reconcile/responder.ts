/**
 * The server's half of the exchange: one request, one reply, out of one read of the store.
 *
 * Nothing is remembered between requests, and every request costs a bounded number of rows, groups
 * and nodes, whatever it asks for: what does not fit one reply is not even looked up.
 */
import type { LogHead } from "../change.ts";
import { DriftlessError } from "../errors.ts";
import type { Store } from "../store.ts";
import {
  type Groups,
  type GroupSketches,
  type NodeDigests,
  ReconcileReply,
  ReconcileRequest,
} from "../wire/reconcile_gen.ts";
import { type DrilledNode, joinDigests, readDrill, shortDigests, textsOf } from "./drilling.ts";
import { elementsIn, joinElements, readWants, tagOf } from "./elements.ts";
import {
  bitsFor,
  bytesOfGroups,
  checkGroups,
  checkSketch,
  groupsThatFit,
  halvings,
  isTooMuch,
  packGroups,
} from "./group_sketches.ts";
import { DIGEST_BYTES, LEAF_ROWS_MAX, LEVEL_BITS, WORD_BYTES } from "./node_bytes.ts";
import { areEqualBytes, readable } from "./readable.ts";
import {
  BEHIND_MAX,
  BEHIND_SHARE,
  FRAME_HEAD_BYTES,
  PROBE_ELEMENTS,
  RECONCILE_FRAME_BYTES_MAX,
  SKETCH_WORDS_MAX,
  SMALL_ROWS_MAX,
  TREE_VERSION,
  WRITTEN_PAGE,
} from "./reconcile_limits.ts";
import { ELEMENT_PREFIX_BITS } from "./row_hash.ts";
import { RowPacker } from "./row_packing.ts";
import { prefixOfElement, type RowTree } from "./row_tree.ts";

/** A request whose parts are read. */
interface Asked extends ReconcileRequest {
  readonly wanted: ReadonlyMap<number, ReadonlySet<number>>;
  readonly drilled: readonly DrilledNode[];
}

/** What of a store an answer is read from. */
export type ReconcileStore = Pick<Store, "epoch" | "head" | "read" | "row" | "tree" | "written">;

/** What things cost, in microseconds of work. */
const WORK = { reply: 20, row: 10, node: 40, group: 2, scannedRows: 8, wordPair: 1 } as const;
const NODE_BYTES = 16;

/**
 * The reply to a request, and what it cost in microseconds, roughly. A reply has at most
 * `RECONCILE_FRAME_BYTES_MAX` bytes.
 *
 * @throws {DriftlessError} `malformed` if the bytes are no request, `too_large` if it asks for too much,
 *   `upgrade_required` if its client has another kind of tree, `not_found` if the store keeps no tree
 */
export function answerReconcile(
  store: ReconcileStore,
  scope: string,
  request: Uint8Array,
): { reply: Uint8Array; work: number } {
  const asked = readable(() => readRequest(request));
  return store.read(() => {
    const tree = store.tree(scope);
    if (tree === undefined) {
      throw new DriftlessError("not_found", "Cannot reconcile: the server keeps no tree");
    }
    return new Answer(store, scope, tree, asked).made();
  });
}

class Answer {
  readonly #store: ReconcileStore;
  readonly #scope: string;
  readonly #tree: RowTree;
  readonly #asked: Asked;
  readonly #head: LogHead;
  /** Whether rows written since the request's cursor are told. */
  readonly #tells: boolean;
  readonly #isSameEpoch: boolean;
  readonly #rows = new RowPacker(RECONCILE_FRAME_BYTES_MAX - FRAME_HEAD_BYTES);
  readonly #groups: GroupSketches[] = [];
  readonly #nodes: NodeDigests[] = [];
  #orphans: Uint8Array = new Uint8Array();
  #told = 0;
  #same = false;
  #snapshot = false;
  #more = false;
  #work: number = WORK.reply;

  constructor(store: ReconcileStore, scope: string, tree: RowTree, asked: Asked) {
    this.#store = store;
    this.#scope = scope;
    this.#tree = tree;
    this.#asked = asked;
    this.#head = store.head(scope);
    this.#isSameEpoch = asked.scope === "" || asked.epoch === store.epoch;
    this.#tells = asked.since && this.#isSameEpoch && asked.cursor <= this.#head.cursor;
  }

  made(): { reply: Uint8Array; work: number } {
    const { groups, wanted, drilled } = this.#asked;
    const isProbe = groups.length + wanted.size + drilled.length === 0;
    if (isProbe && this.#isFarBehind()) this.#snapshot = true;
    else if (!this.#tells || this.#tellWritten()) {
      if (isProbe) this.#answerProbe();
      this.#addGroups(groups);
      this.#addNodes(drilled);
      this.#addWanted(wanted);
    }
    const { cursor, time } = this.#head;
    const rows = this.#rows.rows();
    const reply = ReconcileReply.encode({
      epoch: this.#isSameEpoch ? "" : this.#store.epoch,
      cursor,
      root: this.#same ? new Uint8Array() : this.#tree.root,
      count: this.#same ? 0 : this.#tree.count,
      time,
      same: this.#same,
      snapshot: this.#snapshot,
      ...rows && { rows },
      orphans: this.#orphans,
      told: this.#told,
      more: this.#more,
      groups: this.#groups,
      nodes: this.#nodes,
    });
    return { reply, work: Math.ceil(this.#work) };
  }

  #isFarBehind(): boolean {
    const behind = this.#head.cursor - this.#asked.cursor;
    const share = Math.max(SMALL_ROWS_MAX, this.#tree.count / BEHIND_SHARE);
    return this.#tells && behind > Math.min(BEHIND_MAX, share);
  }

  /** Whether all rows written since the request's cursor fit. */
  #tellWritten(): boolean {
    this.#told = this.#asked.cursor;
    while (this.#told < this.#head.cursor) {
      const page = this.#store.written(this.#scope, this.#told, WRITTEN_PAGE);
      for (const { entity, id, json, live, cursor } of page) {
        if (!this.#put(entity, id, live ? json : null)) return false;
        this.#told = cursor;
      }
      if (page.length < WRITTEN_PAGE) this.#told = this.#head.cursor;
    }
    return true;
  }

  #answerProbe(): void {
    const { root, sketch, count, cursor } = this.#asked;
    const rows = this.#tree.count;
    if (this.#rows.count === 0 && areEqualBytes(root, this.#tree.root)) {
      this.#same = true;
      return;
    }
    if (sketch.length > 0) {
      if (this.#answerSketch()) return;
      // Of rows that were just told, nobody knows which ones the sketch had.
      this.#more = this.#rows.count > 0;
      if (this.#more) return;
    }
    const larger = Math.max(rows, count);
    const surplus = Math.abs(rows - count);
    const written = Math.min(rows + count, 2 * Math.abs(this.#head.cursor - cursor));
    // All but what is gone without a trace is told.
    if (this.#tells && sketch.length === 0 && (cursor >= this.#head.floor || rows >= count)) return;
    // Cursors only hint at how much differs: of two histories they may be far apart, and rows equal.
    const isHint = !this.#tells && !isTooMuch(written, larger);
    const elements = isHint ? Math.max(surplus, written) : surplus;
    const isUnknown = !this.#tells && !isHint || sketch.length > 0;
    if (isTooMuch(surplus, larger)) this.#snapshot = true;
    else if (elements > PROBE_ELEMENTS) {
      const bits = bitsFor(elements);
      this.#addGroups([{ bits, from: 0, count: 2 ** bits }]);
    } else this.#addGroups(isUnknown ? halvings(larger) : [{ bits: 0, from: 0, count: 1 }]);
  }

  /** Whether the sketch tells what differs. */
  #answerSketch(): boolean {
    const { sketch, count } = this.#asked;
    const words = sketch.length / WORD_BYTES;
    const surplus = this.#tree.count - count;
    if (Math.abs(surplus) > words) return false;
    const { kernel } = this.#tree;
    const difference = this.#tree.groups(0, 0, 1, words).sketches[0] as Uint8Array;
    kernel.addSketch(difference, sketch, -1);
    this.#work += words * words * WORK.wordPair;
    const decoded = kernel.decode(difference, surplus);
    if (decoded === null) return false;
    const plus = elementsIn(decoded.plus);
    const found = plus.map((element) => this.#tree.find(element));
    if (found.some((rows) => rows.length === 0)) return false;
    const updated = new Set(plus.map(prefixOfElement));
    this.#orphans = joinElements(
      elementsIn(decoded.minus).filter((element) => !updated.has(prefixOfElement(element))),
    );
    found.flat().every(({ entity, id }) => this.#putRow(entity, id));
    return true;
  }

  #addGroups(asked: readonly Groups[]): void {
    const { count: rows } = this.#tree;
    for (const { bits, from, count } of asked) {
      const fit = Math.min(count, groupsThatFit(this.#rows.room, rows));
      if (fit > 0 && this.#rows.reserve(bytesOfGroups(fit, rows))) {
        const groups = this.#tree.groups(bits, from, fit);
        for (const size of groups.counts) this.#work += workOfGroup(bits, size);
        this.#groups.push(packGroups(bits, from, groups));
      }
      if (fit === count) continue;
      this.#more = true;
      return;
    }
  }

  #addNodes(drilled: readonly DrilledNode[]): void {
    for (const { node, tags } of drilled) if (!this.#addNode(node, tags)) return;
  }

  #addNode(node: number, tags: Uint8Array | undefined): boolean {
    const { kernel } = this.#tree;
    const salt = this.#asked.drill?.salt as Uint8Array;
    const made = this.#tree.children(node);
    this.#work += WORK.node;
    let children: Uint8Array = new Uint8Array();
    let absent: Uint8Array = new Uint8Array();
    if ("digests" in made) children = shortDigests(kernel, salt, made.digests);
    else if (tags !== undefined) {
      const own = textsOf(shortDigests(kernel, salt, joinDigests(made.rows)));
      const theirs = textsOf(tags);
      const [isOwn, isTheirs] = [new Set(own), new Set(theirs)];
      this.#work += own.length;
      const lacking = made.rows.filter((_, index) => !isTheirs.has(own[index] as string));
      if (!lacking.every(({ entity, id }) => this.#putRow(entity, id))) return false;
      absent = joinElements(elementsIn(tags).filter((_, i) => !isOwn.has(theirs[i] as string)));
    }
    if (!this.#rows.reserve(NODE_BYTES + children.length + absent.length)) {
      this.#more = true;
      return false;
    }
    this.#nodes.push({ node, children, absent });
    return true;
  }

  #addWanted(wanted: ReadonlyMap<number, ReadonlySet<number>>): void {
    for (const [prefix, tags] of wanted) {
      this.#work += WORK.row;
      for (const { entity, id, digest } of this.#tree.rows(ELEMENT_PREFIX_BITS, prefix)) {
        if (tags.has(tagOf(digest)) && !this.#putRow(entity, id)) return;
      }
    }
  }

  #putRow(entity: string, id: string): boolean {
    const row = this.#store.row(this.#scope, entity, id);
    return this.#put(entity, id, row?.live === true ? row.json : null);
  }

  /** Whether the row fits. */
  #put(entity: string, id: string, json: string | null): boolean {
    this.#work += WORK.row;
    const fits = this.#rows.add({ entity, id, json });
    this.#more ||= !fits;
    return fits;
  }
}

function readRequest(bytes: Uint8Array): Asked {
  const request = ReconcileRequest.decode(bytes);
  const { version, root, sketch, groups, wants, drill } = request;
  if (version !== TREE_VERSION) {
    const message = `Cannot reconcile: tree version ${version} is unknown here`;
    throw new DriftlessError("upgrade_required", message);
  }
  if (root.length !== 0 && root.length !== DIGEST_BYTES) {
    throw new TypeError(`Cannot read the request: a root of ${root.length} bytes`);
  }
  if (sketch.length > SKETCH_WORDS_MAX * WORD_BYTES) {
    throw new RangeError(`a sketch has more than ${SKETCH_WORDS_MAX} words`);
  }
  checkSketch(sketch);
  checkGroups(groups);
  return { ...request, wanted: readWants(wants), drilled: drill ? readDrill(drill) : [] };
}

/** Groups with many rows are sums of nodes; those of others are summed up row by row. */
function workOfGroup(bits: number, rows: number): number {
  const nodes = 2 ** (Math.ceil(bits / LEVEL_BITS) * LEVEL_BITS - bits);
  return rows > nodes * LEAF_ROWS_MAX ? WORK.group : WORK.group + rows / WORK.scannedRows;
}
