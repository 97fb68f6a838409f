/** The app that the tests of the client and the server run: one rule of every kind. */
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { Rejection } from "../../core/errors.ts";

const note = collection(
  "note",
  v.object({ title: v.string(), done: v.exactOptional(v.boolean()) }),
);
const counter = collection("counter", v.object({ value: v.number() }), { builtins: false });

/** Notes with the built-in mutators, and counters whose mutators do not repeat harmlessly. */
export const notesApp = defineApp({
  name: "notes",
  collections: { note, counter },
  mutators: {
    /** Not idempotent: a repeated effect shows. */
    "counter.add"(tx, { id, by }: { id: string; by: number }) {
      tx.counter.put(id, { value: (tx.counter.get(id)?.value ?? 0) + by });
    },
    /** Refuses on some grounds and not on others. */
    "counter.spend"(tx, { id, by }: { id: string; by: number }) {
      const value = tx.counter.get(id)?.value ?? 0;
      if (value < by) throw new Rejection(`Cannot spend ${by} of ${value}`);
      tx.counter.put(id, { value: value - by });
    },
    /** Writes where a record says: on other ground it goes to another row. */
    "counter.route"(tx, { id }: { id: string }) {
      const target = ["a", "b", "c"][tx.counter.get(id)?.value ?? 0] ?? "d";
      tx.counter.put(target, { value: (tx.counter.get(target)?.value ?? 0) + 1 });
    },
    /** Comes out differently before and after an addition. */
    "counter.double"(tx, { id }: { id: string }) {
      tx.counter.put(id, { value: 2 * (tx.counter.get(id)?.value ?? 0) });
    },
    /** Reads a whole collection. */
    "counter.total"(tx, _args: null) {
      const value = tx.counter.all().reduce(
        (sum, [id, item]) => id === "total" ? sum : sum + item.value,
        0,
      );
      tx.counter.put("total", { value });
    },
    /** Refuses unless the whole collection comes to something. */
    "counter.half"(tx, _args: null) {
      const value = tx.counter.all().reduce((sum, [, item]) => sum + item.value, 0) / 2;
      if (value === 0) throw new Rejection("There is nothing to halve");
      tx.counter.put("half", { value });
    },
    /** Takes its id from the mutation. */
    "note.log"(tx, title: string, { newId }) {
      tx.note.put(newId(), { title });
    },
    "note.rename"(tx, { id, title }: { id: string; title: string }) {
      const item = tx.note.get(id);
      if (item !== undefined) tx.note.put(id, { ...item, title });
    },
    "note.clear"(tx, _args: null) {
      for (const [id] of tx.note.all()) tx.note.delete(id);
    },
    /** Writes many rows at once. */
    "note.fill"(tx, { count, title }: { count: number; title: string }) {
      for (let i = 0; i < count; i++) tx.note.put(`n${i}`, { title });
    },
    "note.sign"(tx, { id }: { id: string }, { principal }) {
      tx.note.put(id, { title: principal?.id ?? "nobody" });
    },
    "note.stamp"(tx, { id }: { id: string }, { now }) {
      tx.note.put(id, { title: `${now}` });
    },
    refuse(_tx, reason: string) {
      throw new Rejection(reason);
    },
    crash(tx, _args: null) {
      tx.note.put("crash", { title: "half done" });
      throw new Error("secret of the app");
    },
  },
});
