/**
 * How a device finds out that its rows are wrong, and comes by the right ones: claims are compared, and
 * what differs is exchanged, on the live connection or over HTTP; else all rows are loaded.
 *
 * The driver of `ui/client/replica_tree.ts` in virtual time. An exchange may be cut off at any message;
 * the next one starts from the rows, which it has not touched.
 */
import type { SyncClient } from "../../core/client.ts";
import type { ReplicaMove, Standing } from "../../core/persistence.ts";
import type { Kernel } from "../../core/ports.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import { MISMATCHES_MAX } from "../../core/reconcile/reconcile_limits.ts";
import { ReplicaTree, type RowExchange } from "../../ui/client/replica_tree.ts";
import type { ClientParts } from "./client_node.ts";
import { ExchangeWatch } from "./exchange_watch.ts";
import { checkClaim, checkTree } from "./reconcile_checkers.ts";
import { kernelOf } from "./kernels.ts";
import type { Rounds, RoundsHost } from "./rounds.ts";

/** The device that is repaired. */
export interface RepairsHost extends RoundsHost {
  /** Whether there is a live connection. */
  readonly isConnected: boolean;
  /** Sends a step of an exchange on the live connection. */
  ask(body: Uint8Array): void;
}

interface Running {
  readonly exchange: RowExchange;
  readonly watch: ExchangeWatch;
  readonly isLive: boolean;
  /** Requests without a reply. */
  open: number;
}

/** How long a program takes until it has time to compare a claim, at the most, in milliseconds. */
const IDLE_MS_MAX = 150;
/** Rows that are read into a tree between two events. */
const STEP_ROWS = 50;

/** The repairs of one device. */
export class Repairs {
  readonly #parts: ClientParts;
  readonly #host: RepairsHost;
  readonly #rounds: Rounds;
  readonly #kernel: Kernel | undefined;
  #tree: ReplicaTree | null = null;
  #running: Running | null = null;
  /** The newest claim, until it is compared. */
  #claim: { readonly at: Standing; readonly root: Uint8Array } | null = null;
  #isIdling = false;
  /** Claims in a row that were not true after a repair. */
  #mismatches = 0;
  #hasRepaired = false;
  /** The exchange before was cut off. */
  #wasCut = false;
  /** What the server has said of its history on this connection. */
  #welcome: { readonly epoch: string; readonly cursor: number } | null = null;

  constructor(parts: ClientParts, host: RepairsHost, rounds: Rounds) {
    this.#parts = parts;
    this.#host = host;
    this.#rounds = rounds;
    this.#kernel = kernelOf(parts.options.kernel);
  }

  /** True when it knows of nothing that is wrong, and compares nothing. */
  get isIdle(): boolean {
    return !this.#rounds.isBusy && this.#claim === null;
  }

  /** The program starts. */
  start(): void {
    this.#wasCut ||= this.#running !== null;
    this.#tree = null;
    this.#running = null;
    this.#claim = null;
    this.#welcome = null;
    this.#isIdling = false;
    this.#mismatches = 0;
    this.#hasRepaired = false;
  }

  /** The machine's rows move. */
  moved(move: ReplicaMove): void {
    this.#hasRepaired ||= move.kind === "snapshot";
    this.#tree?.moved(move);
  }

