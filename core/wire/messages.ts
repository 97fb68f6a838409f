/** The messages of `/_live`, as the engine sees them, and their bytes. Schema: `messages.proto`. */
import { type Change, CHANGE_OPS } from "../change.ts";
import { DriftlessError, type ErrorCode, errorCode } from "../errors.ts";
import { INTEGER_MAX } from "../limits.ts";
import { Down, type Poke, type Result, Up } from "./messages_gen.ts";
import { malformed, type MessageKind, NO_BYTES } from "./protobuf.ts";

/** The protocol that this version speaks. A change that an older peer cannot read raises it. */
export const PROTOCOL_VERSION = 1;

/** A mutation on the wire: its scope and client are those of the channel. */
export interface WireMutation {
  readonly id: string;
  readonly name: string;
  readonly seq: number;
  /** JSON text. */
  readonly args: string;
  /** Milliseconds. */
  readonly createdAt: number;
}

/** The decision on one mutation. */
export interface WireResult {
  readonly id: string;
  readonly cursor: number;
  readonly lastSeq: number;
  readonly code: ErrorCode | null;
  readonly error: string | null;
  /** How many changes it made, the last one at `cursor`; absent when that is not known any more. */
  readonly changeCount?: number;
}

/** What one client shows of itself to the others in its scope. */
export interface WirePeer {
  readonly client: string;
  /** JSON text; empty when it has left. */
  readonly data: string;
}

/** A message of another schema, in either direction: of finding what differs, or of the live UI. */
export interface Exchange<K extends "reconcile" | "ui"> {
  readonly kind: K;
  readonly body: Uint8Array;
}

/** What a client says. */
export type UpMessage =
  | {
    readonly kind: "hello";
    readonly protocol: number;
    readonly client: string;
    readonly scope: string;
    readonly cursor: number;
    readonly epoch: string;
    /** The version of the app that the client runs, when it says so. */
    readonly appVersion?: number;
  }
  | { readonly kind: "push"; readonly mutations: readonly WireMutation[] }
  | { readonly kind: "next"; readonly cursor: number }
  | { readonly kind: "subscribe"; readonly topic: string }
  | { readonly kind: "unsubscribe"; readonly topic: string }
  | { readonly kind: "publish"; readonly topic: string; readonly data: string }
  | { readonly kind: "presence"; readonly watch: boolean; readonly data: string }
  | Exchange<"reconcile">
  | Exchange<"ui">
  | { readonly kind: "ping" };

/** What a server says. */
export type DownMessage =
  | {
    readonly kind: "welcome";
    readonly epoch: string;
    readonly cursor: number;
    readonly lastSeq: number;
    readonly time: number;
    readonly reset: boolean;
    /** The digest of all rows at `cursor`, when the server keeps one. */
    readonly root?: Uint8Array | undefined;
  }
  | { readonly kind: "ack"; readonly results: readonly WireResult[] }
  | {
    readonly kind: "poke";
    readonly from: number;
    readonly changes: readonly Change[];
    readonly more: boolean;
    /** The digest of all rows after the last change, at the end of a burst. */
    readonly root?: Uint8Array | undefined;
  }
  | Exchange<"reconcile">
  | Exchange<"ui">
  | { readonly kind: "event"; readonly topic: string; readonly data: string }
  | {
    readonly kind: "failure";
    readonly code: ErrorCode;
    readonly error: string;
    readonly retryAfterMs: number;
  }
  | { readonly kind: "peers"; readonly all: boolean; readonly peers: readonly WirePeer[] }
  | { readonly kind: "pong"; readonly time: number };

/** A message and the channel that it belongs to. */
export interface Envelope<M> {
  readonly channel: number;
  readonly message: M;
}

type OfKind<M, K> = M & { readonly kind: K };

/** Bytes of a client's message. */
export function encodeUp(channel: number, message: UpMessage): Uint8Array<ArrayBuffer> {
  return Up.encode({ channel, [message.kind]: message });
}

/** Bytes of a server's message. */
export function encodeDown(channel: number, message: DownMessage): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case "poke":
      return Down.encode({ channel, poke: pokeBody(message) });
    case "ack":
      return Down.encode({ channel, ack: { results: message.results.map(resultBody) } });
    default:
      return Down.encode({ channel, [message.kind]: message });
  }
}

