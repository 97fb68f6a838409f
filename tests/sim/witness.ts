/** The witness of one device: remembers what it made, was told and showed, and has it checked. */
import type { AnyApp, Principal } from "../../core/app.ts";
import type { SyncClient } from "../../core/client.ts";
import type { RejectedMutation } from "../../core/client_output.ts";
import type { Divergence } from "../../core/confirmation.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { ReplicaMove } from "../../core/persistence.ts";
import type { QueueEntry } from "../../core/quarantine.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { rowKey } from "../../core/transaction.ts";
import type { ViewChange } from "../../core/view.ts";
import type { WireResult } from "../../core/wire/messages.ts";
import { ENTITIES } from "./simulated_app.ts";
import {
  checkAckedDurable,
  checkBounded,
  checkCursor,
  checkOwnWrite,
  checkPrefix,
  checkQuarantine,
  checkRebase,
  checkRefused,
  checkShown,
  checkShownOnce,
  checkViewChanges,
  inputsOf,
} from "./checkers.ts";
import { DeviceRows } from "./device_rows.ts";
import type { History } from "./history.ts";
import type { Judge } from "./judge.ts";
import type { RowSet } from "./row_set.ts";
import { type Witnessed, witnessed } from "./witnessed.ts";
import { BrokenPromise, type World } from "./world.ts";

/** Rows and pending mutations above which the costly checks are drawn by lot. */
const ROWS_ALWAYS_CHECKED = 30;

/** One device, through all its lives. */
export class Witness {
  readonly #world: World;
  readonly #judge: Judge;
  readonly #app: AnyApp;
  readonly #principal: Principal;
  readonly #scope: string;
  readonly #name: string;
  readonly #isShownOnce: boolean;
  readonly #entries = new Map<string, Witnessed>();
  readonly #open = new Set<string>();
  /** Those that have to be in quarantine. */
  readonly #aside = new Set<string>();
  /** Those that the user let go of, or called anew, with the batch that says so. */
  readonly #released = new Map<string, { readonly token: number; readonly isBack: boolean }>();
  /** The rows as told by the moves that go to storage. */
  readonly #rows = new DeviceRows();
  readonly #mirror = new Map<string, JsonObject>();
  #machine: SyncClient | null = null;
  #cursor = 0;
  #incarnation = 0;
  /** Where the rows stood at the start: their times are not stored with them. */
  #loadedCursor = 0;
  #made = 0;
  #newestToken = 0;
  /** The rows may be others than those of every history, by a fault that is no fault of the engine. */
  #isWrong = false;
  /** They may have been so since all of them came, or what differs. */
  #wasWrong = false;
  #changes = 0;
  #checkedInputs = "";

  constructor(parts: {
    readonly world: World;
    readonly judge: Judge;
    readonly app: AnyApp;
    readonly principal: Principal;
    readonly scope: string;
    readonly name: string;
    readonly isShownOnce: boolean;
  }) {
    this.#world = parts.world;
    this.#judge = parts.judge;
    this.#app = parts.app;
    this.#principal = parts.principal;
    this.#scope = parts.scope;
    this.#name = parts.name;
    this.#isShownOnce = parts.isShownOnce;
  }

  /** The rows as the device has to have them. */
  get rows(): RowSet {
    return this.#rows.set;
  }

  get isWrong(): boolean {
    return this.#isWrong;
  }

