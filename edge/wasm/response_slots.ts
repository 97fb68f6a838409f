/**
 * Reads what a module answers: four slots of 16 bytes, every one of them doubted.
 *
 *     slot   tag     what
 *     0      2       status, 200 to 599; or -1: the module asks for an outbound request; or -2: for
 *                    several, whose number is in slot 1 and whose address in slot 2, both of tag 2:
 *                    each of them is four slots that would be an answer of -1
 *     1      4, 0    content type
 *     2      4, 8, 0 body
 *     3      4, 0    headers: "Name: value\n"
 *
 * Addresses and lengths that leave the memory, other tags and other statuses are a fault of the module.
 * A line that is no valid header (a CR or NUL in it, no name) is left out, as is one that is the
 * server's own to say: the length and the encoding of the message, the connection, and that browsers
 * must not guess the type. `content-type` counts in slot 1 only. Too many headers are a fault as well.
 */
import { WasmFault } from "./fault.ts";
import type { HeaderCache, HeaderPairs } from "./header_cache.ts";
import type { ModuleMemory } from "./memory.ts";
import {
  LENGTH_BYTES,
  SLOT_BYTES,
  TAG_BYTES,
  TAG_I32,
  TAG_NULL,
  TAG_STRING,
} from "./request_slots.ts";

