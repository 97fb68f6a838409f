/**
 * The server: the real machines in a host like the one at the edge.
 *
 * Pushes are collected and decided together a little later; a crash may hit before the commit, at any
 * write of it, after it, and between any two of the acknowledgements and pokes that follow.
 */
import type { AccessRequest, AnyApp, Principal } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { IN_FLIGHT_MAX } from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Kernel } from "../../core/ports.ts";
import { CommitPoke } from "../../core/poke.ts";
import { type MutationResult, type PushOutcome, SyncServer } from "../../core/server.ts";
import { PresenceRooms } from "../../core/presence.ts";
import { LiveSession } from "../../core/session.ts";
import { decodeUp } from "../../core/wire/messages.ts";
import { checkTree } from "./reconcile_checkers.ts";
import { DREAM, ENTITIES, simulatedApp } from "./simulated_app.ts";
import { checkLogTime, checkMessageSize, checkStore } from "./checkers.ts";
import { type Commit, FaultyStore } from "./faulty_store.ts";
import {
  answerPull,
  answerReconcile,
  answerSnapshot,
  type HttpAnswer,
  type HttpRequest,
} from "./http.ts";
import type { Judge } from "./judge.ts";
import { kernelOf } from "./kernels.ts";
import type { Link, LinkEnd } from "./network.ts";
import type { SimOptions } from "./options.ts";
import { WallClock, type World } from "./world.ts";

/** Waits for its decision. */
interface Waiting {
  readonly principal: Principal;
  readonly mutations: readonly Mutation[];
  readonly decided: (results: readonly MutationResult[]) => void;
  readonly failed: (error: DriftlessError) => void;
}

/** Thrown at the place where the process ends. */
class Crash extends Error {
  override readonly name = "Crash";
}

/** How long the server is down after a crash, on average, in milliseconds. */
const DOWN_MS = 800;
/** How long it keeps a connection that says nothing, in milliseconds. */
const SILENT_MS = 12_000;
/** How long a commit that nobody was told of goes unheard, on average, in milliseconds. */
const UNHEARD_MS = 400;
/** How long a server that is busy lets an exchange wait at the most, in milliseconds. */
const BUSY_MS_MAX = 500;
/** Chance that nothing seems to wait behind a commit. */
const BURST_END_CHANCE = 0.7;
/** Chance that the trees are rebuilt after a commit, and compared. */
const TREE_CHECK_CHANCE = 0.05;
/** Writes of one transaction that a fault chooses among; more than that means at the commit. */
const FAULT_WRITES_MAX = 30;

/** One server process after another, over one disk. */
export class ServerNode {
  readonly clock: WallClock;
  readonly app: AnyApp;
  /** Principals that may not write, or not even read, for now. */
  readonly barred = new Map<string, "read" | "write">();
  /** After the faults: the process and the disk do as they should. */
  healed = false;
  readonly #world: World;
  readonly #options: SimOptions;
  readonly #judge: Judge;
  #store: FaultyStore;
  #server: SyncServer | null = null;
  readonly #sessions = new Map<Link, LiveSession>();
  #waiting: Waiting[] = [];
  #life = 0;
  #restores = 0;
  /** The latest time that the clock has ever shown, in milliseconds. */
  #newestNow = 0;

