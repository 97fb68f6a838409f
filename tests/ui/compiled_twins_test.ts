/** Code and closures are twins: the same templates, values and edits give the same markup and patches. */
import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { blueprintsOf } from "../../ui/blueprint.ts";
import { IslandInstance } from "../../ui/island_instance.ts";
import type { Patch } from "../../ui/patch_writer.ts";
import type { IslandProgram } from "../../ui/program.ts";
import { Prng } from "../sim/prng.ts";
import { isCodeAllowed } from "./code_allowed.ts";
import { el, programOf, text } from "./engine_programs.ts";
import { editOf, numberRowsFrom, picked, templateOf, type World, worldOf } from "./engine_world.ts";

import { randomTemplate } from "./random_templates.ts";
import { Board, compiled, Task } from "./template_rig.ts";

/** More of them when the environment says so. */
const SEEDS = Number(Deno.env.get("TWIN_SEEDS") ?? 60);
const EDITS = 40;

/** An island, and what it told. */
class Twin<T extends object> {
  readonly state: T;
  readonly island: IslandInstance;
  #problems: string[] = [];

  constructor(program: IslandProgram, state: T) {
    this.state = state;
    this.island = new IslandInstance(program, state, {
      report: ({ error, place, text }) => {
        this.#problems.push(`${place.file}:${place.line}:${place.column} ${text}: ${error}`);
      },
      changed: () => {},
    });
  }

  /** Everything that anybody can see of it. */
  seen(patch: Patch | null): unknown {
    const problems = this.#problems;
    this.#problems = [];
    return { patch, html: this.island.html(), snapshot: this.island.snapshot(), problems };
  }
}

function twinsOf<T extends object>(program: IslandProgram, state: () => T): readonly Twin<T>[] {
  // Code that the platform refuses for another reason would go unnoticed.
  assertEquals(blueprintsOf(program).every(({ html }) => html !== null), isCodeAllowed);
  return [program, { ...program, isInterpreted: true } as const].map((one) => {
    return new Twin(one, state());
  });
}

function compare<T extends object>([code, closures]: readonly Twin<T>[], where: string): void {
  const [one, other] = [code, closures].map((twin) => twin?.seen(twin.island.takePatch()));
  assertEquals(one, other, where);
}

/** Does the same to both. */
function both<T extends object>(
  twins: readonly Twin<T>[],
  isSeen: boolean,
  edit: (state: T) => void,
): void {
  for (const { island, state } of twins) {
    edit(isSeen ? island.writable as T : state);
    if (!isSeen) island.refresh();
  }
}

Deno.test("code and closures give the same patches for random templates and edits", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const program = programOf(templateOf(new Prng(seed)));
    const twins = twinsOf(program, () => {
      numberRowsFrom(0);
      return worldOf(new Prng(-seed));
    });
    const chance = new Prng(seed + 1_000_000);
    compare(twins, `seed ${seed}`);
    for (let step = 0; step < EDITS; step++) {
      const where = `seed ${seed}, step ${step}`;
      const isSeen = chance.chance(0.6);
      both<World>(twins, isSeen, (world) => {
        numberRowsFrom(step * 100);
        const prng = new Prng(seed * 1_000 + step);
        editOf(prng)(world);
        editOf(prng)(world);
      });
      compare(twins, where);
      lookAgain(twins, chance.between(0, 3), where);
      if (step % 10 === 0) compareHandlers(program, twins, where);
    }
    for (const { island } of twins) island.close();
  }
});

/** Lists remember what their items were evaluated from when they are looked at again and again. */
function lookAgain<T extends object>(
  twins: readonly Twin<T>[],
  times: number,
  where: string,
): void {
  for (let time = 0; time < times; time++) {
    for (const { island } of twins) island.refresh();
    compare(twins, `${where}, look ${time}`);
  }
}

function compareHandlers(program: IslandProgram, twins: readonly Twin<World>[], where: string) {
  const calls = twins.map(({ island }) => {
    picked.length = 0;
    for (let instance = 0; instance < 200; instance++) {
      for (let slot = 0; slot < 20; slot++) {
        if (island.slotAt(instance, slot)?.kind === "on") island.run(instance, slot);
      }
    }
    return [...picked];
  });
  assertEquals(calls[0], calls[1], where);
  assertEquals(program.blocks.length > 0, true);
}

/** Rows of every kind that code could read otherwise than closures. */
class Priced {
  label = "p";
  value: unknown = 1;
  get total(): unknown {
    if (this.value === 3) throw new RangeError("three is too much");
    return this.value;
  }
  name(): string {
    return "method";
  }
}

class Hidden {
  #secret: unknown = "s";
  value: unknown = 2;
  get total(): unknown {
    return this.#secret;
  }
  set total(value: unknown) {
    this.#secret = value;
  }
}

