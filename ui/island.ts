/** The author's side of the live UI: what an island is, and what its methods can ask for. */
import type { Principal } from "../core/app.ts";
import type { Json } from "../core/json.ts";
import { NAME_UNITS_MAX } from "../core/limits.ts";
import { classMember, ENGINE_WORDS } from "./properties.ts";
import { originalOf } from "./tracking.ts";

/** Who shares one state: everyone, all pages of one user, or nobody but one page. */
export type IslandScope = "global" | "user" | "tab";

/** The class of an island: its fields are the state, its methods the handlers. */
export type IslandClass<T extends object> = new () => T;

/** Names of the methods of a class. */
export type MethodOf<T> = {
  [K in keyof T & string]: T[K] extends (...args: never[]) => unknown ? K : never;
}[keyof T & string];

/** What {@linkcode island} takes. */
export interface IslandOptions<T extends object> {
  /** The template's text. */
  readonly template?: string;
  /** The template's file, in the folder of templates; instead of a text. */
  readonly file?: string;
  /** Who shares the state. @default {"tab"} */
  readonly scope?: IslandScope;
  /** Templates that this one uses, by name. */
  readonly partials?: Readonly<Record<string, string>>;
  /** Modules of plugins, by the name that `g-plugin:` has. */
  readonly plugins?: Readonly<Record<string, string>>;
  /** The address of a stylesheet for the island. */
  readonly stylesheet?: string;
  /** Methods that scripts of the page may call by name; no others. */
  readonly exports?: readonly MethodOf<T>[];
  /** Functions that scripts of the page have registered, which {@linkcode LiveContext.call} may name. */
  readonly functions?: readonly string[];
  /** The scope of the sync engine that collections are read from and mutations go to. */
  readonly syncScope?: string;
  /**
   * The collections that it reads, and no others. On a store whose data is elsewhere they are fetched
   * before the island is mounted, and are in memory for as long as it lives: by default all of the app.
   */
  readonly collections?: readonly string[];
  /** Whether the state outlives the server. @default {true} */
  readonly saved?: boolean;
  /** Counts the changes of the class that saved state cannot follow. @default {1} */
  readonly version?: number;
  /** Classes whose instances stand within the state. */
  readonly classes?: readonly (new (...args: never[]) => object)[];
}

/** A checked island, ready for `defineApp`. */
export interface Island<T extends object = object> extends IslandOptions<T> {
  /** The class that was given. */
  readonly Class: IslandClass<T>;
  /** As {@linkcode IslandOptions.scope}. */
  readonly scope: IslandScope;
  /** As {@linkcode IslandOptions.saved}. */
  readonly saved: boolean;
  /** As {@linkcode IslandOptions.version}. */
  readonly version: number;
  /** As {@linkcode IslandOptions.exports}. */
  readonly exports: readonly MethodOf<T>[];
  /** As {@linkcode IslandOptions.functions}. */
  readonly functions: readonly string[];
}

/** The records of one collection, as they are on the server now. */
export interface LiveCollection {
  /** How many records there are. */
  readonly size: number;
  /** The record, frozen, or `undefined`. */
  get(id: string): Json | undefined;
  /** Every record with its id as the field `id`, frozen, in the order of the ids' UTF-8 bytes. */
  rows(): readonly LiveRow[];
}

/** A record and its id. */
export type LiveRow = { readonly id: string; readonly [field: string]: Json };

/** What the methods of an island can ask for; see {@linkcode live}. */
export interface LiveContext {
  /** Who caused the event; the user themself in the scopes "user" and "tab". */
  readonly principal: Principal | null;
  /** The address of the page, without its origin; empty when it is not known. */
  readonly url: string;
  /** Renders everything again: after something changed that cannot be seen. */
  refresh(): void;
  /** Renders what reads these fields again. */
  markRefresh(...fields: string[]): void;
  /**
   * Calls a function of the page that caused the event.
   *
   * @throws {DriftlessError} (the promise) `forbidden` when the island does not list it; `rejected` when
   *   the function throws; `unavailable` when no page is there, it goes, or it does not answer
   */
  call(name: string, ...args: Json[]): Promise<Json>;
  /** Calls `received(event, data)` of every other instance of an island that has it. */
  broadcast(event: string, data?: Json): void;
  /** Leads the page to another address of this server: adds it to its history, or replaces the last. */
  navigate(url: string, options?: { readonly replace?: boolean }): void;
  /**
   * Makes a mutation as the user. Await the promise, or return it: then the page is told of a refusal.
   *
   * @throws {DriftlessError} (the promise) what the sync engine refuses with
   */
  mutate(name: string, args: unknown): Promise<void>;
  /**
   * Reads a collection. The island is rendered again whenever it changes.
   *
   * @throws {DriftlessError} `forbidden` when the user may not read it
   */
  collection(name: string): LiveCollection;
}

