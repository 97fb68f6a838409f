/** The app of the example for Workers: notes, which whoever is signed in shares with a team. */
import { collection, defineApp } from "@driftless/driftless";
import * as v from "valibot";

const note = collection("note", v.object({ text: v.pipe(v.string(), v.minLength(1)) }));

export default defineApp({
  name: "notes",
  collections: { note },
  mutators: {
    "note.shout"(tx, { id }: { id: string }) {
      const found = tx.note.get(id);
      if (found !== undefined) tx.note.put(id, { text: `${found.text}!` });
    },
  },
  authorize: ({ principal, scope }) => principal !== null && scope !== "closed",
});
