/**
 * A device: the real client machine in a shell like the one in the browser.
 *
 * Storage in lanes, one live connection at a time with a heartbeat and a back-off, HTTP where there is
 * none, one snapshot at a time. The program may end at any event; the storage outlives it.
 */
import type { Principal } from "../../core/app.ts";
import { SyncClient } from "../../core/client.ts";
import type { Change } from "../../core/change.ts";
import type { ClientOutput } from "../../core/client_output.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { PersistBatch } from "../../core/persistence.ts";
import { decodeDown, encodeUp } from "../../core/wire/messages.ts";
import { checkChange, checkMessageSize, checkStored } from "./checkers.ts";
import { curate } from "./curator.ts";
import { DeviceStorage } from "./device_storage.ts";
import type { History } from "./history.ts";
import type { Judge } from "./judge.ts";
import type { Link, Network } from "./network.ts";
import { answersComeFirst, type SimOptions, type Transport } from "./options.ts";
import { textOfMessage } from "./report.ts";
import { Repairs } from "./repairs.ts";
import { Rounds } from "./rounds.ts";
import type { ServerNode } from "./server_node.ts";
import { Witness } from "./witness.ts";
import { drawCall } from "./workload.ts";
import { WallClock, type World } from "./world.ts";

/** What a device lives among. */
export interface ClientParts {
  readonly world: World;
  readonly options: SimOptions;
  readonly network: Network;
  readonly server: ServerNode;
  readonly judge: Judge;
  readonly name: string;
  readonly scope: string;
  readonly principal: Principal;
  readonly transport: Transport;
  /** It begins to find out what differs. */
  readonly exchanging: () => void;
}

const HEARTBEAT_MS = 3_000;
/** A connection that is silent for this long is given up, in milliseconds. */
const SILENT_MS = 7_000;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 3_000;
/** The channel of the live connection; any number will do. */
const CHANNEL = 5;

/** One device of one user in one scope. */
export class ClientNode {
  readonly name: string;
  readonly scope: string;
  readonly witness: Witness;
  readonly clock: WallClock;
  readonly storage: DeviceStorage;
  readonly #parts: ClientParts;
  machine: SyncClient | null = null;
  isOnline = true;
  isTouched = false;
  life = 0;
  #link: Link | null = null;
  #links = 0;
  #isConnecting = false;
  #attempts = 0;
  #heardAt = 0;
  #tags = 0;
  readonly #rounds: Rounds;
  readonly #repairs: Repairs;

  constructor(parts: ClientParts) {
    const { world, options, server } = parts;
    this.#parts = parts;
    this.name = parts.name;
    this.scope = parts.scope;
    const { skewMs } = options;
    this.clock = new WallClock(world, world.prng.between(-skewMs, skewMs));
    this.witness = new Witness({
      ...parts,
      app: server.app,
      isShownOnce: parts.transport === "live" && answersComeFirst(options),
    });
    this.storage = new DeviceStorage(world, options, parts.name, {
      stored: (batches, error) => this.#stored(batches, error),
    });
    this.#rounds = new Rounds(parts, this);
    this.#repairs = new Repairs(parts, this, this.#rounds);
  }