/** Nothing is shared between the twins. */
const valuesOf = (): readonly [unknown, ...unknown[]] => [
  "plain",
  ...["", "a", "<&>", "0", "a longer text that is looked through in another way <", "é🙂"],
  ...[0, -0, 1, 1.5, NaN, Infinity, 2 ** 53, 3, 10n, true, false, null, undefined],
  ...[[], ["x"], {}, { length: 2 }, new Map([["k", 1]]), new Set(["s"]), new Date(0), Symbol("s")],
  ...[() => "f", new Error("wrong"), "javascript:x", "https://a.example"],
];

function rowOf(prng: Prng, id: number): object {
  const own = {
    id,
    value: prng.pick(valuesOf()),
    label: prng.pick(valuesOf()),
    on: prng.chance(0.5),
  };
  const kind = prng.between(0, 4);
  if (kind === 0) return Object.assign(new Priced(), own);
  if (kind === 1) return Object.assign(new Hidden(), own);
  if (kind === 2) return Object.assign(Object.create(null), own);
  if (kind === 3) return Object.assign(Object.create({ total: "inherited" }), own);
  return { ...own, ...(prng.chance(0.5) ? { total: prng.pick(valuesOf()), toString: "own" } : {}) };
}

/** Whatever rows and fields may be. */
class Odd {
  rows: unknown[] = [];
  inner: unknown[] = ["x", 0, 1];
  count: unknown = 1;
  other: unknown = "o";
  on: unknown = false;
  limit = 5;

  get failing(): unknown {
    if (this.on === true) throw new Error("on");
    return this.count;
  }

  twice(value: unknown): string {
    return `${String(value)}${String(value)}`;
  }
}

const EXPRESSIONS = [
  "row.value",
  "row.label",
  "row.total",
  "row.missing",
  "row.toString",
  "row.length",
  "row.name",
  "row.value.length",
  "row?.value?.label",
  "row['value']",
  "row.value['0']",
  "row.id + limit",
  "row.value + count",
  "row.on ? row.value : row.label",
  "on ? row.value : row.value",
  "on ? count : other",
  "row.value || other",
  "row.on && row.label",
  "row.value ?? count",
  "-row.id",
  "!row.value",
  "row.value === count",
  "row.value < count",
  "upper(row.label)",
  "twice(row.id)",
  "count",
  "failing",
  "[row.id, count]",
  "{ a: row.id }",
  "row",
  "inner.map(x => x + row.id)",
];
const SHOWN = [
  "attr title",
  "attr href",
  "prop value",
  "class on",
  "style color",
  "show ",
  "plugin p",
];

function oddProgram(prng: Prng): IslandProgram {
  const one = () => prng.pick(EXPRESSIONS as [string, ...string[]]);
  const cell = () => {
    const shown = prng.chance(0.4) ? { [prng.pick(SHOWN as [string, ...string[]])]: one() } : {};
    return el("x-td", shown, text(one()));
  };
  const bound = el("input", { "bind text": "row.label" });
  const inside = prng.chance(0.3)
    ? [{ each: "inner", names: ["item", "at"], element: el("x-i", {}, text("item"), text(one())) }]
    : prng.chance(0.3)
    ? [{ cond: [["row.value", cell()], [null, cell()]] as const }]
    : [];
  return programOf(el("x-table", {}, {
    each: "rows",
    names: prng.chance(0.5) ? ["row"] : ["row", "place"],
    ...prng.chance(0.7) ? { key: "row.id" } : {},
    ...prng.chance(0.2) ? { filter: "row.id < limit" } : {},
    element: el("x-tr", {}, cell(), cell(), cell(), bound, ...inside),
  }));
}

function oddEdit(prng: Prng): (odd: Odd) => void {
  const row = ({ rows }: Odd) => {
    return rows[prng.between(0, Math.max(0, rows.length - 1))] as Record<string, unknown> | null;
  };
  const edits: readonly [(odd: Odd) => void, ...((odd: Odd) => void)[]] = [
    (odd) => void odd.rows.push(rowOf(prng, prng.between(0, 9))),
    (odd) => void odd.rows.splice(prng.between(0, 3), 1),
    (odd) => void odd.rows.reverse(),
    (odd) => void (odd.rows = [...odd.rows]),
    (odd) => void (prng.chance(0.2) && odd.rows.push(prng.pick(valuesOf()))),
    (odd) => void (odd.count = prng.pick(valuesOf())),
    (odd) => void (odd.other = prng.pick(valuesOf())),
    (odd) => void (odd.on = prng.pick([true, false, [], "x", 0])),
    (odd) => void (odd.limit = prng.between(0, 9)),
    (odd) => void (odd.inner = [prng.pick([0, -0, 1, "x", null]), prng.pick(valuesOf())]),
    ...["value", "label", "on", "total", "missing", "id"].map((name) => (odd: Odd) => {
      const value = prng.pick(valuesOf());
      const found = row(odd);
      if (found === null || typeof found !== "object" || found instanceof Date) return;
      if (name === "total" && found instanceof Priced) return;
      found[name] = name === "id" ? prng.between(0, 9) : value;
    }),
    (odd) => {
      const found = row(odd);
      if (found !== null && typeof found === "object") delete found.label;
    },
  ];
  return prng.pick(edits);
}

