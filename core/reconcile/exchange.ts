/**
 * The client's half of the exchange: a machine that takes replies and says what to ask for next.
 *
 *     probe ── same ─────────────────────────────────────────────┐
 *       │  rows and orphans ────────────────────────────────┐    │
 *       └─ groups → decode → wants → rows ──────────────────┴─ roots equal? → repaired
 *            ↑________ too much in one: smaller groups        │
 *       ┌─ nodes, level by level → tags → rows ───────────────┤ no: sketches agree, roots do not
 *       └─────────────────────────────────────────────────────┴ no, MISMATCHES_MAX times: snapshot
 *
 * It works on a copy of what differs and leaves the client's own rows alone. Nothing that it is told is
 * believed: the exchange ends with a repair only if the root computed from the rows is the server's.
 */
import type { Kernel, Random } from "../ports.ts";
import type { SnapshotRow } from "../snapshot.ts";
import { NO_BYTES } from "../wire/protobuf.ts";
import { type Groups, ReconcileReply, ReconcileRequest } from "../wire/reconcile_gen.ts";
import { writeDrill } from "./drilling.ts";
import { elementsIn, wantOf, writeWants } from "./elements.ts";
import { DrillDown } from "./exchange_drill.ts";
import { type GroupDifference, type GroupName, GroupSearch } from "./exchange_groups.ts";
import { type RequestPart, RequestPlan, type WantedRow } from "./exchange_plan.ts";
import { firstProbe, type ProbeFields, wholeSketch } from "./exchange_probe.ts";
import { ExchangeRows, type RowKey } from "./exchange_rows.ts";
import { bitsFor, isTooMuch } from "./group_sketches.ts";
import { DIGEST_BYTES, LEVEL_BITS, levelOf, prefixOf } from "./node_bytes.ts";
import { areEqualBytes, readable } from "./readable.ts";
import {
  DRILL_OPEN_MAX,
  MISMATCHES_MAX,
  PROBE_ELEMENTS,
  RECONCILE_FRAME_BYTES_MAX,
  REQUESTS_AT_ONCE_MAX,
  REQUESTS_MAX,
  ROUNDS_MAX,
  SALT_BYTES,
  SKETCH_WORDS_MAX,
  TREE_VERSION,
} from "./reconcile_limits.ts";
import type { RowChange } from "./row_hash.ts";
import { unpackRows } from "./row_packing.ts";
import { prefixOfElement, type RowTree } from "./row_tree.ts";
import type { TreeNodes } from "./tree_nodes.ts";

/** What an exchange begins with. */
export interface ExchangeStart {
  readonly kernel: Kernel;
  /** Over the client's confirmed rows; it does not change while the exchange lasts. */
  readonly tree: RowTree;
  /** Where the tree is kept. */
  readonly nodes: TreeNodes;
  readonly random: Random;
  /** Where the client's rows stand. */
  readonly cursor: number;
  /** The history that the cursor counts in. */
  readonly epoch: string;
  /** One of the client's rows, as canonical JSON. */
  readonly row: (entity: string, id: string) => string | undefined;
  /** All of them, to make the tree anew if it seems to be wrong. */
  readonly rows?: () => Iterable<RowChange>;
  /** What is known of the server, so that less has to be asked for. */
  readonly serverCount?: number;
  readonly serverCursor?: number;
  readonly serverEpoch?: string;
  /** Set over HTTP, where every request names its scope and epoch. */
  readonly scope?: string;
}

/** How an exchange ends. */
export type ExchangeOutcome =
  | {
    /** With these changes the client's rows are the server's at the cursor. */
    readonly kind: "repaired";
    readonly epoch: string;
    readonly cursor: number;
    /** The time of the newest change, in milliseconds. */
    readonly time: number;
    readonly rows: SnapshotRow[];
    readonly gone: RowKey[];
  }
  /** Too much differs, or the roots never became equal. */
  | { readonly kind: "snapshot" };

