/** The app that tests serve on Workers: the example's rules, with islands on top. */
import { type AnyApp, collection, defineApp } from "../../core/app.ts";
import { island, live } from "../../ui/live_ui.ts";
import * as v from "valibot";

class Counter {
  count = 5;
  add(by: number): void {
    this.count += by;
  }
}

class Board {
  get rows(): readonly { readonly id: string; readonly text: string }[] {
    return live(this).collection("note").rows() as never;
  }
  async make(): Promise<void> {
    await live(this).mutate("note.create", { id: "n1", data: { text: "From an island" } });
  }
}

class Files {
  report = "";
  take(file: { readonly name: string; text(): string }): void {
    this.report = `${file.name}: ${file.text()}`;
  }
}

const note = collection("note", v.object({ text: v.pipe(v.string(), v.minLength(1)) }));

/** Whoever is signed in may do anything, but in the scope `closed`. */
export const served: AnyApp = defineApp({
  name: "notes",
  collections: { note },
  authorize: ({ principal, scope }) => principal !== null && scope !== "closed",
  islands: {
    counter: island(Counter, {
      template: `<p>{{count}}<button g-click="add(1)">+</button></p>`,
      scope: "global",
      saved: true,
    }),
    files: island(Files, {
      template: `<p><input type="file" g-upload="take" g-upload-bytes="10">{{report}}</p>`,
    }),
    board: island(Board, {
      template: `<section><button g-click="make()">Make</button>` +
        `<ul><li g-for="row in rows" g-key="row.id">{{row.text}}</li></ul></section>`,
    }),
  },
});
