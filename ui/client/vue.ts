/**
 * Vue composables for a client: shallow refs that stop with the effect scope they were made in.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useQuery } from "@driftless/driftless/vue";
 * import { effectScope } from "vue";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * const scope = effectScope();
 * scope.run(() => {
 *   const rows = useQuery(client, "todo", { where: { done: false }, orderBy: "title" });
 *   if (rows.value.length !== 0) throw new Error();
 * });
 * scope.stop();
 * ```
 *
 * @module
 */
import { computed, type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue, watch } from "vue";
import type { AnyApp } from "../../core/app.ts";
import { type CollectionName, type RecordIn, recordSignal, rowsSignal } from "./client_signals.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Client } from "./create_client.ts";
import type { QueryOptions } from "./query_options.ts";
import type { ReadonlySignal } from "./signals.ts";
import type { Row } from "./sorted_rows.ts";

/**
 * A ref of Vue's, to read and to watch.
 *
 * @ignore What it is made of is Vue's: `deno doc --lint` would have that documented here.
 */
export type ReadonlyRef<T> = Readonly<ShallowRef<T>>;

/**
 * A value, a ref that holds it, or a function that gives it.
 *
 * @ignore As {@linkcode ReadonlyRef}.
 */
export type ValueSource<T> = MaybeRefOrGetter<T>;

/**
 * The rows of a query. Options may be a ref or a getter: what it reads makes a new query.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useQuery } from "@driftless/driftless/vue";
 * import { effectScope, ref } from "vue";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * const scope = effectScope();
 * scope.run(() => {
 *   const done = ref(false);
 *   const rows = useQuery(client, "todo", () => ({ where: { done: done.value } }));
 *   done.value = true;
 *   if (rows.value.length !== 0) throw new Error();
 * });
 * scope.stop();
 * ```
 */
export function useQuery<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  options: ValueSource<QueryOptions<RecordIn<A, Name>>> = {},
): ReadonlyRef<readonly Row<RecordIn<A, Name>>[]> {
  return following(() => rowsSignal(client, name, toValue(options)));
}

/**
 * One record, or `undefined`. The id may be a ref or a getter.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { useRecord } from "@driftless/driftless/vue";
 * import { effectScope } from "vue";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * const scope = effectScope();
 * scope.run(() => {
 *   const first = useRecord(client, "todo", "t1");
 *   if (first.value?.title !== undefined) throw new Error();
 * });
 * scope.stop();
 * ```
 */
export function useRecord<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  id: ValueSource<string>,
): ReadonlyRef<RecordIn<A, Name> | undefined> {
  return following(() => recordSignal(client, name, toValue(id)));
}

/**
 * How a client is doing.
 *
 * @example
 * ```ts
 * import { createClient, defineApp } from "@driftless/driftless";
 * import { useStatus } from "@driftless/driftless/vue";
 * import { effectScope } from "vue";
 *
 * const client = createClient(defineApp({ name: "empty", collections: {} }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 *
 * const scope = effectScope();
 * scope.run(() => {
 *   if (useStatus(client).value.connection !== "stopped") throw new Error();
 * });
 * scope.stop();
 * ```
 */
export function useStatus<A extends AnyApp>(
  client: Client<A>,
): ReadonlyRef<ClientStatus> {
  return useValue(client.status);
}

/**
 * The value of a signal.
 *
 * @example
 * ```ts
 * import { signal } from "@driftless/driftless";
 * import { useValue } from "@driftless/driftless/vue";
 * import { effectScope } from "vue";
 *
 * const scope = effectScope();
 * scope.run(() => {
 *   if (useValue(signal("open")).value !== "open") throw new Error();
 * });
 * scope.stop();
 * ```
 */
export function useValue<T>(source: ReadonlySignal<T>): ReadonlyRef<T> {
  return following(() => source);
}

function following<T>(source: () => ReadonlySignal<T>): ReadonlyRef<T> {
  const current = computed(source);
  const value = shallowRef(current.value.peek());
  watch(current, (now, _before, onCleanup) => {
    onCleanup(now.subscribe((next) => void (value.value = next)));
  }, { immediate: true, flush: "sync" });
  return value;
}