  constructor(world: World, options: SimOptions, judge: Judge) {
    this.#world = world;
    this.#options = options;
    this.#judge = judge;
    this.clock = new WallClock(world, world.prng.between(-options.skewMs, options.skewMs));
    judge.isBarred = (principal) => this.barred.has(principal);
    this.app = simulatedApp((request) => this.#authorize(request));
    this.#store = this.#openStore("epoch-0", []);
    this.#start();
  }

  get isUp(): boolean {
    return this.#server !== null;
  }

  get store(): FaultyStore {
    return this.#store;
  }

  /** Opens a live connection; only while the server is up. */
  accept(link: Link, principal: Principal): LinkEnd {
    const server = this.#server;
    const life = this.#life;
    let heardAt = this.#world.now;
    if (server === null) throw new TypeError("Cannot accept a connection: the server is down");
    const session = new LiveSession({
      server,
      principal,
      clock: this.clock,
      presence: new PresenceRooms({ clock: this.clock, wake: () => {} }),
      output: {
        send: (bytes) => {
          checkMessageSize(bytes);
          link.sendDown(bytes);
        },
        push: (channel, mutations) =>
          this.#collect({
            principal,
            mutations,
            decided: (results) => this.#sessions.get(link)?.decided(channel, results),
            failed: (error) => this.#sessions.get(link)?.fail(channel, error, 100),
          }),
        publish: () => {},
        spend: () => this.#spend(),
        isReady: () => true,
        joined: () => {},
      },
    });
    this.#sessions.set(link, session);
    const watch = () => {
      if (this.#sessions.get(link) !== session) return;
      const silentMs = this.#world.now - heardAt;
      if (silentMs < SILENT_MS) {
        this.#world.after(SILENT_MS - silentMs, `${link.name} watch`, watch);
        return;
      }
      this.#sessions.delete(link);
      link.closeByServer();
    };
    watch();
    return {
      received: (bytes) => {
        if (life !== this.#life) return;
        heardAt = this.#world.now;
        const { channel, message } = decodeUp(bytes);
        session.received(channel, message);
      },
      closed: () => this.#sessions.delete(link),
    };
  }

  /** Answers a request, now or after the next commit; not at all when nobody is there. */
  request(request: HttpRequest, principal: Principal, answer: (answer: HttpAnswer) => void): void {
    const server = this.#server;
    if (server === null) return;
    const reply = (made: HttpAnswer) => answer({ ...made, history: this.#judge.history });
    if (request.kind === "push") {
      this.#collect({
        principal,
        mutations: request.mutations,
        decided: (results) => reply({ kind: "results", epoch: server.epoch, results }),
        failed: ({ code }) => reply({ kind: "error", code }),
      });
      return;
    }
    const { scope } = request;
    if (!server.allows({ principal, scope, action: "read" })) {
      return reply({ kind: "error", code: "forbidden" });
    }
    if (request.kind === "snapshot") return reply(answerSnapshot(server, scope));
    if (request.kind === "reconcile") {
      return reply(answerReconcile(server, scope, request.body, () => this.#spend()));
    }
    const limit = this.healed ? undefined : this.#options.pullLimit;
    reply(answerPull(server, scope, request.cursor, limit));
  }

  /** The trees on the disk are those of the rows on it. */
  checkTrees(): void {
    const kernel = kernelOf(this.#options.kernel);
    if (kernel === undefined) return;
    for (const scope of this.#store.scopes()) this.#checkTree(kernel, scope);
  }

  #checkTree(kernel: Kernel, scope: string): void {
    const tree = this.#store.tree(scope);
    const rows = ENTITIES.flatMap((entity) => this.#store.rows(scope, entity));
    if (tree !== undefined) checkTree(kernel, scope, tree, rows);
  }

  /** Starts the process, unless it runs. */
  ensureUp(): void {
    if (this.#server === null) this.#start();
  }

  /** True when nothing waits for a decision. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /** The process ends, and comes back after a while. */
  crash(): void {
    this.#stop();
    this.#world.after(this.#world.prng.wait(DOWN_MS), "server starts", () => this.ensureUp());
  }

  /** The disk is lost, and an older copy of it takes its place. */
  restore(): void {
    this.#stop();
    const { prng } = this.#world;
    const { journal, epoch } = this.#store;
    const length = prng.between(0, journal.length);
    this.#restores++;
    const isNew = this.#options.restoredEpoch === "new";
    const next = isNew ? `epoch-${this.#restores}` : epoch;
    this.#world.log(`server restores ${length} of ${journal.length} commits as ${next}`);
    this.#store = this.#openStore(next, journal.slice(0, length));
    this.#world.after(prng.wait(DOWN_MS), "server starts", () => this.ensureUp());
  }

  /** Cuts the logs down. */
  trim(): void {
    if (this.#server === null) return;
    const retention = {
      changes: this.#options.trimKeeps,
      before: 0,
      outcomes: IN_FLIGHT_MAX,
    };
    this.#world.log("server trims");
    this.#store.transaction(() => {
      for (const scope of this.#store.scopes()) this.#store.trim(scope, retention);
    });
  }

  /** Decides mutations of nobody in particular, at once. */
  write(mutations: readonly Mutation[]): void {
    if (this.#server === null) return;
    const ignore = () => {};
    const principal = { id: "somebody" };
    for (const mutation of mutations) {
      this.#collect({ principal, mutations: [mutation], decided: ignore, failed: ignore });
    }
  }

  /** Asks again who may read. */
  recheck(): void {
    for (const session of this.#sessions.values()) session.recheck();
  }

  #openStore(epoch: string, backup: readonly Commit[]): FaultyStore {
    this.#judge.open(epoch);
    return new FaultyStore({
      epoch,
      kernel: kernelOf(this.#options.kernel),
      backup,
      committed: (commit) => this.#judge.committed(commit),
    });
  }

  #start(): void {
    this.#life++;
    this.#world.log("server is up");
    this.#server = new SyncServer({ app: this.app, store: this.#store, clock: this.clock });
  }

  #stop(): void {
    if (this.#server === null) return;
    this.#world.log("server is down");
    this.#life++;
    this.#server = null;
    this.#waiting = [];
    for (const link of this.#sessions.keys()) link.closeByServer();
    this.#sessions.clear();
  }

  #collect(waiting: Waiting): void {
    for (const mutation of waiting.mutations) this.#judge.arrived(mutation, waiting.principal.id);
    this.#waiting.push(waiting);
    if (this.#waiting.length > 1) return;
    const life = this.#life;
    const delayMs = this.#world.prng.between(0, this.#options.groupDelayMs);
    this.#world.after(delayMs, "server commits", () => {
      if (life === this.#life) this.#commit();
    });
  }

  #commit(): void {
    const group = this.#waiting;
    this.#waiting = [];
    const server = this.#server;
    if (server === null) return;
    this.#planFault();
    this.#judge.serverNow = this.clock.now();
    let outcome: PushOutcome;
    try {
      outcome = server.push(group, () => this.#endsBurst());
    } catch (error) {
      if (error instanceof Crash) return this.crash();
      if (!(error instanceof DriftlessError) || error.code !== "store_failed") throw error;
      this.#world.log("server cannot commit");
      for (const { failed } of group) failed(error);
      return;
    }
    this.#world.log(
      `server decides ${outcome.results.flat().map(({ code }) => code ?? "ok").join(" ")}`,
    );
    for (const { id, code } of outcome.results.flat()) {
      if (code === "forbidden" && !this.#judge.history.byMutation.has(id)) {
        this.#judge.unrecorded.add(id);
      }
    }
    for (const { scope } of outcome.commits) {
      checkStore(this.#store, scope, this.#judge.history.scope(scope));
      if (this.#world.prng.chance(this.#options.kernel === "none" ? 0 : TREE_CHECK_CHANCE)) {
        this.checkTrees();
      }
    }
    this.#newestNow = Math.max(this.#newestNow, this.clock.now());
    for (const { changes } of outcome.commits) {
      for (const { time } of changes) {
        checkLogTime(time, this.#newestNow, this.#judge.history.decisions.length);
      }
    }
    this.#tell(group, outcome);
  }

  /** Draws whether nothing seems to wait behind a commit: its poke says what the rows come to. */
  #endsBurst(): boolean {
    const isTold = this.healed || this.#options.kernel === "none";
    return isTold || this.#world.prng.chance(BURST_END_CHANCE);
  }

  /** Acknowledgements and pokes, one after another; the process may end between any two. */
  #tell(group: readonly Waiting[], { results, commits }: PushOutcome): void {
    const acks = group.map(({ decided }, index) => () => decided(results[index] ?? []));
    const pokes = commits.flatMap(({ scope, changes, root }) => {
      if (this.#isUnheard(scope)) return [];
      const poke = new CommitPoke(changes, root);
      return [...this.#sessions.values()].map((session) => () => session.committed(scope, poke));
    });
    const effects = this.#options.pokesFirst ? [...pokes, ...acks] : [...acks, ...pokes];
    const crashes = !this.healed && this.#world.prng.chance(this.#options.commitCrashChance);
    const last = crashes ? this.#world.prng.between(0, effects.length) : Infinity;
    for (const [index, effect] of effects.entries()) {
      if (index === last) break;
      effect();
    }
    if (crashes) this.crash();
  }

  /** Draws whether a commit goes unheard; then the sessions catch up later. */
  #isUnheard(scope: string): boolean {
    const { prng } = this.#world;
    if (this.healed || !prng.chance(this.#options.unheardChance)) return false;
    const life = this.#life;
    this.#world.after(prng.wait(UNHEARD_MS), "server catches up", () => {
      if (life !== this.#life) return;
      const { cursor } = this.#store.head(scope);
      for (const session of this.#sessions.values()) session.advanced(scope, cursor);
    });
    return true;
  }

  #planFault(): void {
    if (this.healed) return;
    const { prng } = this.#world;
    const { commitCrashChance, storeFailChance } = this.#options;
    const writes = prng.between(0, FAULT_WRITES_MAX);
    if (prng.chance(commitCrashChance)) {
      this.#store.failNext(writes, new Crash());
    } else if (prng.chance(storeFailChance)) {
      this.#store.failNext(writes, new DriftlessError("store_failed", "The disk is full"));
    }
  }

  /** How long an exchange has to wait for its next step, in milliseconds. */
  #spend(): number {
    const { prng } = this.#world;
    const isBusy = !this.healed && prng.chance(this.#options.busyChance);
    return isBusy ? prng.between(1, BUSY_MS_MAX) : 0;
  }

  #authorize({ principal, action, mutator }: AccessRequest): boolean {
    if (mutator === DREAM) return false;
    const bar = this.barred.get(principal?.id ?? "");
    return bar === undefined || (bar === "write" && action === "read");
  }
}