/** How far an exchange has come. */
export interface ExchangeProgress {
  /** How often it waited for replies. */
  readonly round: number;
  /** How many requests were made. */
  readonly requests: number;
  /** Bytes of these. */
  readonly bytesUp: number;
  /** Bytes of the replies. */
  readonly bytesDown: number;
  /** Groups that are known to differ, by their bits and the value of these. */
  readonly differing: readonly GroupName[];
  /** Rows that the server told. */
  readonly rows: number;
  /** Rows that are gone. */
  readonly gone: number;
}

/** What the newest reply says of the server. */
interface Newest {
  readonly cursor: number;
  readonly root: Uint8Array;
  readonly count: number;
  readonly time: number;
}

/** Bytes of a wanted row of which nothing is known, and of any row beside its text. */
const UNKNOWN_ROW_BYTES = 256;
const ROW_OVERHEAD_BYTES = 64;

/** One exchange, from its first requests to its outcome. */
export class Exchange {
  readonly #start: ExchangeStart;
  readonly #rows: ExchangeRows;
  readonly #search = new GroupSearch();
  #drill: DrillDown | undefined;
  /** Rows to ask for, and those that were asked for in this round. */
  #wants: WantedRow[] = [];
  #wanted: WantedRow[] = [];
  #outcome: ExchangeOutcome | undefined;
  /** The server's history, as far as it is known. */
  #epoch: string;
  /** The rows are the server's at this cursor, but for what is still searched for. */
  #told: number;
  #newest: Newest | undefined;
  /** What this round's request said, if it was a probe. */
  #probe: ProbeFields | undefined;
  /** Whether anything but written rows was asked for since the exchange began. */
  #hasProbed = false;
  /** Whether a reply left something out: in this round, and since the last probe. */
  #isCut = false;
  #wasCut = false;
  /** Whether sketches agree although roots differ. */
  #isHidden = false;
  #mismatches = 0;
  #waiting = 0;
  #round = 0;
  #requests = 0;
  #bytesUp = 0;
  #bytesDown = 0;
  #rowsTold = 0;
  #rowsGone = 0;
  readonly #differing: GroupName[] = [];

  constructor(start: ExchangeStart) {
    this.#start = start;
    this.#rows = new ExchangeRows(start.tree, start.nodes);
    this.#epoch = start.serverEpoch ?? start.epoch;
    this.#told = start.cursor;
  }

  /** How it ended; `undefined` while it has not. */
  get outcome(): ExchangeOutcome | undefined {
    return this.#outcome;
  }

  get progress(): ExchangeProgress {
    return {
      round: this.#round,
      requests: this.#requests,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
      differing: this.#differing,
      rows: this.#rowsTold,
      gone: this.#rowsGone,
    };
  }

