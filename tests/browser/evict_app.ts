/** An app with many records, which come a thousand at a time. */
import * as v from "valibot";
import { collection, defineApp } from "@driftless/driftless";

const item = collection(
  "item",
  v.object({ title: v.string(), place: v.number(), isDone: v.boolean() }),
);

export default defineApp({
  name: "evict",
  collections: { item },
  mutators: {
    "item.fill"(tx, { from, count }: { from: number; count: number }) {
      for (let place = from; place < from + count; place++) {
        const id = `item-${place.toString(36).padStart(6, "0")}`;
        tx.item.put(id, { title: `Number ${place} of a long list`, place, isDone: false });
      }
    },
  },
});
