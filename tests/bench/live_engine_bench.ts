/**
 * What a change costs the live engine, beside a tree diff (snabbdom over a stub of the DOM) and signals
 * (@preact/signals-core, one per cell) that do the same to the same table, in turns.
 *
 *     deno task bench live_engine
 */
import { batch, effect, type Signal, signal } from "@preact/signals-core";
import type { DOMAPI, VNode } from "snabbdom";
import { IslandInstance } from "../../ui/island_instance.ts";
import { PatchWriter } from "../../ui/patch_writer.ts";
import { compileIsland } from "../../ui/template.ts";
import { Table, type TableRow } from "../ui/engine_table.ts";

// Loaded, it asks for a window.
Object.assign(globalThis, { window: globalThis });
const { h, init } = await import("snabbdom");

/** One way to have a table follow its state. */
interface Contender {
  readonly name: string;
  /** Writes to the state and brings the operations out. */
  edit(at: number, text: string): void;
  editEveryTenth(text: string): void;
  sort(round: number): void;
  swap(a: number, b: number): void;
}

const ROUNDS = 15;
const SIZES: readonly number[] = [1_000, 10_000];
const TEMPLATE = `<table><tbody><tr g-for="row in rows" g-key="row.id">` +
  `<td>{{row.id}}</td><td>{{row.name}}</td><td>{{row.city}}</td><td>{{row.amount}}</td>` +
  `</tr></tbody></table>`;

class SortableTable extends Table {
  sortBy(round: number): void {
    const direction = round % 2 === 0 ? 1 : -1;
    this.rows.sort((a, b) => a.amount < b.amount ? -direction : direction);
  }
}

const program = compileIsland({
  name: "table",
  template: TEMPLATE,
  file: "table.html",
  sample: new SortableTable(1),
});

function engine(size: number): Contender {
  const island = new IslandInstance(program, new SortableTable(size));
  const call = (name: string, ...args: readonly unknown[]) => {
    island.call(name, args);
    if (island.takePatch() === null) throw new Error("nothing changed");
  };
  return {
    name: "live engine",
    edit: (at, text) => call("edit", at, text),
    editEveryTenth: (text) => call("editEveryTenth", text),
    sort: (round) => call("sortBy", round),
    swap: (a, b) => call("swap", a, b),
  };
}

/** A document that holds nothing but what a tree diff asks for. */
const noDocument = {
  createElement: (tag: string) => ({ tag }),
  createTextNode: (text: string) => ({ text }),
  createComment: (text: string) => ({ text }),
  insertBefore: () => {},
  removeChild: () => {},
  appendChild: () => {},
  parentNode: () => null,
  nextSibling: () => null,
  tagName: ({ tag }: { readonly tag: string }) => tag,
  setTextContent: (node: { text?: string | null }, text: string | null) => node.text = text,
  getTextContent: ({ text }: { readonly text?: string }) => text ?? null,
  isElement: (node: object) => "tag" in node,
  isText: (node: object) => "text" in node,
  isComment: () => false,
  isDocumentFragment: () => false,
} as unknown as DOMAPI;

function treeDiff(size: number): Contender {
  const patch = init([], noDocument);
  const state = new SortableTable(size);
  const cells = (row: TableRow) => [
    h("td", row.id),
    h("td", row.name),
    h("td", row.city),
    h("td", row.amount),
  ];
  const render = () => h("tbody", state.rows.map((row) => h("tr", { key: row.id }, cells(row))));
  let shown: VNode = patch(h("tbody"), render());
  const patched = <T extends readonly unknown[]>(change: (...args: T) => void) => (...args: T) => {
    change(...args);
    shown = patch(shown, render());
  };
  return {
    name: "tree diff (snabbdom)",
    edit: patched((at, text) => state.edit(at, text)),
    editEveryTenth: patched((text) => state.editEveryTenth(text)),
    sort: patched((round) => state.sortBy(round)),
    swap: patched((a, b) => state.swap(a, b)),
  };
}

/** A cell is a signal with an effect that writes the operation; orders are beyond it. */
function signals(size: number): Contender {
  const writer = new PatchWriter();
  const rows = new Table(size).rows.map((row, instance) =>
    Object.values(row).map((text, slot): Signal<string> => {
      const cell = signal<string>(text);
      effect(() => writer.set(instance, slot, cell.value));
      return cell;
    })
  );
  writer.take();
  const edit = (at: number, text: string) => {
    (rows[at]?.[1] as Signal<string>).value = text;
  };
  return {
    name: "signals (@preact/signals-core)",
    edit(at, text) {
      edit(at, text);
      writer.take();
    },
    editEveryTenth(text) {
      batch(() => {
        for (let at = 0; at < size; at += 10) edit(at, `${text}${at}`);
      });
      writer.take();
    },
    sort: () => {},
    swap: () => {},
  };
}

let turn = 0;

/** Microseconds of one of `count` calls, the median of rounds; as many before them warm up. */
function measured(count: number, run: () => void): number {
  const times: number[] = [];
  for (let round = -ROUNDS; round < ROUNDS; round++) {
    const start = performance.now();
    for (let call = 0; call < count; call++) run();
    if (round >= 0) times.push((performance.now() - start) * 1_000 / count);
  }
  return times.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}

/** As `measured`, for several that are to be compared: each round has all of them. */
function measuredInTurns(
  count: number,
  rounds: number,
  runs: readonly (() => void)[],
): readonly number[] {
  const times = runs.map((): number[] => []);
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    runs.forEach((run, index) => {
      const start = performance.now();
      for (let call = 0; call < count; call++) run();
      if (round > 0) times[index]?.push((performance.now() - start) * 1_000 / count);
    });
  }
  return times.map((all) => all.toSorted((a, b) => a - b)[rounds >> 1] ?? 0);
}

