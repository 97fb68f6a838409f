/** Watches one exchange from outside: what is asked and replied, what it costs, and how it ends. */
import type { SyncClient } from "../../core/client.ts";
import type { LoadedSnapshot, RowName } from "../../core/snapshot.ts";
import { SKETCH_BYTES } from "../../core/reconcile/group_sketches.ts";
import {
  PROBE_ELEMENTS,
  SMALL_ROWS_MAX,
  SNAPSHOT_SHARE,
} from "../../core/reconcile/reconcile_limits.ts";
import { unpackRows } from "../../core/reconcile/row_packing.ts";
import { rowKey } from "../../core/transaction.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import type { RowExchange } from "../../ui/client/replica_tree.ts";
import type { ClientParts } from "./client_node.ts";
import type { Probe } from "./probes.ts";
import { checkCost, checkRepaired, checkUntouched } from "./reconcile_checkers.ts";
import { RowSet } from "./row_set.ts";
import type { Witness } from "./witness.ts";
import { BrokenPromise } from "./world.ts";

/** One exchange. */
export class ExchangeWatch {
  readonly #parts: ClientParts & { readonly machine: SyncClient; readonly witness: Witness };
  /** The rows as they were when it began. */
  readonly #before = new RowSet();
  readonly #cursor: number;
  readonly #epoch: string;
  readonly #wasRestored: number;
  readonly #floor: number;
  /** What it came through, as far as it has come. */
  readonly #ways = new Set<Probe>();
  /** Rows that were told because they had been written. */
  readonly #told = new Map<string, string | null>();
  /** Whether the first request asks for them. */
  #asksSince = false;
  /** Whether it has a whole sketch. */
  #isSketched: boolean | undefined;
  /** Nothing was told that the sketch is not of, and nothing was left out. */
  #isStill = true;
  #bytes = 0;
  #replies = 0;
  #newest = 0;

  constructor(
    parts: ClientParts & { readonly machine: SyncClient; readonly witness: Witness },
  ) {
    this.#parts = parts;
    const { machine, judge, server, scope } = parts;
    const { cursor, epoch } = machine;
    this.#cursor = cursor;
    this.#epoch = epoch;
    this.#before.addAll(parts.witness.rows);
    this.#wasRestored = judge.histories.length;
    this.#floor = server.store.head(scope).floor;
    if (epoch === judge.history.epoch && cursor < this.#floor) {
      this.#ways.add("repaired from below the floor");
    }
  }

  /** Whether the rows are those that it began with. */
  get isCurrent(): boolean {
    const { machine, witness } = this.#parts;
    return machine.cursor === this.#cursor && machine.epoch === this.#epoch &&
      witness.rows.hash === this.#before.hash;
  }

