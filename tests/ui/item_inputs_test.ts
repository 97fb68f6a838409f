/** A list that remembers what its items were evaluated from shows what one shows that knows nothing. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { IslandInstance } from "../../ui/island_instance.ts";
import type { IslandProgram } from "../../ui/program.ts";
import { Prng } from "../sim/prng.ts";
import { isCodeAllowed } from "./code_allowed.ts";
import { el, programOf, text } from "./engine_programs.ts";

/** More of them when the environment says so. */
const SEEDS = Number(Deno.env.get("ITEM_INPUT_SEEDS") ?? 200);
const EDITS = 30;

interface Row {
  id: number;
  name: unknown;
  count: unknown;
}

class Rows {
  rows: Row[] = [];
  words: Iterable<unknown> = [];
  byKey = new Map<unknown, Row>();
  /** Rows that were taken out, and may come back. */
  shelf: Row[] = [];
  limit: unknown = 5;
  least = 0;
}

/** Lists whose items read nothing but a variable and the state. */
const SHAPES: readonly [readonly string[], ...(readonly string[])[]] = [
  ["row.id", "row.name"],
  ["row.name", "row.name", "row.count"],
  ["row.count === limit ? row.name : row.id", "row.count", "row.name"],
  ["row.id", "limit"],
  ["row.id", "row.id + limit"],
  ["row.name", "at"],
  ["row.count + at"],
];

function programFrom(prng: Prng): IslandProgram {
  const rows = (each: string, more: Readonly<Record<string, string>>) => ({
    each,
    names: ["row", "at"],
    ...more,
    element: el("tr", {}, ...prng.pick(SHAPES).map((shape) => el("td", {}, text(shape)))),
  });
  const keyed = () => prng.chance(0.7) ? { key: "row.id" } : {};
  const word = el(
    "li",
    {},
    ...["word + '!'", "word === limit"].map((word) => el("b", {}, text(word))),
  );
  return programOf(el(
    "main",
    {},
    el("p", {}, rows("rows", keyed())),
    el("p", {}, rows("byKey", keyed())),
    el("p", {}, rows("rows", { ...keyed(), filter: "row.count !== least" })),
    el("p", {}, { each: "words", names: ["word"], element: word }),
  ));
}

/** Nothing is shared between the twins. */
const valuesOf = (): readonly [unknown, ...unknown[]] => [
  "a",
  ...["b", "", "5", 0, -0, 1, 5, NaN, 2n, true, null, undefined],
  ...[Symbol.iterator, () => "f", { a: 1 }, ["x"], new Date(0)],
];

function edit(state: Rows, prng: Prng): void {
  const { rows, byKey, shelf } = state;
  const change = (value: unknown) => void (Array.isArray(value) && value.push("y"));
  const row = rows[prng.between(0, rows.length - 1)] ?? { id: 0, name: "", count: 0 };
  const fresh = () => ({ id: prng.between(10, 99), name: "new", count: prng.pick(valuesOf()) });
  const edits: readonly [() => void, ...(() => void)[]] = [
    () => void (row.name = prng.pick(valuesOf())),
    () => void (row.count = prng.pick(valuesOf())),
    () => void (row.count = prng.pick([0, -0])),
    () => void (row.id = prng.between(0, 20)),
    () => void (row.name = prng.pick(["a", "b"])),
    () => [...rows.map(({ count }) => count), ...state.words, state.limit].forEach(change),
    () => shelf.push(...rows.splice(-1)),
    () => rows.push(...shelf.splice(-1)),
    () => void shelf.forEach((one) => one.name = prng.pick(["a", "b"])),
    () => void rows.reverse(),
    () => void rows.push(fresh()),
    () => void rows.splice(prng.between(0, rows.length), 1),
    () => void (state.rows = rows.map((one) => ({ ...one }))),
    () => void (state.words = [prng.pick(valuesOf()), prng.pick([0, -0]), prng.pick(valuesOf())]),
    () => void (state.words = new Set([...state.words, prng.pick(valuesOf())])),
    () => void (state.limit = prng.pick(valuesOf())),
    () => void (state.least = prng.between(0, 5)),
    () => void byKey.set(prng.pick(["x", "y", "z"]), row),
    () => void byKey.delete("y"),
  ];
  prng.pick(edits)();
}

function made(prng: Prng): Rows {
  const state = new Rows();
  state.rows = Array.from(
    { length: prng.between(0, 8) },
    (_, id) => ({ id, name: "n", count: id }),
  );
  state.words = ["a", "b", 0];
  return state;
}

Deno.test("a list that is looked at again shows what a new one shows, whatever was written and how", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const program = programFrom(new Prng(seed));
    const twins = [program, { ...program, isInterpreted: true } as const].map((one) => {
      const state = made(new Prng(-seed));
      return { state, island: new IslandInstance(one, state) };
    });
    const chance = new Prng(seed + 1_000_000);
    for (let step = 0; step < EDITS; step++) {
      const isSeen = chance.chance(0.4);
      const looks = chance.between(0, 4);
      const [code, closures] = twins.map(({ island, state }) => {
        edit(isSeen ? island.writable as Rows : state, new Prng(seed * 1_000 + step));
        if (!isSeen) island.refresh();
        const patches = [island.takePatch()];
        for (let look = 0; look < looks; look++) {
          island.refresh();
          patches.push(island.takePatch());
        }
        return { patches, html: island.html() };
      });
      assertEquals(code, closures, `seed ${seed}, step ${step}`);
    }
    for (const { island } of twins) island.close();
  }
});

