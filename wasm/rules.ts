/**
 * Rules from a module of WebAssembly, in place of rules in TypeScript: schemas and mutators that an app
 * file uses as its own, in the browser and on the server.
 *
 * A module is asked as a handler is, in slots (`wasm/handlers/README.md`). The method says what for:
 *
 *     VALIDATE name   body: the value, as JSON
 *       200           it is good; a body is what it becomes
 *       422           it is not: the body is a sentence, or a list of {"message", "path"}
 *
 *     MUTATE name     body: {"args", "scope", "known"}
 *       -1            the body lists what it has to know before it can go on, each of which is one of
 *                     ["row", collection, id], ["all", collection], ["id"], ["now"], ["principal"];
 *                     it is asked again, and the answers stand in "known", in that order
 *       200           the body lists what it does: ["put", collection, id, record],
 *                     ["delete", collection, id]; an empty one does nothing
 *       403 404 409 422   it refuses, for the reason in the body
 *
 * Each mutation has an instance of its own, so that nothing is left of one for the next.
 *
 * @example A module that finds everything good; any language makes one
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { wasmRules } from "@driftless/driftless/rules";
 *
 * // As Deno.readFile("rules.wasm") gives it, or an import of the compiled module.
 * const text = "AGFzbQEAAAABBgFgAX8BfwMDAgAABQMBAAEHJAMGbWVtb3J5AgAGbWFsbG9jAAAOaGFuZGxlX3plcm9i" +
 *   "dWYAAQwBAQoMAgUAQYAICwQAQRALCwsBAEEQCwUCAAAAyA==";
 * const rules = wasmRules(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
 *
 * const note = collection("note", rules.schema<{ text: string }>("note"));
 * const app = defineApp({
 *   name: "notes",
 *   collections: { note },
 *   mutators: { "note.archive": rules.mutator<{ id: string }>("note.archive") },
 * });
 * if (!app.mutators.has("note.archive")) throw new Error();
 * ```
 *
 * @module
 */
import { PAGE_BYTES, withLimits } from "./fuel.ts";
import { type RuleAnswer, RuleCall, ruleFlaw, type RuleModule } from "./rule_call.ts";

/** Bounds of what a module may use. They have to be the same wherever the app runs. */
export interface RuleOptions {
  /** Instructions of one mutation, about; `Infinity` sets no bound. @default {100000000} */
  readonly fuel?: number;
  /** Bytes of memory; a compiled module has the bound it was built with. @default {16777216} */
  readonly memoryBytes?: number;
}

/** The rules of one module. */
export interface WasmRules {
  /** A schema by that name, for `collection` and for the arguments of mutators. */
  schema<Output = unknown>(name: string): RuleSchema<Output>;
  /** A mutator by that name, for `defineApp`. */
  mutator<Args = unknown>(name: string): RuleMutator<Args>;
}

