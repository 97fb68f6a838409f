/** Random templates over one state class, and random edits of that state. */
import type { Prng } from "../sim/prng.ts";
import { el, type ElementPiece, type ListPiece, type Piece, text } from "./engine_programs.ts";

/** A row of a list. */
export interface Row {
  id: number;
  label: string;
  on: boolean;
  n: number;
  sub: { name: string };
  tags: string[];
}

/** What handlers were called with. */
export const picked: unknown[] = [];

/** State of every kind that a template can show. */
export class World {
  count = 0;
  name = "a";
  flag = false;
  rows: Row[] = [];
  more: Row[] = [];
  tags: string[] = ["x"];
  chosen: Row | null = null;
  byName = new Map<string, Row>();
  marks = new Set<string>(["m"]);
  record: Record<string, number> = { a: 1 };
  nested = { deep: { list: [] as Row[], text: "t" } };

  get total(): number {
    return this.rows.reduce((sum, { n }) => sum + n, 0);
  }

  *odd(): Iterable<Row> {
    for (const row of this.rows) if (row.n % 2 === 1) yield row;
  }

  isBig(row: Row): boolean {
    return row.n > this.count;
  }

  pick(...values: unknown[]): void {
    picked.push(JSON.stringify(values));
  }
}

/** A copy that shares nothing. */
export function copyOf(world: World): World {
  return Object.assign(new World(), structuredClone({ ...world }));
}

let lastId = 0;

/** Has rows numbered from here on, so that edits can be made again. */
export function numberRowsFrom(id: number): void {
  lastId = id;
}

function rowOf(prng: Prng): Row {
  return {
    id: ++lastId,
    label: wordOf(prng),
    on: prng.chance(0.5),
    n: prng.between(0, 5),
    sub: { name: wordOf(prng) },
    tags: Array.from({ length: prng.between(0, 3) }, () => wordOf(prng)),
  };
}

function wordOf(prng: Prng): string {
  return prng.pick(["", "a", "<b>", "c&d", '"e"', "fgh ijk lmn", "fgh ijk xyz", "é🙂", "0"]);
}

/** A state to begin with. */
export function worldOf(prng: Prng): World {
  const world = new World();
  for (let edits = prng.between(0, 12); edits > 0; edits--) editOf(prng)(world);
  return world;
}

/** A template. */
export function templateOf(prng: Prng): ElementPiece {
  return elementOf(prng, ["div", "section"], [], 3);
}

const SCALARS: readonly [string, ...string[]] = [
  "count",
  "name",
  "flag",
  "total",
  "tags",
  "nested.deep.text",
  "chosen?.label",
  "'n ' + name + count",
  "rows.length",
  "flag ? name : count",
  "record.a",
  "byName['k']?.label",
];

function scalar(prng: Prng, names: readonly string[]): string {
  if (names.length === 0 || prng.chance(0.3)) return prng.pick(SCALARS);
  const name = names[prng.between(0, names.length - 1)] as string;
  if (!name.startsWith("row")) return name;
  const fields: readonly [string, ...string[]] = ["label", "n", "sub.name", "on", "id"];
  return `${name}.${prng.pick(fields)}`;
}

function condition(prng: Prng, names: readonly string[]): string {
  const row = names.find((name) => name.startsWith("row"));
  if (row !== undefined && prng.chance(0.6)) {
    return prng.pick([`${row}.on`, `${row}.n > count`, `isBig(${row})`, `${row}.tags`]);
  }
  return prng.pick(["flag", "count > 1", "rows", "name === 'a'", "chosen", "marks"]);
}