/** What a list, after some looks that find nothing new, shows after each step. */
function shownAfter(
  shape: string,
  more: Readonly<Record<string, string>>,
  state: { rows: Record<string, unknown>[] },
  steps: readonly (() => void)[],
): readonly string[] {
  const element = el("i", {}, text(shape));
  const program = programOf(el("p", {}, { each: "rows", names: ["row"], ...more, element }));
  const island = new IslandInstance(program, state);
  const idle = new Array(4).fill(() => {});
  const shown = [...idle, ...steps].map((step) => {
    step();
    island.refresh();
    island.takePatch();
    return island.html().replace(/<[^>]*>/g, " ").trim();
  });
  island.close();
  return shown.slice(idle.length - 1);
}

Deno.test("an item that is born where another was is not taken for that one", () => {
  const last = { id: 2, name: "a" };
  for (const more of [{}, { key: "row.id" }]) {
    const state = { rows: [{ id: 1, name: "a" }, last] };
    last.name = "a";
    const shown = shownAfter("row.name", more, state, [
      () => void state.rows.pop(),
      () => void state.rows.push(Object.assign(last, { name: "b" })),
      () => void (last.name = "a"),
    ]);
    assertEquals(shown, ["a  a", "a", "a  b", "a  a"]);
  }
});

Deno.test("what is in an object is looked at each time", () => {
  const tags = ["x"];
  const state = { rows: [{ tags }, { tags: [] }], suffix: ["s"] };
  const steps = [() => void tags.push("y"), () => void state.suffix.push("t")];
  assertEquals(shownAfter("row.tags + '!'", {}, state, steps), ["x!  !", "x,y!  !", "x,y!  !"]);
  state.suffix.pop();
  const named = { rows: [{ name: "a" }], suffix: state.suffix };
  const more = [() => void state.suffix.push("t")];
  assertEquals(shownAfter("row.name + suffix", {}, named, more), ["as", "as,t"]);
});

/** A row that counts how often it is read. */
class CountedRow {
  readonly id: number;
  reads = 0;
  isThrowing = false;

  constructor(id: number) {
    this.id = id;
    Object.defineProperty(this, "name", {
      enumerable: true,
      get: () => {
        this.reads++;
        if (this.isThrowing) throw new RangeError("not now");
        return `row ${id}`;
      },
    });
  }
}

function countedTable() {
  const rows = Array.from({ length: 4 }, (_, id) => new CountedRow(id));
  const cells = ["row.name", "row.name", "row.id === picked ? row.name : '-'"];
  const element = el("tr", {}, ...cells.map((cell) => el("td", {}, text(cell))));
  const program = programOf(
    el("table", {}, { each: "rows", names: ["row"], key: "row.id", element }),
  );
  const state = { rows, picked: 1 };
  const island = new IslandInstance(program, state);
  /** How often each row is read in a look at all. */
  const look = () => {
    for (const row of state.rows) row.reads = 0;
    island.refresh();
    const patch = island.takePatch();
    return { reads: state.rows.map(({ reads }) => reads), isChanged: patch !== null };
  };
  return { rows, state, island, look };
}

Deno.test("after two looks in one order each input is read once, and an item that changed anew", () => {
  const { rows, state, island, look } = countedTable();
  const before = look().reads;
  assertEquals(Math.min(...before) >= 2, true);
  look();
  const once = { reads: isCodeAllowed ? [1, 1, 1, 1] : before, isChanged: false };
  assertEquals(look(), once);
  assertEquals(look(), once);

  (island.writable as typeof state).picked = 2;
  assertNotEquals(island.takePatch(), null);
  assertEquals(look().isChanged, false);
  look();
  assertEquals(look(), once);

  for (let time = 0; time < 4; time++) {
    state.rows = rows.map(({ id }) => new CountedRow(id));
    look();
  }
  look();
  look();
  assertEquals(look(), once, "a table that was made anew again and again, and then stays");

  state.rows = rows;
  look();
  (island.writable as typeof state).rows.reverse();
  assertNotEquals(island.takePatch(), null);
  assertEquals(look().reads.toReversed(), before.toReversed());
  look();
  assertEquals(look(), once);

  rows.splice(1, 1);
  assertEquals(look().isChanged, true);
  assertEquals(island.html().match(/row \d/g), [
    "row 3",
    "row 3",
    "row 1",
    "row 1",
    "row 0",
    "row 0",
  ]);
  island.close();
});

Deno.test("a getter that throws while inputs are compared is told of by who shows it", () => {
  const { rows, island, look } = countedTable();
  for (let time = 0; time < 4; time++) look();
  const html = island.html();
  (rows[2] as CountedRow).isThrowing = true;
  assertEquals(look().isChanged, false);
  assertEquals(island.html(), html);
  (rows[2] as CountedRow).isThrowing = false;
  for (let time = 0; time < 4; time++) assertEquals(look().isChanged, false);
  island.close();
});
