/** The app of the simulation: rules that show at once when they run twice, never, or out of order. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type AccessRequest, type AnyApp, collection, defineApp } from "../../core/app.ts";
import { Rejection } from "../../core/errors.ts";

/** Items of one list: a longer one does not satisfy its schema. */
export const LIST_ITEMS_MAX = 12;
/** What `counter.fragile` cannot bear: it throws when the count leaves this rest by three. */
export const FRAGILE_REST = 2;

/** What every device believes to be allowed, and the server never allows. */
export const DREAM = "list.dream";

export interface List {
  readonly scope: string;
  readonly items: readonly string[];
}

export interface Counter {
  readonly scope: string;
  readonly count: number;
}

/** Written by the built-in mutators, and by two of the app's own. */
export interface Note {
  readonly scope: string;
  readonly title: string;
  readonly body: string;
}

export interface Blob {
  readonly scope: string;
  readonly text: string;
}

const list = collection(
  "list",
  checked<List>((value) => Array.isArray(value.items) && value.items.length <= LIST_ITEMS_MAX),
);
const counter = collection("counter", checked<Counter>((value) => Number.isInteger(value.count)));
const note = collection(
  "note",
  checked<Note>(({ title, body }) => typeof title === "string" && typeof body === "string"),
);
const blob = collection("blob", checked<Blob>((value) => typeof value.text === "string"));

const collections = { list, counter, note, blob };

/** The names of its collections. */
export const ENTITIES = ["list", "counter", "note", "blob"] as const;

interface ById {
  readonly id: string;
}

/** The app, with the world's say on who may do what. */
export function simulatedApp(authorize: (request: AccessRequest) => boolean): AnyApp {
  return defineApp({
    name: "simulated",
    collections,
    authorize,
    mutators: {
      "list.append"(tx, { id, item }: ById & { item: string }, { scope }) {
        const items = tx.list.get(id)?.items ?? [];
        tx.list.put(id, { scope, items: [...items, item] });
      },
      "list.move"(tx, { id, to, item }: ById & { to: string; item: string }, { scope }) {
        const from = tx.list.get(id)?.items ?? [];
        if (!from.includes(item)) throw new Rejection(`Cannot move ${item}: it is not in ${id}`);
        tx.list.put(id, { scope, items: from.filter((other) => other !== item) });
        const items = tx.list.get(to)?.items ?? [];
        tx.list.put(to, { scope, items: [...items, item] });
      },
      "list.mint"(tx, { item }: { item: string }, { scope, newId }) {
        tx.list.put(newId(), { scope, items: [item] });
      },
      [DREAM](tx, { id, item }: ById & { item: string }, { scope }) {
        tx.list.put(id, { scope, items: [item] });
      },
      "list.drop"(tx, { id }: ById) {
        tx.list.delete(id);
      },
      "list.tally"(tx, _args: null, { scope }) {
        const count = tx.list.all().reduce((sum, [, { items }]) => sum + items.length, 0);
        tx.counter.put("tally", { scope, count });
      },
      "counter.add"(tx, { id, by }: ById & { by: number }, { scope }) {
        tx.counter.put(id, { scope, count: (tx.counter.get(id)?.count ?? 0) + by });
      },
      "counter.spend"(tx, { id, by }: ById & { by: number }, { scope }) {
        const count = (tx.counter.get(id)?.count ?? 0) - by;
        if (count < 0) throw new Rejection(`Cannot spend ${by}: there is too little`);
        tx.counter.put(id, { scope, count });
      },
      "counter.fragile"(tx, { id }: ById, { scope }) {
        const count = tx.counter.get(id)?.count ?? 0;
        if (count % 3 === FRAGILE_REST) throw new TypeError("a fault in the app's own code");
        tx.counter.put(id, { scope, count: count + 1 });
      },
      "note.shout"(tx, { id }: ById) {
        const held = tx.note.get(id);
        if (held === undefined) throw new Rejection(`Cannot shout ${id}: it is gone`);
        tx.note.put(id, { ...held, title: `${held.title}!` });
      },
      "note.drop"(tx, { id }: ById) {
        tx.note.delete(id);
      },
      "blob.fill"(tx, { rows, size, tag }: { rows: number; size: number; tag: string }, { scope }) {
        for (let i = 0; i < rows; i++) {
          tx.blob.put(`blob-${i}`, { scope, text: tag.padEnd(size, ".") });
        }
      },
      "blob.clear"(tx, { from, rows }: { from: number; rows: number }) {
        for (let i = from; i < from + rows; i++) tx.blob.delete(`blob-${i}`);
      },
    },
  });
}

/** A schema that takes objects which name a scope and satisfy `accept`. */
function checked<Rec extends object>(
  accept: (value: Partial<Rec>) => boolean,
): StandardSchemaV1<unknown, Rec> {
  return {
    "~standard": {
      version: 1,
      vendor: "simulated",
      validate(value) {
        const record = value as Partial<Rec> & { scope?: unknown };
        return typeof record.scope === "string" && accept(record)
          ? { value: record as Rec }
          : { issues: [{ message: "it does not have the shape" }] };
      },
    },
  };
}