  /** A program starts over what storage held; where that is tainted, the rows may be any. */
  begin(machine: SyncClient, rows: readonly SnapshotRow[], isTainted: boolean): void {
    this.#machine = machine;
    this.#checkedInputs = "";
    this.#isWrong = this.#wasWrong = isTainted;
    const { cursor, epoch } = machine;
    this.#cursor = this.#loadedCursor = cursor;
    this.#rows.replace({ rows, cursor, epoch });
    this.#readAll();
    const pending = new Set(machine.pending.map(({ mutation }) => mutation.id));
    const aside = asideOf(machine);
    for (const [id, entry] of this.#entries) {
      entry.token = null;
      if (pending.has(id) && entry.refusedBy === 0) {
        throw new BrokenPromise("quarantine", `${id} was stored as refused, and is in line again`);
      }
      entry.refusedBy = entry.refusedBy === 0 ? 0 : null;
      entry.isAckedBefore = entry.isAcked;
      if (aside.has(id)) {
        this.#setOpen(id, entry, false);
        this.#aside.add(id);
        entry.isWithdrawn = false;
      } else if (pending.has(id)) {
        this.#aside.delete(id);
        // The crash came before its removal was stored: it is as if it had never left.
        entry.isRefused = entry.isWithdrawn = false;
        // The crash came between the report and the removal, or storage refused the removal.
        if (entry.reports > 0) entry.reportsMax = entry.reports + 1;
        this.#setOpen(id, entry, true);
      } else if (this.#aside.delete(id)) {
        if (entry.isDurable) throw new BrokenPromise("quarantine", `${id} was there, and is gone`);
        this.#lose(id, entry);
      } else if (entry.isOpen) {
        this.#leftStorage(id, entry);
      }
    }
    this.#released.clear();
  }