  /** A request leaves. */
  asked(body: Uint8Array): void {
    this.#bytes += body.length;
    const { groups, wants, drill, since, sketch } = ReconcileRequest.decode(body);
    if (this.#replies === 0) this.#asksSince = since;
    this.#isSketched ??= sketch.length === SKETCH_BYTES;
    if (groups.length > 0) this.#ways.add("repaired by groups asked for again");
    if (wants.length > 0) this.#ways.add("repaired by wants");
    if (drill !== undefined) this.#ways.add("repaired by a drill");
  }

  /** A reply arrives. */
  replied(body: Uint8Array): void {
    const { rows, told, orphans, groups, more, cursor } = ReconcileReply.decode(body);
    this.#bytes += body.length - new TextEncoder().encode(rows?.text ?? "").length;
    if (rows !== undefined) {
      const isTold = this.#replies === 0 && told > 0;
      this.#ways.add(isTold ? "repaired by since" : "repaired by rows");
    }
    for (const row of told > 0 && rows !== undefined ? unpackRows(rows) : []) {
      this.#told.set(rowKey(row.entity, row.id), row.json);
    }
    if (told > this.#cursor || more || this.#replies > 0 && cursor > this.#newest) {
      this.#isStill = false;
    }
    if (orphans.length > 0) this.#ways.add("repaired by orphans");
    if (groups.length > 0) this.#ways.add("repaired by groups");
    if (more) this.#ways.add("repaired in several replies to one request");
    if (this.#replies > 0 && cursor > this.#newest) this.#ways.add("repaired while others wrote");
    this.#newest = Math.max(this.#newest, cursor);
    this.#replies++;
  }

  /** It took a reply, and asks on with so many requests: the rows are as they were. */
  stepped(isOver: boolean, open: number): void {
    const { machine, witness } = this.#parts;
    checkUntouched(witness.rows, machine.replica.rows);
    if (isOver || open > 0) return;
    throw new BrokenPromise("reconcile", "it waits for nothing, and has not ended");
  }

  /** Nothing more is asked: notes what happened meanwhile. */
  over(): void {
    const { judge, scope, server } = this.#parts;
    if (judge.histories.length > this.#wasRestored) judge.probes.hit("restored during an exchange");
    else if (server.store.head(scope).floor > this.#floor) {
      judge.probes.hit("trimmed during an exchange");
    }
  }

  /** It is over, with the rows that differ; `null` when all are to be loaded instead. */
  ended(loaded: LoadedSnapshot | null, { progress }: RowExchange): void {
    const { judge, scope, options } = this.#parts;
    this.over();
    if (loaded === null) return this.isCurrent ? this.#gaveUp() : judge.probes.hit("rows moved");
    const { epoch, cursor, rows, gone = [] } = loaded;
    const after = new RowSet();
    after.addAll(this.#before);
    for (const { entity, id } of gone) after.set(entity, id, null);
    for (const { entity, id, json } of rows) after.set(entity, id, json);
    checkRepaired(loaded, after, judge.rowsAt(scope, epoch, cursor, after.hash));
    if (epoch === this.#epoch && this.#asksSince) this.#checkTold(loaded);
    const distance = Math.abs(cursor - this.#cursor);
    const isHere = epoch === this.#epoch;
    checkCost({
      rounds: progress.round,
      bytes: this.#bytes,
      rows: this.#before.countDifferent(after) + (isHere ? distance : 0),
      guessed: isHere ? 0 : Math.min(distance, this.#before.rows.size + after.rows.size),
      colliding: options.kernel === "true" ? 0 : after.rows.size,
    });
    this.#checkDirect(loaded, progress.round);
    if (rows.length + gone.length === 0) return judge.probes.hit("found equal");
    judge.probes.hit("repaired");
    if (epoch !== this.#epoch) judge.probes.hit("repaired to another history");
    for (const way of this.#ways) judge.probes.hit(way);
  }

  /** The server tells from one sketch what few rows differ by. */
  #checkDirect({ rows, gone = [] }: LoadedSnapshot, rounds: number): void {
    const { options } = this.#parts;
    if (options.kernel !== "true" || !this.#isStill || this.#isSketched !== true) return;
    const isHeld = ({ entity, id }: RowName) => this.#before.rows.has(rowKey(entity, id));
    const elements = rows.length + rows.filter(isHeld).length + gone.length;
    if (elements > PROBE_ELEMENTS || rounds === 1) return;
    throw new BrokenPromise("reconcile", `${rounds} rounds for ${elements} elements`);
  }

  /** What is gone, and has left a trace, was told by that: sketches find the rest alone. */
  #checkTold({ cursor, gone = [] }: LoadedSnapshot): void {
    const { server, scope } = this.#parts;
    for (const { entity, id } of gone) {
      const row = server.store.row(scope, entity, id);
      if (row === undefined || row.live || row.cursor > cursor) continue;
      if (row.cursor <= this.#cursor || this.#told.get(rowKey(entity, id)) === null) continue;
      throw new BrokenPromise("reconcile", `nobody told that ${id} is gone since ${row.cursor}`);
    }
  }

  /** All rows are loaded where so much differs, and nowhere else. */
  #gaveUp(): void {
    const { judge, scope } = this.#parts;
    judge.probes.hit("snapshot instead");
    const there = judge.history.scope(scope);
    const count = Math.max(there.rows.rows.size, this.#before.rows.size);
    const behind = this.#epoch === judge.history.epoch
      ? Math.abs(there.changes.length - this.#cursor)
      : 0;
    const different = this.#before.countDifferent(there.rows);
    const isMuch = count > SMALL_ROWS_MAX && 4 * (different + behind) > count / SNAPSHOT_SHARE;
    if (isMuch || behind > SMALL_ROWS_MAX) return;
    throw new BrokenPromise("reconcile", `it gave up: ${different} of ${count} rows differ`);
  }
}