/** Methods of a class that the runtime calls, and no event, script or template. */
const LIFECYCLE: ReadonlySet<string> = new Set([
  "connected",
  "disconnected",
  "mount",
  "navigated",
  "received",
  "unmount",
]);

/**
 * Declares an island.
 *
 * @example
 * ```ts
 * import { island } from "@driftless/driftless/ui";
 *
 * class Greeting {
 *   name = "";
 *   get text() {
 *     return `Hello ${this.name || "you"}`;
 *   }
 * }
 *
 * const greeting = island(Greeting, {
 *   template: `<p><input g-bind="name" aria-label="Name"> {{text}}</p>`,
 * });
 * if (greeting.scope !== "tab") throw new Error();
 * ```
 *
 * @throws {TypeError} when the class or an option cannot be used
 */
export function island<T extends object>(
  Class: IslandClass<T>,
  options: IslandOptions<T>,
): Island<T> {
  if ((options.template === undefined) === (options.file === undefined)) {
    throw problem(Class, "give it a template or a file");
  }
  const { scope = "tab", exports = [], functions = [], version = 1, saved = true } = options;
  if (scope !== "tab" && scope !== "user" && scope !== "global") {
    throw problem(Class, `there is no scope "${scope}"`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw problem(Class, "its version counts from 1");
  }
  const sample = new Class();
  for (const word of ENGINE_WORDS) {
    const isDeclared = classMember(sample, word) !== null && !LIFECYCLE.has(word);
    if (isDeclared || Object.hasOwn(sample, word)) {
      throw problem(Class, `"${word}" is a word of the engine: name it otherwise`);
    }
  }
  for (const name of exports) {
    if (ENGINE_WORDS.has(name) || classMember(sample, name)?.kind !== "method") {
      throw problem(Class, `"${name}" is no method to export`);
    }
  }
  for (const name of functions) {
    if (name === "" || name.length > NAME_UNITS_MAX || name.includes(":")) {
      throw problem(Class, `"${name}" is no name for a function`);
    }
  }
  return Object.freeze({ ...options, Class, scope, exports, functions, version, saved });
}

/** What each state is asked about, by the state itself. */
const contexts = new WeakMap<object, () => LiveContext>();

/**
 * What an island can ask for, for the event that is handled now: `live(this)` in a method. Ask before
 * the first `await`, and keep it: afterwards nobody knows whose event it was.
 *
 * @example
 * ```ts
 * import { island, live } from "@driftless/driftless/ui";
 *
 * class Board {
 *   title = "";
 *   get rows() {
 *     return live(this).collection("task").rows();
 *   }
 *   async add() {
 *     const id = crypto.randomUUID();
 *     await live(this).mutate("task.create", { id, data: { title: this.title } });
 *     this.title = "";
 *   }
 * }
 *
 * export const board = island(Board, { file: "board.html" });
 * ```
 *
 * @throws {TypeError} when the object is no island's state, or its constructor still runs
 */
export function live(state: object): LiveContext {
  const context = contexts.get(originalOf(state));
  if (context === undefined) {
    throw new TypeError("Cannot find the island: live(this) works in methods of a mounted island");
  }
  return context();
}

/** Says how `live` answers for a state; for the runtime. */
export function bindLive(state: object, context: () => LiveContext): void {
  contexts.set(state, context);
}

/** Objects that several islands hold. */
const sharedObjects = new WeakSet<object>();

/**
 * Marks an object that several islands have as a field: a change in one of them shows in all, and it is
 * no part of the state that is saved with any.
 *
 * @example
 * ```ts
 * import { island, shared } from "@driftless/driftless/ui";
 *
 * const volume = shared({ level: 3 });
 *
 * class Knob {
 *   volume = volume;
 *   turn(by: number) {
 *     this.volume.level += by;
 *   }
 * }
 * class Display {
 *   volume = volume;
 * }
 *
 * const template = `<button g-click="turn(1)">{{volume.level}}</button>`;
 * export const knob = island(Knob, { template, scope: "global" });
 * export const display = island(Display, { template: `<b>{{volume.level}}</b>`, scope: "global" });
 * ```
 */
export function shared<T extends object>(object: T): T {
  sharedObjects.add(object);
  return object;
}

/** Whether an object was given to {@linkcode shared}. */
export function isShared(object: object): boolean {
  return sharedObjects.has(originalOf(object));
}

function problem(Class: { readonly name: string }, reason: string): TypeError {
  return new TypeError(`Cannot make an island of ${Class.name}: ${reason}`);
}