  /** A mutation was made; `isLast` says that nothing was on top of it. */
  made(mutation: Mutation, token: number, isLast = true): void {
    const { id } = mutation;
    if (this.#machine !== null && isLast) checkShown(mutation, this.#machine);
    const { cursor: to = 0, epoch = "" } = this.#machine ?? {};
    const seen = { epoch, after: this.#loadedCursor, to };
    const device = `${this.#name}.${this.#incarnation}`;
    this.#judge.places.set(id, { device, index: this.#made++, seen });
    this.#entries.set(id, witnessed(token));
    this.#open.add(id);
  }

  /** Storage took, or refused, the batch of a token. */
  stored(token: number, isTaken: boolean): void {
    for (const id of [...this.#open, ...this.#aside, ...this.#released.keys()]) {
      const entry = this.#entries.get(id) as Witnessed;
      if (entry.token !== token) continue;
      if (isTaken) entry.isDurable = true;
      else this.#lose(id, entry);
    }
    for (const id of isTaken ? this.#aside : []) {
      const entry = this.#entries.get(id) as Witnessed;
      if (entry.refusedBy === token) entry.refusedBy = 0;
    }
    for (const [id, released] of this.#released) {
      if (released.token !== token) continue;
      if (!isTaken && released.isBack) this.#aside.add(id);
      const entry = this.#entries.get(id) as Witnessed;
      if (!isTaken && entry.isWithdrawn && !entry.isGone) {
        entry.isWithdrawn = false;
        this.#setOpen(id, entry, true);
      }
      this.#released.delete(id);
    }
  }

  /** Mutations leave the device. */
  sent(mutations: readonly { readonly id: string }[]): void {
    for (const { id } of mutations) {
      const entry = this.#entries.get(id);
      if (entry?.isRefused || entry?.isWithdrawn) {
        throw new BrokenPromise("quarantine", `${id} was refused or withdrawn, and is sent`);
      }
    }
  }

  /** The user let go of mutations, or called them anew: then they are back when that is not stored. */
  released(ids: Iterable<string>, token: number, isBack: boolean): void {
    for (const id of ids) {
      const entry = this.#entries.get(id) as Witnessed;
      if (!this.#aside.delete(id)) entry.isWithdrawn = true;
      this.#setOpen(id, entry, false);
      this.#released.set(id, { token, isBack });
    }
  }

  /** A batch goes to storage. */
  storing(token: number): void {
    this.#newestToken = token;
  }

  /** What the program is told next is not what it was sent. */
  garbled(): void {
    this.#isWrong = this.#wasWrong = true;
  }

  /** The rows move. */
  moved(move: ReplicaMove): void {
    if (move.kind === "snapshot") {
      this.#rows.replace(move);
      this.#cursor = move.cursor;
      this.#loadedCursor = 0;
      // Whatever they were, they are right from here on.
      this.#isWrong = this.#wasWrong = false;
      return;
    }
    let next = move.from;
    for (const change of move.changes) {
      const { cursor } = change;
      if (cursor !== ++next) throw new BrokenPromise("prefix", `${cursor} came for ${next}`);
      this.#rows.apply(change, move.epoch);
    }
    checkCursor(this.#cursor, next);
    this.#cursor = next;
  }

  /** The view differs. */
  changed(changes: readonly ViewChange[] | "everything"): void {
    this.#changes++;
    if (changes === "everything") return this.#readAll();
    for (const { entity, id, after } of changes) {
      if (after === undefined) this.#mirror.delete(rowKey(entity, id));
      else this.#mirror.set(rowKey(entity, id), after);
    }
  }

  /** The server's answers are about to be given to the machine. */
  answered(results: readonly WireResult[], history: History): void {
    checkAckedDurable(results, history, this.#judge.unrecorded);
    for (const { id, code } of results) {
      const entry = this.#entries.get(id);
      if (entry !== undefined && code === null) entry.isAcked = true;
    }
  }

  /** The app is told of a refusal. */
  rejected({ mutation, error }: RejectedMutation): void {
    const { histories, unrecorded } = this.#judge;
    this.#world.log(`${this.#name} is refused ${mutation.id}: ${error.code}`);
    if (!unrecorded.has(mutation.id)) checkRefused(mutation.id, error.code, histories);
    const entry = this.#entries.get(mutation.id);
    if (entry === undefined || entry.isGone) {
      throw new BrokenPromise("rejected", `${mutation.id} was reported, and never made`);
    }
    entry.isRefused = true;
    entry.refusedBy = this.#newestToken;
    this.#aside.add(mutation.id);
    if (++entry.reports > entry.reportsMax) {
      throw new BrokenPromise("rejected", `${mutation.id} was reported ${entry.reports} times`);
    }
  }

  /** Server and device run the same rules: nothing may come out differently. */
  diverged({ mutation: { id, name }, expected, actual, refusal }: Divergence): void {
    // It may have run on other rows than the server's.
    if (this.#wasWrong) return;
    const text = JSON.stringify([expected, refusal?.message, actual]);
    throw new BrokenPromise("agreement", `${name} ${id} came out differently: ${text}`);
  }

  /** The browser took everything away. */
  evicted(): void {
    for (const id of [...this.#open]) this.#lose(id, this.#entries.get(id) as Witnessed);
    for (const entry of this.#entries.values()) entry.isGone = true;
    this.#aside.clear();
    this.#incarnation++;
  }

  /** Everything that has to hold between two events. */
  check(): void {
    const machine = this.#machine;
    if (machine === null) return;
    const { histories } = this.#judge;
    checkBounded(machine);
    if (machine.cursor !== this.#cursor) {
      throw new BrokenPromise("cursor-monotonic", `${machine.cursor} is not ${this.#cursor}`);
    }
    this.#checkAside(machine);
    if (this.#isWrong) this.#isWrong = !this.#isPrefix(machine);
    else checkPrefix(this.#rows.set, machine.cursor, machine.epoch, this.#scope, histories);
    this.#checkOwnWrites(machine);
    const cost = (this.#rows.set.rows.size + machine.pending.length) / ROWS_ALWAYS_CHECKED;
    if (cost > 1 && !this.#world.prng.chance(1 / cost)) return;
    const inputs = `${this.#changes} ${this.#rows.set.hash} ${inputsOf(machine)}`;
    // The same once more would come out the same; whether the view is, is asked below.
    if (inputs !== this.#checkedInputs) {
      checkRebase(this.#app, this.#principal, machine, this.#rows.snapshot);
    }
    this.#checkedInputs = inputs;
    checkViewChanges(this.#mirror, machine);
    if (this.#isShownOnce) checkShownOnce(machine);
  }

  /** What has to hold at the end: nothing was lost, and nothing is told twice or wrongly. */
  checkEnd(wasRestored: boolean): void {
    const { history, unrecorded } = this.#judge;
    for (const [id, entry] of this.#entries) {
      const decision = history.byMutation.get(id);
      const isAccepted = decision?.code === null;
      if (entry.isAcked && !isAccepted && !wasRestored) {
        throw new BrokenPromise("acked-durable", `${id} was acknowledged, and is not there`);
      }
      if (entry.isGone) continue;
      if (isAccepted && entry.reports > 0 && !unrecorded.has(id) && !wasRestored) {
        throw new BrokenPromise("rejected", `${id} was reported, and has its effect`);
      }
      if (isAccepted && entry.isWithdrawn && !wasRestored) {
        throw new BrokenPromise("quarantine", `${id} was withdrawn, and has its effect`);
      }
      const isAside = this.#aside.has(id) || entry.isWithdrawn || entry.isHeld;
      const isEnded = isAccepted || entry.reports > 0 || isAside || (wasRestored && entry.isAcked);
      if (!isEnded) throw new BrokenPromise("durable", `${id} was neither accepted nor reported`);
    }
  }

  /** What was put into quarantine stays there until the user says otherwise. */
  #checkAside(machine: SyncClient): void {
    const aside = asideOf(machine);
    for (const [id, { state }] of aside) {
      if (state !== "held") continue;
      const entry = this.#entries.get(id) as Witnessed;
      entry.isHeld = true;
      this.#aside.add(id);
      this.#setOpen(id, entry, false);
    }
    const inLine = new Set(machine.pending.map(({ mutation }) => mutation.id));
    for (const id of this.#aside) {
      const entry = this.#entries.get(id) as Witnessed;
      // Storage refused the step that held it.
      if (this.#judge.isStorageFaulty && inLine.has(id) && !entry.isRefused) {
        this.#aside.delete(id);
        this.#setOpen(id, entry, true);
        continue;
      }
      if (!aside.has(id)) throw new BrokenPromise("quarantine", `${id} is gone without a word`);
    }
    checkQuarantine(machine, aside, this.#judge.isStorageFaulty);
  }

  #checkOwnWrites(machine: SyncClient): void {
    if (this.#open.size === 0) return;
    const pending = new Set(machine.pending.map(({ mutation }) => mutation.id));
    for (const id of this.#open) {
      if (pending.has(id)) continue;
      const entry = this.#entries.get(id) as Witnessed;
      // The queue keeps no note of the history that its cursors count in, so what was acknowledged by
      // one that was lost is not known to be lost after a restart.
      const { histories } = this.#judge;
      const mayBeLost = histories.length > 1 && entry.isAckedBefore;
      if (entry.reports === 0 && !mayBeLost) checkOwnWrite(id, machine, histories);
      this.#setOpen(id, entry, false);
    }
  }

  /** A mutation that was in the queue when the program ended is not in storage. */
  #leftStorage(id: string, entry: Witnessed): void {
    // Its rows may come later than its removal: the two are stored apart.
    if (entry.isAcked || entry.reports > 0) return this.#setOpen(id, entry, false);
    if (entry.isDurable) throw new BrokenPromise("durable", `${id} was stored, and is gone`);
    this.#lose(id, entry);
  }

  #lose(id: string, entry: Witnessed): void {
    entry.isGone = true;
    this.#aside.delete(id);
    this.#setOpen(id, entry, false);
  }

  #setOpen(id: string, entry: Witnessed, isOpen: boolean): void {
    entry.isOpen = isOpen;
    if (isOpen) this.#open.add(id);
    else this.#open.delete(id);
  }

  #isPrefix({ cursor, epoch }: SyncClient): boolean {
    return this.#judge.hashesOf(this.#scope, epoch, cursor).includes(this.#rows.set.hash);
  }

  #readAll(): void {
    this.#mirror.clear();
    for (const entity of ENTITIES) {
      for (const [id, record] of this.#machine?.view.all(entity) ?? []) {
        this.#mirror.set(rowKey(entity, id), record);
      }
    }
  }
}

function asideOf(machine: SyncClient): ReadonlyMap<string, QueueEntry> {
  const aside = machine.entries.filter(({ state }) => state === "refused" || state === "held");
  return new Map(aside.map((entry) => [entry.id, entry]));
}
