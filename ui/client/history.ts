/** Undo and redo of one's own mutations, in order and in steps. */
import { signal } from "@preact/signals-core";
import type { AnyApp, MutatorCall } from "../../core/app.ts";
import type { SyncClient } from "../../core/client.ts";
import type { SettledMutation } from "../../core/client_output.ts";
import type { Mutation } from "../../core/mutation.ts";
import { type UndoOrigin, UndoStack } from "../../core/undo.ts";
import type { TakeStep } from "./mutation_queue.ts";
import type { ReadonlySignal } from "./signals.ts";

/**
 * What the user of this client did since the page was loaded, to take back and to make again. A field
 * goes back only where nobody else has changed it since. Mutators of an app go back by the built-in
 * mutators of the collections that they wrote, or by the app's own `undo`.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const app = defineApp({ name: "todos", collections: { todo } });
 * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 * client.setOffline(true);
 * await client.start();
 * await client.mutate("todo.create", { id: "t1", data: { title: "Milk" } });
 * await client.mutate("todo.update", { id: "t1", data: { title: "Oat milk" } });
 *
 * await client.history.undo();
 * if (client.collection("todo").get("t1")?.title !== "Milk") throw new Error("Not undone");
 * await client.history.redo();
 * if (client.collection("todo").get("t1")?.title !== "Oat milk") throw new Error("Not redone");
 * await client.stop();
 * ```
 */
export class History {
  readonly #stack: UndoStack;
  readonly #take: TakeStep;
  readonly #machine: () => SyncClient;
  readonly #canUndo = signal(false);
  readonly #canRedo = signal(false);
  /** The mutations of the group that is being made. */
  #group: Mutation[] | null = null;

  /** Made by `createClient`. */
  constructor(app: AnyApp, take: TakeStep, machine: () => SyncClient) {
    this.#stack = new UndoStack(app);
    this.#take = take;
    this.#machine = machine;
  }

  /** Whether there is something to take back. */
  get canUndo(): ReadonlySignal<boolean> {
    return this.#canUndo;
  }

  /** Whether there is something to make again. */
  get canRedo(): ReadonlySignal<boolean> {
    return this.#canRedo;
  }

  /**
   * Takes the newest step back, by mutations that it returns; resolves when they are durable on this
   * device. Without a step to take back it does nothing.
   *
   * @throws {DriftlessError} when a rule refuses to go back
   */
  undo(): Promise<readonly Mutation[]> {
    return this.#make(this.#stack.undo(this.#reader()), "undo");
  }

  /**
   * Makes again what was undone last.
   *
   * @throws {DriftlessError} when a rule refuses it now
   */
  redo(): Promise<readonly Mutation[]> {
    return this.#make(this.#stack.redo(this.#reader()), "redo");
  }

  /** The calls that `work` makes before it returns are one step. */
  group<T>(work: () => T): T {
    if (this.#group !== null) return work();
    const group: Mutation[] = this.#group = [];
    try {
      return work();
    } finally {
      this.#group = null;
      this.#recorded(group, "user");
    }
  }

  /** The user made a mutation. @internal */
  made(mutation: Mutation): void {
    if (this.#group === null) this.#recorded([mutation], "user");
    else this.#group.push(mutation);
  }

  /** A mutation is confirmed. @internal */
  settled(settled: SettledMutation): void {
    this.#stack.settled(settled);
  }

  /** Mutations have no effect: they were refused, held or let go. @internal */
  forgotten(ids: readonly string[]): void {
    for (const id of ids) this.#stack.forgotten(id);
    this.#review();
  }

  async #make(calls: readonly MutatorCall[], by: UndoOrigin): Promise<readonly Mutation[]> {
    const made: { readonly mutation: Mutation; readonly durable: Promise<void> }[] = [];
    try {
      for (const { name, args } of calls) {
        made.push(this.#take((machine) => machine.mutate(name, args)));
      }
    } finally {
      this.#recorded(made.map(({ mutation }) => mutation), by);
      await Promise.all(made.map(({ durable }) => durable));
    }
    return made.map(({ mutation }) => mutation);
  }

  #recorded(mutations: readonly Mutation[], by: UndoOrigin): void {
    this.#stack.recorded(mutations, by);
    this.#review();
  }

  #reader() {
    const machine = this.#machine();
    return {
      get: (entity: string, id: string) => machine.view.get(entity, id),
      effectsOf: (id: string) => machine.effectsOf(id),
    };
  }

  #review(): void {
    this.#canUndo.value = this.#stack.canUndo;
    this.#canRedo.value = this.#stack.canRedo;
  }
}
