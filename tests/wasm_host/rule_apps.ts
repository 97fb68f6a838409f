/** One app twice: with its rules in TypeScript, and with those of a module. */
import * as v from "valibot";
import { type AnyApp, collection, defineApp } from "../../core/app.ts";
import { Rejection } from "../../core/errors.ts";
import { wasmRules } from "../../wasm/rules.ts";

/** One thing to do. */
export interface Todo {
  readonly title: string;
  readonly done: boolean;
}

const OPEN_MAX = 100;

const byteLength = (text: string) => new TextEncoder().encode(JSON.stringify(text)).length - 2;
const title = v.pipe(
  v.string(),
  v.check((it) => byteLength(it) >= 1 && byteLength(it) <= 200, "Write 1 to 200 bytes"),
);
/** What `rules.c` checks. */
export const todoSchema = v.strictObject({ title, done: v.boolean() });
const todo = collection("todo", todoSchema);

/** The rules, written in TypeScript. */
export const typedApp: AnyApp = defineApp({
  name: "todos",
  collections: { todo },
  mutators: {
    "todo.add"(tx, args: { title: string }, { newId }) {
      const isGood = v.is(title, args?.title);
      if (!isGood) throw new Rejection("Give it a title");
      const open = tx.todo.all().filter(([, { done }]) => !done).length;
      if (open >= OPEN_MAX) throw new Rejection("Do some of the others first");
      tx.todo.put(newId(), { title: args.title, done: false });
    },
    "todo.toggle"(tx, { id }: { id: string }) {
      const row = tx.todo.get(id);
      if (row === undefined) throw new Rejection("There is no such thing to do", "not_found");
      tx.todo.put(id, { title: row.title, done: !row.done });
    },
    "todo.clear"(tx) {
      for (const [id, { done }] of tx.todo.all()) if (done) tx.todo.delete(id);
    },
    "todo.take"(tx, { id }: { id: string }, { principal }) {
      if (principal === null) throw new Rejection("Sign in first", "forbidden");
      tx.todo.put(id, { title: principal.id, done: false });
    },
  },
});

/** The same app with the rules of a module. */
export function moduleApp(module: WebAssembly.Module | Uint8Array<ArrayBuffer>): AnyApp {
  const rules = wasmRules(module);
  return defineApp({
    name: "todos",
    collections: { todo: collection("todo", rules.schema<Todo>("todo")) },
    mutators: {
      "todo.add": rules.mutator<{ title: string }>("todo.add"),
      "todo.toggle": rules.mutator<{ id: string }>("todo.toggle"),
      "todo.clear": rules.mutator<null>("todo.clear"),
      "todo.take": rules.mutator<{ id: string }>("todo.take"),
    },
  });
}
