/** Sync over HTTP: rounds of pushes and pulls while there is no live connection, and all rows at once. */
import type { Change } from "../../core/change.ts";
import type { SyncClient } from "../../core/client.ts";
import { checkChange } from "./checkers.ts";
import type { ClientParts } from "./client_node.ts";
import type { History } from "./history.ts";
import { type HttpAnswer, type HttpRequest, sendRequest } from "./http.ts";
import type { Witness } from "./witness.ts";

/** The device that the rounds are of. */
export interface RoundsHost {
  readonly machine: SyncClient | null;
  readonly witness: Witness;
  readonly isOnline: boolean;
  /** Another number after every start. */
  readonly life: number;
  touch(): void;
  /** What the program makes of changes that it is told. */
  heard(changes: readonly Change[]): readonly Change[];
  /** Rows that are asked for will not come; the live connection is of no use without them. */
  stuck(): void;
}

/** How often the device looks whether there is something to do, in milliseconds. */
const TICK_MS = 300;
const PULL_INTERVAL_MS = 1_500;

/** The rounds of one device. */
export class Rounds {
  readonly #parts: ClientParts;
  readonly #host: RoundsHost;
  /** Something else is under way that a round must not get between. */
  isBusy = false;
  #isInRound = false;
  #pulledAt = -Infinity;

  constructor(parts: ClientParts, host: RoundsHost) {
    this.#parts = parts;
    this.#host = host;
  }

  /** The program starts. */
  start(): void {
    this.isBusy = this.#isInRound = false;
    this.#tick(this.#host.life);
  }

  /** Loads all rows. */
  loadSnapshot(): void {
    this.isBusy = true;
    const fail = () => {
      this.isBusy = false;
      this.#host.stuck();
    };
    this.request({ kind: "snapshot", scope: this.#parts.scope }, (answer) => {
      if (answer.kind === "error") return fail();
      this.isBusy = false;
      this.#take(answer);
    }, fail);
  }

  /** Sends a request; nothing is heard of it once the program has ended. */
  request(request: HttpRequest, answered: (answer: HttpAnswer) => void, failed: () => void): void {
    const host = this.#host;
    const { life } = host;
    const fenced = (run: () => void) => {
      if (life !== host.life) return;
      host.touch();
      run();
    };
    sendRequest(request, {
      ...this.#parts,
      isReachable: () => host.isOnline,
      answered: (answer) => fenced(() => answered(answer)),
      failed: () => fenced(failed),
      late: (answer) => {
        const isTaken = this.#parts.options.lateAnswers &&
          answer.kind !== "rows" && answer.kind !== "reconciled";
        if (isTaken) fenced(() => this.#take(answer));
      },
    });
  }

  #tick(life: number): void {
    const { world, transport, name } = this.#parts;
    const host = this.#host;
    world.after(TICK_MS, `${name} ticks`, () => {
      const { machine } = host;
      if (life !== host.life || machine === null) return;
      this.#tick(life);
      if (transport === "live" || !host.isOnline || this.#isInRound || this.isBusy) return;
      const waits = machine.pending.some(({ state }) => state === "queued");
      const isDue = world.now - this.#pulledAt >= PULL_INTERVAL_MS;
      if (machine.isLive || !(waits || isDue)) return;
      this.#isInRound = true;
      this.#pulledAt = world.now;
      this.#push();
    });
  }

  #push(): void {
    const { machine, witness } = this.#host;
    const batch = machine?.takeBatch() ?? [];
    this.#host.touch();
    if (batch.length === 0) return this.#pull();
    witness.sent(batch);
    const fail = () => {
      this.#isInRound = false;
      this.#host.machine?.pushFailed();
    };
    this.request({ kind: "push", mutations: batch }, (answer) => {
      if (this.#take(answer)) this.#push();
      else fail();
    }, fail);
  }

  #pull(): void {
    const cursor = this.#host.machine?.cursor ?? 0;
    this.request({ kind: "pull", scope: this.#parts.scope, cursor }, (answer) => {
      this.#isInRound = false;
      if (answer.kind === "error" && answer.code === "cursor_too_old") {
        this.#host.machine?.cursorLost();
      } else if (this.#take(answer) && answer.kind === "page" && answer.more) {
        this.#isInRound = true;
        this.#pull();
      }
    }, () => this.#isInRound = false);
  }

  /** Gives an answer to the machine; `false` when it is an error. */
  #take(answer: HttpAnswer): boolean {
    const { history, ...rest } = answer;
    const { world, name, scope } = this.#parts;
    const { machine, witness } = this.#host;
    world.log(`${name} gets ${rest.kind}`);
    switch (rest.kind) {
      case "results":
        witness.answered(rest.results, history as History);
        machine?.decided(rest.results, rest.epoch);
        return true;
      case "page":
        for (const change of rest.changes) checkChange(change, scope, history as History);
        machine?.pulled({ ...rest, changes: this.#host.heard(rest.changes) });
        return true;
      case "rows":
        machine?.snapshotLoaded(rest);
        return true;
      default:
        return false;
    }
  }
}
