/**
 * One call of a module with rules: a fresh instance, which is asked in slots and answers in slots.
 *
 * Nothing is left of a call for the next one, and there is nothing to import: so a rule gives the same
 * result wherever it runs.
 */
import { openSlots } from "./slots.ts";
import { SLOT_BYTES } from "./slot_layout.ts";
import { textBytes } from "./slot_text.ts";
import { counterStart, FUEL_EXPORT, isLimited } from "./fuel.ts";

/** A module that is ready to be called. */
export interface RuleModule {
  readonly module: WebAssembly.Module;
  /** What a call may use, if the module counts it. */
  readonly fuel: number;
}

/** What a module answers. */
export interface RuleAnswer {
  readonly status: number;
  readonly body: string;
}

/** What is called of a module. */
interface RuleExports {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  handle_zerobuf(address: number): number;
  readonly free?: unknown;
  readonly _start?: unknown;
  readonly _initialize?: unknown;
}

/** Bytes of what a module is asked, and of what it answers. */
export const RULE_BYTES_MAX = 4 * 1024 * 1024;

/** Slots of a request: what a handler finds there as well. */
const REQUEST_SLOTS = 10;
const ANSWER_SLOTS = 4;
const BODY_SLOT = 2;
/** Room of a text besides its bytes: the length, and up to the next address that 4 divides. */
const TEXT_OVERHEAD_BYTES = 8;

const REQUIRED = { memory: "memory", malloc: "function", handle_zerobuf: "function" } as const;

/** Why a module cannot be used with so much fuel; `undefined` when it can. */
export function ruleFlaw(module: WebAssembly.Module, fuel: number): string | undefined {
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  for (const [name, kind] of Object.entries(REQUIRED)) {
    if (exports.get(name) !== kind) return `it does not export the ${kind} "${name}"`;
  }
  const [imported] = WebAssembly.Module.imports(module);
  if (imported !== undefined) {
    return `it imports "${imported.name}" of "${imported.module}", and rules depend on nothing`;
  }
  if (Number.isFinite(fuel) && !isLimited(module)) {
    return "it may run for ever: limit it with `driftless wasm-limit --fuel`, or give its bytes";
  }
  return undefined;
}

/** A module at work on one call. */
export class RuleCall {
  readonly #exports: RuleExports;

  /** @throws {Error} when the module does not start */
  constructor({ module, fuel }: RuleModule) {
    const { exports } = new WebAssembly.Instance(module, {});
    this.#exports = exports as unknown as RuleExports;
    const counter = exports[FUEL_EXPORT];
    if (counter instanceof WebAssembly.Global) counter.value = counterStart(fuel);
    const { _start: start = this.#exports._initialize } = this.#exports;
    if (typeof start === "function") start();
  }

  /**
   * Asks the module.
   *
   * @throws {Error} when it fails, or what it answers is not in its memory
   */
  ask(method: string, path: string, body: string): RuleAnswer {
    // In the order of their slots; there are no headers.
    const texts = [method, path, body, ""];
    const bytes = texts.reduce((sum, text) => sum + textBytes(text), 0);
    if (bytes > RULE_BYTES_MAX) throw new RangeError(`Cannot ask a rule about ${bytes} bytes`);
    const room = REQUEST_SLOTS * SLOT_BYTES + texts.length * TEXT_OVERHEAD_BYTES + bytes;
    const { memory, malloc, free, handle_zerobuf: handle } = this.#exports;
    const block = malloc(room) >>> 0;
    if (block === 0 || block + room > memory.buffer.byteLength) {
      throw new RangeError(`Cannot get ${room} bytes of the module`);
    }
    const asked = openSlots(memory, { start: block, end: block + room });
    const request = asked.take(REQUEST_SLOTS);
    for (const [slot, text] of texts.entries()) asked.write(request + slot * SLOT_BYTES, text);
    const answer = handle(request) >>> 0;
    if (answer === 0 || answer + ANSWER_SLOTS * SLOT_BYTES > memory.buffer.byteLength) {
      throw new RangeError(`Cannot read an answer at ${answer}`);
    }
    const told = openSlots(memory);
    const status = told.read(answer);
    const content = told.read(answer + BODY_SLOT * SLOT_BYTES) ?? "";
    const text = content instanceof Uint8Array ? new TextDecoder().decode(content) : content;
    if (!Number.isInteger(status) || typeof text !== "string" || text.length > RULE_BYTES_MAX) {
      throw new TypeError(`Cannot read the answer of status ${String(status)}`);
    }
    // So that a rule which asks often needs no more memory than one that asks once.
    if (typeof free === "function") free(block);
    return { status: Number(status), body: text };
  }
}