  /** The program starts. */
  start(): void {
    if (this.machine !== null) return;
    const { world, server, principal } = this.#parts;
    this.life++;
    this.#isConnecting = false;
    this.#attempts = 0;
    const persisted = this.storage.load();
    this.machine = new SyncClient({
      app: server.app,
      scope: this.scope,
      clock: this.clock,
      random: world.prng,
      principal,
      output: this.#output(),
      ...(persisted === null ? {} : { persisted }),
    });
    world.log(`${this.name} starts as ${this.machine.client}`);
    this.witness.begin(this.machine, persisted?.replica.rows ?? [], this.storage.isTainted);
    this.touch();
    if (this.#parts.transport !== "http") this.#connect();
    this.#repairs.start();
    this.#rounds.start();
  }

  /** The program ends at once. */
  crash(): void {
    if (this.machine === null) return;
    this.#parts.world.log(`${this.name} crashes`);
    this.life++;
    this.machine = null;
    this.storage.crash();
    this.#link?.closeByClient();
    this.#link = null;
  }

  /** The program ends, and its storage is taken away. */
  evict(): void {
    this.crash();
    this.#parts.world.log(`${this.name} is evicted`);
    this.storage.wipe();
    this.witness.evicted();
  }

  setOnline(isOnline: boolean): void {
    if (this.isOnline === isOnline) return;
    this.isOnline = isOnline;
    this.#parts.world.log(`${this.name} is ${isOnline ? "online" : "offline"}`);
    if (!isOnline) this.#drop();
    else if (this.#parts.transport !== "http") this.#connect();
  }

  /** The network under the live connection breaks. */
  cut(): void {
    this.#link?.cut();
  }

  /** The user does something. */
  call(): void {
    const { world, options } = this.#parts;
    const { machine } = this;
    if (machine === null) return;
    const isCare = options.curateChance > 0 && world.prng.chance(options.curateChance);
    this.touch();
    if (isCare && curate(world, machine, this.witness)) return;
    const tag = `${this.name}-${++this.#tags}`;
    const { name, args } = drawCall(world.prng, options, machine.view, this.scope, tag);
    try {
      const { mutation, token } = machine.mutate(name, args);
      world.log(`${this.name} calls ${name} ${JSON.stringify(args).slice(0, 80)} ${mutation.id}`);
      this.witness.made(mutation, token);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      world.log(`${this.name} may not ${name}: ${error.code}`);
    }
  }

  /** True when there is nothing left to do. */
  isSettled(cursor: number, epoch: string): boolean {
    const { machine } = this;
    const isThere = machine?.cursor === cursor && (machine.epoch === epoch || cursor === 0);
    return machine !== null && isThere && machine.pending.length === 0 &&
      this.storage.isIdle && this.#repairs.isIdle && !this.witness.isWrong &&
      (machine.isLive || this.#parts.transport === "http");
  }

  /** Rows that were asked for will not come: the live connection is of no use without them. */
  stuck(): void {
    this.#drop();
    if (this.#parts.transport !== "http") this.#again(0);
  }

  get isConnected(): boolean {
    return this.#link !== null;
  }

  /** Sends a step of an exchange on the live connection. */
  ask(body: Uint8Array): void {
    const bytes = encodeUp(CHANNEL, { kind: "reconcile", body });
    checkMessageSize(bytes);
    this.#link?.sendUp(bytes);
  }

  /** What the program makes of changes that it is told: now and then, by a fault, something else. */
  heard(changes: readonly Change[]): readonly Change[] {
    const { world, network, options } = this.#parts;
    if (changes.length === 0 || network.healed || !world.prng.chance(options.garbleChance)) {
      return changes;
    }
    const index = world.prng.between(0, changes.length - 1);
    const garbled = this.storage.garble(changes[index] as Change, world.prng);
    world.log(`${this.name} garbles ${garbled.cursor}`);
    this.witness.garbled();
    return changes.with(index, garbled);
  }

  /** At rest, its tree is that of its rows, and what is stored is what the server had. */
  checkRest(): void {
    this.#repairs.check();
    if (this.machine !== null) {
      checkStored(this.storage, this.scope, this.#parts.judge, this.machine);
    }
  }

  /** Where it stands, in words. */
  describe(cursor: number): string {
    const { machine } = this;
    if (machine === null) return `${this.name} does not run`;
    const states = machine.pending.map(({ state }) => state).join(" ");
    const place = `${machine.cursor} of ${cursor}`;
    const { isWrong } = this.witness;
    return `${this.name} at ${place}, live ${machine.isLive}, wrong ${isWrong}, pending [${states}]`;
  }

  #output(): ClientOutput {
    return {
      persist: (batch) => {
        this.witness.storing(batch.token);
        if (batch.replica !== undefined) {
          this.witness.moved(batch.replica);
          this.#repairs.moved(batch.replica);
        }
        this.storage.save(batch);
      },
      send: (message) => {
        const bytes = encodeUp(CHANNEL, message);
        checkMessageSize(bytes);
        if (message.kind === "push") this.witness.sent(message.mutations);
        this.#link?.sendUp(bytes);
      },
      needSnapshot: () => this.#repairs.needRows(),
      changed: (changes) => this.witness.changed(changes),
      rejected: (rejected) => this.witness.rejected(rejected),
      settled: () => {},
      diverged: (divergence) => this.witness.diverged(divergence),
      synced: () => {},
      rooted: (cursor, root) => this.#repairs.rooted(cursor, root),
      failed: () => {},
      event: () => {},
    };
  }

  #stored(batches: readonly PersistBatch[], error: DriftlessError | null): void {
    this.touch();
    if (error !== null) this.#parts.world.log(`${this.name} cannot store`);
    for (const { token } of batches) {
      this.witness.stored(token, error === null);
      if (error === null) this.machine?.persisted(token);
      else this.machine?.persistFailed(token, error);
    }
  }

  #connect(): void {
    const { world, network, server, principal } = this.#parts;
    if (this.#isConnecting || this.#link !== null || this.machine === null) return;
    if (!this.isOnline) return;
    this.#isConnecting = true;
    const life = this.life;
    world.after(network.delay() + network.delay(), `${this.name} connects`, () => {
      if (life !== this.life) return;
      this.#isConnecting = false;
      if (this.#link !== null || this.machine === null) return;
      if (!this.isOnline || !server.isUp) return this.#again(0);
      const link = network.link(`${this.name}#${++this.#links}`);
      const { history } = this.#parts.judge;
      this.#link = link;
      this.#heardAt = world.now;
      link.attach({
        received: (bytes) => this.#received(link, bytes, history),
        closed: () => this.#closed(link),
      }, server.accept(link, principal));
      world.log(`${link.name} opens`);
      this.touch();
      this.machine.connected();
      this.#beat(link);
    });
  }

  #received(link: Link, bytes: Uint8Array, history: History): void {
    if (this.#link !== link || this.machine === null) return;
    this.#heardAt = this.#parts.world.now;
    this.#attempts = 0;
    const { message } = decodeDown(bytes);
    this.touch();
    this.#parts.world.log(`${link.name} ${textOfMessage(message)}`);
    if (message.kind === "poke") {
      for (const change of message.changes) checkChange(change, this.scope, history);
      const changes = this.heard(message.changes);
      return this.machine.received({ ...message, changes });
    }
    if (this.#repairs.heard(message)) return;
    if (message.kind === "ack") {
      this.witness.answered(message.results, history);
    }
    this.machine.received(message);
    if (message.kind === "failure" && message.code !== "cursor_too_old") {
      this.#drop();
      this.#again(message.retryAfterMs);
    }
  }

  #closed(link: Link): void {
    if (this.#link !== link) return;
    this.#drop();
    this.#again(0);
  }

  #beat(link: Link): void {
    const { world } = this.#parts;
    world.after(HEARTBEAT_MS, `${link.name} beats`, () => {
      if (this.#link !== link) return;
      if (world.now - this.#heardAt > SILENT_MS) return this.#closed(link);
      link.sendUp(encodeUp(CHANNEL, { kind: "ping" }));
      this.#beat(link);
    });
  }

  #drop(): void {
    const link = this.#link;
    if (link === null) return;
    this.#link = null;
    this.#parts.world.log(`${link.name} closes`);
    link.closeByClient();
    this.touch();
    this.machine?.disconnected();
    this.#repairs.disconnected();
  }

  #again(afterMs: number): void {
    const { world } = this.#parts;
    const life = this.life;
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempts++);
    const delay = Math.max(afterMs, world.prng.between(1, ceiling));
    world.after(delay, `${this.name} tries again`, () => {
      if (life === this.life) this.#connect();
    });
  }

  /** Something happened to it: the promises are to be looked at. */
  touch(): void {
    this.isTouched = true;
  }
}
