/**
 * The messages of ui.proto in the least code: the bridge reads only `ServerMessage` and writes only
 * `BrowserMessage`, in the envelopes of messages.proto.
 */
import type { BrowserMessage, ServerMessage } from "../../core/wire/ui_gen.ts";

/** A message of the server; an absent field is not there. */
export type FromServer = Partial<ServerMessage>;

/** A message to the server; an absent field is 0 or "". */
export type FromBrowser = Partial<BrowserMessage>;

/** What a socket's message holds for the bridge. */
export interface Arrival {
  readonly message: FromServer | undefined;
  /** The server cannot serve this page now: how long to stay away, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The parts so far of a message that is not whole: the next arrival goes on with them. */
  readonly held: Uint8Array | undefined;
}

/** The numbers of `ServerKind` and `BrowserKind` in ui.proto. */
export const SERVER_INIT = 1;
export const SERVER_JSCALL = 2;
export const BROWSER_INPUT = 0;
export const BROWSER_METHOD = 1;
export const BROWSER_JSRESULT = 2;
export const BROWSER_INIT_REQUEST = 3;

/** `Up.ping` without a body, on a channel that no client has: each half of a page counts its own pongs. */
export const PING: Uint8Array<ArrayBuffer> = /* @__PURE__ */ new Uint8Array([0x3a, 0, 0x78, 127]);

/** Fields by their numbers, from 1. */
const SERVER_FIELDS =
  "kind target seq ops texts ack table session html call name args code error numbers part more"
    .split(" ");
const BROWSER_FIELDS =
  "kind target instance slot input value data name call error island session seq table url".split(
    " ",
  );

/** Numbers of fields: `Down.ui`, `Down.failure`, `Failure.retry_after_ms` and `Exchange.body`. */
const DOWN_UI = 9;
const DOWN_FAILURE = 5;
const FAILURE_WAIT = 3;
const BODY = 1;
/** The tags of `Up.ui` and `Exchange.body`. */
const UP_UI_TAG = 0x52;
const BODY_TAG = 0x0a;

/** What a message holds, by field number: varints, or bytes of anything else. */
type Fields = (unknown[] | undefined)[];

/** Reads a message of the socket, which may end one of which `before` was held. */
export function arrivalOf(frame: Uint8Array, before?: Uint8Array): Arrival {
  const fields = fieldsOf(frame);
  const ui = fields[DOWN_UI];
  let message = ui && serverMessage(fieldsOf(fieldsOf(ui[0])[BODY]?.[0]));
  let held = ui ? undefined : before;
  if (message?.part) {
    held = joined(before, message.part);
    message = message.more ? undefined : serverMessage(fieldsOf(held));
    if (message) held = undefined;
  }
  return {
    message,
    held,
    retryAfterMs: fieldsOf(fields[DOWN_FAILURE]?.[0])[FAILURE_WAIT]?.[0] as number | undefined,
  };
}

/** Bytes of a message for the socket. */
export function browserFrame(message: FromBrowser): Uint8Array<ArrayBuffer> {
  const body = BROWSER_FIELDS.flatMap((name, index) => {
    const value = message[name as keyof FromBrowser];
    const tag = (index + 1) * 8;
    return !value
      ? []
      : typeof value === "number"
      ? [...varints(tag), ...varints(value)]
      : bytesField(tag + 2, new TextEncoder().encode(value));
  });
  return new Uint8Array(bytesField(UP_UI_TAG, bytesField(BODY_TAG, body)));
}

function serverMessage(fields: Fields): FromServer {
  const message: Record<string, unknown> = {};
  for (const [index, name] of SERVER_FIELDS.entries()) {
    const values = fields[index + 1]?.map((value) =>
      typeof value === "number" || /ops|numbers|part/.test(name)
        ? value
        : new TextDecoder().decode(value as Uint8Array)
    );
    if (values) message[name] = name === "texts" ? values : values[0];
  }
  return message;
}

/** Takes a message apart; these schemas have varints and lengths, nothing else. */
function fieldsOf(message: unknown): Fields {
  const bytes = (message ?? []) as Uint8Array;
  const fields: Fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const value = varint();
    (fields[tag >> 3] ??= []).push(tag & 7 ? bytes.subarray(at, at += value) : value);
  }
  return fields;
}

function joined(before: Uint8Array | undefined, part: Uint8Array): Uint8Array {
  const at = before?.length ?? 0;
  const all = new Uint8Array(at + part.length);
  all.set(before ?? []);
  all.set(part, at);
  return all;
}

/** A field of bytes. */
function bytesField(tag: number, bytes: Iterable<number> & { readonly length: number }): number[] {
  return [...varints(tag), ...varints(bytes.length), ...bytes];
}

function varints(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...varints(Math.floor(value / 128))];
}