/**
 * Reads a client's message.
 *
 * @throws {DriftlessError} `malformed`
 */
export function decodeUp(bytes: Uint8Array): Envelope<UpMessage> {
  return decoded(Up, bytes, (bodies) => {
    if (!bodies.hello) return onlyBody(bodies);
    const { appVersion, ...rest } = bodies.hello;
    return { kind: "hello", ...rest, ...(appVersion === 0 ? {} : { appVersion }) };
  });
}

/**
 * Reads a server's message.
 *
 * @throws {DriftlessError} `malformed`
 */
export function decodeDown(bytes: Uint8Array): Envelope<DownMessage> {
  return decoded(Down, bytes, (bodies) => {
    const { welcome, ack, poke, failure } = bodies;
    if (welcome) return { kind: "welcome", ...rooted(welcome) };
    if (ack) return { kind: "ack", results: ack.results.map(result) };
    if (poke) return pokeMessage(poke);
    if (failure) return { kind: "failure", ...failure, code: errorCode(failure.code) };
    return onlyBody(bodies as Omit<Down, "welcome" | "ack" | "poke" | "failure">);
  });
}

function decoded<M extends { readonly channel: number }, T>(
  { decode }: MessageKind<M>,
  bytes: Uint8Array,
  read: (bodies: M) => T,
): Envelope<T> {
  try {
    const bodies = decode(bytes);
    return { channel: bodies.channel, message: read(bodies) };
  } catch (cause) {
    throw new DriftlessError("malformed", (cause as Error).message, { cause });
  }
}

type Told<B> = {
  [K in keyof B & string]: { readonly kind: K } & NonNullable<B[K]>;
}[keyof B & string];

/** The message whose fields are named on the wire as they are here. */
function onlyBody<B extends object>(bodies: B): Told<Omit<B, "channel">> {
  for (const kind of Object.keys(bodies)) {
    const body = bodies[kind as keyof B];
    if (typeof body === "object") return { kind, ...body } as unknown as Told<Omit<B, "channel">>;
  }
  throw malformed("its kind is unknown");
}

function resultBody({ changeCount, ...others }: WireResult): Result {
  const { code, error } = others;
  const changesPlusOne = changeCount === undefined ? 0 : changeCount + 1;
  return { ...others, code: code ?? "", error: error ?? "", changesPlusOne };
}

function result({ changesPlusOne, ...others }: Result): WireResult {
  return {
    ...others,
    ...(others.code === "" ? { code: null, error: null } : { code: errorCode(others.code) }),
    ...(changesPlusOne === 0 ? {} : { changeCount: changesPlusOne - 1 }),
  };
}

/** Cursors are implied by `from`, entity names are sent once, and times are differences. */
function pokeBody(
  { from, changes, more, root = NO_BYTES }: OfKind<DownMessage, "poke">,
): Poke {
  const indexes = new Map<string, number>();
  const start = changes[0]?.time ?? 0;
  let time = start;
  const rows = changes.map((change) => {
    const entity = indexes.get(change.entity) ?? indexes.size;
    indexes.set(change.entity, entity);
    const elapsed = change.time - time;
    time = change.time;
    return {
      entity,
      id: change.id,
      op: CHANGE_OPS.indexOf(change.op),
      data: change.json ?? "",
      elapsed,
    };
  });
  return { from, entities: [...indexes.keys()], changes: rows, time: start, more, root };
}

function pokeMessage({ from, entities, changes, time: start, more, root }: Poke): DownMessage {
  let time = start;
  let cursor = from;
  return {
    kind: "poke",
    from,
    ...rooted({ more, root }),
    changes: changes.map(({ entity: index, id, op: opIndex, data, elapsed }) => {
      const entity = entities[index];
      const op = CHANGE_OPS[opIndex];
      if (entity === undefined || op === undefined || (data === "") !== (op === "delete")) {
        throw malformed("a change is incomplete");
      }
      time += elapsed;
      if (++cursor > INTEGER_MAX || time > INTEGER_MAX) throw malformed("a number is too large");
      return { cursor, entity, id, op, json: data || null, time };
    }),
  };
}

/** An empty digest is none. */
function rooted<B extends { readonly root: Uint8Array }>(
  { root, ...others }: B,
): Omit<B, "root"> & { readonly root?: Uint8Array } {
  return root.length === 0 ? others : { ...others, root };
}
