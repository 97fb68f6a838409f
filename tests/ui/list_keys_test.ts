/** Keys that are there twice are found, whether a shortcut can tell or not. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { doubledKey } from "../../ui/list_diff.ts";

const KEYS = fc.oneof(
  fc.array(fc.constantFrom("", "1", "2", "9", "10", "11", "a", "b", "aa", "é")),
  fc.array(fc.integer({ min: 0, max: 6 })),
  fc.array(fc.oneof(fc.constantFrom("1", "2"), fc.constantFrom<unknown>(1, 2, null, NaN, 0, -0))),
  fc.integer({ min: 0, max: 300 }).map((length) => Array.from({ length }, (_, at) => `${at}`)),
);

Deno.test("a key that is there twice is found, and no other", () => {
  fc.assert(fc.property(KEYS, (keys) => {
    const [double] = doubledKey(keys, null);
    const isAny = new Set(keys).size < keys.length;
    assertEquals(doubledKey(keys, null).length, isAny ? 1 : 0);
    if (isAny) {
      const same = (key: unknown) => key === double || Object.is(key, double);
      assertEquals(keys.filter(same).length > 1, true);
    }
  }));
});

Deno.test("of new keys only those are looked for, few or many", () => {
  for (const length of [1, 7, 8, 9, 40]) {
    const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
    const fresh = Array.from({ length }, (_, at) => at);
    assertEquals(doubledKey(keys, fresh), []);
    keys[0] = "key 49";
    assertEquals(doubledKey(keys, fresh), ["key 49"]);
  }
});
