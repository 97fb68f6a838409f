/** Any message of `/_live`, and a few fixed ones; a kind that is missing here does not compile. */
import fc from "fast-check";
import type { ChangeOp } from "../../core/change.ts";
import { ERROR_STATUS, type ErrorCode } from "../../core/errors.ts";
import { INTEGER_MAX } from "../../core/limits.ts";
import { type DownMessage, PROTOCOL_VERSION, type UpMessage } from "../../core/wire/messages.ts";

type OfKind<M, K> = M & { readonly kind: K };
type ArbitraryByKind<M extends { readonly kind: string }> = {
  readonly [K in M["kind"]]: fc.Arbitrary<OfKind<M, K>>;
};
type ByKind<M extends { readonly kind: string }> = {
  readonly [K in M["kind"]]: OfKind<M, K>;
};

export const anyChannel = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

const anyText = fc.string({ unit: "grapheme" });
const anyInteger = fc.oneof(
  fc.nat(300),
  fc.integer({ min: 0, max: INTEGER_MAX }),
  fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, INTEGER_MAX),
);
const anyRoot = fc.uint8Array({ minLength: 32, maxLength: 32 });
const anyBody = fc.uint8Array({ maxLength: 300 });
const anyExchange = fc.record({ kind: fc.constant<"reconcile">("reconcile"), body: anyBody });
const anyUi = fc.record({ kind: fc.constant<"ui">("ui"), body: anyBody });
const anyCode = fc.constantFrom(...Object.keys(ERROR_STATUS) as ErrorCode[]);

const anyMutation = fc.record({
  id: anyText,
  name: anyText,
  seq: anyInteger,
  args: anyText,
  createdAt: anyInteger,
});

const anyResult = fc.record({
  id: anyText,
  cursor: anyInteger,
  lastSeq: anyInteger,
}).chain((result) =>
  fc.oneof(
    fc.constant({ ...result, code: null, error: null }),
    fc.nat(1000).map((changeCount) => ({ ...result, code: null, error: null, changeCount })),
    fc.record({ code: anyCode, error: anyText }).map((refusal) => ({ ...result, ...refusal })),
  )
);

/** A run of the log: cursors without gaps, times that do not fall. */
const anyPoke = fc.record({
  from: fc.integer({ min: 0, max: INTEGER_MAX - 100 }),
  start: fc.integer({ min: 0, max: 2 ** 45 }),
  items: fc.array(
    fc.record({
      entity: fc.constantFrom("note", "counter", "tag"),
      id: anyText,
      op: fc.constantFrom<ChangeOp>("create", "update", "delete"),
      json: fc.json(),
      elapsed: fc.oneof(fc.nat(3), fc.nat(2 ** 31 - 1)),
    }),
    { maxLength: 8 },
  ),
  more: fc.boolean(),
  root: fc.option(anyRoot, { nil: undefined }),
}).map(({ from, start, items, more, root }): OfKind<DownMessage, "poke"> => {
  let time = start;
  return {
    kind: "poke",
    from,
    changes: items.map(({ entity, id, op, json, elapsed }, index) => {
      time += elapsed;
      return {
        cursor: from + 1 + index,
        entity,
        id,
        op,
        json: op === "delete" ? null : json,
        time,
      };
    }),
    more,
    ...(root === undefined ? {} : { root }),
  };
});

/** An arbitrary for each kind of a client's message. */
export const anyUpByKind: ArbitraryByKind<UpMessage> = {
  hello: fc.record({
    kind: fc.constant("hello"),
    protocol: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    client: anyText,
    scope: anyText,
    cursor: anyInteger,
    epoch: anyText,
    appVersion: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  }, { requiredKeys: ["kind", "protocol", "client", "scope", "cursor", "epoch"] }),
  push: fc.record({ kind: fc.constant("push"), mutations: fc.array(anyMutation) }),
  next: fc.record({ kind: fc.constant("next"), cursor: anyInteger }),
  subscribe: fc.record({ kind: fc.constant("subscribe"), topic: anyText }),
  unsubscribe: fc.record({ kind: fc.constant("unsubscribe"), topic: anyText }),
  publish: fc.record({ kind: fc.constant("publish"), topic: anyText, data: anyText }),
  presence: fc.record({ kind: fc.constant("presence"), watch: fc.boolean(), data: anyText }),
  reconcile: anyExchange,
  ui: anyUi,
  ping: fc.constant({ kind: "ping" }),
};

