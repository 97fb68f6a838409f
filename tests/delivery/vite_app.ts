/** An app that its server and two packed pages share. */
import * as v from "valibot";
import { collection, defineApp } from "@driftless/driftless";

const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));

export default defineApp({
  name: "packed",
  collections: { todo },
  mutators: {
    "todo.toggle"(tx, { id }: { id: string }) {
      const item = tx.todo.get(id);
      if (item) tx.todo.put(id, { ...item, done: !item.done });
    },
  },
});
