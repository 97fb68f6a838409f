/** The queue as an app sees it: what waits and why, and what its user can do about it. */
import type { SyncClient } from "../../core/client.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { QueueEntry } from "../../core/quarantine.ts";

/** Takes a step of the machine; `durable` settles with the storage of it. */
export type TakeStep = <Made extends { readonly token: number }>(
  take: (machine: SyncClient) => Made,
) => Made & { readonly durable: Promise<void> };

/** What the queue is made of. */
export interface QueueParts {
  readonly take: TakeStep;
  readonly entries: () => readonly QueueEntry[];
  /** Mutations were let go. */
  readonly gone: (ids: readonly string[]) => void;
}

/**
 * The mutations of this client that are not confirmed. One that the server refused waits here, out of
 * the view, with those that cannot run without it; all others go on.
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
 *
 * const [entry] = client.queue.list();
 * if (entry?.state !== "queued") throw new Error(entry?.state);
 * await client.queue.discard(entry.id); // never sent: it can be taken back
 * if (client.collection("todo").has("t1")) throw new Error("It is still there");
 * await client.stop();
 * ```
 */
export class MutationQueue {
  readonly #parts: QueueParts;

  /** Made by `createClient`. */
  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** Every mutation that is not confirmed, oldest first, with its state and why it waits. */
  list(): readonly QueueEntry[] {
    return this.#parts.entries();
  }

  /**
   * Calls a refused mutation once more, and behind it what it held back, under new ids. Resolves when
   * they are durable on this device.
   *
   * @throws {DriftlessError} `not_found` when it is not in quarantine; the rule's own error when it is
   *   refused here already. Then nothing has changed
   */
  async retry(id: string): Promise<readonly Mutation[]> {
    const { mutations, durable } = this.#parts.take((machine) => machine.retry(id));
    await durable;
    return mutations;
  }

  /**
   * As {@linkcode retry}, with other arguments.
   *
   * @throws {DriftlessError} as `retry`
   */
  async edit(id: string, args: unknown): Promise<readonly Mutation[]> {
    const { mutations, durable } = this.#parts.take((machine) => machine.edit(id, args));
    await durable;
    return mutations;
  }

  /**
   * Lets go of a refused mutation and of what it held back, or of one that was never sent. Resolves to
   * the ids of all that is gone.
   *
   * @throws {DriftlessError} `conflict` when it may have been sent: the server decides it; `not_found`
   */
  async discard(id: string): Promise<readonly string[]> {
    const { ids, durable } = this.#parts.take((machine) => machine.discard(id));
    this.#parts.gone(ids);
    await durable;
    return ids;
  }

  /** All of {@linkcode list} as JSON text, for a file that the user keeps or sends to support. */
  export(): string {
    return JSON.stringify(this.list(), null, 2);
  }
}
