/** What a framework shows of a client, as one signal each: that is all a binding has to follow. */
import { computed } from "@preact/signals-core";
import type { AnyApp, RecordOf } from "../../core/app.ts";
import { NotStartedError } from "./client_errors.ts";
import type { Client } from "./create_client.ts";
import type { QueryOptions } from "./query_options.ts";
import type { ReadonlySignal } from "./signals.ts";
import type { Row } from "./sorted_rows.ts";

/** The names of an app's collections. */
export type CollectionName<A extends AnyApp> = keyof A["collections"] & string;

/** The records of a collection, by its name. */
export type RecordIn<A extends AnyApp, Name extends CollectionName<A>> = RecordOf<
  A["collections"][Name]
>;

/** The rows of a query, kept up to date while somebody follows the signal. */
export function rowsSignal<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  options?: QueryOptions<RecordIn<A, Name>>,
): ReadonlySignal<readonly Row<RecordIn<A, Name>>[]> {
  const query = client.query(name, options);
  return computed(() => query.value);
}

/** One record; `undefined` when there is none, and before the client has started. */
export function recordSignal<A extends AnyApp, Name extends CollectionName<A>>(
  client: Client<A>,
  name: Name,
  id: string,
): ReadonlySignal<RecordIn<A, Name> | undefined> {
  const records = client.collection(name);
  return computed(() => {
    try {
      return records.get(id);
    } catch (error) {
      if (error instanceof NotStartedError) return undefined;
      throw error;
    }
  });
}

/**
 * What tells the options of one render from those of the next. Values count as what they say, so that
 * objects written in the render are the same every time; functions count as themselves, or as `deps`.
 */
export function optionsKey<Rec>(
  options: QueryOptions<Rec> | undefined,
  deps: readonly unknown[] | undefined,
): readonly unknown[] {
  const functions = [options?.where, options?.orderBy].map((value) => {
    return typeof value === "function" ? value : null;
  });
  // JSON would leave out what is `undefined`, which asks for a field that is absent.
  const text = JSON.stringify(options, (_key, value) => value === undefined ? { "": [] } : value);
  return [text, ...(deps ?? functions)];
}