/** A validator that follows Standard Schema, version 1, and answers at once. */
export interface RuleSchema<Output> {
  /** Everything, under the one name that the standard reserves. */
  readonly "~standard": {
    /** The version of the standard. */
    readonly version: 1;
    /** The library that the validator is of. */
    readonly vendor: "driftless-wasm";
    /** Checks a value. @throws {Error} when the module fails */
    readonly validate: (value: unknown) => RuleResult<Output>;
    /** Carries the types; has no value. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** The value as the module leaves it, or what is wrong with it. */
export type RuleResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly RuleIssue[] };

/** One thing that is wrong with a value. */
export interface RuleIssue {
  /** A sentence. */
  readonly message: string;
  /** The keys that lead to it. */
  readonly path?: readonly (string | number)[];
}

/** One collection, as a mutator gets it. */
export interface RuleTable {
  /** The record, or `undefined`. */
  get(id: string): unknown;
  /** Every record with its id. */
  all(): readonly (readonly [id: string, record: unknown])[];
  /** Writes the whole record. */
  put(id: string, record: unknown): void;
  /** Removes the record. */
  delete(id: string): void;
}

/** What a mutator may know. */
export interface RuleContext {
  /** The scope that the mutation runs in. */
  readonly scope: string;
  /** Who called. */
  readonly principal: unknown;
  /** When the mutation was made, in milliseconds. */
  readonly now: number;
  /** A fresh id that is the same wherever the mutation runs. */
  newId(): string;
}

/** A mutator, as `defineApp` takes it. */
export type RuleMutator<Args> = (
  tx: Readonly<Record<string, RuleTable>>,
  args: Args,
  context: RuleContext,
) => void;

/** Instructions of one mutation where `fuel` is not given: a tenth of a second, about. */
export const RULE_FUEL_MAX = 100_000_000;
/** Bytes of memory where `memoryBytes` is not given. */
export const RULE_MEMORY_BYTES_MAX = 16 * 1024 * 1024;
/** How often a module is asked about one mutation. */
export const RULE_ROUNDS_MAX = 64;
/** What a module may have to know about one mutation, all rounds together. */
export const RULE_QUESTIONS_MAX = 1_000;

/** What is wrong where the module does not say it. */
const NO_REASON = "it is refused";
const STATUS_ASKS = -1;
const STATUS_GOOD = 200;
const STATUS_INVALID = 422;
/** How the engine tells a refusal from a failure; it knows the error by this name. */
const REJECTION = Symbol.for("driftless.rejection");
const REFUSALS: Readonly<Record<number, string>> = {
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  422: "rejected",
};

/**
 * Opens a module with rules. Bytes are limited and compiled at once. Where a platform takes compiled
 * modules only, it is limited when it is built, to the same: `driftless wasm-limit rules.wasm
 * -o limited.wasm --fuel --memory 16MiB --deterministic`.
 *
 * @example
 * ```ts
 * import { wasmRules } from "@driftless/driftless/rules";
 *
 * const text = "AGFzbQEAAAABBgFgAX8BfwMDAgAABQMBAAEHJAMGbWVtb3J5AgAGbWFsbG9jAAAOaGFuZGxlX3plcm9i" +
 *   "dWYAAQwBAQoMAgUAQYAICwQAQRALCwsBAEEQCwUCAAAAyA==";
 * const module = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
 *
 * const rules = wasmRules(module, { fuel: 1_000_000, memoryBytes: 128 * 1024 });
 * const result = rules.schema("note")["~standard"].validate({ text: "tea" });
 * if (result.issues !== undefined) throw new Error();
 * ```
 *
 * @throws {TypeError} when it is no such module, imports anything, or could run for ever: as a compiled
 * module without a counter, or as bytes that claim to have one
 */
export function wasmRules(
  module: WebAssembly.Module | Uint8Array<ArrayBuffer>,
  options: RuleOptions = {},
): WasmRules {
  const ready = prepared(module, options);
  return {
    schema: <Output>(name: string): RuleSchema<Output> => ({
      "~standard": {
        version: 1,
        vendor: "driftless-wasm",
        validate: (value) => validated<Output>(ready, name, value),
      },
    }),
    mutator: (name) => (tx, args, context) => mutate(ready, name, { tx, args, context }),
  };
}

/** A mutation, as the engine hands it over. */
interface Mutating {
  readonly tx: Readonly<Record<string, RuleTable>>;
  readonly args: unknown;
  readonly context: RuleContext;
}

function prepared(
  given: WebAssembly.Module | Uint8Array<ArrayBuffer>,
  { fuel = RULE_FUEL_MAX, memoryBytes = RULE_MEMORY_BYTES_MAX }: RuleOptions,
): RuleModule {
  try {
    if (fuel !== Infinity && !(Number.isSafeInteger(fuel) && fuel > 0)) {
      throw new TypeError(`its fuel cannot be ${fuel}`);
    }
    const module = given instanceof WebAssembly.Module ? given : compiled(given, fuel, memoryBytes);
    const flaw = ruleFlaw(module, fuel);
    if (flaw !== undefined) throw new TypeError(flaw);
    return { module, fuel };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot use the module for rules: ${reason}`, { cause });
  }
}

function compiled(
  bytes: Uint8Array<ArrayBuffer>,
  fuel: number,
  memoryBytes: number,
): WebAssembly.Module {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("it is neither a module nor its bytes");
  const memoryPages = Math.floor(memoryBytes / PAGE_BYTES);
  if (!(memoryPages > 0)) throw new TypeError(`it cannot have ${memoryBytes} bytes of memory`);
  // What is no module is refused in the words of the engine.
  new WebAssembly.Module(bytes);
  // One that says that it counts already is refused: nothing shows whether it does.
  const counter = Number.isFinite(fuel) ? { fuel: BigInt(fuel) } : {};
  const limits = { memoryPages, ...counter, isDeterministic: true };
  return new WebAssembly.Module(withLimits(bytes, limits));
}

function validated<Output>(rules: RuleModule, name: string, value: unknown): RuleResult<Output> {
  const json = jsonOf(value);
  if (json === undefined) return { issues: [{ message: "it is no JSON" }] };
  const { status, body } = new RuleCall(rules).ask("VALIDATE", name, json);
  if (status === STATUS_GOOD) return { value: (body === "" ? value : JSON.parse(body)) as Output };
  if (status === STATUS_INVALID) return { issues: issuesIn(body) };
  throw failed(name, status);
}

/** `undefined` for what JSON has no text for: functions, `bigint`, what contains itself. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** A list of issues, or the text as one. */
function issuesIn(body: string): readonly RuleIssue[] {
  if (!body.startsWith("[")) return [{ message: body || NO_REASON }];
  return listIn(body).map((issue) => {
    const { message, path } = (issue ?? {}) as Partial<RuleIssue>;
    const keys = Array.isArray(path) ? path.filter(isKey) : undefined;
    const sentence = typeof message === "string" ? message : NO_REASON;
    return { message: sentence, ...(keys === undefined ? {} : { path: keys }) };
  });
}

function isKey(key: unknown): key is string | number {
  return typeof key === "string" || typeof key === "number";
}

function mutate(rules: RuleModule, name: string, mutating: Mutating): void {
  const { tx, args = null, context } = mutating;
  const call = new RuleCall(rules);
  const known: unknown[] = [];
  for (let round = 0; round < RULE_ROUNDS_MAX; round++) {
    const body = JSON.stringify({ args, scope: context.scope, known });
    const answer = call.ask("MUTATE", name, body);
    if (answer.status !== STATUS_ASKS) return conclude(name, tx, answer);
    const questions = listIn(answer.body);
    if (questions.length === 0 || known.length + questions.length > RULE_QUESTIONS_MAX) {
      throw new RangeError(`Cannot answer ${questions.length} more questions of "${name}"`);
    }
    for (const question of questions) known.push(answered(question, mutating) ?? null);
  }
  throw new RangeError(`Cannot ask "${name}" more than ${RULE_ROUNDS_MAX} times`);
}

/** What a module wants to know. Only what it asks for counts as known to the mutation. */
function answered(question: unknown, { tx, context }: Mutating): unknown {
  const [kind, collection, id] = wordsIn(question);
  switch (kind) {
    case "row":
      return tableIn(tx, collection).get(id);
    case "all":
      return tableIn(tx, collection).all();
    case "id":
      return context.newId();
    case "now":
      return context.now;
    case "principal":
      return context.principal;
    default:
      throw new TypeError(`Cannot answer the question "${kind}"`);
  }
}

function conclude(name: string, tx: Mutating["tx"], { status, body }: RuleAnswer): void {
  const code = REFUSALS[status];
  if (code !== undefined) throw refusal(code, body);
  if (status !== STATUS_GOOD) throw failed(name, status);
  for (const write of body === "" ? [] : listIn(body)) {
    const [kind, collection, id] = wordsIn(write);
    const table = tableIn(tx, collection);
    if (kind === "put") table.put(id, (write as readonly unknown[])[3]);
    else if (kind === "delete") table.delete(id);
    else throw new TypeError(`Cannot do "${kind}"`);
  }
}

function tableIn(tx: Mutating["tx"], name: string): RuleTable {
  const table = Object.hasOwn(tx, name) ? tx[name] : undefined;
  if (table === undefined) throw new TypeError(`Cannot find the collection "${name}"`);
  return table;
}

function listIn(body: string): readonly unknown[] {
  const list: unknown = JSON.parse(body);
  if (Array.isArray(list)) return list;
  throw new TypeError("Cannot read the module's answer: it is no list");
}

/** The first three items of a list, as text. */
function wordsIn(item: unknown): readonly [string, string, string] {
  const [kind, collection = "", id = ""] = Array.isArray(item) ? item as unknown[] : [];
  if (typeof kind === "string" && typeof collection === "string" && typeof id === "string") {
    return [kind, collection, id];
  }
  throw new TypeError("Cannot read the module's answer: an item of it makes no sense");
}

function refusal(code: string, reason: string): Error {
  return Object.assign(new Error(reason || "The rule refuses it"), { code, [REJECTION]: true });
}

function failed(name: string, status: number): Error {
  return new Error(`Cannot tell what "${name}" means by status ${status}`);
}
