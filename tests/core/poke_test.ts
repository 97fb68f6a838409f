/** Pokes: cut so that a frame holds them, and encoded once for all. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { Change } from "../../core/change.ts";
import { LIVE_MESSAGE_BYTES_MAX, NAME_UNITS_MAX, RECORD_BYTES_MAX } from "../../core/limits.ts";
import { CommitPoke, firstPoke, POKE_BYTES_MAX } from "../../core/poke.ts";
import { decodeDown, encodeDown } from "../../core/wire/messages.ts";

function changeOf(cursor: number, jsonBytes: number | null, id = "a", text = "x"): Change {
  const { length } = new TextEncoder().encode(text);
  return {
    cursor,
    entity: "note",
    id,
    op: jsonBytes === null ? "delete" : "update",
    json: jsonBytes === null ? null : `"${text.repeat((jsonBytes - 2) / length)}"`,
    time: 1_700_000_000_000 + cursor,
  };
}

const frameBytes = (changes: readonly Change[]) =>
  encodeDown(15, { kind: "poke", from: 2 ** 50, changes, more: true }).length;

Deno.test("firstPoke takes everything while it fits", () => {
  const changes = Array.from({ length: 100 }, (_, i) => changeOf(i + 1, 100));
  assertStrictEquals(firstPoke(changes), changes);
  assertEquals(firstPoke([]), []);
});

Deno.test("firstPoke cuts before the change that goes over the limit [S11]", () => {
  const overhead = "note".length + "a".length + 16;
  const half = POKE_BYTES_MAX / 2 - overhead;
  for (const bytes of [half - 1, half]) {
    assertStrictEquals(firstPoke([changeOf(1, half), changeOf(2, bytes)]).length, 2);
  }
  assertStrictEquals(firstPoke([changeOf(1, half), changeOf(2, half + 1)]).length, 1);
});

Deno.test("firstPoke takes a single change, however large", () => {
  const large = changeOf(1, RECORD_BYTES_MAX);
  assertEquals(firstPoke([large, large]), [large]);
  assertEquals(firstPoke([changeOf(1, POKE_BYTES_MAX * 2), large]).length, 1);
});

Deno.test("every cut poke fits a live message [S11]", () => {
  const wideId = "\uffff".repeat(NAME_UNITS_MAX);
  assert(frameBytes([changeOf(1, RECORD_BYTES_MAX, wideId)]) <= LIVE_MESSAGE_BYTES_MAX);
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.option(fc.integer({ min: 2, max: RECORD_BYTES_MAX }), { freq: 4 }),
          fc.constantFrom("a", wideId),
          fc.constantFrom("x", "\uffff"),
        ),
        { minLength: 1, maxLength: 60, size: "max" },
      ),
      (shapes) => {
        let rest: readonly Change[] = shapes.map(([bytes, id, text], i) =>
          changeOf(i + 1, bytes, id, text)
        );
        while (rest.length > 0) {
          const cut = firstPoke(rest);
          assert(cut.length > 0 && frameBytes(cut) <= LIVE_MESSAGE_BYTES_MAX);
          rest = rest.slice(cut.length);
        }
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("CommitPoke spans its changes, and tells whether one frame holds them", () => {
  const small = new CommitPoke([changeOf(8, 100), changeOf(9, 100)]);
  assertEquals([small.from, small.to, small.fits], [7, 9, true]);
  const large = new CommitPoke([changeOf(8, 30_000), changeOf(9, 30_000)]);
  assertEquals([large.from, large.to, large.fits], [7, 9, false]);
  const none = new CommitPoke([]);
  assertEquals([none.from, none.to, none.fits], [0, 0, true]);
});

Deno.test("CommitPoke encodes one frame for each channel number", () => {
  const changes = [changeOf(8, 100), changeOf(9, null)];
  const poke = new CommitPoke(changes);
  assertStrictEquals(poke.frame(3), poke.frame(3));
  for (const channel of [0, 3]) {
    assertEquals(decodeDown(poke.frame(channel)), {
      channel,
      message: { kind: "poke", from: 7, changes, more: false },
    });
  }
});

Deno.test("CommitPoke has a root where a burst ends, and is 34 bytes longer for it", () => {
  const changes = [changeOf(8, 200)];
  const root = Uint8Array.from({ length: 32 }, (_, index) => index);
  const [plain, ending] = [new CommitPoke(changes), new CommitPoke(changes, root)];
  assertEquals(decodeDown(ending.frame(3)).message, {
    kind: "poke",
    from: 7,
    changes,
    more: false,
    root,
  });
  assertStrictEquals(ending.frame(3).length, plain.frame(3).length + 34);
  assert(!("root" in decodeDown(plain.frame(3)).message));
});