Deno.test("code and closures show any value in any slot alike, and fail in the same places", () => {
  let problems = 0;
  for (let seed = 1; seed <= SEEDS * 4; seed++) {
    const program = oddProgram(new Prng(seed));
    const twins = twinsOf(program, () => {
      const prng = new Prng(-seed);
      const odd = new Odd();
      odd.rows = Array.from({ length: 5 }, (_, id) => rowOf(prng, id));
      return odd;
    });
    const chance = new Prng(seed + 1_000_000);
    compare(twins, `seed ${seed}`);
    for (let step = 0; step < EDITS; step++) {
      both(twins, chance.chance(0.5), (odd) => oddEdit(new Prng(seed * 1_000 + step))(odd));
      const [code, closures] = twins.map((twin) => twin.seen(twin.island.takePatch()));
      assertEquals(code, closures, `seed ${seed}, step ${step}`);
      problems += (code as { readonly problems: readonly string[] }).problems.length;
      lookAgain(twins, chance.between(0, 3), `seed ${seed}, step ${step}`);
    }
    for (const { island } of twins) island.close();
  }
  assertNotEquals(problems, 0);
});

/** Every step on both twins; the closures have to see a change in the last one. */
function assertAlike<T extends object>(
  program: IslandProgram,
  state: () => T,
  steps: readonly (readonly [isSeen: boolean, edit: (state: T) => void])[],
): void {
  const twins = twinsOf(program, state);
  compare(twins, "first");
  steps.forEach(([isSeen, edit], step) => {
    both(twins, isSeen, edit);
    const patches = twins.map(({ island }) => island.takePatch());
    assertEquals(patches[0], patches[1], `step ${step}`);
    if (step === steps.length - 1) assertNotEquals(patches[0], null);
  });
  for (const { island } of twins) island.close();
}

Deno.test("minus zero is not taken for zero", () => {
  const cell = el("b", {}, text("row.value"));
  const list = { each: "rows", names: ["row"], key: "row.id", element: cell };
  const rows = () => ({ rows: [{ id: 1, value: 0 }, { id: 2, value: 1 }], count: 0 });
  assertAlike(programOf(el("p", {}, list)), rows, [[false, ({ rows: [row] }) => {
    if (row !== undefined) row.value = -0;
  }]]);
  assertAlike(programOf(el("p", {}, text("count"))), rows, [[false, (state) => {
    state.count = -0;
  }]]);
});

Deno.test("what an expression did not come to read before it failed is read when it does", () => {
  const program = programOf(el("p", { "class on": "count + big - late" }));
  const state = () => ({ count: 1, big: 1n as bigint | number, late: 5 });
  assertAlike(program, state, [
    [false, (state) => void (state.big = 4)],
    [true, (state) => void (state.late = 1)],
  ]);
});

Deno.test("what only another branch reads is read when that is taken", () => {
  for (
    const expression of ["on ? count : other", "on && count || other", "(on || null) ?? other"]
  ) {
    const program = programOf(el("p", { "class x": "on" }, text(expression)));
    const state = () => ({
      on: true as boolean | number,
      count: 1 as unknown,
      other: 1 as unknown,
    });
    assertAlike(program, state, [
      [false, (state) => void (state.on = false)],
      [true, (state) => void (state.other = 9)],
    ]);
  }
});

Deno.test("code and closures give the same pages of random templates of every directive", () => {
  let compared = 0;
  fc.assert(fc.property(randomTemplate, fc.integer(), (template, seed) => {
    const program = compiledOrNull(template);
    if (program === null) return;
    compared++;
    const twins = twinsOf(program, () => new Board());
    compare(twins, template);
    const chance = new Prng(seed);
    for (let step = 0; step < 8; step++) {
      const isSeen = chance.chance(0.5);
      both(twins, isSeen, (board) => editBoard(board, new Prng(seed + step)));
      compare(twins, template);
    }
    for (const { island } of twins) island.close();
  }));
  assertNotEquals(compared, 0);
});

function compiledOrNull(template: string): IslandProgram | null {
  try {
    return compiled(template);
  } catch {
    // Not every random template is one.
    return null;
  }
}

function editBoard(board: Board, prng: Prng): void {
  const word = prng.pick(["", "x", "<b>", "a & b", "1"]);
  const edits: readonly [() => unknown, ...(() => unknown)[]] = [
    () => board.count = prng.between(0, 3),
    () => board.text = word,
    () => board.html = `<i>${word}</i>`,
    () => board.on = !board.on,
    () => board.tasks.push(new Task(prng.between(1, 9), word)),
    () => board.tasks.reverse(),
    () => board.tasks.shift(),
    () => board.tasks.forEach((task) => task.done = prng.chance(0.5)),
    () => board.names = [word, "b"],
  ];
  prng.pick(edits)();
}
