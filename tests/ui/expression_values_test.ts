import { assertEquals, assertThrows } from "@std/assert";
import { compileExpression, environmentOf, targetOf } from "../../ui/expression.ts";
import { parseExpression } from "../../ui/expression_syntax.ts";
import { inputShows, isTrue, SHOWN_DEPTH_MAX, shownText } from "../../ui/expression_text.ts";
import { written } from "../../ui/expression_values.ts";
import type { InputKind, Tracker } from "../../ui/program.ts";
import { classMember, classMembers } from "../../ui/properties.ts";
import { TemplateError } from "../../ui/template_error.ts";
import { plainSource } from "../../ui/template_source.ts";

const START = { file: "t.html", line: 1, column: 1 };

class Person {
  name = "Ada";
  born = 1815;
  static made = 0;
  get initial(): string {
    return this.name.slice(0, 1);
  }
  greet(word = "Hello", sign = "!"): string {
    return `${word} ${this.name}${sign}`;
  }
}

class Admin extends Person {
  rights = ["read"];
  may(right: string): boolean {
    return this.rights.includes(right);
  }
}

class Board {
  count = 2;
  text = "abc";
  on = false;
  empty = null;
  list = [3, 1, 2];
  rows = [{ id: 1, done: true }, { id: 2, done: false }];
  map = new Map<unknown, unknown>([["k", { x: 1 }], [2, "two"]]);
  set = new Set([1, 2]);
  ada = new Person();
  admin = new Admin();
  handler = () => "called";
  #hidden = 5;
  get total(): number {
    return this.count + this.#hidden;
  }
  get name(): string {
    return this.text;
  }
  set name(name: string) {
    this.text = name.toUpperCase();
  }
  plus(a: number, b = this.count): number {
    return a + b;
  }
}

function value(text: string, state?: object, tracker?: Tracker): unknown {
  const expression = compileExpression(text, START);
  return expression.evaluate({
    state: state ?? new Board(),
    variables: [],
    ...tracker && { tracker },
  });
}

function reads(text: string, state: object = new Board()): readonly string[] {
  const names = new Map<object, string>([[state, ""]]);
  const found: string[] = [];
  value(text, state, {
    read(object, key) {
      const owner = names.get(object) ?? "?";
      const path = `${owner}${owner && "."}${String(key)}`;
      const inner = object instanceof Map ? object.get(key) : Reflect.get(object, key);
      if (inner !== null && typeof inner === "object") names.set(inner, path);
      found.push(path);
    },
    opaque: () => found.push("opaque"),
  });
  return found;
}

function assign(text: string, input: unknown, state: object, variables: readonly string[] = []) {
  const source = plainSource(text, START);
  const context = { source, environment: environmentOf(variables) };
  targetOf(parseExpression(source), context).assign({ state, variables: [] }, input);
}

Deno.test("an expression reads fields, getters, methods, lists, maps and objects of classes", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["count", 2],
    ["total", 7],
    ["plus(1)", 3],
    ["plus(1, 1)", 2],
    ["ada.name", "Ada"],
    ["ada.initial", "A"],
    ["ada.greet()", "Hello Ada!"],
    ["admin.greet('Hi')", "Hi Ada!"],
    ["admin.may('read')", true],
    ["list[0]", 3],
    ["list[5]", undefined],
    ["list.length", 3],
    ["text.length", 3],
    ["text[1]", "b"],
    ["map['k'].x", 1],
    ["map[2]", "two"],
    ["map.size + set.size", 4],
    ["map.get(2)", "two"],
    ["set.has(2)", true],
    ["rows.filter(r => r.done).map((r, i) => r.id + i)", [1]],
    ["list.toSorted((a, b) => a - b).join('')", "123"],
    ["list.reduce((sum, x) => sum + x, 0)", 6],
    ["rows.find(r => r.id == 2)?.done", false],
    ["rows.find(r => r.id == 9)?.done", undefined],
    ["text.toUpperCase().includes('B')", true],
    ["(5.25).toFixed(1)", "5.3"],
    ["len(list) + len(text) + len(map) + len(empty)", 8],
    ["upper(text) + lower('X') + trim(' y ')", "ABCxy"],
    ["join(list, '-')", "3-1-2"],
    ["round(2.345, 1)", 2.3],
    ["fixed(2, 2)", "2.00"],
    ["min(3, 1) + max(3, 1) + abs(-1) + floor(1.9) + ceil(1.1)", 8],
    ["json(rows[0])", '{"id":1,"done":true}'],
    ["number(1234567.5, 2)", "1,234,567.50"],
    ["number(1234.5, 1, 'de')", "1.234,5"],
    ["date(0, 'short')", "1/1/70"],
    ["missing", undefined],
  ];
  for (const [text, expected] of cases) assertEquals(value(text), expected, text);
});

