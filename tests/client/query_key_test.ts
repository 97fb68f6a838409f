/** When the options of two renders are the same query. */
import { assertEquals } from "@std/assert";
import { optionsKey } from "../../ui/client/client_signals.ts";
import type { QueryOptions } from "../../ui/client/query_options.ts";

type Options = QueryOptions<{ title: string; rank?: number }>;

function isSame(
  a: Options | undefined,
  b: Options | undefined,
  deps?: readonly unknown[][],
): boolean {
  const [x, y] = [optionsKey(a, deps?.[0]), optionsKey(b, deps?.[1])];
  return x.length === y.length && x.every((part, at) => Object.is(part, y[at]));
}

Deno.test("options count as what they say, and functions as themselves", () => {
  const where = () => true;
  const same: readonly [Options | undefined, Options | undefined][] = [
    [undefined, undefined],
    [{}, {}],
    [{ where: { rank: 1 }, orderBy: ["rank", "desc"], limit: 2 }, {
      ...{ where: { rank: 1 }, orderBy: ["rank", "desc"], limit: 2 },
    }],
    [{ where }, { where }],
  ];
  const different: typeof same = [
    [{ limit: 1 }, { limit: 2 }],
    [{ limit: 1 }, {}],
    [{ where: { rank: 1 } }, { where: { title: "1" } }],
    [{ where: {} }, { where: { rank: undefined } as unknown as { rank: number } }],
    [{ orderBy: "rank" }, { orderBy: "title" }],
    [{ where }, { where: () => true }],
    [{ orderBy: () => 0 }, { orderBy: () => 0 }],
    [{ where }, {}],
  ];
  assertEquals(same.map(([a, b]) => isSame(a, b)), same.map(() => true));
  assertEquals(different.map(([a, b]) => isSame(a, b)), different.map(() => false));
});

Deno.test("deps say when a function is another one", () => {
  const a: Options = { where: () => true };
  const b: Options = { where: () => true };
  assertEquals([isSame(a, b, [[1], [1]]), isSame(a, b, [[1], [2]]), isSame(a, a, [[1], [2]])], [
    ...[true, false, false],
  ]);
  assertEquals(isSame(a, { ...b, limit: 1 }, [[], []]), false);
});
