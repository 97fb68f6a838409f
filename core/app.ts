/**
 * The definition of an app: collections, mutators and who may do what.
 *
 * One file defines it, and the server, the browser and the edge all import that file.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonObject } from "./json.ts";
import { NAME_UNITS_MAX } from "./limits.ts";

/** Who is calling, after authentication. */
export interface Principal {
  /** Stable and unique. */
  readonly id: string;
  /** What the credentials say besides, such as roles. */
  readonly claims?: JsonObject;
}

/** A named set of records that share a schema. */
export interface Collection<Name extends string = string, Rec = unknown> {
  readonly name: Name;
  readonly schema: StandardSchemaV1<unknown, Rec>;
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

/** What is asked of {@linkcode AppDefinition.authorize}. */
export interface AccessRequest {
  readonly principal: Principal | null;
  readonly scope: string;
  readonly action: "read" | "write";
  /**
   * The mutator's name. It is absent where the question is whether the principal may write in the scope
   * at all: that is asked before any mutator, and for messages to topics.
   */
  readonly mutator?: string;
}

/** What {@linkcode defineApp} takes. */
export interface AppDefinition<C extends Collections, A> {
  /** Names the app in logs and in a client's storage. */
  readonly name: string;
  readonly collections: C;
  readonly mutators?: { readonly [K in keyof A]: MutatorFunction<C, A[K]> };
  /** Schemas of the arguments, by mutator; a mutator without one takes any JSON. */
  readonly args?: {
    readonly [K in keyof NoInfer<A>]?: StandardSchemaV1<unknown, NoInfer<A>[K]>;
  };
  /** Whether a principal may act in a scope. Without it, any signed-in principal may. */
  readonly authorize?: (request: AccessRequest) => boolean;
}

/** A checked app, ready for `createClient` and for a server. */
export interface App<C extends Collections = Collections, A = unknown> {
  readonly name: string;
  readonly collections: C;
  readonly mutators: ReadonlyMap<string, RegisteredMutator>;
  readonly authorize: ((request: AccessRequest) => boolean) | undefined;
  /** Carries the argument types of the app's own mutators; has no value. */
  readonly argumentTypes?: A;
}

/** An app of any shape. */
export type AnyApp = App<Collections, unknown>;

/** A mutator as the engine calls it. */
export interface RegisteredMutator {
  readonly args: StandardSchemaV1 | undefined;
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

const COLLECTION_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

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
  schema: StandardSchemaV1<unknown, Rec>,
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
 * @throws {TypeError} when a name is unusable or a mutator is not a function
 */
export function defineApp<
  const C extends Collections,
  A = Record<never, never>,
>(definition: AppDefinition<C, A>): App<C, A> {
  for (const [key, { name }] of Object.entries(definition.collections)) {
    if (key !== name) throw new TypeError(`Cannot list the collection "${name}" as "${key}"`);
  }
  const schemas = new Map<string, StandardSchemaV1 | undefined>(
    Object.entries(definition.args ?? {}),
  );
  const mutators = new Map<string, RegisteredMutator>();
  for (const [name, run] of Object.entries<unknown>(definition.mutators ?? {})) {
    if (name === "" || name.length > NAME_UNITS_MAX) {
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
  return Object.freeze({
    name: definition.name,
    collections: definition.collections,
    mutators,
    authorize: definition.authorize,
  });
}
