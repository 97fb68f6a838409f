/** What browsers say to islands, read and checked. */
import { DriftlessError } from "../core/errors.ts";
import { type Json, parseJson } from "../core/json.ts";
import { NAME_UNITS_MAX } from "../core/limits.ts";
import { BrowserMessage } from "../core/wire/ui_gen.ts";
import { UI_MESSAGE_BYTES_MAX, URL_UNITS_MAX } from "./live_limits.ts";

/** The kinds of a `ServerMessage`. */
export const SERVER_PATCH = 0;
export const SERVER_INIT = 1;
export const SERVER_JSCALL = 2;
/** The kinds of a `BrowserMessage`. */
export const BROWSER_INPUT = 0;
export const BROWSER_METHOD = 1;
export const BROWSER_JSRESULT = 2;
export const BROWSER_INIT_REQUEST = 3;

/** What a browser says. */
export type UiRequest =
  | {
    readonly kind: "open";
    readonly target: number;
    readonly island: string;
    /** What to resume with. */
    readonly token: string;
    /** The last patch that arrived. */
    readonly seq: number;
    /** The table that the page has. */
    readonly table: string;
    readonly url: string;
  }
  | { readonly kind: "close"; readonly target: number }
  | {
    readonly kind: "input";
    readonly target: number;
    readonly instance: number;
    readonly slot: number;
    /** Counts the inputs of the target, from 1. */
    readonly input: number;
    readonly value: string;
  }
  | {
    readonly kind: "event";
    readonly target: number;
    readonly instance: number;
    readonly slot: number;
    /** As that of inputs; 0 when no answer is wanted. */
    readonly input: number;
    readonly data: Json;
  }
  | {
    readonly kind: "method";
    readonly target: number;
    readonly name: string;
    /** As that of inputs; 0 when no answer is wanted. */
    readonly input: number;
    readonly data: Json;
  }
  | { readonly kind: "moved"; readonly target: number; readonly url: string }
  | {
    readonly kind: "result";
    readonly call: number;
    readonly data: Json;
    /** Empty when there is a result. */
    readonly error: string;
  };

/** Names that no data from outside may have: they lead out of it. */
const REFUSED_KEYS: readonly string[] = ["__proto__", "constructor", "prototype"];

/**
 * Reads the bytes of a message.
 *
 * @throws {DriftlessError} `malformed`; `too_large`
 */
export function decodeUiMessage(body: Uint8Array): BrowserMessage {
  if (body.length > UI_MESSAGE_BYTES_MAX) {
    throw new DriftlessError(
      "too_large",
      `Cannot read the message: it is larger than ${UI_MESSAGE_BYTES_MAX} bytes`,
    );
  }
  try {
    return BrowserMessage.decode(body);
  } catch {
    throw malformed("the bytes are not a message");
  }
}

/**
 * What a message asks for.
 *
 * @throws {DriftlessError} `malformed`
 */
export function uiRequest(message: BrowserMessage): UiRequest {
  if (message.url.length > URL_UNITS_MAX) throw malformed("its address is too long");
  for (const name of [message.name, message.island, message.session, message.table]) {
    if (name.length > NAME_UNITS_MAX) throw malformed("a name in it is too long");
  }
  return requestOf(message);
}

/** Data from a browser: JSON within the limits of the engine, without names that lead out of it. */
export function parseUiData(text: string): Json {
  if (text === "") return null;
  const data = parseJson(text);
  checkKeys(data);
  return data;
}

function requestOf(message: BrowserMessage): UiRequest {
  const { kind, target, instance, slot, url } = message;
  switch (kind) {
    case BROWSER_INPUT: {
      const { input, value } = message;
      if (input === 0) throw malformed("an input has no number");
      return { kind: "input", target, instance, slot, input, value };
    }
    case BROWSER_METHOD: {
      if (url !== "") return { kind: "moved", target, url };
      const { name, input } = message;
      const data = parseUiData(message.data);
      return name === ""
        ? { kind: "event", target, instance, slot, input, data }
        : { kind: "method", target, name, input, data };
    }
    case BROWSER_JSRESULT: {
      const { call, error } = message;
      return { kind: "result", call, error, data: parseUiData(message.data) };
    }
    case BROWSER_INIT_REQUEST: {
      const { island, session: token, seq, table } = message;
      return island === ""
        ? { kind: "close", target }
        : { kind: "open", target, island, token, seq, table, url };
    }
  }
  throw malformed("its kind is unknown");
}

function checkKeys(data: Json): void {
  if (data === null || typeof data !== "object") return;
  if (!Array.isArray(data)) {
    for (const key of REFUSED_KEYS) {
      if (Object.hasOwn(data, key)) throw malformed(`the key "${key}" is not allowed`);
    }
  }
  for (const member of Object.values(data)) checkKeys(member as Json);
}

function malformed(reason: string): DriftlessError {
  return new DriftlessError("malformed", `Cannot read the message: ${reason}`);
}