/** An arbitrary for each kind of a server's message. */
export const anyDownByKind: ArbitraryByKind<DownMessage> = {
  welcome: fc.record({
    kind: fc.constant("welcome"),
    epoch: anyText,
    cursor: anyInteger,
    lastSeq: anyInteger,
    time: anyInteger,
    reset: fc.boolean(),
    root: anyRoot,
  }, { requiredKeys: ["kind", "epoch", "cursor", "lastSeq", "time", "reset"] }),
  ack: fc.record({ kind: fc.constant("ack"), results: fc.array(anyResult) }),
  poke: anyPoke,
  reconcile: anyExchange,
  ui: anyUi,
  event: fc.record({ kind: fc.constant("event"), topic: anyText, data: anyText }),
  failure: fc.record({
    kind: fc.constant("failure"),
    code: anyCode,
    error: anyText,
    retryAfterMs: anyInteger,
  }),
  peers: fc.record({
    kind: fc.constant("peers"),
    all: fc.boolean(),
    peers: fc.array(fc.record({ client: anyText, data: anyText })),
  }),
  pong: fc.record({ kind: fc.constant("pong"), time: anyInteger }),
};

export const anyUp: fc.Arbitrary<UpMessage> = fc.oneof(...Object.values(anyUpByKind));
export const anyDown: fc.Arbitrary<DownMessage> = fc.oneof(...Object.values(anyDownByKind));

/** One message of each kind, with every field in use. */
export const goldenUp: ByKind<UpMessage> = {
  hello: {
    kind: "hello",
    protocol: PROTOCOL_VERSION,
    client: "c1",
    scope: "home",
    cursor: 300,
    epoch: "e",
    appVersion: 2,
  },
  push: {
    kind: "push",
    mutations: [
      { id: "m1", name: "note.create", seq: 1, args: `{"id":"ä"}`, createdAt: 1_700_000_000_000 },
      { id: "m2", name: "x", seq: INTEGER_MAX, args: "null", createdAt: 0 },
    ],
  },
  next: { kind: "next", cursor: 2 ** 40 },
  subscribe: { kind: "subscribe", topic: "typing" },
  unsubscribe: { kind: "unsubscribe", topic: "typing" },
  publish: { kind: "publish", topic: "typing", data: `{"who":"ann"}` },
  presence: { kind: "presence", watch: true, data: `{"at":[1,2]}` },
  reconcile: { kind: "reconcile", body: Uint8Array.of(8, 1, 0, 255) },
  ui: { kind: "ui", body: Uint8Array.of(8, 1, 0, 255) },
  ping: { kind: "ping" },
};

/** One message of each kind, with every field in use. */
export const goldenDown: ByKind<DownMessage> = {
  welcome: {
    kind: "welcome",
    epoch: "epoch-1",
    cursor: 7,
    lastSeq: 3,
    time: 1_700_000_000_000,
    reset: true,
    root: goldenRoot(0),
  },
  ack: {
    kind: "ack",
    results: [
      { id: "m1", cursor: 8, lastSeq: 4, code: null, error: null, changeCount: 2 },
      { id: "m2", cursor: 8, lastSeq: 5, code: "rejected", error: "Not enough money" },
    ],
  },
  poke: {
    kind: "poke",
    from: 7,
    changes: [
      {
        cursor: 8,
        entity: "note",
        id: "a",
        op: "create",
        json: `{"t":"ä"}`,
        time: 1_700_000_000_000,
      },
      { cursor: 9, entity: "tag", id: "b", op: "update", json: "{}", time: 1_700_000_000_000 },
      { cursor: 10, entity: "note", id: "a", op: "delete", json: null, time: 1_700_000_000_300 },
    ],
    more: true,
    root: goldenRoot(224),
  },
  reconcile: { kind: "reconcile", body: Uint8Array.of(255, 0, 1, 8) },
  ui: { kind: "ui", body: Uint8Array.of(255, 0, 1, 8) },
  event: { kind: "event", topic: "typing", data: `{"who":"ann"}` },
  failure: { kind: "failure", code: "rate_limited", error: "Slow down", retryAfterMs: 1_500 },
  peers: {
    kind: "peers",
    all: true,
    peers: [{ client: "c1", data: `{"at":[1,2]}` }, { client: "c2", data: "" }],
  },
  pong: { kind: "pong", time: 1_700_000_000_000 },
};

/** The 32 bytes from `first` on. */
function goldenRoot(first: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => first + index);
}
