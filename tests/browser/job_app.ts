/** An app whose rules show every loss and every doubling: entries are appended and counted. */
import * as v from "valibot";
import { collection, defineApp, Rejection } from "@driftless/driftless";

const note = collection(
  "note",
  v.object({ title: v.pipe(v.string(), v.minLength(1, "A note needs a title")), by: v.string() }),
);
const journal = collection(
  "journal",
  v.object({ entries: v.array(v.string()), count: v.number() }),
);

/** The most notes that one author may have; only the server sees those of all devices. */
export const NOTES_PER_AUTHOR_MAX = 3;

export default defineApp({
  name: "job",
  collections: { note, journal },
  mutators: {
    "journal.append"(tx, { id, entry }: { id: string; entry: string }) {
      const { entries, count } = tx.journal.get(id) ?? { entries: [], count: 0 };
      tx.journal.put(id, { entries: [...entries, entry], count: count + 1 });
    },
    "note.claim"(tx, { id, title, by }: { id: string; title: string; by: string }) {
      const own = tx.note.all().filter(([, other]) => other.by === by);
      if (own.length >= NOTES_PER_AUTHOR_MAX) throw new Rejection(`${by} has enough notes`);
      tx.note.put(id, { title, by });
    },
  },
});
