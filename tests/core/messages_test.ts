/** The wire: every message comes back as it was, and no bytes do harm. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DriftlessError } from "../../core/errors.ts";
import { INTEGER_MAX, LIVE_MESSAGE_BYTES_MAX } from "../../core/limits.ts";
import {
  decodeDown,
  decodeUp,
  type DownMessage,
  encodeDown,
  encodeUp,
  type Envelope,
  type UpMessage,
} from "../../core/wire/messages.ts";
import {
  anyChannel,
  anyDown,
  anyDownByKind,
  anyUp,
  anyUpByKind,
  goldenDown,
  goldenUp,
} from "./messages_arbitrary.ts";

/** One direction of the wire. */
interface Direction<M> {
  readonly name: string;
  readonly encode: (channel: number, message: M) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Envelope<M>;
  readonly any: fc.Arbitrary<M>;
  readonly golden: readonly M[];
}

const up: Direction<UpMessage> = {
  name: "a client's message",
  encode: encodeUp,
  decode: decodeUp,
  any: anyUp,
  golden: Object.values(goldenUp),
};
const down: Direction<DownMessage> = {
  name: "a server's message",
  encode: encodeDown,
  decode: decodeDown,
  any: anyDown,
  golden: Object.values(goldenDown),
};
const DIRECTIONS = [up, down] as readonly Direction<UpMessage | DownMessage>[];

/** A message that encodes to itself again, or `malformed`; anything else is a fault. */
function assertTotal<M>(
  { encode, decode }: Direction<M>,
  bytes: Uint8Array,
): "valid" | "malformed" {
  let first: Envelope<M>;
  try {
    first = decode(bytes);
  } catch (error) {
    assert(error instanceof DriftlessError, String(error));
    assertStrictEquals(error.code, "malformed");
    return "malformed";
  }
  assertEquals(decode(encode(first.channel, first.message)), first);
  return "valid";
}

function assertMalformed(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  assertStrictEquals(assertThrows(() => decode(bytes), DriftlessError).code, "malformed");
}

const bytesOf = (...values: readonly number[]) => Uint8Array.from(values);

Deno.test("every kind of message comes back as it was [S15]", () => {
  for (const any of Object.values(anyUpByKind) as fc.Arbitrary<UpMessage>[]) {
    fc.assert(fc.property(anyChannel, any, (channel, message) => {
      assertEquals(decodeUp(encodeUp(channel, message)), { channel, message });
    }));
  }
  for (const any of Object.values(anyDownByKind) as fc.Arbitrary<DownMessage>[]) {
    fc.assert(fc.property(anyChannel, any, (channel, message) => {
      assertEquals(decodeDown(encodeDown(channel, message)), { channel, message });
    }));
  }
});

Deno.test("messages of this version keep their bytes [S15]", () => {
  const hex = (bytes: Uint8Array) =>
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const { appVersion: _, ...bare } = goldenUp.hello;
  assertEquals(hex(encodeUp(3, bare)), "0a120801120263311a04686f6d6520ac022a01657803");
  assertEquals(
    hex(encodeUp(3, goldenUp.hello)),
    "0a140801120263311a04686f6d6520ac022a016530027803",
  );
  assertEquals(hex(encodeUp(0, goldenUp.ping)), "3a00");
  assertEquals(
    hex(encodeDown(0, goldenDown.failure)),
    "2a1c0a0c726174655f6c696d697465641209536c6f7720646f776e18dc0b",
  );
  const changes = [
    "1a0f120161220a7b2274223a22c3a4227d",
    "1a0b0801120162180122027b7d",
    "1a08120161180228ac02",
  ];
  const { root = new Uint8Array(), ...poke } = goldenDown.poke;
  const body = `080712046e6f74651203746167${changes.join("")}2080d095ffbc312801`;
  assertEquals(hex(encodeDown(1, poke)), `1a3e${body}7801`);
  assertEquals(hex(encodeDown(1, goldenDown.poke)), `1a60${body}3220${hex(root)}7801`);
  assertEquals(hex(encodeUp(2, goldenUp.reconcile)), "4a060a04080100ff7802");
  assertEquals(hex(encodeUp(2, goldenUp.ui)), "52060a04080100ff7802");
  assertEquals(hex(encodeDown(2, goldenDown.reconcile)), "42060a04ff0001087802");
  assertEquals(hex(encodeDown(2, goldenDown.ui)), "4a060a04ff0001087802");
});

