/** The app that every platform serves: rules, islands, and who may do what. */
import { collection, defineApp, Rejection } from "@driftless/driftless";
import { island, live } from "@driftless/driftless/ui";
import * as v from "valibot";

const note = collection(
  "note",
  v.object({ text: v.pipe(v.string(), v.minLength(1)), by: v.optional(v.string()) }),
);
const journal = collection(
  "journal",
  v.object({ entries: v.array(v.string()), count: v.number() }),
);

class Counter {
  count = 5;
  add(by: number): void {
    this.count += by;
  }
}

class Board {
  title = "";
  get rows(): readonly { readonly id: string; readonly text: string }[] {
    return live(this).collection("note").rows() as never;
  }
  async make(): Promise<void> {
    await live(this).mutate("note.create", { id: `b-${this.title}`, data: { text: this.title } });
    this.title = "";
  }
}

class Files {
  report = "";
  take(file: { readonly name: string; text(): string }): void {
    this.report = `${file.name}: ${file.text()}`;
  }
}

export default defineApp({
  name: "everywhere",
  collections: { note, journal },
  mutators: {
    "journal.append"(tx, { id, entry }: { id: string; entry: string }) {
      const { entries, count } = tx.journal.get(id) ?? { entries: [], count: 0 };
      tx.journal.put(id, { entries: [...entries, entry], count: count + 1 });
    },
    "note.claim"(tx, { id, text }: { id: string; text: string }, { principal }) {
      const own = tx.note.all().filter(([, other]) => other.by === principal?.id);
      if (own.length >= 3) throw new Rejection("That is enough notes");
      tx.note.put(id, { text, by: principal?.id ?? "nobody" });
    },
  },
  // Islands are for everybody; rows are for who is signed in, but those of a scope that is closed.
  authorize: ({ principal, scope, island }): boolean =>
    (island !== undefined && island !== "board") || (principal !== null && scope !== "closed"),
  islands: {
    counter: island(Counter, { file: "counter.html", saved: true }),
    ours: island(Counter, { file: "counter.html", scope: "global", saved: true }),
    files: island(Files, {
      template: `<p><input type="file" g-upload="take" g-upload-bytes="10">{{report}}</p>`,
    }),
    board: island(Board, {
      template: `<section><input g-bind="title"><button g-click="make()">Make</button>` +
        `<ul><li g-for="row in rows" g-key="row.id">{{row.text}}</li></ul></section>`,
    }),
  },
});