Deno.test("truthiness is godom's: false for nothing, false, 0, '', and what has nothing in it", () => {
  for (const falsy of [null, undefined, false, 0, 0n, "", [], new Map(), new Set(), NaN]) {
    assertEquals(isTrue(falsy), false);
  }
  for (const truthy of [true, 1, -1, "0", [0], {}, new Map([[1, 1]]), new Set([0]), new Date(0)]) {
    assertEquals(isTrue(truthy), true);
  }
  assertEquals(value("!rows"), false);
  assertEquals(value("![]"), true);
  assertEquals(value("[] or 'none'"), "none");
  assertEquals(value("[] ? 1 : 2"), 2);
});

Deno.test("what expressions read is reported by object and key, and the author's code as opaque", () => {
  assertEquals(reads("count + len(text)"), ["count", "text"]);
  assertEquals(reads("on && count"), ["on"]);
  assertEquals(reads("on || count"), ["on", "count"]);
  assertEquals(reads("on ? count : text"), ["on", "text"]);
  assertEquals(reads("rows[1].done"), ["rows", "rows.1", "rows.1.done"]);
  assertEquals(reads("map['k'].x"), ["map", "map.k", "map.k.x"]);
  assertEquals(reads("map.size"), ["map", "map.size"]);
  assertEquals(reads("missing"), ["missing"]);
  assertEquals(reads("list ? 1 : 2"), ["list", "list.length"]);
  assertEquals(reads("!set"), ["set", "set.size"]);
  assertEquals(reads("len(list)"), ["list", "list.length"]);
  assertEquals(reads("join(list)"), ["list", "list.length", "list.0", "list.1", "list.2"]);
  assertEquals(reads("list.includes(1)"), ["list", "list.length", "list.0", "list.1", "list.2"]);
  assertEquals(reads("set.has(1)"), ["set", "opaque"]);
  assertEquals(reads("total"), ["opaque"]);
  assertEquals(reads("plus(count)"), ["opaque", "count"]);
  assertEquals(reads("ada.initial"), ["ada", "opaque"]);
  assertEquals(reads("ada.greet()"), ["ada", "opaque"]);
  assertEquals(reads("rows.some(r => r.done)").filter((path) => path.endsWith("done")), [
    "rows.0.done",
  ]);
});

Deno.test("what fails at run time says what was read", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["empty.name", 'Cannot read "name" of null'],
    ["missing.name", 'Cannot read "name" of undefined'],
    ["empty.greet()", 'Cannot call "greet" of null'],
    ["ada.rename()", 'Cannot call "rename": it is no method that expressions may use'],
    ["list.push(1)", 'Cannot call "push": it is no method that expressions may use'],
    ["rows[0].map(x => x)", 'Cannot call "map": it is no method that expressions may use'],
    ["handler()", 'Cannot call "handler": it is no method'],
    ["nothing()", 'Cannot call "nothing": it is no method'],
  ];
  for (const [text, message] of cases) {
    assertThrows(() => value(text), TypeError, message);
  }
});

Deno.test("no value of an index leads to a prototype or a constructor", () => {
  for (const name of ["constructor", "__proto__", "prototype"]) {
    const state = Object.assign(new Board(), { key: name, part: name.slice(0, 4) });
    for (
      const text of [
        "ada[key]",
        `ada[part + '${name.slice(4)}']`,
        "rows[0][key]",
        "list[key]",
        "ada[[key]]",
        "ada[[[key]]]",
      ]
    ) {
      assertThrows(() => value(text, state), TypeError, `Cannot read "${name}": it is not data`);
    }
    assertEquals(value("map[key]", state), undefined);
    assertEquals(value("text[key]", state), undefined);
    assertThrows(() => value(`rows.map(r => r[key])`, state), TypeError, "it is not data");
  }
});

Deno.test("members that every object inherits are not there for expressions", () => {
  for (
    const text of [
      "toString",
      "hasOwnProperty",
      "valueOf",
      "ada.toString",
      "rows[0].hasOwnProperty",
      "list.push",
      "list.__lookupGetter__",
      "map.set",
      "handler.name",
      "handler.length",
      "text.charAt",
      "count.toFixed",
    ]
  ) assertEquals(value(text), undefined, text);
  for (
    const text of [
      "toString()",
      "hasOwnProperty('count')",
      "ada.valueOf()",
      "list.push(1)",
      "list.sort()",
      "map.set(1, 2)",
      "map.clear()",
      "set.add(1)",
      "ada.__defineGetter__('x', y => 1)",
      "text.repeat(9)",
      "text.at.call()",
      "list.map.bind(1)",
    ]
  ) assertThrows(() => value(text), TypeError, undefined, text);
});