Deno.test("a root that is not there, or empty, is none [S15]", () => {
  const { root: _, ...welcome } = goldenDown.welcome;
  const { root: __, ...poke } = goldenDown.poke;
  for (const message of [welcome, poke]) {
    for (const root of [undefined, new Uint8Array()]) {
      const bytes = encodeDown(1, root === undefined ? message : { ...message, root });
      assertEquals(decodeDown(bytes), { channel: 1, message });
    }
  }
});

Deno.test("every truncation of a message is a message or malformed, and never reads on [S15]", () => {
  for (const direction of DIRECTIONS) {
    for (const message of direction.golden) {
      const frame = direction.encode(5, message);
      for (let end = 0; end < frame.length; end++) {
        const copy = assertTotal(direction, frame.slice(0, end));
        // The missing bytes follow in memory; a decoder that reads on would find them there.
        const view = assertTotal(direction, frame.subarray(0, end));
        assertStrictEquals(view, copy, `${message.kind} cut at ${end}`);
      }
    }
  }
});

Deno.test("every flipped bit of a message gives a message or malformed [S15]", () => {
  let malformed = 0;
  for (const direction of DIRECTIONS) {
    for (const message of direction.golden) {
      const frame = direction.encode(5, message);
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const flipped = frame.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        if (assertTotal(direction, flipped) === "malformed") malformed++;
      }
    }
  }
  assert(malformed > 0);
});

Deno.test("a message with any one byte changed, dropped or added is a message or malformed [S15]", () => {
  for (const direction of DIRECTIONS) {
    fc.assert(
      fc.property(
        direction.any,
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom("change", "drop", "add"),
        (message, at, byte, kind) => {
          const frame = [...direction.encode(2, message)];
          const index = at % frame.length;
          frame.splice(index, kind === "add" ? 0 : 1, ...(kind === "drop" ? [] : [byte]));
          assertTotal(direction, Uint8Array.from(frame));
        },
      ),
      { numRuns: 2_000 },
    );
  }
});

Deno.test("any bytes are a message or malformed [S15]", () => {
  for (const direction of DIRECTIONS) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        assertTotal(direction, bytes);
      }),
      { numRuns: 5_000 },
    );
  }
});

Deno.test("a full message of nested groups is malformed, not a stack overflow [S15]", () => {
  for (const { decode } of DIRECTIONS) {
    for (const tag of [0x0b, 0x7b, 0xfb]) {
      assertMalformed(decode, new Uint8Array(LIVE_MESSAGE_BYTES_MAX).fill(tag));
    }
    const pairs = new Uint8Array(LIVE_MESSAGE_BYTES_MAX).map((_, i) => i % 2 === 0 ? 0x83 : 0x01);
    assertMalformed(decode, pairs);
  }
});

Deno.test("lengths and numbers of any size are a message or malformed [S15]", () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const tooLong = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
  for (const direction of DIRECTIONS) {
    for (let field = 1; field <= 16; field++) {
      assertMalformed(direction.decode, bytesOf(field << 3 | 2, ...huge));
      assertTotal(direction, bytesOf(field << 3, ...tooLong));
      assertTotal(direction, bytesOf(field << 3 | 2, tooLong.length + 1, 0x08, ...tooLong));
    }
  }
  assertMalformed(decodeUp, bytesOf(0x1a, 11, 0x08, ...tooLong));
});