/** A response, as it is in the memory of its module. */
export interface ReadResponse {
  /** Told apart from what modules ask for in place of a response. */
  readonly kind: "response";
  /** 200 to 599. */
  readonly status: number;
  /** The headers of slots 1 and 3, valid. */
  readonly headers: HeaderPairs;
  /** The module's own bytes: they hold until the lease ends, or the module runs again. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What a module asks for in place of a response. */
export interface OutboundCall {
  readonly kind: "outbound";
  /** Method, then the content type of the body, on a line each. */
  readonly head: string;
  /** The address on a line, then the body: the module's own bytes, as those of a response. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** The number of the call on a line, then headers as `Name: value`, on a line each. */
  readonly headers: string;
}

/** What a module asks for at once. */
export interface OutboundBatch {
  readonly kind: "batch";
  readonly calls: readonly OutboundCall[];
}

/** What a module may answer. */
export type ModuleAnswer = ReadResponse | OutboundCall | OutboundBatch;

/** The status of an outbound call. */
const STATUS_OUTBOUND = -1;
/** The status of several. */
const STATUS_BATCH = -2;
/** Calls of one batch. */
export const BATCH_CALLS_MAX = 16;
const STATUS_MIN = 200;
const STATUS_MAX = 599;
/** Slots of an answer. */
const ANSWER_SLOTS = 4;
/** Bytes of slots 1 and 3 each, in a response. Servers and proxies refuse more than that as well. */
export const RESPONSE_HEADER_BYTES_MAX = 64 * 1024;

const CONTENT_TYPE_SLOT = 1;
const BODY_SLOT = 2;
const HEADERS_SLOT = 3;
/** Tags that a slot may have, a bit each: this is asked three times an answer. */
const TEXT_TAGS = 1 << TAG_STRING | 1 << TAG_NULL;
const BODY_TAGS = TEXT_TAGS | 1 << TAG_BYTES;
const TAG_MAX = 31;

/** Bounds of an answer, and what is known of earlier ones. */
export interface ReadOptions {
  /** Bytes of slots 1 to 3 together. */
  readonly bytesMax: number;
  readonly cache: HeaderCache;
}

/**
 * Reads the answer at an address.
 *
 * @throws {WasmFault} `wasm_bad_response`
 */
export function readAnswer(
  memory: ModuleMemory,
  address: number,
  options: ReadOptions,
): ModuleAnswer {
  memory.check(address, ANSWER_SLOTS * SLOT_BYTES);
  const { bytes, view } = memory;
  if (bytes[address] !== TAG_I32) {
    throw new WasmFault("wasm_bad_response", `Cannot read a status of tag ${bytes[address]}`);
  }
  const status = view.getInt32(address + 4, true);
  if (status === STATUS_BATCH) return batchAt(memory, address, options);
  const type = blockOf(memory, address, CONTENT_TYPE_SLOT, TEXT_TAGS);
  const body = blockOf(memory, address, BODY_SLOT, BODY_TAGS);
  const headers = blockOf(memory, address, HEADERS_SLOT, TEXT_TAGS);
  const typeBytes = lengthAt(view, type);
  const bodyBytes = lengthAt(view, body);
  const headerBytes = lengthAt(view, headers);
  const size = typeBytes + bodyBytes + headerBytes;
  if (size > options.bytesMax) {
    throw new WasmFault("wasm_bad_response", `Cannot take an answer of ${size} bytes`);
  }
  const content = bytes.subarray(body + LENGTH_BYTES, body + LENGTH_BYTES + bodyBytes);
  if (status === STATUS_OUTBOUND) {
    const head = textAt(memory, type);
    return { kind: "outbound", head, content, headers: textAt(memory, headers) };
  }
  if (status < STATUS_MIN || status > STATUS_MAX) {
    throw new WasmFault("wasm_bad_response", `Cannot answer with status ${status}`);
  }
  if (typeBytes > RESPONSE_HEADER_BYTES_MAX || headerBytes > RESPONSE_HEADER_BYTES_MAX) {
    throw new WasmFault(
      "wasm_bad_response",
      `Cannot take headers of ${Math.max(typeBytes, headerBytes)} bytes`,
    );
  }
  const pairs = options.cache.pairs(
    memory,
    type + LENGTH_BYTES,
    typeBytes,
    headers + LENGTH_BYTES,
    headerBytes,
  );
  return { kind: "response", status, headers: pairs, body: content };
}

function batchAt(memory: ModuleMemory, address: number, options: ReadOptions): OutboundBatch {
  const words = [1, 2].map((slot) => {
    const at = address + slot * SLOT_BYTES;
    return memory.bytes[at] === TAG_I32 ? memory.view.getUint32(at + LENGTH_BYTES, true) : 0;
  });
  const [count = 0, first = 0] = words;
  return { kind: "batch", calls: readCalls(memory, first, count, options) };
}

/**
 * Reads so many outbound calls from an address on, each in four slots.
 *
 * @throws {WasmFault} `wasm_bad_response`
 */
export function readCalls(
  memory: ModuleMemory,
  address: number,
  count: number,
  options: ReadOptions,
): readonly OutboundCall[] {
  const bytes = ANSWER_SLOTS * SLOT_BYTES;
  if (count < 1 || count > BATCH_CALLS_MAX) {
    throw new WasmFault("wasm_bad_response", `Cannot make ${count} calls at once`);
  }
  memory.check(address, count * bytes);
  return Array.from({ length: count }, (_, index) => {
    const at = address + index * bytes;
    // Looked at first: a batch of batches would be read without end.
    const isCall = memory.view.getInt32(at + LENGTH_BYTES, true) === STATUS_OUTBOUND;
    const call = isCall ? readAnswer(memory, at, options) : undefined;
    if (call?.kind === "outbound") return call;
    throw new WasmFault("wasm_bad_response", `Cannot make the call at ${at}: it is none`);
  });
}

/** The address of a slot's block, all of it in the memory; 0 when the slot is empty. */
function blockOf(
  memory: ModuleMemory,
  address: number,
  slot: number,
  tags: number,
): number {
  const at = address + slot * SLOT_BYTES;
  const tag = memory.bytes[at] ?? TAG_NULL;
  if (tag > TAG_MAX || (tags >> tag & 1) === 0) {
    throw new WasmFault("wasm_bad_response", `Cannot read slot ${slot} of tag ${tag}`);
  }
  if (tag === TAG_NULL) return 0;
  const block = memory.view.getUint32(at + 4, true);
  memory.check(block, LENGTH_BYTES);
  memory.check(block, LENGTH_BYTES + memory.view.getUint32(block, true));
  return block;
}

function lengthAt(view: DataView, block: number): number {
  return block === 0 ? 0 : view.getUint32(block, true);
}

function textAt(memory: ModuleMemory, block: number): string {
  return block === 0 ? "" : memory.text(block + LENGTH_BYTES, lengthAt(memory.view, block));
}