Deno.test("objects of the platform's classes show no members but those of the grammar", () => {
  const state = { bytes: new Float64Array(2), expression: /x/, error: new Error("x") };
  assertEquals(value("bytes.fill", state), undefined);
  assertThrows(() => value("bytes.fill(1)", state), TypeError);
  assertThrows(() => value("expression.test('x')", state), TypeError);
  assertEquals(classMember(new Float64Array(1), "subarray"), null);
  assertEquals(classMember(function* () {}(), "next"), null);
  assertEquals(classMember(Object.create(null), "x"), null);
  assertEquals([...classMembers(new Admin())].sort(), ["greet", "initial", "may"]);
});

Deno.test("an input writes a field, an item, an entry, a field of either, or a setter", () => {
  const state = new Board();
  assign("text", "new", state);
  assign("ada.name", "Grace", state);
  assign("list[1]", "9", state);
  assign("rows[0].id", 7, state);
  assign("map['k']", "v", state);
  assign("map['later']", "w", state);
  assign("name", "setter", state);
  assertEquals([state.text, state.ada.name, state.list, state.rows[0]?.id], [
    "SETTER",
    "Grace",
    [3, 9, 2],
    7,
  ]);
  assertEquals([state.map.get("k"), state.map.get("later")], ["v", "w"]);
});

Deno.test("what is cleared is null where an input of numbers or dates has a number or nothing", () => {
  const cases: readonly (readonly [unknown, string, InputKind, unknown])[] = [
    [5, "", "number", null],
    [5, "", "range", null],
    [5, "", "date", null],
    [5, "", "text", 0],
    [null, "", "number", null],
    [undefined, "", "number", null],
    [null, "", "date", null],
    [null, "", "text", ""],
    ["7", "", "number", ""],
    ["2026-01-02", "", "date", ""],
    [null, "12.5", "number", 12.5],
    [null, "3", "range", 3],
    [null, "2026-01-02", "date", "2026-01-02"],
    [null, "12", "text", "12"],
    ["7", "8.50", "number", "8.50"],
    [5, "x", "number", 5],
    [false, "", "number", false],
  ];
  for (const [before, text, input, after] of cases) {
    const state = { field: before };
    written(state, "field", text, input);
    assertEquals(state.field, after, JSON.stringify([before, text, input]));
  }
  assertThrows(() => written({ field: 5 }, "field", null, "number"), TypeError);
});

Deno.test("what an input writes gets the kind of what was there", () => {
  const state = {
    number: 5,
    on: false,
    set: new Set(["a"]),
    numbers: [1],
    texts: ["a"],
    any: null,
  };
  assign("number", "12.5", state);
  assertEquals(state.number, 12.5);
  assign("number", "12.5x", state);
  assertEquals(state.number, 12.5, "a bad number is passed over");
  assign("number", "", state);
  assertEquals(state.number, 0, "nothing is zero");
  assign("on", "true", state);
  assertEquals(state.on, true);
  assign("on", false, state);
  assertEquals(state.on, false);
  assign("set", ["b", "c"], state);
  assertEquals(state.set, new Set(["b", "c"]));
  assign("numbers", ["2", "3"], state);
  assertEquals(state.numbers, [2, 3]);
  assign("texts", ["2"], state);
  assertEquals(state.texts, ["2"]);
  assign("any", "5", state);
  assertEquals(state.any, "5" as unknown);
});

Deno.test("an input writes nothing that is not there, and nothing that no input has", () => {
  const state = new Board();
  const cases: readonly (readonly [string, unknown, string])[] = [
    ["missing", "x", 'Cannot write "missing": there is no such field'],
    ["ada.missing", "x", 'Cannot write "missing": there is no such field'],
    ["list[7]", "x", 'Cannot write "7": there is no such field'],
    ["total", "x", 'Cannot write "total": there is no such field'],
    ["plus", "x", 'Cannot write "plus": there is no such field'],
    ["toString", "x", 'Cannot write "toString": there is no such field'],
    ["empty.name", "x", 'Cannot write "name": there is nothing to write it to'],
    ["text", { a: 1 }, "Cannot write this: no input has such a value"],
    ["text", null, "Cannot write this: no input has such a value"],
    ["text", [{}], "Cannot write this: no input has such a value"],
  ];
  for (const [text, input, message] of cases) {
    assertThrows(() => assign(text, input, state), TypeError, message, text);
  }
  for (const name of ["constructor", "__proto__", "prototype"]) {
    for (const object of [state, {}, [], Object.create(null)]) {
      assertThrows(() => written(object, name, "x"), TypeError, "nothing to write it to");
      assertThrows(() => written(object, [name], "x"), TypeError, "nothing to write it to");
    }
  }
  assertEquals(Object.hasOwn(Object.prototype, "x"), false);
});

