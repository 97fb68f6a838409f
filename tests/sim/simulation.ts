/** One world from its seed to its verdict: faults and calls, then healing, then the settling of it all. */
import type { Principal } from "../../core/app.ts";
import { checkConverged } from "./checkers.ts";
import { ClientNode } from "./client_node.ts";
import { Judge } from "./judge.ts";
import { Network } from "./network.ts";
import { drawOptions, type SimOptions, type Transport } from "./options.ts";
import type { Probe } from "./probes.ts";
import { ServerNode } from "./server_node.ts";
import { STOCK_SIZE } from "./workload.ts";
import { BrokenPromise, World } from "./world.ts";

/** What became of a world. */
export interface SimResult {
  readonly options: SimOptions;
  /** The promise that was broken, or the error that nobody expected; `null` when all is well. */
  readonly failure: { readonly promise: string; readonly message: string } | null;
  readonly hash: string;
  readonly events: number;
  readonly decisions: number;
  /** What was decided, and the records at the end: nothing in it depends on a clock. */
  readonly state: string;
  readonly tail: readonly string[];
  /** What came about, and how often. */
  readonly probes: ReadonlyMap<Probe, number>;
}

/** L1: how long after the faults everything has to be settled, in milliseconds. */
export const SETTLE_MS_MAX = 30_000;
/** Rows of one flood call, and how many of them are more than a live catch-up goes through. */
const FLOOD_ROWS = 1_000;
const FLOOD_CALLS = 11;
/** How long a program is gone after a crash, on average, in milliseconds. */
const RESTART_MEAN_MS = 500;
/** Chance that an exchange does not stay alone. */
const DISTURB_CHANCE = 0.4;

/** Runs the world of a seed; `overrides` replace what the seed draws. */
export function simulate(seed: number, overrides: Partial<SimOptions> = {}): SimResult {
  const options = { ...drawOptions(seed), ...overrides };
  const simulation = new Simulation(seed, options);
  let failure: SimResult["failure"] = null;
  try {
    simulation.run();
  } catch (error) {
    failure = error instanceof BrokenPromise
      ? { promise: error.promise, message: error.message }
      : { promise: "no-crash", message: error instanceof Error ? `${error.stack}` : `${error}` };
  }
  const { world, judge } = simulation;
  const { decisions, scopes } = judge.history;
  return {
    options,
    failure,
    hash: world.hash,
    events: world.events,
    decisions: decisions.length,
    state: [
      ...decisions.map(({ code }) => code),
      // Ids that rules make have a time in them.
      ...Array.from(scopes, ([, { rows }]) => [...rows.rows.values()].sort()),
    ].join(" "),
    tail: world.tail,
    probes: judge.probes.counts,
  };
}

class Simulation {
  readonly world: World;
  readonly judge: Judge;
  readonly #options: SimOptions;
  readonly #network: Network;
  readonly #server: ServerNode;
  readonly #clients: readonly ClientNode[];
  #isFaulty = true;
  #writes = 0;

  constructor(seed: number, options: SimOptions) {
    // Another stream than the one that drew the options: overriding one shifts nothing.
    this.world = new World(seed ^ 0x5eed);
    this.#options = options;
    this.judge = new Judge(options.storageFailChance > 0);
    this.#network = new Network(this.world, options);
    this.#server = new ServerNode(this.world, options, this.judge);
    this.#clients = options.transports.map((transport, index) => this.#client(transport, index));
    this.world.afterEach = () => this.#check();
  }