  /** The server claims that all rows have this digest. */
  rooted(cursor: number, root: Uint8Array): void {
    const { machine } = this.#host;
    if (this.#kernel === undefined || machine === null) return;
    this.#claim = { at: { cursor, epoch: machine.epoch }, root };
    this.#idle();
  }

  /** The machine asks for rows. */
  needRows(): void {
    const { machine } = this.#host;
    if (this.#rounds.isBusy || machine === null) return;
    if (
      this.#kernel === undefined || machine.cursor === 0 || this.#mismatches >= MISMATCHES_MAX
    ) return this.#rounds.loadSnapshot();
    this.#rounds.isBusy = true;
    const { life } = this.#host;
    // The machine is in the middle of an event.
    this.#parts.world.after(0, `${this.#parts.name} repairs`, () => {
      if (life === this.#host.life) this.#begin(machine);
    });
  }

  /** Hears what the server says on the live connection first; `true` when it is for nobody else. */
  heard(message: DownMessage): boolean {
    if (message.kind === "welcome") this.#welcome = message;
    const running = this.#running;
    const isMine = running !== null && running.isLive;
    if (message.kind === "reconcile") {
      if (isMine) this.#replied(running, message.body);
      return true;
    }
    if (message.kind !== "failure" || !isMine || message.code !== "rate_limited") return false;
    this.#wait(running, message.retryAfterMs);
    return true;
  }

  /** The live connection is gone. */
  disconnected(): void {
    this.#welcome = null;
    if (this.#running?.isLive) this.#drop();
  }

  /** At the end: the tree is what a new one over the rows is. */
  check(): void {
    const { machine } = this.#host;
    if (this.#tree === null || machine === null || this.#kernel === undefined) return;
    this.#tree.step(Infinity);
    checkTree(this.#kernel, this.#parts.scope, this.#tree, machine.replica.rows);
  }

  /** Compares the newest claim when there is time. */
  #idle(): void {
    if (this.#isIdling) return;
    this.#isIdling = true;
    const { world, name } = this.#parts;
    const host = this.#host;
    const { life } = host;
    world.after(world.prng.between(0, IDLE_MS_MAX), `${name} compares`, () => {
      if (life !== host.life || host.machine === null) return;
      this.#isIdling = false;
      host.touch();
      if (this.#treeOf(host.machine).step(STEP_ROWS)) this.#compare(host.machine);
      if (this.#claim !== null) this.#idle();
    });
  }

  #compare(machine: SyncClient): void {
    const claim = this.#claim;
    this.#claim = null;
    if (claim === null) return;
    const { judge, scope } = this.#parts;
    const { at, root } = claim;
    const isTrue = this.#treeOf(machine).isTrue(at, root);
    const right = judge.hashesOf(scope, at.epoch, at.cursor);
    this.#parts.world.log(`${this.#parts.name} finds the claim at ${at.cursor} ${isTrue}`);
    checkClaim(isTrue, at, machine, this.#host.witness.rows, right);
    judge.probes.hit(isTrue === undefined ? "claim of the past" : `claim ${isTrue}`);
    if (isTrue) this.#mismatches = 0;
    if (isTrue !== false) return;
    // Where nothing was repaired meanwhile it is the same mismatch.
    if (this.#hasRepaired) this.#mismatches++;
    this.#hasRepaired = false;
    if (this.#mismatches > MISMATCHES_MAX || this.#rounds.isBusy) return;
    // The second time the digests themselves are in doubt.
    if (this.#mismatches === 1) this.#treeOf(machine).rebuild();
    // While a connection opens, it is not the time: another claim will come.
    if (machine.isLive || !this.#host.isConnected) machine.cursorLost();
  }

  #begin(machine: SyncClient): void {
    const { judge, world, name } = this.#parts;
    const host = this.#host;
    host.touch();
    const isLive = this.#welcome !== null;
    const exchange = this.#treeOf(machine).exchange({
      isSelfContained: !isLive,
      serverEpoch: this.#welcome?.epoch,
      serverCursor: this.#welcome?.cursor,
    });
    world.log(`${name} exchanges from ${machine.cursor} ${isLive ? "live" : "over HTTP"}`);
    const watch = new ExchangeWatch({ ...this.#parts, machine, witness: host.witness });
    const running: Running = { exchange, watch, isLive, open: 0 };
    this.#running = running;
    judge.probes.hit(isLive ? "exchange live" : "exchange over HTTP");
    this.#parts.exchanging();
    this.#ask(running, exchange.start());
    if (exchange.isOver) this.#end(running);
  }

  #ask(running: Running, requests: readonly Uint8Array[]): void {
    for (const body of requests) {
      running.open++;
      running.watch.asked(body);
      if (running.isLive) {
        this.#host.ask(body);
        continue;
      }
      this.#rounds.request({ kind: "reconcile", scope: this.#parts.scope, body }, (answer) => {
        if (this.#running !== running) return;
        if (answer.kind === "reconciled") this.#replied(running, answer.body);
        else if (answer.kind === "error" && answer.retryAfterMs !== undefined) {
          this.#wait(running, answer.retryAfterMs);
        } else this.#fail();
      }, () => {
        if (this.#running === running) this.#fail();
      });
    }
  }

  #replied(running: Running, body: Uint8Array): void {
    const { exchange, watch } = running;
    running.open--;
    watch.replied(body);
    let requests: readonly Uint8Array[];
    try {
      requests = exchange.received(body);
    } catch (error) {
      // Its rows were pulled away from under it.
      if (watch.isCurrent) throw error;
      return this.#fail();
    }
    this.#ask(running, requests);
    watch.stepped(exchange.isOver, running.open);
    if (exchange.isOver) this.#end(running);
  }

  #end({ exchange, watch }: Running): void {
    this.#running = null;
    this.#rounds.isBusy = false;
    const loaded = exchange.loaded();
    watch.ended(loaded, exchange);
    if (this.#wasCut && loaded !== null) this.#parts.judge.probes.hit("repaired after a cut");
    this.#wasCut = false;
    if (loaded === null) return this.#rounds.loadSnapshot();
    this.#host.machine?.snapshotLoaded(loaded);
  }

  /** The server has no room for it: it starts over in a while. */
  #wait(running: Running, ms: number): void {
    const { world, name, judge } = this.#parts;
    if (this.#running !== running) return;
    this.#running = null;
    judge.probes.hit("exchange told to wait");
    const { life } = this.#host;
    world.after(ms, `${name} waits`, () => {
      if (life !== this.#host.life) return;
      this.#rounds.isBusy = false;
      this.needRows();
    });
  }

  /** What has come so far is of no use; the next one starts from the rows, when it is needed. */
  #drop(): void {
    this.#running?.watch.over();
    this.#running = null;
    this.#rounds.isBusy = false;
    this.#wasCut = true;
    this.#parts.judge.probes.hit("exchange cut off");
  }

  /** It cannot go on: all rows are loaded, as clients do, or it is tried anew. */
  #fail(): void {
    this.#drop();
    if (this.#parts.world.prng.chance(0.5)) this.#rounds.loadSnapshot();
    else this.#host.stuck();
  }

  #treeOf(machine: SyncClient): ReplicaTree {
    const { scope, world } = this.#parts;
    const kernel = this.#kernel as Kernel;
    return this.#tree ??= new ReplicaTree({ kernel, random: world.prng, scope, machine });
  }
}
