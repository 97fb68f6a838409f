/**
 * Solid accessors for a client. Rows keep their identity as long as their record is the same, so `For`
 * makes again only what differs. Each stops with the owner that it was made under.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { createQuery } from "@driftless/driftless/solid";
 * import { createRoot } from "solid-js";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * createRoot((dispose) => {
 *   const open = createQuery(client, "todo", { where: { done: false }, orderBy: "title" });
 *   if (open().length !== 0) throw new Error();
 *   dispose();
 * });
 * ```
 *
 * @module
 */
import { createComputed, createMemo, createSignal, onCleanup, untrack } from "solid-js";
import type { AnyApp } from "../../core/app.ts";
import { type CollectionName, type RecordIn, recordSignal, rowsSignal } from "./client_signals.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Client } from "./create_client.ts";
import type { QueryOptions } from "./query_options.ts";
import type { ReadonlySignal } from "./signals.ts";
import type { Row } from "./sorted_rows.ts";

/** Solid's accessor: a call gives the value, and follows it. */
export type Accessor<T> = () => T;

/**
 * The rows of a query. Options may come from an accessor: what it reads makes a new query.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { createQuery } from "@driftless/driftless/solid";
 * import { createRoot, createSignal } from "solid-js";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * createRoot((dispose) => {
 *   const [done, setDone] = createSignal(false);
 *   const rows = createQuery(client, "todo", () => ({ where: { done: done() } }));
 *   setDone(true);
 *   if (rows().length !== 0) throw new Error();
 *   dispose();
 * });
 * ```
 */
export function createQuery<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  options: QueryOptions<RecordIn<A, Name>> | Accessor<QueryOptions<RecordIn<A, Name>>> = {},
): Accessor<readonly Row<RecordIn<A, Name>>[]> {
  return following(() => {
    return rowsSignal(client, name, typeof options === "function" ? options() : options);
  });
}

/**
 * One record, or `undefined`. The id may come from an accessor.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { createRecord } from "@driftless/driftless/solid";
 * import { createRoot } from "solid-js";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * createRoot((dispose) => {
 *   const first = createRecord(client, "todo", "t1");
 *   if (first()?.title !== undefined) throw new Error();
 *   dispose();
 * });
 * ```
 */
export function createRecord<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  id: string | Accessor<string>,
): Accessor<RecordIn<A, Name> | undefined> {
  return following(() => recordSignal(client, name, typeof id === "function" ? id() : id));
}

/**
 * How a client is doing.
 *
 * @example
 * ```ts
 * import { createClient, defineApp } from "@driftless/driftless";
 * import { createStatus } from "@driftless/driftless/solid";
 * import { createRoot } from "solid-js";
 *
 * const client = createClient(defineApp({ name: "empty", collections: {} }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * createRoot((dispose) => {
 *   const status = createStatus(client);
 *   if (status().connection !== "stopped") throw new Error();
 *   dispose();
 * });
 * ```
 */
export function createStatus<A extends AnyApp>(client: Client<A>): Accessor<ClientStatus> {
  return createValue(client.status);
}

/**
 * The value of a signal.
 *
 * @example
 * ```ts
 * import { signal } from "@driftless/driftless";
 * import { createValue } from "@driftless/driftless/solid";
 * import { createRoot } from "solid-js";
 *
 * createRoot((dispose) => {
 *   const filter = createValue(signal("open"));
 *   if (filter() !== "open") throw new Error();
 *   dispose();
 * });
 * ```
 */
export function createValue<T>(source: ReadonlySignal<T>): Accessor<T> {
  return following(() => source);
}

function following<T>(source: Accessor<ReadonlySignal<T>>): Accessor<T> {
  const current = createMemo(source);
  const [value, setValue] = createSignal(untrack(current).peek());
  createComputed(() => onCleanup(current().subscribe((now) => void setValue(() => now))));
  return value;
}