function changes(size: number): void {
  console.log(`\n${size} rows of 4 cells, µs`);
  console.log(`${"".padEnd(32)}${["one cell", "every tenth", "swap", "sort"].map(right).join("")}`);
  // One after the other: the tables of one would be in the way of the next one's memory.
  for (const make of [engine, treeDiff, signals]) {
    const contender = make(size);
    const few = Math.max(2, 10_000 / size);
    const times = [
      measured(contender.name.startsWith("tree") ? few : 2_000, () => {
        turn++;
        contender.edit(turn * 7_919 % size, `text ${turn}`);
      }),
      measured(few, () => contender.editEveryTenth(`text ${++turn} of `)),
      contender.name.startsWith("signals")
        ? NaN
        : measured(few * 2, () => contender.swap(1, size - 2)),
      contender.name.startsWith("signals") ? NaN : measured(2, () => contender.sort(++turn)),
    ];
    console.log(`${contender.name.padEnd(32)}${times.map((time) => right(shown(time))).join("")}`);
  }
}

/** What rendering costs with code, with closures, and in a loop that somebody wrote for this table alone. */
function renderings(size: number): void {
  const programs = [program, { ...program, isInterpreted: true } as const];
  const few = Math.max(2, 20_000 / size);
  const islands = programs.map((one) => new IslandInstance(one, new SortableTable(size)));
  const hand = new ByHand(new SortableTable(size));
  const count = (few * ROUNDS + 1) * programs.length;
  const states: SortableTable[] = [];
  const rows = [
    ["full re-evaluation, nothing changed", [
      ...islands.map((island) => () => {
        island.refresh();
        island.takePatch();
      }),
      () => hand.compare(),
    ]],
    ["markup of what is shown", [
      ...islands.map((island) => () => island.html()),
      () => hand.html(),
    ]],
    [
      "first rendering and its markup",
      programs.map((one) => () => {
        const first = new IslandInstance(one, states.pop() as SortableTable);
        first.html();
        first.close();
      }),
    ],
  ] as const;
  console.log(`\n${size} rows of 4 cells, µs`);
  console.log(`${"".padEnd(40)}${["code", "closures", "by hand"].map(right).join("")}`);
  for (const [name, runs] of rows) {
    // What collecting takes comes in lumps, mostly for the states that wait: each first is timed alone.
    const isFirst = name.startsWith("first");
    while (isFirst && states.length < count) states.push(new SortableTable(size));
    const times = measuredInTurns(isFirst ? 1 : few, isFirst ? few * ROUNDS : ROUNDS, runs);
    console.log(`${name.padEnd(40)}${times.map((time) => right(shown(time))).join("")}`);
  }
  for (const island of islands) island.close();
}

/** The floor: the same comparisons, and the same markup, without an engine. */
class ByHand {
  readonly #rows: readonly TableRow[];
  readonly #keys: readonly string[];
  readonly #held: readonly (readonly string[])[];

  constructor({ rows }: SortableTable) {
    this.#rows = rows;
    this.#keys = rows.map(({ id }) => id);
    this.#held = rows.map(({ id, name, city, amount }) => [id, name, city, amount]);
  }

  compare(): void {
    const rows = this.#rows;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at] as TableRow;
      const held = this.#held[at] as readonly string[];
      const isSame = row.id === this.#keys[at] && row.id === held[0] && row.name === held[1] &&
        row.city === held[2] && row.amount === held[3];
      if (!isSame) throw new Error("something changed");
    }
  }

  html(): string {
    let html = "";
    for (const { id, name, city, amount } of this.#rows) {
      html += `<tr><td>${escaped(id)}</td><td>${escaped(name)}</td>` +
        `<td>${escaped(city)}</td><td>${escaped(amount)}</td></tr>`;
    }
    return html;
  }
}

function escaped(text: string): string {
  if (!/[&<>]/.test(text)) return text;
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Bytes of the engine for each row, besides the state. */
function memory(size: number): void {
  const collect = (globalThis as unknown as { readonly gc: () => void }).gc;
  const heap = () => {
    collect();
    return Deno.memoryUsage().heapUsed;
  };
  const rounds = Array.from({ length: 5 }, () => {
    const state = new SortableTable(size);
    const before = heap();
    const island = new IslandInstance(program, state);
    // What is read is sorted in, and instances are numbered, when somebody first writes or looks.
    island.call("edit", [0, "first"]);
    island.takePatch();
    island.slotAt(1, 0);
    const bytes = (heap() - before) / size;
    island.close();
    return bytes;
  }).sort((a, b) => a - b);
  console.log(`\n${size} rows: ${Math.round(rounds[2] ?? 0)} bytes of memory a row`);
}

function right(text: string): string {
  return text.padStart(14);
}

function shown(time: number): string {
  if (Number.isNaN(time)) return "–";
  return time < 10 ? time.toFixed(2) : time.toFixed(0);
}

if (import.meta.main) {
  // Elsewhere the collector cannot be called in this way.
  const isDeno = "Deno" in globalThis;
  if (isDeno && Deno.args[0] === "memory") memory(Number(Deno.args[1]));
  else {
    console.log(`medians of ${ROUNDS} rounds`);
    for (const size of SIZES) changes(size);
    for (const size of SIZES) renderings(size);
    for (const size of isDeno ? SIZES : []) {
      // With a collector that can be called.
      const flags = ["run", "-A", "--no-check", "--v8-flags=--expose-gc"];
      const args = [...flags, import.meta.filename ?? "", "memory", `${size}`];
      new Deno.Command(Deno.execPath(), { args, stdout: "inherit" }).outputSync();
    }
  }
}
