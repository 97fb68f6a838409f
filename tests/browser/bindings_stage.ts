/** What the pages of the binding tests share: a client whose calls are counted, and what a page offers. */
import { Signal } from "@preact/signals-core";
import * as v from "valibot";
import { type Client, collection, createClient, defineApp, type QueryOptions } from "../../mod.ts";

const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
const app = defineApp({ name: "bindings", collections: { todo } });

export type Todo = { readonly title: string; readonly done: boolean };
export type BindingsClient = Client<typeof app>;
export type Options = QueryOptions<Todo>;

/** A list that a framework keeps: what it shows, and how it is changed from outside. */
export interface Mounted {
  /** Shows another query. */
  show(options: Options): void;
  unmount(): void;
}

/** Shows in a root, with a framework: `ul` the rows, `h1` the record "a", `p` status and note. */
export type Mount = (root: HTMLElement, options: Options) => Mounted;

/** How often something happened. */
export const calls = { query: 0, get: 0, row: 0, where: 0 };

/** How many follow {@linkcode note}. */
let followers = 0;

/** A signal of the app's own. */
export const note: Signal<string> = new Signal("note", {
  watched: () => void followers++,
  unwatched: () => void followers--,
});

const real = createClient(app, { url: location.origin, persistence: "memory" });

/** The client that the bindings get. */
export const client = {
  status: real.status,
  query(name: "todo", options?: Options) {
    calls.query++;
    return real.query(name, options);
  },
  collection(name: "todo") {
    const records = real.collection(name);
    const get = (id: string) => {
      calls.get++;
      return records.get(id);
    };
    return { ...records, get };
  },
} as unknown as BindingsClient;

/** Records that are not done, and a count of how often that was asked. */
export const isOpen = ({ done }: Todo): boolean => {
  calls.where++;
  return !done;
};

/** What a page offers to its test. */
export interface BindingsPage {
  readonly calls: typeof calls;
  start(): Promise<void>;
  create(id: string, title: string): Promise<void>;
  set(id: string, fields: Partial<Todo>): Promise<void>;
  /** Shows by title, in this direction, so many. */
  show(direction: "asc" | "desc", limit: number): void;
  setNote(text: string): void;
  unmount(): void;
  followers(): number;
}

declare global {
  var bindings: BindingsPage;
}

/** Mounts the list, and hands the page to its test. */
export function open(mount: Mount): void {
  const options = (direction: "asc" | "desc", limit: number): Options => ({
    where: isOpen,
    orderBy: [["title", direction]],
    limit,
  });
  const root = document.body.appendChild(document.createElement("main"));
  const mounted = mount(root, options("asc", 10));
  const todos = real.collection("todo");
  real.setOffline(true);
  globalThis.bindings = {
    calls,
    start: () => real.start(),
    create: (id, title) => todos.create({ title, done: false }, id).stored,
    set: (id, fields) => todos.entity(id).set(fields),
    show: (direction, limit) => mounted.show(options(direction, limit)),
    setNote: (text) => void (note.value = text),
    unmount: () => mounted.unmount(),
    followers: () => followers,
  };
}
