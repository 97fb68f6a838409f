/** What one module may use, where its mount does not say. */
import type { WasmLimits } from "../../core/wasm_mount.ts";
import { HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX } from "../socket.ts";

/** Bytes of linear memory of one instance: the half of what a Worker has. */
export const WASM_MEMORY_BYTES_MAX = 64 * 1024 * 1024;
/** Instructions of one request, about: up to a second. */
export const WASM_FUEL_MAX = 1_000_000_000;
/** Bytes of one request in the module's memory: the largest that the listener takes. */
export const WASM_REQUEST_BYTES_MAX = HTTP_BODY_BYTES_MAX + HTTP_HEADER_BYTES_MAX;
/** Bytes of one response, body and headers. */
export const WASM_RESPONSE_BYTES_MAX = 16 * 1024 * 1024;
/** Outbound requests of one request. */
export const WASM_FETCH_ROUNDS_MAX = 50;
/** Bytes of the answers to all outbound requests of one request. */
export const WASM_FETCH_BYTES_MAX = 8 * 1024 * 1024;
/** How long all outbound requests of one request may take, in milliseconds. */
export const WASM_FETCH_MS_MAX = 30_000;
/** Instances of one module alive at once. V8 reserves gigabytes of address space for each memory. */
export const WASM_INSTANCES_MAX = 32;
/** How long a request waits for an instance, in milliseconds. */
export const WASM_QUEUE_MS_MAX = 5_000;
/** Requests that wait for an instance of one module. */
export const WASM_QUEUE_MAX = 256;

/** The largest memory that an address of 32 bits reaches. */
const MEMORY_BYTES_POSSIBLE = 4 * 1024 * 1024 * 1024;
/** The longest wait of a timer. */
const TIMER_MS_POSSIBLE = 2 ** 31 - 1;

const DEFAULTS: WasmLimits = {
  memoryBytes: WASM_MEMORY_BYTES_MAX,
  fuel: WASM_FUEL_MAX,
  requestBytes: WASM_REQUEST_BYTES_MAX,
  responseBytes: WASM_RESPONSE_BYTES_MAX,
  fetchRounds: WASM_FETCH_ROUNDS_MAX,
  fetchBytes: WASM_FETCH_BYTES_MAX,
  fetchMs: WASM_FETCH_MS_MAX,
  instances: WASM_INSTANCES_MAX,
  queueMs: WASM_QUEUE_MS_MAX,
  queue: WASM_QUEUE_MAX,
};

/** What a limit may be: from, and to. Without fuel to count (`Infinity`), nothing is counted. */
const RANGES: Readonly<Record<string, readonly [from: number, to: number]>> = {
  memoryBytes: [0, MEMORY_BYTES_POSSIBLE],
  fuel: [1, Infinity],
  requestBytes: [0, MEMORY_BYTES_POSSIBLE],
  responseBytes: [0, MEMORY_BYTES_POSSIBLE],
  fetchRounds: [0, Number.MAX_SAFE_INTEGER],
  fetchBytes: [0, Number.MAX_SAFE_INTEGER],
  fetchMs: [0, TIMER_MS_POSSIBLE],
  instances: [1, Number.MAX_SAFE_INTEGER],
  queueMs: [0, TIMER_MS_POSSIBLE],
  queue: [0, Number.MAX_SAFE_INTEGER],
};

/**
 * The limits of a mount.
 *
 * @throws {TypeError} when there is no such limit, or it is no whole number that it may be
 */
export function limitsOf(given: Partial<WasmLimits> = {}): WasmLimits {
  for (const [name, value] of Object.entries<number>(given)) {
    const [from, to] = Object.hasOwn(RANGES, name) ? RANGES[name] ?? [0, 0] : [1, 0];
    const isWhole = Number.isSafeInteger(value) || value === Infinity;
    if (!isWhole || value < from || value > to) {
      throw new TypeError(`there is no limit "${name}" of ${value}`);
    }
  }
  return { ...DEFAULTS, ...given };
}