Deno.test("only a place can be bound: no call, no sum, no loop variable", () => {
  const state = { item: 1 };
  for (const text of ["count + 1", "plus(1)", "'x'", "a ? b : c", "[a]"]) {
    assertThrows(() => assign(text, "x", state), TemplateError, "bound to a field");
  }
  assertThrows(
    () => assign("item", "x", state, ["item"]),
    TemplateError,
    '"item" is a variable of the loop: bind to a field of it, or to list[index]',
  );
});

Deno.test("loop variables hide the island's names, and the inner ones the outer", () => {
  const state = { x: "field", y: "field" };
  const run = (text: string, names: readonly string[], variables: readonly unknown[]) =>
    compileExpression(text, START, names).evaluate({ state, variables });
  assertEquals(run("x + y", ["x"], ["loop"]), "loopfield");
  assertEquals(run("x", ["x", "x"], ["outer", "inner"]), "inner");
  assertEquals(run("list.map(x => x + y)", ["list"], [["a"]]), ["afield"]);
  assertEquals(run("list.map(y => list.map(x => x + y))", ["list"], [["a", "b"]]), [
    ["aa", "ba"],
    ["ab", "bb"],
  ]);
});

Deno.test("values are shown as text", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [null, ""],
    [undefined, ""],
    ["", ""],
    [0, "0"],
    [-0, "0"],
    [1.5, "1.5"],
    [10n, "10"],
    [true, "true"],
    [false, "false"],
    [NaN, "NaN"],
    [["a", 1, null, [2, 3]], "a, 1, , 2, 3"],
    [new Set([1, "b"]), "1, b"],
    [new Map([["a", 1]]), '{"a":1}'],
    [{ a: [1] }, '{"a":[1]}'],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Date(NaN), ""],
    [() => 1, ""],
    [Symbol.iterator, "Symbol(Symbol.iterator)"],
  ];
  for (const [shown, text] of cases) assertEquals(shownText(shown), text);
  const self: unknown[] = [];
  self.push(self);
  assertEquals(shownText(self), "…");
  const ring: { self?: unknown } = {};
  ring.self = ring;
  assertEquals(shownText(ring), "");
  const nested = (depth: number): unknown => depth === 0 ? "x" : [nested(depth - 1)];
  assertEquals(shownText(nested(SHOWN_DEPTH_MAX - 1)), "x");
  assertEquals(shownText(nested(SHOWN_DEPTH_MAX)), "x");
  assertEquals(shownText(nested(SHOWN_DEPTH_MAX + 1)), "…");
});

Deno.test("an input that shows a number may show it in any way that means the number", () => {
  for (const text of ["1", "1.", "1.0", "01", " 1 ", "1e0"]) {
    assertEquals(inputShows(1, text), true);
  }
  for (const text of ["", "2", "x", "1x"]) assertEquals(inputShows(1, text), false);
  assertEquals(inputShows(0, ""), true);
  assertEquals(inputShows("1", "1."), false);
  assertEquals(inputShows(null, ""), true);
  assertEquals(inputShows(NaN, "NaN"), true);
});

Deno.test("formats of numbers and times are those of their language, however many there are", () => {
  for (let round = 0; round < 2; round++) {
    for (let digits = 0; digits <= 20; digits++) {
      for (const language of ["en", "de", "fr", "ja"]) {
        const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
        assertEquals(
          value(`number(1234.5, ${digits}, '${language}')`),
          new Intl.NumberFormat(language, options).format(1234.5),
        );
      }
    }
  }
  for (const style of ["full", "long", "medium", "short"] as const) {
    const format = new Intl.DateTimeFormat("de", { dateStyle: style, timeZone: "UTC" });
    assertEquals(value(`date(0, '${style}', 'de')`), format.format(0));
  }
  assertEquals(value("date(when, 'short')", { when: new Date(0) }), "1/1/70");
});

Deno.test("a call of what is no name and no member is refused when it is compiled", () => {
  assertThrows(() => value("plus(1)(2)"), TemplateError, "this cannot be called");
  assertEquals(value("[1, 2,].length + [3].at(0)"), 5);
});