  /** The first requests. Call it once. */
  start(): readonly Uint8Array[] {
    const fields = firstProbe(this.#start, this.#epoch === this.#start.epoch);
    this.#hasProbed = fields.sketch !== undefined || fields.root !== undefined;
    return this.#sendProbe(fields);
  }

  /**
   * Takes a reply, in any order, and says what to ask for now: nothing while other replies of this
   * round are missing, or when there is an outcome.
   *
   * @throws {DriftlessError} `malformed` or `too_large` if the bytes are no reply; begin another exchange
   */
  received(reply: Uint8Array): readonly Uint8Array[] {
    if (this.#outcome !== undefined || this.#waiting === 0) return [];
    readable(() => {
      if (reply.length > RECONCILE_FRAME_BYTES_MAX) throw new RangeError("a reply is too long");
      this.#take(ReconcileReply.decode(reply));
    });
    this.#bytesDown += reply.length;
    this.#waiting--;
    if (this.#outcome !== undefined || this.#waiting > 0) return [];
    return this.#next();
  }

  #take(reply: ReconcileReply): void {
    const { cursor, told, time, same, epoch } = reply;
    const isFirst = this.#newest === undefined;
    const isOtherEpoch = epoch !== "" && epoch !== this.#epoch;
    // What one history told means nothing in another.
    if (reply.snapshot || isOtherEpoch && !isFirst) {
      this.#giveUp();
      return;
    }
    if (isOtherEpoch) this.#epoch = epoch;
    const root = same ? this.#probe?.root : reply.root;
    if (root?.length !== DIGEST_BYTES || told > cursor) {
      throw new TypeError("Cannot read the reply: its root or its cursors are wrong");
    }
    const count = same ? this.#rows.tree.count : reply.count;
    if (!isFirst) this.#told = Math.max(this.#told, told);
    else if (this.#probe?.since === true && !isOtherEpoch && told >= this.#told) this.#told = told;
    else this.#told = cursor;
    if (cursor >= (this.#newest?.cursor ?? 0)) this.#newest = { cursor, root, count, time };
    this.#isCut ||= reply.more;
    const rows = reply.rows ? unpackRows(reply.rows) : [];
    for (const row of rows) this.#rows.put(row, cursor);
    this.#rowsTold += rows.length;
    this.#takeOrphans(reply);
    this.#takeGroups(reply);
    this.#takeNodes(reply);
    const isSilent = rows.length + reply.groups.length + reply.orphans.length === 0;
    this.#isHidden ||= this.#probe?.sketch !== undefined && isSilent && !reply.more;
  }

  #takeOrphans({ orphans, cursor }: ReconcileReply): void {
    this.#rowsGone += this.#rows.remove(elementsIn(orphans), cursor).length;
  }

  #takeGroups({ groups, cursor }: ReconcileReply): void {
    for (const [index, message] of groups.entries()) {
      const isAsked = this.#probe === undefined;
      const received = this.#search.received(this.#rows.tree, message, isAsked);
      this.#takeDifferences(received.differences, cursor);
      if (!isAsked && index === groups.length - 1) this.#search.continueAfter(received.groups);
    }
  }

  #takeDifferences(differences: readonly GroupDifference[], cursor: number): void {
    const removed = this.#rows.remove(differences.flatMap(({ minus }) => minus), cursor);
    const bytes = new Map(removed.map(({ element, entity, id }) => {
      const json = this.#start.row(entity, id);
      return [prefixOfElement(element), (json?.length ?? 0) + id.length + ROW_OVERHEAD_BYTES];
    }));
    for (const { bits, index, plus } of differences) {
      this.#differing.push({ bits, index });
      for (const element of plus) {
        const want = wantOf(element);
        const expected = bytes.get(want.prefix) ?? UNKNOWN_ROW_BYTES;
        this.#wants.push({ ...want, element, bytes: expected });
      }
    }
    this.#rowsGone += removed.length;
  }

  #takeNodes({ nodes, cursor }: ReconcileReply): void {
    for (const message of nodes) {
      const gone = this.#drill?.received(this.#rows.tree, message) ?? [];
      for (const row of gone) this.#rows.drop(row, cursor);
      this.#rowsGone += gone.length;
    }
  }

  /** What to ask for when all replies of a round are there. */
  #next(): readonly Uint8Array[] {
    const newest = this.#newest as Newest;
    const { tree } = this.#rows;
    if (this.#isCut) {
      this.#wants.push(...this.#wanted.filter(({ element }) => tree.find(element).length === 0));
    }
    this.#wanted = [];
    this.#wasCut ||= this.#isCut;
    this.#isCut = false;
    const groups = this.#search.next(Math.max(tree.count, newest.count));
    const nodes = this.#drill?.open ?? [];
    const isTold = this.#told >= newest.cursor;
    const isAllThere = groups?.length === 0 && nodes.length + this.#wants.length === 0;
    if (isAllThere && isTold && areEqualBytes(tree.root, newest.root)) {
      const { cursor, time } = newest;
      const changes = this.#rows.changes(this.#start.row);
      return this.#end({ kind: "repaired", epoch: this.#epoch, cursor, time, ...changes });
    }
    const isTooLong = this.#round >= ROUNDS_MAX ||
      this.#requests > REQUESTS_MAX - REQUESTS_AT_ONCE_MAX;
    if (groups === undefined || nodes.length > DRILL_OPEN_MAX || isTooLong) return this.#giveUp();
    if (!isAllThere) return this.#ask(groups, nodes);
    return isTold ? this.#searchAgain() : this.#sendProbe({ since: true, count: tree.count });
  }

