/**
 * What a client's own mutations did, as the log tells it, beside what they do when they run here.
 *
 *     log   … │ ours: from + 1 … from + count │ …
 *             └ the rows as they were when the server ran it: run it again, and compare
 */
import type { AnyApp, Principal } from "./app.ts";
import type { Change } from "./change.ts";
import { type Effect, equalEffects, visibleEffects } from "./effects.ts";
import type { DriftlessError } from "./errors.ts";
import { frozenJson, type JsonObject } from "./json.ts";
import { confirmedRow } from "./lww.ts";
import type { Mutation } from "./mutation.ts";
import type { Pending } from "./queue.ts";
import type { Snapshot } from "./snapshot.ts";
import { type ContextField, runMutation } from "./transaction.ts";

/** A mutation that came out differently on the server than it does here, on the same rows. */
export interface Divergence {
  /** The call that both sides ran. */
  readonly mutation: Mutation;
  /** What it does here, in the order of its writes. */
  readonly expected: readonly Effect[];
  /** What it did on the server. */
  readonly actual: readonly Effect[];
  /** Why it does nothing here, when its rule refuses. */
  readonly refusal?: DriftlessError;
}

/** What came to light while the rows moved. */
export interface Confirmed {
  /** What the log says that own mutations did, by id. */
  readonly effects: ReadonlyMap<string, readonly Effect[]>;
  readonly divergences: readonly Divergence[];
}

interface LocalRun {
  readonly effects: readonly Effect[];
  readonly refusal?: DriftlessError;
  /** What it asked of its context: an answer may have been another one on the server. */
  readonly asked: ReadonlySet<ContextField>;
}

/** An own mutation whose changes are being passed. */
interface Trial {
  readonly mutation: Mutation;
  /** The place of its last change. */
  readonly end: number;
  /** `null` for a built-in one: it merges by stamps, which only the server has. */
  readonly run: LocalRun | null;
  readonly actual: Effect[];
  /** The time of its changes, in milliseconds; infinite before the first. */
  time: number;
}

/** Moves a snapshot along the log, and watches own mutations go by. */
export class Confirmations {
  readonly #app: AnyApp;
  readonly #snapshot: Snapshot;
  readonly #principal: Principal | null;
  /** Its changes come in more pages than one. */
  #trial: Trial | null = null;

  constructor(app: AnyApp, snapshot: Snapshot, principal: Principal | null) {
    this.#app = app;
    this.#snapshot = snapshot;
    this.#principal = principal;
  }

  /** The rows were replaced: what was half passed is not told apart any more. */
  reset(): void {
    this.#trial = null;
  }

  /** Applies changes in log order. `own` are the acknowledged mutations, in the order of the log. */
  move(changes: readonly Change[], epoch: string, own: readonly Pending[]): Confirmed {
    const effects = new Map<string, readonly Effect[]>();
    const divergences: Divergence[] = [];
    const ended = () => {
      if (this.#trial?.end !== this.#snapshot.cursor) return;
      effects.set(this.#trial.mutation.id, this.#trial.actual);
      const divergence = this.#divergence(this.#trial);
      if (divergence !== null) divergences.push(divergence);
      this.#trial = null;
    };
    const waiting = own.values();
    let next = waiting.next().value;
    const passOwn = () => {
      for (; next !== undefined; next = waiting.next().value) {
        if (next.visibleAt - (next.changeCount ?? 0) > this.#snapshot.cursor) return;
        this.#begin(next);
        ended();
      }
    };
    for (const change of changes) {
      passOwn();
      this.#pass(change);
      this.#snapshot.apply(change, epoch);
      ended();
    }
    passOwn();
    return { effects, divergences };
  }

  #begin(pending: Pending): void {
    const { mutation, visibleAt, changeCount } = pending;
    if (changeCount === undefined) return;
    // Once is enough, also when its changes come with a later page.
    delete pending.changeCount;
    // Its changes were here before its answer.
    if (visibleAt - changeCount < this.#snapshot.cursor) return;
    const run = this.#app.mutators.has(mutation.name) ? this.#run(mutation) : null;
    this.#trial = { mutation, end: visibleAt, run, actual: [], time: Infinity };
  }

  #pass({ entity, id, json, time }: Change): void {
    if (this.#trial === null) return;
    const before = this.#snapshot.get(entity, id);
    const after = json === null ? undefined : frozenJson(json) as JsonObject;
    this.#trial.actual.push({ entity, id, before, after });
    this.#trial.time = time;
  }

  #run(mutation: Mutation): LocalRun {
    const asked = new Set<ContextField>();
    const source = {
      row: (entity: string, id: string) => {
        const data = this.#snapshot.get(entity, id);
        return data && confirmedRow(data);
      },
      live: (entity: string) =>
        Array.from(
          this.#snapshot.ids(entity),
          (id) => [id, this.#snapshot.get(entity, id) as JsonObject] as const,
        ),
    };
    try {
      const writes = runMutation(this.#app, source, mutation, this.#principal, asked);
      return { effects: visibleEffects(writes), asked };
    } catch (refusal) {
      return { effects: [], refusal: refusal as DriftlessError, asked };
    }
  }

  #divergence({ mutation, run, actual, time }: Trial): Divergence | null {
    if (run === null) return null;
    const { effects: expected, refusal, asked } = run;
    // The server knows who calls; this device was not told.
    if (asked.has("principal") && this.#principal === null) return null;
    // The server lowered the mutation's time, or made no change that would tell.
    const isSameTime = actual.length > 0 && time >= mutation.createdAt;
    if (asked.has("now") && !isSameTime) return null;
    if (refusal === undefined && equalEffects(expected, actual)) return null;
    return { mutation, expected, actual, ...(refusal === undefined ? {} : { refusal }) };
  }
}
