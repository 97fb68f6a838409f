/**
 * React hooks for a client. Results keep their identity as long as nothing differs, so `memo` works.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useQuery } from "@driftless/driftless/react";
 * import { createElement } from "react";
 * import { renderToString } from "react-dom/server";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * function Open() {
 *   const rows = useQuery(client, "todo", { where: { done: false }, orderBy: "title" });
 *   return createElement("ul", null, rows.map(([id, { title }]) => createElement("li", { key: id }, title)));
 * }
 * const html = renderToString(createElement(Open));
 * if (html !== "<ul></ul>") throw new Error(html);
 * ```
 *
 * @module
 */
// @ts-types="@types/react"
import { useMemo, useSyncExternalStore } from "react";
import type { AnyApp } from "../../core/app.ts";
import {
  type CollectionName,
  optionsKey,
  type RecordIn,
  recordSignal,
  rowsSignal,
} from "./client_signals.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Client } from "./create_client.ts";
import type { QueryOptions } from "./query_options.ts";
import type { ReadonlySignal } from "./signals.ts";
import type { Row } from "./sorted_rows.ts";

/**
 * The rows of a query. Options may be written in place: they count by value. A function among them is a
 * new query whenever it is another function, unless `deps` says, as for `useMemo`, what it depends on.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useQuery } from "@driftless/driftless/react";
 * import { createElement } from "react";
 * import { renderToString } from "react-dom/server";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * function Found({ text }: { text: string }) {
 *   const where = (item: { title: string }) => item.title.includes(text);
 *   const rows = useQuery(client, "todo", { where, limit: 20 }, [text]);
 *   return createElement("p", null, `${rows.length} found`);
 * }
 * const html = renderToString(createElement(Found, { text: "milk" }));
 * if (html !== "<p>0 found</p>") throw new Error(html);
 * ```
 */
export function useQuery<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  options?: QueryOptions<RecordIn<A, Name>>,
  deps?: readonly unknown[],
): readonly Row<RecordIn<A, Name>>[] {
  const key = [client, name, ...optionsKey(options, deps)];
  return useValue(useMemo(() => rowsSignal(client, name, options), key));
}

/**
 * One record, or `undefined`. The component renders again when that record differs.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useRecord } from "@driftless/driftless/react";
 * import { createElement } from "react";
 * import { renderToString } from "react-dom/server";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * function Title({ id }: { id: string }) {
 *   return createElement("h1", null, useRecord(client, "todo", id)?.title ?? "Gone");
 * }
 * const html = renderToString(createElement(Title, { id: "t1" }));
 * if (html !== "<h1>Gone</h1>") throw new Error(html);
 * ```
 */
export function useRecord<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  id: string,
): RecordIn<A, Name> | undefined {
  return useValue(useMemo(() => recordSignal(client, name, id), [client, name, id]));
}

/**
 * How a client is doing.
 *
 * @example
 * ```ts
 * import { createClient, defineApp } from "@driftless/driftless";
 * import { useStatus } from "@driftless/driftless/react";
 * import { createElement } from "react";
 * import { renderToString } from "react-dom/server";
 *
 * const client = createClient(defineApp({ name: "empty", collections: {} }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * function Light() {
 *   const { connection, unsent } = useStatus(client);
 *   return createElement("p", null, `${connection}, ${unsent} to send`);
 * }
 * const html = renderToString(createElement(Light));
 * if (html !== "<p>stopped, 0 to send</p>") throw new Error(html);
 * ```
 */
export function useStatus<A extends AnyApp>(client: Client<A>): ClientStatus {
  return useValue(client.status);
}

/**
 * The value of a signal.
 *
 * @example
 * ```ts
 * import { signal } from "@driftless/driftless";
 * import { useValue } from "@driftless/driftless/react";
 * import { createElement } from "react";
 * import { renderToString } from "react-dom/server";
 *
 * const filter = signal("open");
 * function Filter() {
 *   return createElement("p", null, useValue(filter));
 * }
 * const html = renderToString(createElement(Filter));
 * if (html !== "<p>open</p>") throw new Error(html);
 * ```
 */
export function useValue<T>(source: ReadonlySignal<T>): T {
  const { subscribe, get } = useMemo(() => ({
    subscribe: (changed: () => void) => source.subscribe(changed),
    get: () => source.peek(),
  }), [source]);
  return useSyncExternalStore(subscribe, get, get);
}
