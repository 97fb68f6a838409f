/** Signals: values that know who reads them. Those of `@preact/signals-core`, so that they mix. */
import * as core from "@preact/signals-core";

/** A value that can be read and followed, and not set. */
export interface ReadonlySignal<T> {
  /** The value; an effect that reads it runs again when it is another one. */
  readonly value: T;
  /** The value, without following it. */
  peek(): T;
  /** Calls at once, and again with each new value; returns how to stop. */
  subscribe(listener: (value: T) => void): () => void;
}

/** A value that can be read, set and followed. */
export interface Signal<T> extends ReadonlySignal<T> {
  /** The value. */
  value: T;
}

/**
 * Makes a value that tells its readers when it changes.
 *
 * @example
 * ```ts
 * import { effect, signal } from "@driftless/driftless";
 *
 * const seen: string[] = [];
 * const name = signal("Ada");
 * const stop = effect(() => void seen.push(name.value));
 * name.value = "Grace";
 * stop();
 * if (seen.join() !== "Ada,Grace") throw new Error(seen.join());
 * ```
 */
export const signal: <T>(value: T) => Signal<T> = core.signal;

/**
 * Makes a value out of others: computed when it is read, and again only after one of them changed.
 *
 * @example
 * ```ts
 * import { computed, signal } from "@driftless/driftless";
 *
 * const price = signal(3);
 * const total = computed(() => price.value * 4);
 * price.value = 5;
 * if (total.value !== 20) throw new Error();
 * ```
 */
export const computed: <T>(compute: () => T) => ReadonlySignal<T> = core.computed;

/**
 * Runs a function now, and again whenever something changes that it read: signals, records, queries.
 * What it returns, if a function, runs before the next time and at the end. Returns how to stop.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, effect } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 * client.setOffline(true);
 * await client.start();
 *
 * const counts: number[] = [];
 * const stop = effect(() => void counts.push(client.collection("note").count()));
 * await client.collection("note").create({ text: "One" }).stored;
 * stop();
 * if (counts.join() !== "0,1") throw new Error(counts.join());
 * await client.stop();
 * ```
 */
export const effect: (run: () => void | (() => void)) => () => void = core.effect;

/**
 * Sets several signals as one change: effects run once, when `change` is done.
 *
 * @example
 * ```ts
 * import { batch, effect, signal } from "@driftless/driftless";
 *
 * const [x, y] = [signal(1), signal(2)];
 * let runs = 0;
 * const stop = effect(() => void (runs += x.value < y.value ? 1 : 1));
 * batch(() => {
 *   x.value = 3;
 *   y.value = 4;
 * });
 * stop();
 * if (runs !== 2) throw new Error();
 * ```
 */
export const batch: <T>(change: () => T) => T = core.batch;

/**
 * Reads without being told of changes.
 *
 * @example
 * ```ts
 * import { effect, signal, untracked } from "@driftless/driftless";
 *
 * const count = signal(0);
 * let runs = 0;
 * const stop = effect(() => void (runs += untracked(() => count.value) + 1));
 * count.value = 1;
 * stop();
 * if (runs !== 1) throw new Error();
 * ```
 */
export const untracked: <T>(read: () => T) => T = core.untracked;
