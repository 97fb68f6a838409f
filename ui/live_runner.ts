/**
 * Runs code of the author, one handler at a time, and tells the tabs what came of it.
 *
 * Whatever goes wrong is told to the page that caused it, and reported; it costs nobody else anything.
 */
import { asRejection, DriftlessError } from "../core/errors.ts";
import { type Json, utf8Length } from "../core/json.ts";
import type { IslandInstance } from "./island_instance.ts";
import { has, type LiveInstance } from "./live_instance.ts";
import {
  BROADCAST_DEPTH_MAX,
  HANDLER_WARN_MS,
  HANDLERS_PENDING_MAX,
  RESULT_BYTES_MAX,
} from "./live_limits.ts";
import { SharedState } from "./live_shared.ts";
import type { LiveView } from "./live_view.ts";

/** What {@linkcode LiveRunner} needs. */
export interface RunnerOptions {
  readonly now: () => number;
  /** Flush once this many milliseconds have passed. */
  readonly wake: (afterMs: number) => void;
  /** The state of an instance may have changed. */
  readonly changed: (instance: LiveInstance) => void;
  readonly onFailure: (error: unknown, where: string) => void;
}

/** Rounds in which islands change each other before the rest waits for the next turn. */
const FLUSH_ROUNDS_MAX = 8;

/** What runs in one process. */
export class LiveRunner {
  readonly shared = new SharedState();
  readonly #options: RunnerOptions;
  /** Instances that may have something to show. */
  readonly #dirty = new Set<LiveInstance>();
  /** What is said to pages after the patches of the handler that says it. */
  #afterwards: (() => void)[] = [];
  #caller: LiveView | null = null;
  /** Handlers within handlers. */
  #depth = 0;
  #broadcasts = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** The page whose event is handled now. */
  get caller(): LiveView | null {
    return this.#caller;
  }

