/** The records of one collection, as they are read and followed. */
import type { AnyApp } from "../../core/app.ts";
import type { JsonObject } from "../../core/json.ts";
import { rowKey } from "../../core/transaction.ts";
import type { View } from "../../core/view.ts";
import type { Row } from "./sorted_rows.ts";
import { collectionKey, countKey } from "./view_keys.ts";

/** The records of one collection, pending mutations included. */
export interface CollectionReads<Rec> {
  /** The record, frozen, or `undefined`. */
  get(id: string): Rec | undefined;
  /** Whether there is such a record. */
  has(id: string): boolean;
  /** Every record with its id, by id. */
  all(): readonly Row<Rec>[];
  /** The records that a predicate accepts, by id. */
  find(accept: (record: Rec, id: string) => boolean): readonly Row<Rec>[];
  /** How many records there are. */
  count(): number;
}

/** Those who follow what they read. */
export interface Followers {
  /** Notes that whoever reads now wants to hear of what has this key. */
  followKey(key: string): void;
}

/** What reads need of their client. */
export interface ReadsHost {
  readonly app: AnyApp;
  /** Nothing where reads are not followed. */
  readonly reactive?: Followers;
  /** Throws while the client does not run. */
  view(): View;
}

/**
 * Opens a collection of a client for reading.
 *
 * @throws {TypeError} when the app has none of that name
 */
export function openReads(
  { app, reactive, view }: ReadsHost,
  name: string,
): CollectionReads<JsonObject> {
  checkCollection(app, name);
  const get = (id: string) => {
    // Before the view is asked: whoever reads too early hears of the start.
    reactive?.followKey(rowKey(name, id));
    return view().get(name, id);
  };
  const all = () => {
    reactive?.followKey(collectionKey(name));
    return view().all(name);
  };
  return {
    get,
    has: (id) => get(id) !== undefined,
    all,
    find: (accept) => all().filter(([id, record]) => accept(record, id)),
    count() {
      reactive?.followKey(countKey(name));
      return view().count(name);
    },
  };
}

/** @throws {TypeError} when the app has no collection of that name */
export function checkCollection(app: AnyApp, name: string): void {
  if (!Object.hasOwn(app.collections, name)) {
    throw new TypeError(`Cannot read the collection "${name}": the app has none of that name`);
  }
}
