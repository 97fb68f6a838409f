/** The messages of `/_live`, as the engine sees them, and their bytes. Schema: `messages.proto`. */
import type { Change, ChangeOp } from "../change.ts";
import { DriftlessError, type ErrorCode, isErrorCode } from "../errors.ts";
import { driftless as proto } from "./messages_gen.js";

type ProtoUp = proto.Up;
type ProtoDown = proto.Down;

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
  }
  | { readonly kind: "ack"; readonly results: readonly WireResult[] }
  | {
    readonly kind: "poke";
    readonly from: number;
    readonly changes: readonly Change[];
    readonly more: boolean;
  }
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

const OPS: readonly ChangeOp[] = ["create", "update", "delete"];

/** Bytes of a client's message. */
export function encodeUp(channel: number, message: UpMessage): Uint8Array<ArrayBuffer> {
  const { kind, ...body } = message;
  return finished(proto.Up.encode({ channel, [kind]: body }));
}

/** Bytes of a server's message. */
export function encodeDown(channel: number, message: DownMessage): Uint8Array<ArrayBuffer> {
  switch (message.kind) {
    case "poke":
      return finished(proto.Down.encode({ channel, poke: pokeBody(message) }));
    case "ack": {
      const results = message.results.map(({ id, cursor, lastSeq, code, error, changeCount }) => ({
        id,
        cursor,
        lastSeq,
        code: code ?? "",
        error: error ?? "",
        changesPlusOne: changeCount === undefined ? 0 : changeCount + 1,
      }));
      return finished(proto.Down.encode({ channel, ack: { results } }));
    }
    case "peers":
      return finished(
        proto.Down.encode({ channel, peers: { all: message.all, peers: [...message.peers] } }),
      );
    default: {
      const { kind, ...body } = message;
      return finished(proto.Down.encode({ channel, [kind]: body }));
    }
  }
}

/**
 * Reads a client's message.
 *
 * @throws {DriftlessError} `malformed`
 */
export function decodeUp(bytes: Uint8Array): Envelope<UpMessage> {
  return decoded(() => {
    const up = proto.Up.decode(bytes);
    return { channel: up.channel, message: upMessage(up) };
  });
}

/**
 * Reads a server's message.
 *
 * @throws {DriftlessError} `malformed`
 */
export function decodeDown(bytes: Uint8Array): Envelope<DownMessage> {
  return decoded(() => {
    const down = proto.Down.decode(bytes);
    return { channel: down.channel, message: downMessage(down) };
  });
}

// The decoder keeps absent fields on the prototype, so every field is read by name, never spread.

function upMessage(up: ProtoUp): UpMessage {
  if (up.hello) {
    const { protocol, client, scope, cursor, epoch, appVersion } = up.hello as proto.Hello;
    const version = appVersion === 0 ? {} : { appVersion };
    return { kind: "hello", protocol, client, scope, cursor: integer(cursor), epoch, ...version };
  }
  if (up.push) {
    const { mutations } = up.push as proto.Push;
    return { kind: "push", mutations: mutations.map((item) => mutation(item as proto.Mutation)) };
  }
  if (up.next) return { kind: "next", cursor: integer((up.next as proto.Next).cursor) };
  if (up.subscribe) return { kind: "subscribe", topic: (up.subscribe as proto.Subscribe).topic };
  if (up.unsubscribe) {
    return { kind: "unsubscribe", topic: (up.unsubscribe as proto.Unsubscribe).topic };
  }
  if (up.publish) {
    const { topic, data } = up.publish as proto.Publish;
    return { kind: "publish", topic, data };
  }
  if (up.presence) {
    const { watch, data } = up.presence as proto.Presence;
    return { kind: "presence", watch, data };
  }
  if (up.ping) return { kind: "ping" };
  throw new DriftlessError("malformed", "Cannot read the message: its kind is unknown");
}

