/** The records of one collection, and one of them: read, and written by the built-ins. */
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { randomId } from "../../core/ports.ts";
import { type CollectionReads, openReads, type ReadsHost } from "./collection_reads.ts";

/**
 * The records of one collection, pending mutations included. An effect that reads them runs again when
 * what it read differs: `get` and `has` that record, `count` the number, `all` and `find` any record.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * client.setOffline(true);
 * await client.start();
 *
 * const todos = client.collection("todo");
 * const made = todos.create({ title: "Feed the cat", done: false });
 * const open = todos.find(({ done }) => !done);
 * if (open[0]?.[0] !== made.id || !todos.has(made.id) || todos.count() !== 1) throw new Error();
 * await made.stored;
 * await client.stop();
 * ```
 */
export interface CollectionView<Rec> extends CollectionReads<Rec> {
  /**
   * Adds a record, with a fresh id when none is given. It is in the view when this returns; `stored` of
   * the entity tells when it is durable, and rejects when it is refused: `conflict` when there is a
   * record of that id, `invalid_record` by the schema.
   *
   * @throws {TypeError} when the collection has its built-in mutators turned off
   */
  create(data: Rec, id?: string): CreatedEntity<Rec>;
  /** One record, which need not exist. */
  entity(id: string): Entity<Rec>;
}

/**
 * One record of a collection, by its id.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, effect } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * client.setOffline(true);
 * await client.start();
 *
 * const item = client.collection("todo").entity("t1");
 * const titles: (string | undefined)[] = [];
 * const stop = effect(() => void titles.push(item.get()?.title));
 * await client.collection("todo").create({ title: "Feed the cat", done: false }, "t1").stored;
 * await item.set({ title: "Feed the cats" });
 * await item.delete();
 * stop();
 * if (titles.join() !== ",Feed the cat,Feed the cats,") throw new Error(titles.join());
 * await client.stop();
 * ```
 */
export interface Entity<Rec> {
  /** The record's id. */
  readonly id: string;
  /** The record, frozen, or `undefined`; can be followed. */
  get(): Rec | undefined;
  /** Whether the record exists; can be followed. */
  exists(): boolean;
  /**
   * Sets fields, and leaves the others. The view has changed when this returns; the promise resolves
   * when that is durable on this device. It rejects with `not_found` when there is no such record,
   * and with a `TypeError` when the collection has its built-in mutators turned off.
   */
  set(fields: Partial<Rec>): Promise<void>;
  /** Removes the record, if it is there; resolves and rejects like `set`. */
  delete(): Promise<void>;
}

/** A record that was just created. */
export interface CreatedEntity<Rec> extends Entity<Rec> {
  /** Resolves when the record is durable on this device; rejects when it was refused. */
  readonly stored: Promise<void>;
}

/** What a collection needs of its client. */
export interface CollectionHost extends ReadsHost {
  mutate(name: string, args: unknown): Promise<unknown>;
}

/**
 * Opens a collection of a client.
 *
 * @throws {TypeError} when the app has none of that name
 */
export function openCollection(host: CollectionHost, name: string): CollectionView<JsonObject> {
  const reads = openReads(host, name);
  const { get } = reads;
  const entity = (id: string): Entity<JsonObject> => ({
    id,
    get: () => get(id),
    exists: () => get(id) !== undefined,
    async set(data) {
      const mutator = builtin(host.app, name, "update");
      if (host.view().get(name, id) === undefined) {
        throw new DriftlessError("not_found", `Cannot set ${name} "${id}": it does not exist`);
      }
      await host.mutate(mutator, { id, data });
    },
    async delete() {
      await host.mutate(builtin(host.app, name, "delete"), { id });
    },
  });
  return {
    ...reads,
    create(data, id = freshId()) {
      const made = host.mutate(builtin(host.app, name, "create"), { id, data });
      return { ...entity(id), stored: made.then(() => {}) };
    },
    entity,
  };
}

/** The mutator behind a method; one that the app wrote itself under this name will do. */
function builtin(app: AnyApp, name: string, verb: string): string {
  const mutator = `${name}.${verb}`;
  if (app.collections[name]?.builtins || app.mutators.has(mutator)) return mutator;
  throw new TypeError(`Cannot ${verb} a ${name}: its built-in mutators are turned off`);
}

/** `crypto.randomUUID` would be missing on a page without TLS. */
function freshId(): string {
  return randomId({ bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) });
}