function elementOf(
  prng: Prng,
  tags: readonly [string, ...string[]],
  names: readonly string[],
  depth: number,
): ElementPiece {
  const on: Record<string, string> = {};
  const may = (chance: number, name: string, value: () => string) => {
    if (prng.chance(chance)) on[name] = value();
  };
  may(0.2, "class", () => "fixed");
  may(0.2, "attr title", () => scalar(prng, names));
  may(0.2, "class on", () => condition(prng, names));
  may(0.1, "class off", () => condition(prng, names));
  may(0.15, "style color", () => scalar(prng, names));
  may(0.15, "show ", () => condition(prng, names));
  may(0.1, "prop inert", () => condition(prng, names));
  may(0.1, "plugin chart", () => scalar(prng, names));
  may(0.4, "on click", () => `pick(${[scalar(prng, names), scalar(prng, names)].join(", ")})`);
  if (prng.chance(0.05)) {
    // What an expression gives here is well-formed: templates are compiled so.
    return el("p", { ...on, "html ": "'<i>' + count + '</i>'" });
  }
  const children: Piece[] = [];
  for (let count = depth > 0 ? prng.between(1, 4) : 1; count > 0; count--) {
    // Two texts side by side would be one.
    const wasText = typeof children.at(-1) === "string" || "text" in Object(children.at(-1));
    const piece = pieceOf(prng, names, depth, wasText);
    if (piece !== null) children.push(piece);
  }
  return el(prng.pick(tags), on, ...children);
}

function pieceOf(
  prng: Prng,
  names: readonly string[],
  depth: number,
  wasText: boolean,
): Piece | null {
  const kind = prng.between(0, depth > 0 ? 9 : 3);
  if (kind <= 1) return wasText ? null : text(scalar(prng, names));
  if (kind === 2) return wasText ? null : "static ";
  if (kind === 3) return inputOf(prng, names);
  if (kind <= 5) return elementOf(prng, ["x-b", "x-i"], names, depth - 1);
  if (kind <= 8) return listOf(prng, names, depth);
  const branches: [string | null, ElementPiece][] = [
    [condition(prng, names), elementOf(prng, ["x-em", "x-tt"], names, depth - 1)],
  ];
  if (prng.chance(0.3)) {
    branches.push([condition(prng, names), elementOf(prng, ["x-tt"], names, depth - 1)]);
  }
  if (prng.chance(0.5)) branches.push([null, elementOf(prng, ["x-tt", "x-s"], names, depth - 1)]);
  return { cond: branches };
}

function inputOf(prng: Prng, names: readonly string[]): ElementPiece {
  const row = names.find((name) => name.startsWith("row"));
  const target = row === undefined ? "name" : `${row}.label`;
  return prng.pick([
    el("input", { "bind text": target }),
    el("input", { "bind text": target, "attr title": scalar(prng, names) }),
    el("input", { type: "checkbox", "bind checkbox": row === undefined ? "flag" : `${row}.on` }),
    el("input", { type: "radio", "bind radio 'a'": target }),
    el("textarea", { "bind text": target }),
  ]);
}

function listOf(prng: Prng, names: readonly string[], depth: number): ListPiece {
  const at = names.length;
  const row = names.find((name) => name.startsWith("row"));
  const inside = (names: readonly string[]) => elementOf(prng, ["x-li", "x-dd"], names, depth - 1);
  if (row !== undefined && prng.chance(0.5)) {
    const own = [`tag${at}`];
    return { each: `${row}.tags`, names: own, element: inside([...names, ...own]) };
  }
  const kind = prng.between(0, 9);
  if (kind <= 5) {
    const own = prng.chance(0.3) ? [`row${at}`, `i${at}`] : [`row${at}`];
    return {
      each: prng.pick(["rows", "rows", "more", "nested.deep.list", "odd()"]),
      names: own,
      ...prng.chance(0.8) ? { key: `row${at}.id` } : {},
      ...prng.chance(0.2) ? { filter: condition(prng, own) } : {},
      element: inside([...names, ...own]),
    };
  }
  if (kind === 6) {
    const own = [`row${at}`, `k${at}`];
    const key = prng.chance(0.5) ? { key: `k${at}` } : {};
    return { each: "byName", names: own, ...key, element: inside([...names, ...own]) };
  }
  if (kind === 7) {
    const own = [`v${at}`, `k${at}`];
    const key = prng.chance(0.5) ? { key: `k${at}` } : {};
    return { each: "record", names: own, ...key, element: inside([...names, ...own]) };
  }
  const own = [`mark${at}`];
  const key = prng.chance(0.5) ? { key: `mark${at}` } : {};
  const each = kind === 8 ? "marks" : "tags";
  return { each, names: own, ...key, element: inside([...names, ...own]) };
}

