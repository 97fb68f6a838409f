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
        tx.item.put(id, { title: titleOf(place), place, isDone: false });
      }
    },
  },
});

/** Some 60 characters that do not repeat, as a list that people wrote: it compresses to about half. */
function titleOf(place: number): string {
  const words: string[] = [];
  let state = (place + 1) * 2_654_435_761 >>> 0;
  while (words.length < 8) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words.push((state >>> 4).toString(36));
  }
  return words.join(" ");
}