  run(): void {
    const { world } = this;
    for (const client of this.#clients) {
      world.after(world.prng.between(0, 2_000), `${client.name} starts`, () => client.start());
      this.#planCalls(client);
      this.#planClientFaults(client);
    }
    this.#planServerFaults();
    if (this.#options.stock > 0) this.#stock();
    world.run(this.#options.durationMs);
    this.#heal();
    this.#settle("after the faults");
    // What is settled must not be stuck: one more call each has to come through.
    for (const client of this.#clients) client.call();
    this.#check();
    this.#settle("after one more call each");
    for (const client of this.#clients) {
      client.witness.checkEnd(this.judge.histories.length > 1);
    }
  }

  #client(transport: Transport, index: number): ClientNode {
    const principal: Principal = { id: `user-${index % 2}` };
    return new ClientNode({
      world: this.world,
      options: this.#options,
      network: this.#network,
      server: this.#server,
      judge: this.judge,
      name: `client-${index}`,
      scope: `scope-${index % this.#options.scopes}`,
      principal,
      transport,
      exchanging: () => this.#disturb(index),
    });
  }

  #check(): void {
    for (const client of this.#clients) {
      if (!client.isTouched) continue;
      client.isTouched = false;
      client.witness.check();
    }
  }

  /** Repeats `act` at intervals with this mean, for as long as there are faults. */
  #every(meanMs: number, label: string, act: () => void): void {
    if (meanMs === 0) return;
    const { world } = this;
    world.after(world.prng.wait(meanMs), label, () => {
      if (!this.#isFaulty) return;
      act();
      this.#every(meanMs, label, act);
    });
  }

  #planCalls(client: ClientNode): void {
    const { prng } = this.world;
    const { callMeanMs, burstChance, burstMax } = this.#options;
    this.#every(callMeanMs, `${client.name} calls`, () => {
      const count = prng.chance(burstChance) ? prng.between(2, burstMax) : 1;
      for (let i = 0; i < count; i++) client.call();
    });
  }

  #planClientFaults(client: ClientNode): void {
    const { world } = this;
    const { prng } = world;
    const { name } = client;
    const options = this.#options;
    this.#every(options.cutMeanMs, `${name} is cut`, () => client.cut());
    this.#every(options.offlineMeanMs, `${name} goes offline`, () => {
      client.setOnline(false);
      world.after(prng.wait(options.offlineMeanMs), `${name} online`, () => client.setOnline(true));
    });
    const restart = () =>
      world.after(prng.wait(RESTART_MEAN_MS), `${name} starts`, () => client.start());
    this.#every(options.clientCrashMeanMs, `${name} crashes`, () => {
      client.crash();
      if (prng.chance(options.adoptChance)) client.storage.adopt();
      restart();
    });
    this.#every(options.evictMeanMs, `${name} is evicted`, () => {
      client.evict();
      restart();
    });
    this.#every(options.damageMeanMs, `${name} is damaged`, () => {
      if (client.machine === null) return;
      client.crash();
      if (client.storage.damage(prng)) world.log(`${name} is damaged`);
      restart();
    });
    this.#every(options.clockJumpMeanMs, `${name} clock`, () => {
      client.clock.skewMs = prng.between(-options.skewMs, options.skewMs);
    });
  }

  #planServerFaults(): void {
    const { world } = this;
    const { prng } = world;
    const server = this.#server;
    const options = this.#options;
    this.#every(options.serverCrashMeanMs, "server crashes", () => server.crash());
    this.#every(options.trimMeanMs, "server trims", () => server.trim());
    this.#every(options.clockJumpMeanMs, "server clock", () => {
      server.clock.skewMs = prng.between(-options.skewMs, options.skewMs);
    });
    this.#every(options.accessFlipMeanMs, "access changes", () => {
      const user = `user-${prng.between(0, 1)}`;
      if (server.barred.has(user)) server.barred.delete(user);
      else server.barred.set(user, prng.pick(["read", "write"]));
      server.recheck();
    });
    this.#every(options.restoreMeanMs, "server is restored", () => server.restore());
    if (options.flood) {
      world.after(prng.between(1, options.durationMs), "flood", () => this.#flood());
    }
  }

  /** A device begins an exchange: something happens in the middle of it, now and then. */
  #disturb(index: number): void {
    const { world } = this;
    const { prng } = world;
    if (!this.#isFaulty || !prng.chance(DISTURB_CHANCE)) return;
    const client = this.#clients[index] as ClientNode;
    const server = this.#server;
    const options = this.#options;
    const write = () => this.#write(client.scope);
    const acts: [() => void, ...(() => void)[]] = [write, write, write];
    if (options.cutMeanMs > 0) acts.push(() => client.cut());
    if (options.clientCrashMeanMs > 0) acts.push(() => this.#restart(client));
    if (options.serverCrashMeanMs > 0) acts.push(() => server.crash());
    if (options.trimMeanMs > 0) acts.push(() => server.trim(), () => server.trim());
    // The rarest of them by itself.
    const restore = () => server.restore();
    if (options.restoreMeanMs > 0) acts.push(restore, restore, restore, restore);
    const act = prng.pick(acts);
    world.after(prng.between(0, 3 * options.latencyMs), "in the middle", () => {
      if (this.#isFaulty) act();
    });
  }

  #restart(client: ClientNode): void {
    client.crash();
    const delayMs = this.world.prng.wait(RESTART_MEAN_MS);
    this.world.after(delayMs, `${client.name} starts`, () => client.start());
  }

  #flood(): void {
    this.world.log("a flood");
    for (let i = 0; i < FLOOD_CALLS; i++) this.#fill(`flood-${i}`, FLOOD_ROWS);
  }

  /** Somebody else changes some rows, and deletes others. */
  #write(scope: string): void {
    const { prng } = this.world;
    const id = `meanwhile-${++this.#writes}`;
    const place = { scope, client: "", seq: 0, createdAt: 0 };
    const from = prng.between(0, 5);
    const rows = prng.between(1, 5);
    this.#server.write([
      { id, name: "blob.fill", args: { rows, size: STOCK_SIZE, tag: id }, ...place },
      { id: `${id}-gone`, name: "blob.clear", args: { from, rows }, ...place },
    ]);
  }

  /** Rows that nobody here has made. */
  #stock(): void {
    this.#fill("stock", this.#options.stock);
  }

  #fill(id: string, rows: number): void {
    const args = { rows, size: STOCK_SIZE, tag: id };
    const place = { scope: "scope-0", client: "", seq: 0, createdAt: 0 };
    this.#server.write([{ id, name: "blob.fill", args, ...place }]);
  }

  #heal(): void {
    this.world.log("the faults are over");
    this.#isFaulty = false;
    this.#network.healed = true;
    this.#server.healed = true;
    this.#server.barred.clear();
    this.#server.ensureUp();
    for (const client of this.#clients) {
      client.storage.healed = true;
      client.setOnline(true);
      client.start();
    }
    if (this.#options.kernel === "none") return;
    // Bursts end: the last poke of each scope says what its rows come to.
    for (const scope of new Set(this.#clients.map((client) => client.scope))) this.#write(scope);
  }

  #settle(when: string): void {
    const cursorOf = ({ scope }: ClientNode) => this.judge.history.scope(scope).changes.length;
    const { epoch } = this.judge.history;
    const isSettled = () =>
      this.#clients.every((client) => client.isSettled(cursorOf(client), epoch)) &&
      this.#server.isIdle;
    if (!this.world.run(this.world.now + SETTLE_MS_MAX, isSettled)) {
      const late = this.#clients.filter((client) => !client.isSettled(cursorOf(client), epoch));
      const states = late.map((client) => client.describe(cursorOf(client))).join("; ");
      throw new BrokenPromise("settles", `${when}, ${SETTLE_MS_MAX} ms were not enough: ${states}`);
    }
    for (const client of this.#clients) {
      if (client.machine === null) continue;
      checkConverged(client.name, client.machine, this.judge.history.scope(client.scope));
      client.checkRest();
    }
    this.#server.checkTrees();
  }
}