  /**
   * Runs a handler for a page, and tells everyone what changed. Says whether it went well so far.
   *
   * @param call the number of a method that a script calls; it is told what that returns, when it has
   * @throws {DriftlessError} `rate_limited` when too many handlers of the page have not ended
   */
  handle(view: LiveView, work: (engine: IslandInstance) => unknown, call = 0): boolean {
    const { instance, session } = view;
    if (session.pending >= HANDLERS_PENDING_MAX) {
      throw new DriftlessError(
        "rate_limited",
        `Cannot begin more: ${HANDLERS_PENDING_MAX} handlers have not ended`,
      );
    }
    const returned = (value: unknown) => {
      if (call > 0) this.say(view, view.answerTo(call, resultText(value)));
    };
    const run = () => {
      const result = work(instance.engine);
      if (!(result instanceof Promise)) returned(result);
      return result;
    };
    return this.#run({ view, call }, instance, run, (result) => {
      session.pending++;
      result.then((value) => {
        // First what it changed.
        if (call > 0) this.flush(view);
        returned(value);
      }).catch((error) => this.failed(view, error, call)).finally(() => session.pending--);
    });
  }

  /** Calls a method of the class that the runtime knows by name, if there is one. */
  lifecycle(
    instance: LiveInstance,
    name: "connected" | "disconnected" | "navigated" | "received" | "unmount",
    view: LiveView | null = null,
    args: readonly Json[] = [],
  ): void {
    if (!has(instance, name)) return;
    this.#run({ view, call: 0 }, instance, () => instance.engine.call(name, args), (result) => {
      result.catch((error) => this.failed(view, error));
    });
  }

  /** Calls `received` of every other instance that has it. */
  broadcast(from: LiveInstance, to: Iterable<LiveInstance>, args: readonly Json[]): void {
    if (this.#broadcasts >= BROADCAST_DEPTH_MAX) {
      throw new TypeError(`Cannot broadcast: ${BROADCAST_DEPTH_MAX} broadcasts led to each other`);
    }
    this.#broadcasts++;
    try {
      for (const instance of [...to]) {
        if (instance !== from) this.lifecycle(instance, "received", null, args);
      }
    } finally {
      this.#broadcasts--;
    }
  }

  /** There may be something to show of an instance. */
  changed(instance: LiveInstance): void {
    if (!instance.isMounted) return;
    this.#options.changed(instance);
    if (this.#dirty.has(instance)) return;
    this.#dirty.add(instance);
    this.shared.touched(instance);
    if (this.#depth === 0) this.#options.wake(0);
  }

  /** An instance is there no more. */
  ended(instance: LiveInstance): void {
    this.lifecycle(instance, "unmount");
    this.shared.remove(instance);
    this.#dirty.delete(instance);
    instance.engine.close();
  }

  /** Tells every tab what changed, and the page that caused it in any case. */
  flush(caller: LiveView | null = null): void {
    for (let round = 0; round < FLUSH_ROUNDS_MAX && this.#dirty.size > 0; round++) {
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      for (const instance of dirty) {
        if (!this.#take(instance)) continue;
        for (const view of instance.views) this.deliver(view);
      }
    }
    if (this.#dirty.size > 0) this.#options.wake(0);
    if (caller !== null) this.deliver(caller);
    if (this.#afterwards.length === 0) return;
    const afterwards = this.#afterwards;
    this.#afterwards = [];
    for (const say of afterwards) say();
  }

  /** Tells a tab what is new, as far as it goes. */
  deliver(view: LiveView): void {
    try {
      view.deliver();
    } catch (error) {
      this.failed(view, error);
    }
  }

  /** Says something to a page after the patches of what runs now. */
  say(view: LiveView, work: () => void): void {
    const say = () => {
      if (!view.isClosed) work();
    };
    if (this.#depth > 0) this.#afterwards.push(say);
    else say();
  }

  /** An error of the author's code: the page that caused it is told. */
  failed(view: LiveView | null, error: unknown, call = 0): void {
    const known = this.publicError(error, `island ${view?.instance.hosted.name ?? "of nobody"}`);
    if (view !== null && !view.isClosed) view.session.fail(view.target, known, call);
  }

  /** What a page may know of an error; the rest is reported. */
  publicError(error: unknown, where: string): DriftlessError {
    const known = error instanceof DriftlessError ? error : asRejection(error);
    if (known !== undefined && known.code !== "internal_error") return known;
    this.#options.onFailure(error, where);
    return new DriftlessError("internal_error", "The server failed");
  }

  /** Runs code of the author; says whether it went well. `waits` is told when it has not ended. */
  #run(
    { view, call }: { readonly view: LiveView | null; readonly call: number },
    instance: LiveInstance,
    work: () => unknown,
    waits: (result: Promise<unknown>) => void,
  ): boolean {
    const caller = this.#caller;
    const start = this.#options.now();
    this.#caller = view;
    this.#depth++;
    let isDone = true;
    try {
      const result = work();
      if (result instanceof Promise) waits(result);
    } catch (error) {
      isDone = false;
      this.failed(view, error, call);
    } finally {
      this.#caller = caller;
      this.#depth--;
    }
    const took = this.#options.now() - start;
    if (took > HANDLER_WARN_MS) {
      const warning = new TypeError(`Everyone waited ${took} ms for a handler`);
      this.#options.onFailure(warning, `island ${instance.hosted.name}`);
    }
    this.changed(instance);
    if (this.#depth === 0) this.flush(view);
    return isDone;
  }

  /** Takes the patch of an instance; says whether tabs have something to hear. */
  #take(instance: LiveInstance): boolean {
    try {
      return instance.take();
    } catch (error) {
      this.#options.onFailure(error, `island ${instance.hosted.name}`);
      return false;
    }
  }
}

/**
 * What a method returned, for the script that called it.
 *
 * @throws {DriftlessError} `rejected`, `too_large`
 */
function resultText(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? "";
  } catch (cause) {
    const problem = "Cannot return the result of the method: it is no JSON";
    throw new DriftlessError("rejected", problem, { cause });
  }
  const bytes = utf8Length(text);
  if (bytes <= RESULT_BYTES_MAX) return text;
  const problem = `Cannot return more than ${RESULT_BYTES_MAX} bytes: the result has ${bytes}`;
  throw new DriftlessError("too_large", problem);
}