Deno.test("a decoder reads its slice and nothing around it [S15]", () => {
  for (const direction of DIRECTIONS) {
    fc.assert(
      fc.property(direction.any, fc.nat(9), fc.nat(9), (message, before, after) => {
        const frame = direction.encode(1, message);
        const guarded = new Uint8Array(before + frame.length + after).fill(0xaa);
        guarded.set(frame, before);
        const slice = guarded.subarray(before, before + frame.length);
        const decoded = direction.decode(slice);
        assertEquals(decoded, { channel: 1, message });
        assert(guarded.subarray(0, before).every((byte) => byte === 0xaa));
        // What was decoded must not follow its bytes.
        guarded.fill(0);
        assertEquals(decoded, { channel: 1, message });
      }),
      { numRuns: 300 },
    );
  }
});

Deno.test("a message without a kind is malformed [S15]", () => {
  for (const { decode } of DIRECTIONS) {
    assertMalformed(decode, new Uint8Array());
    assertMalformed(decode, bytesOf(0x78, 0x01));
    assertMalformed(decode, bytesOf(0x92, 0x01, 0x00));
  }
});

Deno.test("a field of a later version is skipped [S15]", () => {
  const unknown = [0xa2, 0x06, 0x02, 0x01, 0x02];
  for (const { encode, decode, golden } of DIRECTIONS) {
    for (const message of golden) {
      const frame = Uint8Array.from([...encode(4, message), ...unknown]);
      assertEquals(decode(frame), { channel: 4, message });
    }
  }
});

Deno.test("an unknown code of a later version still means refused", () => {
  const rename = (bytes: Uint8Array, from: string, to: string) => {
    const text = String.fromCharCode(...bytes);
    assert(text.includes(from));
    return Uint8Array.from(text.replace(from, to), (char) => char.charCodeAt(0));
  };
  const failure = rename(encodeDown(0, goldenDown.failure), "rate_limited", "rate_limitex");
  const { message } = decodeDown(failure);
  assert(message.kind === "failure" && message.code === "rejected");
  const ack = decodeDown(rename(encodeDown(0, goldenDown.ack), "rejected", "rejecteX")).message;
  assertEquals(ack.kind === "ack" && ack.results.map(({ code }) => code), [null, "rejected"]);
});

Deno.test("a number that is not exact in JSON is malformed [S15]", () => {
  encodeUp(0, { kind: "next", cursor: INTEGER_MAX });
  for (const cursor of [INTEGER_MAX + 1, 2 ** 60]) {
    assertMalformed(decodeUp, encodeUp(0, { kind: "next", cursor }));
    assertMalformed(decodeDown, encodeDown(0, { kind: "pong", time: cursor }));
  }
});

Deno.test("a poke whose cursors or times leave the exact numbers is malformed [S15]", () => {
  const change = { entity: "note", id: "a", op: "update", json: "{}" } as const;
  const atEnd = { ...change, cursor: INTEGER_MAX + 1, time: 0 };
  const poke = { kind: "poke", from: INTEGER_MAX, more: false } as const;
  assertMalformed(decodeDown, encodeDown(0, { ...poke, changes: [atEnd] }));
  const times = [INTEGER_MAX, 2 * INTEGER_MAX].map((time, i) => ({
    ...change,
    cursor: i + 1,
    time,
  }));
  assertMalformed(decodeDown, encodeDown(0, { ...poke, from: 0, changes: times }));
});

Deno.test("a poke whose changes are incomplete is malformed [S15]", () => {
  const change = { cursor: 1, entity: "note", id: "a", op: "update", json: "{}", time: 0 } as const;
  const poke = { kind: "poke", from: 0, more: false } as const;
  const encode = (fields: object) =>
    encodeDown(0, { ...poke, changes: [{ ...change, ...fields }] });
  assertMalformed(decodeDown, encode({ json: "" }));
  assertMalformed(decodeDown, encode({ op: "delete" }));
  assertMalformed(decodeDown, encode({ op: "rename" }));
  // The entity is an index into a list that is not there.
  assertMalformed(decodeDown, bytesOf(0x1a, 6, 0x1a, 4, 0x22, 2, 0x7b, 0x7d));
});
