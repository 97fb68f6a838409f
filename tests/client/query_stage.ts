/** A view that tests move as a client's machine does, with its followers told: for query tests. */
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { canonicalText, type JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import { Snapshot } from "../../core/snapshot.ts";
import { View, type ViewChange } from "../../core/view.ts";
import { RowQuery } from "../../ui/client/query.ts";
import type { QueryOptions } from "../../ui/client/query_options.ts";
import { Reactive } from "../../ui/client/reactive.ts";

/** A record of the stage. */
export type Item = { readonly title: string; readonly rank: number; readonly done: boolean };

export const app = defineApp({
  name: "stage",
  collections: {
    item: collection(
      "item",
      v.object({ title: v.string(), rank: v.number(), done: v.boolean() }),
    ),
    other: collection("other", v.object({ text: v.string() })),
  },
  mutators: {
    "item.put"(tx, { id, item }: { id: string; item: Item }) {
      tx.item.put(id, item);
    },
    "item.remove"(tx, { id }: { id: string }) {
      tx.item.delete(id);
    },
    /** Comes out differently on another ground, and touches several records. */
    "item.raise"(tx, { by }: { by: number }) {
      for (const [id, item] of tx.item.all()) {
        if (!item.done) tx.item.put(id, { ...item, rank: item.rank + by });
      }
    },
  },
});

type Args = NonNullable<typeof app.argumentTypes>;
type Confirmed = Pick<ViewChange, "id" | "after"> & { readonly entity?: string };

/** A snapshot, the mutations on top, and who follows. */
export class Stage {
  readonly view: View;
  readonly reactive: Reactive;
  readonly #snapshot = new Snapshot();
  readonly #pending: Mutation[] = [];
  #made = 0;

  constructor() {
    this.view = new View(app, this.#snapshot, null);
    this.reactive = new Reactive(() => this.view);
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  query(options: QueryOptions<Item> = {}): RowQuery {
    return new RowQuery(this.reactive, "item", options as unknown as QueryOptions<JsonObject>);
  }

  mutate<Name extends keyof Args & string>(name: Name, args: Args[Name]): void {
    const seq = ++this.#made;
    const mutation: Mutation = {
      ...{ id: `m${seq}`, name, args: args as Mutation["args"], scope: "s", client: "c", seq },
      createdAt: seq,
    };
    this.#tell(this.view.append(mutation));
    this.#pending.push(mutation);
  }

  put(id: string, item: Item): void {
    this.mutate("item.put", { id, item });
  }

  /** The server's word: these records are so now, and these pending mutations are decided. */
  confirm(changes: readonly Confirmed[], ...places: readonly number[]): void {
    const rows = changes.map(({ id, after, entity = "item" }) => ({ entity, id, after }));
    const left = new Set(places.map((place) => this.#pending[place]?.id ?? ""));
    const kept = this.#pending.filter(({ id }) => !left.has(id));
    this.#pending.splice(0, this.#pending.length, ...kept);
    const differing = this.view.rebase(rows, left, () => {
      for (const { entity, id, after } of rows) {
        this.#snapshot.apply({
          ...{ cursor: this.#snapshot.cursor + 1, scope: "s", entity, id, time: 0 },
          ...{ op: after === undefined ? "delete" : "update" },
          json: after === undefined ? null : canonicalText(after),
        }, "epoch");
      }
    });
    this.#tell(differing);
  }

  /** A whole snapshot in place of the one before. */
  replace(rows: readonly (readonly [id: string, item: Item])[]): void {
    this.#snapshot.replace({
      rows: rows.map(([id, item]) => ({ entity: "item", id, json: canonicalText(item) })),
      cursor: this.#snapshot.cursor + 1,
      epoch: "epoch",
    });
    this.view.reset(this.#pending);
    this.reactive.changed("everything");
  }

  /** Every record as a reader sees it. */
  all(): readonly (readonly [id: string, item: Item])[] {
    return this.view.all("item") as readonly (readonly [string, Item])[];
  }

  #tell(changes: readonly ViewChange[]): void {
    if (changes.length > 0) this.reactive.changed(changes);
  }
}
