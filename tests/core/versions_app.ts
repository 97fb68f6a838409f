/** One app in three versions: a field that is renamed, a mutator that is, and things that go. */
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";

const noteOne = collection("note", v.object({ title: v.string(), stars: v.number() }));
const noteTwo = collection("note", v.object({ text: v.string(), stars: v.number() }));
const noteThree = collection(
  "note",
  v.object({
    text: v.pipe(v.string(), v.minLength(1, "A note needs text")),
    stars: v.number(),
    tags: v.optional(v.array(v.string()), []),
  }),
);
const draft = collection("draft", v.object({ body: v.string() }));

/** Notes have a title. */
export const versionOne = defineApp({
  name: "versions",
  collections: { note: noteOne, draft },
  mutators: {
    "note.rename"(tx, { id, title }: { id: string; title: string }) {
      const note = tx.note.get(id);
      if (note !== undefined) tx.note.put(id, { ...note, title });
    },
    /** Not idempotent: a repeated effect shows. */
    "note.star"(tx, { id }: { id: string }) {
      const note = tx.note.get(id);
      if (note !== undefined) tx.note.put(id, { ...note, stars: note.stars + 1 });
    },
    "note.shout"(tx, { id }: { id: string }) {
      const note = tx.note.get(id);
      if (note !== undefined) tx.note.put(id, { ...note, title: note.title.toUpperCase() });
    },
    "note.tidy"() {},
  },
});

const mutatorsTwo = {
  "note.retext"(
    tx: { note: NoteTable<{ text: string; stars: number }> },
    { id, text }: { id: string; text: string },
  ) {
    const note = tx.note.get(id);
    if (note !== undefined) tx.note.put(id, { ...note, text });
  },
  "note.star"(
    tx: { note: NoteTable<{ text: string; stars: number }> },
    { id }: { id: string },
  ) {
    const note = tx.note.get(id);
    if (note !== undefined) tx.note.put(id, { ...note, stars: note.stars + 1 });
  },
};

interface NoteTable<Rec> {
  get(id: string): Rec | undefined;
  put(id: string, record: Rec): void;
}

const toTwo = {
  records: {
    note: ({ title, ...rest }: { title: string; stars: number }) => ({ ...rest, text: title }),
  },
  mutations: {
    "note.rename": ({ id, title }: { id: string; title: string }) => ({
      name: "note.retext",
      args: { id, text: title },
    }),
    "note.shout": () => null,
    "note.update": ({ id, data }: { id: string; data: { title?: string } }) => {
      const { title, ...rest } = data;
      return {
        name: "note.update",
        args: { id, data: title === undefined ? rest : { ...rest, text: title } },
      };
    },
  },
};

/** Notes have a text in place of a title; nobody shouts any more. */
export const versionTwo = defineApp({
  name: "versions",
  version: 2,
  collections: { note: noteTwo, draft },
  mutators: mutatorsTwo,
  migrations: { 2: toTwo },
});

/** As {@linkcode versionTwo}, for clients that run it too. */
export const versionTwoOnly = defineApp({
  name: "versions",
  version: 2,
  minVersion: 2,
  collections: { note: noteTwo, draft },
  mutators: mutatorsTwo,
  migrations: { 2: toTwo },
});

/** Notes have tags, and empty ones are gone. */
export const versionThree = defineApp({
  name: "versions",
  version: 3,
  collections: { note: noteThree, draft },
  mutators: {},
  migrations: {
    2: toTwo,
    3: {
      records: {
        note: (note: { text: string; stars: number }) => note.text === "" ? null : note,
      },
      mutations: {
        "note.retext": ({ id, text }: { id: string; text: string }) => ({
          name: "note.update",
          args: { id, data: { text } },
        }),
      },
    },
  },
});
