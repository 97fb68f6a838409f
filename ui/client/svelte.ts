/**
 * Svelte stores for a client: `$rows` in a component follows them, and leaves with the component.
 * A signal follows Svelte's store contract as it is, so `client.status` is a store already.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { queryStore } from "@driftless/driftless/svelte";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * const rows = queryStore(client, "todo", { where: { done: false }, orderBy: "title" });
 * let count = -1;
 * const stop = rows.subscribe((rows) => count = rows.length);
 * stop();
 * if (count !== 0) throw new Error();
 * ```
 *
 * @module
 */
import type { AnyApp } from "../../core/app.ts";
import { type CollectionName, type RecordIn, recordSignal, rowsSignal } from "./client_signals.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Client } from "./create_client.ts";
import type { QueryOptions } from "./query_options.ts";
import type { Row } from "./sorted_rows.ts";

/** A store by Svelte's contract: it calls at once, and again with each new value. */
export interface ReadableStore<T> {
  /** Follows the value; returns how to stop. */
  subscribe(run: (value: T) => void): () => void;
}

/**
 * The rows of a query.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { queryStore } from "@driftless/driftless/svelte";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * let titles: string[] = [];
 * const rows = queryStore(client, "todo", { limit: 10 });
 * rows.subscribe((rows) => titles = rows.map(([, { title }]) => title))();
 * if (titles.length !== 0) throw new Error();
 * ```
 */
export function queryStore<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  options: QueryOptions<RecordIn<A, Name>> = {},
): ReadableStore<readonly Row<RecordIn<A, Name>>[]> {
  return rowsSignal(client, name, options);
}

/**
 * One record, or `undefined`.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { recordStore } from "@driftless/driftless/svelte";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * let title = "";
 * recordStore(client, "todo", "t1").subscribe((item) => title = item?.title ?? "Gone")();
 * if (title !== "Gone") throw new Error(title);
 * ```
 */
export function recordStore<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  id: string,
): ReadableStore<RecordIn<A, Name> | undefined> {
  return recordSignal(client, name, id);
}

/**
 * How a client is doing.
 *
 * @example
 * ```ts
 * import { createClient, defineApp } from "@driftless/driftless";
 * import { statusStore } from "@driftless/driftless/svelte";
 *
 * const client = createClient(defineApp({ name: "empty", collections: {} }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * let shown = "";
 * statusStore(client).subscribe(({ connection }) => shown = connection)();
 * if (shown !== "stopped") throw new Error(shown);
 * ```
 */
export function statusStore<A extends AnyApp>(client: Client<A>): ReadableStore<ClientStatus> {
  return client.status;
}
