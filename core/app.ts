/**
 * The definition of an app: collections, mutators and who may do what.
 *
 * One file defines it, and the server, the browser and the edge all import that file.
 */
import { checkedVersions, type Migration } from "./app_versions.ts";
import type { Effect } from "./effects.ts";
import type { JsonObject } from "./json.ts";
import { NAME_UNITS_MAX } from "./limits.ts";
import type { StandardSchema } from "./schema.ts";
import type { WasmMount, WasmMountOptions } from "./wasm_mount.ts";

/** Who is calling, after authentication. */
export interface Principal {
  /** Stable and unique. */
  readonly id: string;
  /** What the credentials say besides, such as roles. */
  readonly claims?: JsonObject;
}

/** A named set of records that share a schema. */
export interface Collection<Name extends string = string, Rec = unknown> {
  /** What mutators and queries call it: a letter, then up to 63 letters, digits and underscores. */
  readonly name: Name;
  /** Checks every record before it is written, in the browser and on the server. */
  readonly schema: StandardSchema<Rec>;
  /** Whether `<name>.create`, `.update` and `.delete` exist. */
  readonly builtins: boolean;
}

/** The record type of a collection. */
export type RecordOf<C> = C extends Collection<string, infer Rec> ? Readonly<Rec> : never;

/** The collections of an app, by name. */
export type Collections = Readonly<Record<string, Collection>>;

/** One collection inside a mutator. Reads see the mutator's own writes. */
export interface Table<Rec> {
  /** The record, frozen, or `undefined`. */
  get(id: string): Rec | undefined;
  /** True when the record exists. */
  has(id: string): boolean;
  /** Every record with its id, in the order of the ids' UTF-8 bytes. */
  all(): readonly (readonly [id: string, record: Rec])[];
  /** Writes the whole record; one that its schema refuses is refused at once. */
  put(id: string, record: Rec): void;
  /** Removes the record, if it is there. */
  delete(id: string): void;
}

/** What a mutator may touch: every collection of its app, in the mutation's scope. */
export type Transaction<C extends Collections> = { readonly [K in keyof C]: Table<RecordOf<C[K]>> };

/** What a mutator may know. All of it is the same in the browser and on the server. */
export interface MutatorContext {
  /** The scope that the mutation runs in; it sees and changes nothing outside. */
  readonly scope: string;
  /** Who called; `null` when nobody is signed in, and in a client that was not told. */
  readonly principal: Principal | null;
  /** When the mutation was made, in milliseconds: use it in place of `Date.now()`. */
  readonly now: number;
  /** A fresh id that is the same wherever this mutation runs: use it in place of a random one. */
  newId(): string;
}

/**
 * A rule: a synchronous, pure function of the transaction and its arguments.
 * It refuses by throwing a `Rejection`.
 */
export type MutatorFunction<C extends Collections, Args> = (
  tx: Transaction<C>,
  args: Args,
  context: MutatorContext,
) => void;

/** A call of a mutator, to be made. */
export interface MutatorCall {
  /** The mutator's name, such as `todo.toggle` or the built-in `todo.update`. */
  readonly name: string;
  /** What the mutator takes; checked as in any other call. */
  readonly args: unknown;
}

/**
 * What undoes a mutation, by its arguments and what it did; `null` when nothing does.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const counter = collection("counter", v.object({ value: v.number() }));
 * const app = defineApp({
 *   name: "counters",
 *   collections: { counter },
 *   mutators: {
 *     "counter.add"(tx, { id, by }: { id: string; by: number }) {
 *       tx.counter.put(id, { value: (tx.counter.get(id)?.value ?? 0) + by });
 *     },
 *   },
 *   // Takes back what was added, whatever others have added since.
 *   undo: { "counter.add": ({ id, by }) => ({ name: "counter.add", args: { id, by: -by } }) },
 * });
 * if (!app.undo.has("counter.add")) throw new Error();
 * ```
 */
export type UndoFunction<Args> = (
  args: Args,
  effects: readonly Effect[],
) => MutatorCall | readonly MutatorCall[] | null;

/** What is asked of {@linkcode AppDefinition.authorize}. */
export interface AccessRequest {
  /** Who asks; `null` when nobody is signed in. */
  readonly principal: Principal | null;
  /** The scope that the principal would act in. */
  readonly scope: string;
  /** `read` to sync the scope, `write` to change it. */
  readonly action: "read" | "write";
  /**
   * The mutator's name. It is absent where the question is whether the principal may write in the scope
   * at all: that is asked before any mutator, and for messages to topics.
   */
  readonly mutator?: string;
  /** The island's name, where the question is whether the principal may see one that reads the scope. */
  readonly island?: string;
}