  /** All that was found is there, and the roots still differ. */
  #searchAgain(): readonly Uint8Array[] {
    if (this.#isHidden || this.#rows.isUnclear || this.#search.isBlind) return this.#drillDown();
    if (this.#hasProbed && !this.#wasCut) {
      this.#mismatches++;
      if (this.#mismatches === MISMATCHES_MAX) return this.#giveUp();
      if (this.#mismatches === MISMATCHES_MAX - 1) {
        const { rows } = this.#start;
        if (rows) this.#rows.rebuild(rows());
        return this.#drillDown();
      }
    }
    this.#hasProbed = true;
    this.#wasCut = false;
    const { tree } = this.#rows;
    const { count } = tree;
    const newest = this.#newest as Newest;
    const elements = Math.abs(count - newest.count);
    if (isTooMuch(elements, Math.max(count, newest.count))) return this.#giveUp();
    const bits = bitsFor(elements);
    const isProbe = elements <= PROBE_ELEMENTS;
    const groups = isProbe ? [] : [{ bits, from: 0, count: 2 ** bits }];
    this.#search.begin(groups);
    if (!isProbe) return this.#ask(groups, []);
    return this.#sendProbe({ since: true, count, sketch: wholeSketch(tree, SKETCH_WORDS_MAX) });
  }

  #drillDown(): readonly Uint8Array[] {
    this.#isHidden = this.#rows.isUnclear = this.#search.isBlind = false;
    const { kernel, random } = this.#start;
    this.#drill = new DrillDown(kernel, random.bytes(SALT_BYTES));
    return this.#ask([], this.#drill.open);
  }

  #ask(groups: readonly Groups[], nodes: readonly number[]): readonly Uint8Array[] {
    const { tree } = this.#rows;
    const plan = new RequestPlan(Math.max(tree.count, (this.#newest as Newest).count));
    for (const range of groups) plan.addGroups(range);
    for (const node of nodes) {
      plan.addNode((this.#drill as DrillDown).drilled(tree, node));
      const level = levelOf(node);
      this.#differing.push({ bits: level * LEVEL_BITS, index: prefixOf(node, level) });
    }
    const waiting: WantedRow[] = [];
    for (const want of this.#wants) (plan.addWant(want) ? this.#wanted : waiting).push(want);
    this.#wants = waiting;
    this.#probe = undefined;
    if (plan.parts.length === 0) return this.#giveUp();
    return this.#send(plan.parts.map((part) => this.#request({ since: true }, part)));
  }

  #sendProbe(fields: ProbeFields): readonly Uint8Array[] {
    this.#probe = fields;
    return this.#send([this.#request(fields)]);
  }

  #request(fields: ProbeFields, part?: RequestPart): Uint8Array {
    const { scope } = this.#start;
    const nodes = part?.nodes ?? [];
    return ReconcileRequest.encode({
      version: TREE_VERSION,
      scope: scope ?? "",
      epoch: scope === undefined ? "" : this.#epoch,
      cursor: this.#told,
      count: 0,
      root: NO_BYTES,
      sketch: NO_BYTES,
      since: false,
      groups: part?.groups ?? [],
      wants: writeWants(part?.wants ?? []),
      ...nodes.length > 0 && this.#drill && { drill: writeDrill(this.#drill.salt, nodes) },
      ...fields,
    });
  }

  #send(requests: readonly Uint8Array[]): readonly Uint8Array[] {
    this.#waiting = requests.length;
    this.#round++;
    this.#requests += requests.length;
    for (const { length } of requests) this.#bytesUp += length;
    return requests;
  }

  #giveUp(): readonly Uint8Array[] {
    return this.#end({ kind: "snapshot" });
  }

  #end(outcome: ExchangeOutcome): readonly Uint8Array[] {
    this.#outcome = outcome;
    return [];
  }
}
