/** What the compiler knows of queries, entities and bindings: wrong uses do not compile. */
import { assertEquals } from "@std/assert";
import * as v from "valibot";
import {
  type Client,
  collection,
  createClient,
  defineApp,
  type Query,
  type Row,
} from "../../mod.ts";
import { useQuery as useQueryPreact } from "../../ui/client/preact.ts";
import { useQuery as useQueryReact, useRecord } from "../../ui/client/react.ts";
import { createQuery } from "../../ui/client/solid.ts";
import { queryStore } from "../../ui/client/svelte.ts";
import { useQuery as useQueryVue } from "../../ui/client/vue.ts";

type Todo = { readonly title: string; readonly rank: number };

const app = defineApp({
  name: "types",
  collections: {
    todo: collection("todo", v.object({ title: v.string(), rank: v.number() })),
    tag: collection("tag", v.object({ name: v.string() })),
  },
});

/** Compiles for the same type only. */
function isExactly<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: [Expected] extends [Actual] ? [Actual] extends [Expected] ? [] : [never] : [never]
  ): void => {};
}

/** Never runs: the bindings want their frameworks around them. */
export function compiled(client: Client<typeof app>): void {
  type Rows = readonly Row<Todo>[];
  const query = client.query("todo", {
    where: (todo, id) => todo.rank > 1 && id !== "" && todo.title !== "",
    orderBy: [["rank", "desc"], "title"],
    limit: 3,
  });
  isExactly<Query<Todo>>()(query);
  isExactly<Rows>()(query.value);
  query.subscribe(({ rows, added }) => isExactly<Rows>()([...rows, ...added] as Rows));
  client.query("todo", { where: { rank: 1 }, orderBy: (a, b) => a.rank - b.rank });
  client.query("tag", { orderBy: "name" });
  // @ts-expect-error no such collection
  client.query("nothing");
  // @ts-expect-error no such field
  client.query("todo", { orderBy: "name" });
  // @ts-expect-error no such direction
  client.query("todo", { orderBy: [["rank", "up"]] });
  // @ts-expect-error a rank is a number
  client.query("todo", { where: { rank: "1" } });
  // @ts-expect-error a predicate says yes or no
  client.query("todo", { where: (todo) => todo.name === "" });

  const todos = client.collection("todo");
  isExactly<Todo | undefined>()(todos.create({ title: "t", rank: 1 }).get());
  isExactly<Promise<void>>()(todos.entity("t").set({ rank: 2 }));
  // @ts-expect-error a record needs all its fields
  todos.create({ title: "t" });
  // @ts-expect-error no such field
  todos.entity("t").set({ name: "n" });
  // @ts-expect-error records are not edited in place
  for (const [, todo] of todos.all()) todo.rank = 2;

  isExactly<Rows>()(useQueryReact(client, "todo", { where: ({ rank }) => rank > 1 }, []));
  isExactly<Rows>()(useQueryPreact(client, "todo", { orderBy: ["rank", "desc"] }));
  isExactly<Rows>()(createQuery(client, "todo", () => ({ limit: 1 }))());
  isExactly<Rows>()(useQueryVue(client, "todo", () => ({ where: { rank: 1 } })).value);
  queryStore(client, "todo").subscribe((rows) => isExactly<Rows>()(rows));
  isExactly<Todo | undefined>()(useRecord(client, "todo", "t"));
  // @ts-expect-error no such collection
  useQueryReact(client, "nothing");
  // @ts-expect-error no such field
  useQueryVue(client, "todo", () => ({ orderBy: "name" }));
  // @ts-expect-error no such field
  createQuery(client, "tag", { where: { rank: 1 } });
}

Deno.test("a client is a client of its app, for the compiler and at run time", () => {
  const client: Client<typeof app> = createClient(app, {
    url: "http://127.0.0.1:1",
    persistence: "memory",
  });
  const names: readonly (keyof typeof app.collections)[] = ["todo", "tag"];
  assertEquals(names.map((name) => client.query(name).peek()), [[], []]);
});