/**
 * Islands of live user interface, by name: what `island` of the export `./ui` makes. The engine hands
 * them to the server as they are.
 */
export type Islands = Readonly<Record<string, object>>;

/** What {@linkcode defineApp} takes. */
export interface AppDefinition<C extends Collections, A> {
  /** Names the app in logs and in a client's storage. */
  readonly name: string;
  /** What records there are, each collection under its own name. */
  readonly collections: C;
  /** The rules, by name; those of the app come before a built-in one of that name. */
  readonly mutators?: { readonly [K in keyof A]: MutatorFunction<C, A[K]> };
  /** Schemas of the arguments, by mutator; a mutator without one takes any JSON. */
  readonly args?: {
    readonly [K in keyof NoInfer<A>]?: StandardSchema<NoInfer<A>[K]>;
  };
  /** Whether a principal may act in a scope. Without it, any signed-in principal may. */
  readonly authorize?: (request: AccessRequest) => boolean;
  /**
   * How mutators are undone, by name. Without an entry the built-in mutators put back what nobody has
   * changed since; records of a collection without built-ins then stay as they are.
   */
  readonly undo?: { readonly [K in keyof NoInfer<A>]?: UndoFunction<NoInfer<A>[K]> };
  /** Counts the changes of the schema and of the mutators that older clients would notice. @default {1} */
  readonly version?: number;
  /**
   * The oldest version of a client that is still served. Such a client sees records as they are now,
   * with its old code: raise this when that code could not cope. @default {1}
   */
  readonly minVersion?: number;
  /** The entry `n` leads stored records and queued mutations from version `n - 1` to version `n`. */
  readonly migrations?: { readonly [version: number]: Migration };
  /** Islands of live user interface; pages show them by name. */
  readonly islands?: Islands;
}

/** A checked app, ready for `createClient` and for a server. */
export interface App<C extends Collections = Collections, A = unknown> {
  /** As {@linkcode AppDefinition.name}. */
  readonly name: string;
  /** As {@linkcode AppDefinition.collections}. */
  readonly collections: C;
  /** The app's own mutators, by name; the built-in ones are not among them. */
  readonly mutators: ReadonlyMap<string, RegisteredMutator>;
  /** As {@linkcode AppDefinition.authorize}; `undefined` lets any signed-in principal act. */
  readonly authorize: ((request: AccessRequest) => boolean) | undefined;
  /** The app's own inverses, by mutator. */
  readonly undo: ReadonlyMap<string, UndoFunction<unknown>>;
  /** As {@linkcode AppDefinition.version}. */
  readonly version: number;
  /** As {@linkcode AppDefinition.minVersion}. */
  readonly minVersion: number;
  /** What leads to a version from the one before, by that version, from 2 on. */
  readonly migrations: ReadonlyMap<number, Migration>;
  /** As {@linkcode AppDefinition.islands}. */
  readonly islands: Islands;
  /** The modules that answer requests, by path. */
  readonly mounts: ReadonlyMap<string, WasmMount>;
  /**
   * Lets a module of WebAssembly answer requests: those of `path` and of all below it (`/stats` and
   * `/stats/…`, not `/statsx`), which the module sees whole. The mount with the longest path decides;
   * the server's own paths (`/_…`, `/healthz`) stay its own, below `/` as well. Servers run modules;
   * a browser that loads the same app file does not. Returns the app.
   *
   * @example
   * ```ts
   * import { defineApp } from "@driftless/driftless";
   *
   * // As Deno.readFile("stats.wasm") gives it, or an import of the compiled module.
   * const module = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
   * const app = defineApp({ name: "numbers", collections: {} })
   *   .wasm("/stats", module, { limits: { memoryBytes: 16 * 1024 * 1024 } });
   * if (!app.mounts.has("/stats")) throw new Error();
   * ```
   *
   * @throws {TypeError} when the path is mounted already; the server throws when it starts and cannot
   *   use the path, the module or an option
   */
  wasm(
    path: string,
    module: WebAssembly.Module | Uint8Array<ArrayBuffer>,
    options?: WasmMountOptions,
  ): this;
  /** Carries the argument types of the app's own mutators; has no value. */
  readonly argumentTypes?: A;
}

/** An app of any shape. */
export type AnyApp = App<Collections, unknown>;

/** A mutator as the engine calls it. */
export interface RegisteredMutator {
  /** The schema of its arguments; `undefined` takes any JSON. */
  readonly args: StandardSchema | undefined;
  /** Makes its changes in `tx`, with arguments that were checked; throws to refuse. */
  run(tx: Transaction<Collections>, args: unknown, context: MutatorContext): void;
}

/** The arguments of every mutation of an app, built-in ones included, by name. */
export type MutationArgs<T> = T extends App<infer C, infer A> ? A & BuiltinArgs<C> : never;