function downMessage(down: ProtoDown): DownMessage {
  if (down.welcome) {
    const { epoch, cursor, lastSeq, time, reset } = down.welcome as proto.Welcome;
    return {
      kind: "welcome",
      epoch,
      cursor: integer(cursor),
      lastSeq: integer(lastSeq),
      time: integer(time),
      reset,
    };
  }
  if (down.ack) {
    const { results } = down.ack as proto.Ack;
    return { kind: "ack", results: results.map((item) => result(item as proto.Result)) };
  }
  if (down.poke) return pokeMessage(down.poke as proto.Poke);
  if (down.event) {
    const { topic, data } = down.event as proto.Event;
    return { kind: "event", topic, data };
  }
  if (down.failure) {
    const { code, error, retryAfterMs } = down.failure as proto.Failure;
    return { kind: "failure", code: errorCode(code), error, retryAfterMs: integer(retryAfterMs) };
  }
  if (down.peers) {
    const { all, peers } = down.peers as proto.Peers;
    const listed = peers.map((item) => {
      const { client, data } = item as proto.Peer;
      return { client, data };
    });
    return { kind: "peers", all, peers: listed };
  }
  if (down.pong) return { kind: "pong", time: integer((down.pong as proto.Pong).time) };
  throw new DriftlessError("malformed", "Cannot read the message: its kind is unknown");
}

function mutation({ id, name, seq, args, createdAt }: proto.Mutation): WireMutation {
  return { id, name, seq: integer(seq), args, createdAt: integer(createdAt) };
}

function result({ id, cursor, lastSeq, code, error, changesPlusOne }: proto.Result): WireResult {
  const accepted = code === "";
  return {
    id,
    cursor: integer(cursor),
    lastSeq: integer(lastSeq),
    code: accepted ? null : errorCode(code),
    error: accepted ? null : error,
    ...(changesPlusOne === 0 ? {} : { changeCount: changesPlusOne - 1 }),
  };
}

/** Cursors are implied by `from`, entity names are sent once, and times are differences. */
function pokeBody(
  poke: { readonly from: number; readonly changes: readonly Change[]; readonly more: boolean },
): proto.Poke.$Properties {
  const indexes = new Map<string, number>();
  const start = poke.changes[0]?.time ?? 0;
  let time = start;
  const changes = poke.changes.map((change) => {
    const entity = indexes.get(change.entity) ?? indexes.size;
    indexes.set(change.entity, entity);
    const elapsed = change.time - time;
    time = change.time;
    return { entity, id: change.id, op: OPS.indexOf(change.op), data: change.json ?? "", elapsed };
  });
  return { from: poke.from, entities: [...indexes.keys()], changes, time: start, more: poke.more };
}

function pokeMessage({ from, entities, changes, time: start, more }: proto.Poke): DownMessage {
  const first = integer(from) + 1;
  let time = integer(start);
  return {
    kind: "poke",
    from: first - 1,
    more,
    changes: changes.map((item, index) => {
      const { entity, id, op, data, elapsed } = item as proto.Change;
      const name = entities[entity];
      const known = OPS[op];
      if (name === undefined || known === undefined || (data === "") !== (known === "delete")) {
        throw new DriftlessError("malformed", "Cannot read the message: a change is incomplete");
      }
      time = integer(time + integer(elapsed));
      const json = known === "delete" ? null : data;
      return { cursor: integer(first + index), entity: name, id, op: known, json, time };
    }),
  };
}

/** A newer server may know more codes: an unknown one still means "refused". */
function errorCode(code: string): ErrorCode {
  return isErrorCode(code) ? code : "rejected";
}

/** 64-bit fields come as numbers, and beyond 2^53 they are not exact. */
function integer(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new DriftlessError("malformed", "Cannot read the message: a number is too large");
  }
  return value;
}

/** A writer never fills shared memory; its type does not say so. */
function finished(writer: { finish(): Uint8Array }): Uint8Array<ArrayBuffer> {
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DriftlessError) throw error;
    throw new DriftlessError("malformed", "Cannot read the message: the bytes are not a message");
  }
}