/** An edit as a handler would make it; on the data itself or on its proxy. */
export function editOf(prng: Prng): (world: World) => void {
  const lists = (world: World) =>
    prng.pick([world.rows, world.rows, world.more, world.nested.deep.list]);
  const someRow = (world: World): Row | undefined => {
    const list = lists(world);
    return list[prng.between(0, Math.max(0, list.length - 1))];
  };
  return prng.pick<(world: World) => void>([
    (world) => void (world.count = prng.between(0, 4)),
    (world) => void (world.name = wordOf(prng)),
    (world) => void (world.flag = !world.flag),
    (world) => void lists(world).push(rowOf(prng)),
    (world) => void lists(world).unshift(rowOf(prng), rowOf(prng)),
    (world) => {
      const list = lists(world);
      const at = prng.between(0, list.length);
      list.splice(
        at,
        prng.between(0, 2),
        ...Array.from({ length: prng.between(0, 2) }, () => rowOf(prng)),
      );
    },
    (world) => void lists(world).pop(),
    (world) => void lists(world).reverse(),
    (world) => void lists(world).sort((a, b) => a.label < b.label ? -1 : 1),
    (world) => void lists(world).sort((a, b) => a.n - b.n),
    (world) => {
      const list = lists(world);
      const last = list.length - 1;
      if (last < 1) return;
      const [a, b] = [prng.between(0, last), prng.between(0, last)];
      [list[a], list[b]] = [list[b] as Row, list[a] as Row];
    },
    (world) => void (world.rows = world.rows.filter(() => prng.chance(0.7))),
    (world) => void (world.rows = JSON.parse(JSON.stringify(world.rows))),
    (world) => void (world.more = [...world.rows, ...world.more].slice(0, 6)),
    (world) => void (world.chosen = someRow(world) ?? null),
    (world) => void (world.chosen = null),
    (world) => {
      const row = someRow(world);
      if (row !== undefined) row.label = wordOf(prng);
    },
    (world) => {
      const row = someRow(world);
      if (row !== undefined) row.sub = { name: wordOf(prng) };
    },
    (world) => {
      const row = someRow(world);
      if (row !== undefined) row.sub.name = wordOf(prng);
    },
    (world) => {
      const row = someRow(world);
      if (row !== undefined) Object.assign(row, { on: !row.on, n: prng.between(0, 5) });
    },
    (world) => someRow(world)?.tags.push(wordOf(prng)),
    (world) => {
      const row = someRow(world);
      if (row !== undefined) row.tags.length = 0;
    },
    (world) => {
      const row = someRow(world);
      if (row !== undefined && prng.chance(0.3)) row.id = ++lastId;
    },
    (world) => void world.byName.set(prng.pick(["k", "l"]), someRow(world) ?? rowOf(prng)),
    (world) => void world.byName.delete("k"),
    (world) => void world.marks.add(wordOf(prng)),
    (world) => void (prng.chance(0.3) ? world.marks.clear() : world.marks.delete("")),
    (world) => void (world.record[prng.pick(["a", "b"])] = prng.between(0, 3)),
    (world) => void delete world.record.b,
    (world) => void (world.tags[prng.between(0, world.tags.length)] = wordOf(prng)),
    (world) => void world.tags.shift(),
    (world) => void (world.nested = { deep: { list: world.rows.slice(0, 2), text: wordOf(prng) } }),
    (world) => void (world.nested.deep.text = wordOf(prng)),
  ]);
}