/** The arguments of the built-in mutators. */
export type BuiltinArgs<C extends Collections> =
  & { readonly [K in keyof C & string as `${K}.create`]: { id: string; data: RecordOf<C[K]> } }
  & {
    readonly [K in keyof C & string as `${K}.update`]: {
      id: string;
      data: Partial<RecordOf<C[K]>>;
    };
  }
  & { readonly [K in keyof C & string as `${K}.delete`]: { id: string } };

const COLLECTION_NAME = /^[A-Za-z]\w{0,63}$/;

/**
 * Declares a collection. `schema` is any validator that follows Standard Schema (Valibot, Zod,
 * ArkType, …) and validates synchronously; records are JSON objects.
 *
 * @example
 * ```ts
 * import { collection } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * ```
 *
 * @throws {TypeError} when the name is not a word, or the schema is not a Standard Schema
 */
export function collection<Name extends string, Rec extends object>(
  name: Name,
  schema: StandardSchema<Rec>,
  options: { builtins?: boolean } = {},
): Collection<Name, Rec> {
  if (!COLLECTION_NAME.test(name)) {
    throw new TypeError(`Cannot name a collection "${name}": use letters, digits and underscores`);
  }
  if (typeof schema?.["~standard"]?.validate !== "function") {
    throw new TypeError(`Cannot use the schema of "${name}": it does not follow Standard Schema`);
  }
  return Object.freeze({ name, schema, builtins: options.builtins ?? true });
}

/**
 * Defines an app.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * export default defineApp({
 *   name: "todos",
 *   collections: { todo },
 *   mutators: {
 *     "todo.toggle"(tx, { id }: { id: string }) {
 *       const item = tx.todo.get(id);
 *       if (item) tx.todo.put(id, { ...item, done: !item.done });
 *     },
 *   },
 * });
 * ```
 *
 * @example A second version: `title` is called `text` now, in records and in mutations under way
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * export default defineApp({
 *   name: "notes",
 *   version: 2,
 *   collections: { note },
 *   migrations: {
 *     2: {
 *       records: { note: ({ title }: { title: string }) => ({ text: title }) },
 *       mutations: {
 *         "note.update": ({ id, data }: { id: string; data: { title: string } }) => ({
 *           name: "note.update",
 *           args: { id, data: { text: data.title } },
 *         }),
 *       },
 *     },
 *   },
 * });
 * ```
 *
 * @throws {TypeError} when a name or a version is unusable, or a mutator or migration is no function
 */
export function defineApp<
  const C extends Collections,
  A = Record<never, never>,
>(definition: AppDefinition<C, A>): App<C, A> {
  for (const [key, { name }] of Object.entries(definition.collections)) {
    if (key !== name) throw new TypeError(`Cannot list the collection "${name}" as "${key}"`);
  }
  const schemas = new Map<string, StandardSchema | undefined>(
    Object.entries(definition.args ?? {}),
  );
  const mutators = new Map<string, RegisteredMutator>();
  for (const [name, run] of Object.entries<unknown>(definition.mutators ?? {})) {
    if (!name || name.length > NAME_UNITS_MAX) {
      throw new TypeError(`Cannot name a mutator "${name}": use 1 to ${NAME_UNITS_MAX} characters`);
    }
    if (typeof run !== "function") {
      throw new TypeError(`Cannot use the mutator "${name}": it is not a function`);
    }
    mutators.set(name, { args: schemas.get(name), run: run as RegisteredMutator["run"] });
    schemas.delete(name);
  }
  for (const name of schemas.keys()) {
    throw new TypeError(`Cannot check the arguments of "${name}": there is no such mutator`);
  }
  const mounts = new Map<string, WasmMount>();
  return Object.freeze({
    name: definition.name,
    collections: definition.collections,
    mutators,
    authorize: definition.authorize,
    undo: checkedUndo(definition.undo ?? {}, mutators),
    islands: Object.freeze({ ...definition.islands }),
    ...checkedVersions(definition),
    mounts,
    wasm(path: string, module: WasmMount["module"], options: WasmMountOptions = {}) {
      if (mounts.has(path)) throw new TypeError(`Cannot use "${path}" twice`);
      mounts.set(path, { path, module, options });
      return this;
    },
  });
}

function checkedUndo(
  undo: Readonly<Record<string, unknown>>,
  mutators: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, UndoFunction<unknown>> {
  for (const [name, inverse] of Object.entries(undo)) {
    if (!mutators.has(name) || typeof inverse !== "function") {
      throw new TypeError(`Cannot undo "${name}": it is no mutator, or its entry is no function`);
    }
  }
  return new Map(Object.entries(undo) as [string, UndoFunction<unknown>][]);
}
