import { assertEquals } from "@std/assert";
import { checkExpression, checkHandler, checkTarget } from "../../ui/expression_check.ts";
import { type Shape, shapeOf } from "../../ui/expression_shape.ts";
import { parseExpression } from "../../ui/expression_syntax.ts";
import { nearestName, type TemplateError, TemplateErrors } from "../../ui/template_error.ts";
import { plainSource } from "../../ui/template_source.ts";

class Task {
  id = 1;
  title = "a";
  done = false;
  get short(): string {
    return this.title.slice(0, 3);
  }
  rename(title: string): void {
    this.title = title;
  }
}

class Base {
  inherited = 1;
  reset(): void {}
}

class Board extends Base {
  count = 1;
  text = "x";
  on = false;
  later: unknown = null;
  tasks = [new Task()];
  rows = [{ id: 1, label: "a" }];
  none: unknown[] = [];
  errors: Record<string, string> = {};
  byName = new Map([["a", new Task()]]);
  tags = new Set(["a"]);
  when = new Date(0);
  run = () => 1;
  get total(): number {
    return this.count;
  }
  get broken(): string {
    throw new Error("needs a running island");
  }
  get name(): string {
    return this.text;
  }
  set name(name: string) {
    this.text = name;
  }
  add(by = 1): void {
    this.count += by;
  }
  move(_from: number, _to: number): void {}
  connected(): void {}
  refresh(): void {}
}

const START = { file: "t.html", line: 1, column: 1 };

function problems(
  text: string,
  check: typeof checkExpression | typeof checkHandler | typeof checkTarget = checkExpression,
  shapes: Readonly<Record<string, Shape>> = {},
  given = 0,
): readonly string[] {
  const errors: TemplateError[] = [];
  const source = plainSource(text, START);
  const context = {
    source,
    sample: new Board(),
    shapes: new Map(Object.entries(shapes)),
    report: (error: TemplateError) => errors.push(error),
  };
  const node = parseExpression(source);
  if (check === checkHandler) checkHandler(node, context, given);
  else (check as typeof checkExpression)(node, context);
  return errors.map(({ message }) => message.replace("t.html:1:", ""));
}

function kind(text: string): string {
  const source = plainSource(text, START);
  const report = (error: TemplateError) => {
    throw error;
  };
  const context = { source, sample: new Board(), shapes: new Map(), report };
  return checkExpression(parseExpression(source), context).kind;
}

Deno.test("what expressions may say is let through", () => {
  for (
    const text of [
      "count + 1",
      "count && text",
      "len(tasks)",
      "tasks.filter(t => t.done)",
      "1.5",
      "text + '!'",
      "tasks[0].title",
      "tasks[count].short",
      "tasks.map(t => t.title).join(', ')",
      "tasks.find(t => t.id == count)?.title",
      "byName['a'].title",
      "byName.get('a').short",
      "byName.size + tags.size",
      "tags.has('a')",
      "later.anything.at(1).all",
      "later - 1",
      "none[0].anything",
      "none.map(x => x.anything - 1)",
      "errors.email",
      "errors['email']",
      "rows[0]['comes_later']",
      "broken.length",
      "inherited * 2",
      "reset() ?? 1",
      "add()",
      "add(1)",
      "add(1, 2, 3)",
      "move(1, 2)",
      "when - 5",
      "when < 5",
      "number(count, 2)",
      "on ? 'a' : 5",
      "total - count",
      "name.length",
      "-count",
      "+text",
      "tasks.toSorted((a, b) => a.id - b.id)",
      "rows.reduce((sum, row) => sum + row.id, 0)",
      "text < 'b' and count < 3",
      "max(1, later)",
    ]
  ) assertEquals(problems(text), [], text);
});

Deno.test("a wrong name is refused, and the nearest right one is told", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["cuont", '1: there is no "cuont"; did you mean "count"?'],
    ["1 + Count", '5: there is no "Count"; did you mean "count"?'],
    ["missing > 1", '1: there is no "missing"'],
    ["tasks[0].titel", '10: Task has no "titel"; did you mean "title"?'],
    ["tasks[0].tilte.length", '10: Task has no "tilte"; did you mean "title"?'],
    ["tasks.map(t => t.dnoe)", '18: Task has no "dnoe"; did you mean "done"?'],
    [
      "rows[0].lable",
      '9: the object has no "lable" (write ["lable"] if it comes later); did you mean "label"?',
    ],
    ["byName['a'].ttle", '13: Task has no "ttle"; did you mean "title"?'],
    ["tasks.lenght", '7: a list has no "lenght"; did you mean "length"?'],
    ["byName.length", '8: a map has no "length"'],
    ["text.size", '6: a text has no "size"'],
    ["count.length", '7: a number has no "length"'],
    ["on.x", '4: true or false has no "x"'],
    ["ad(1)", '1: Board has no method "ad"; did you mean "add"?'],
    ["uper(text)", '1: Board has no method "uper"; did you mean "upper"?'],
    ["tasks[0].renmae('x')", '10: Task has no method "renmae"; did you mean "rename"?'],
    [
      "tasks.fliter(t => t)",
      '7: a list has no "fliter" that expressions may call; did you mean "filter"?',
    ],
    ["text.push(1)", '6: a text has no "push" that expressions may call'],
    ["tasks.push(1)", '7: a list has no "push" that expressions may call'],
    ["toString()", '1: Board has no method "toString"'],
    ["tasks[0].hasOwnProperty('x')", '10: Task has no method "hasOwnProperty"'],
    ["len", '1: "len" is a function: write len(…)'],
    ["x.y", '1: there is no "x"'],
    ["event.key", '1: there is no "event"'],
  ];
  for (const [text, expected] of cases) assertEquals(problems(text), [expected], text);
});

Deno.test("a method without its call, and a call of what is no method, are refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["add", '1: "add" is a method: write add(…) to call it'],
    ["add + 1", '1: "add" is a method: write add(…) to call it'],
    ["tasks[0].rename", '1: "rename" is a method: write rename(…) to call it'],
    ["tasks.map", '1: "map" is a method: write map(…) to call it'],
    ["count()", '1: "count" is a field, not a method: it cannot be called'],
    ["total()", '1: "total" is a getter, not a method: it cannot be called'],
    ["run()", '1: "run" is a field with a function: make it a method of the class'],
    ["tasks[0].title()", '10: "title" is a field, not a method: it cannot be called'],
    ["move(1)", '1: "move" needs 2 arguments, and gets 1'],
    ["move()", '1: "move" needs 2 arguments, and gets 0'],
    ["tasks[0].rename()", '10: "rename" needs 1 argument, and gets 0'],
    ["len()", '1: "len" takes 1 arguments, not 0'],
    ["round(1, 2, 3)", '1: "round" takes 1 to 2 arguments, not 3'],
    ["min()", '1: "min" takes at least 1 arguments, not 0'],
    ["connected()", '1: "connected" is called by the engine alone'],
    ["refresh()", '1: "refresh" is called by the engine alone'],
  ];
  for (const [text, expected] of cases) assertEquals(problems(text), [expected], text);
});

Deno.test("kinds that initial values tell are checked", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["text * 2", '1: "*" computes with numbers, and this is a text'],
    ["1 - text", '5: "-" computes with numbers, and this is a text'],
    ["-text", '2: "-" computes with numbers, and this is a text'],
    ["tasks + 1", '1: "+" is not for a list'],
    ["byName < 1", '1: "<" is not for a map'],
    ["rows[0] > 1", '1: ">" is not for an object'],
    ["count + (text + 1) * 2", '10: "*" computes with numbers, and this is a text'],
    ["tasks.map(t => t.title * 2)", '16: "*" computes with numbers, and this is a text'],
    ["len(text) * upper(text)", '13: "*" computes with numbers, and this is a text'],
    ["fixed(text, 1)", '1: "fixed" computes with numbers, not with a text'],
    ["count[0]", "1: a number has no items"],
    ["tags[0]", "1: a set has no items"],
  ];
  for (const [text, expected] of cases) assertEquals(problems(text), [expected], text);
});

Deno.test("an expression has all of its errors, in order", () => {
  assertEquals(problems("cuont + ad(txt) + tasks[0].x"), [
    '1: there is no "cuont"; did you mean "count"?',
    '12: there is no "txt"; did you mean "text"?',
    '9: Board has no method "ad"; did you mean "add"?',
    '28: Task has no "x"',
  ]);
});

Deno.test("what an expression gives is known as far as it can be", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["count", "number"],
    ["text", "text"],
    ["on", "boolean"],
    ["later", "any"],
    ["tasks", "list"],
    ["tasks[0]", "object"],
    ["tasks[0].done", "boolean"],
    ["byName['a']", "object"],
    ["tasks.filter(t => t.done)[0].title", "text"],
    ["tasks.map(t => t.id)[0]", "number"],
    ["tasks.map(t => t.id)", "list"],
    ["text.split(',')[0]", "text"],
    ["text.indexOf('a')", "number"],
    ["text.includes('a')", "boolean"],
    ["tasks.find(t => t.done).title", "text"],
    ["text + 1", "text"],
    ["count + 1", "number"],
    ["count + later", "any"],
    ["!text", "boolean"],
    ["count > 1", "boolean"],
    ["text || 'none'", "text"],
    ["text || 1", "any"],
    ["on ? 1 : 2", "number"],
    ["on ? 1 : 'a'", "any"],
    ["[text][0]", "text"],
    ["{a: 1}", "object"],
    ["len(text)", "number"],
    ["add()", "any"],
    ["total", "number"],
    ["broken", "any"],
    ["when", "object"],
  ];
  for (const [text, expected] of cases) assertEquals(kind(text), expected, text);
});

Deno.test("a handler is a method of the class: no field, no getter, no word of the engine", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["add", []],
    ["add()", []],
    ["add(count)", []],
    ["reset", []],
    ["move(1, 2)", []],
    ["move", ['1: "move" needs 2 arguments, and gets 0']],
    ["move(1)", ['1: "move" needs 2 arguments, and gets 1']],
    ["count", ['1: "count" is a field, not a method: it cannot be called']],
    ["total", ['1: "total" is a getter, not a method: it cannot be called']],
    ["run", ['1: "run" is a field with a function: make it a method of the class']],
    ["connected", ['1: "connected" is called by the engine alone']],
    ["mount()", ['1: "mount" is called by the engine alone']],
    ["refresh()", ['1: "refresh" is called by the engine alone']],
    ["markRefresh", ['1: "markRefresh" is called by the engine alone']],
    ["adds", ['1: Board has no method "adds"; did you mean "add"?']],
    ["len(text)", ['1: Board has no method "len"']],
    ["tasks[0].rename('x')", ["1: an event calls a method of the island, as in save(1)"]],
    ["count + 1", ["1: an event calls a method of the island, as in save(1)"]],
    ["add(cuont)", ['5: there is no "cuont"; did you mean "count"?']],
  ];
  for (const [text, expected] of cases) {
    assertEquals(problems(text, checkHandler), expected, text);
  }
  assertEquals(problems("move", checkHandler, {}, 2), []);
  assertEquals(problems("item", checkHandler, { item: shapeOf(1) }), [
    '1: "item" is a variable: it cannot be called',
  ]);
});

Deno.test("a bound input needs a field that can be written", () => {
  assertEquals(problems("name", checkTarget), []);
  assertEquals(problems("text", checkTarget), []);
  assertEquals(problems("tasks[0].title", checkTarget), []);
  assertEquals(problems("byName['a'].title", checkTarget), []);
  assertEquals(problems("total", checkTarget), [
    '1: "total" cannot be written: it is a getter without a setter',
  ]);
  assertEquals(problems("tasks[0].short", checkTarget), [
    '1: "short" cannot be written: it is a getter without a setter',
  ]);
  assertEquals(problems("add", checkTarget), ['1: "add" is a method: write add(…) to call it']);
});

Deno.test("loop variables are of the kind of the first item", () => {
  const shapes = { task: shapeOf(new Task()), index: shapeOf(0) };
  assertEquals(problems("task.title + index", checkExpression, shapes), []);
  assertEquals(problems("task.titl", checkExpression, shapes), [
    '6: Task has no "titl"; did you mean "title"?',
  ]);
  assertEquals(problems("taks.title", checkExpression, shapes), [
    '1: there is no "taks"; did you mean "task"?',
  ]);
  assertEquals(problems("index.length", checkExpression, shapes), [
    '7: a number has no "length"',
  ]);
});

Deno.test("the nearest name is one that differs in few letters", () => {
  const names = ["count", "counter", "total", "a"];
  assertEquals(nearestName("cuont", names), "count");
  assertEquals(nearestName("COUNT", names), "count");
  assertEquals(nearestName("conuter", names), "counter");
  assertEquals(nearestName("xyz", names), null);
  assertEquals(nearestName("b", []), null);
  assertEquals(nearestName("totals", names), "total");
});

Deno.test("several errors are thrown as one that lists each", () => {
  const errors = problems("cuont + txt").length;
  assertEquals(errors, 2);
  const both = new TemplateErrors([]);
  assertEquals(both.message, "0 errors in templates:\n");
  assertEquals(both.name, "TemplateErrors");
});

class Ledger extends Map<string, number> {
  get sum(): number {
    return [...this.values()].reduce((sum, amount) => sum + amount, 0);
  }
  top(): string {
    return [...this.keys()][0] ?? "";
  }
}

Deno.test("members of classes that extend those of the platform are known with both", () => {
  const sample = { ledger: new Ledger([["a", 1]]), made: Object.create(null) as object };
  const found = (text: string) => {
    const errors: string[] = [];
    const source = plainSource(text, START);
    const report = ({ message }: TemplateError) => errors.push(message);
    checkExpression(parseExpression(source), { source, sample, shapes: new Map(), report });
    return errors;
  };
  for (
    const text of ["ledger.sum - 1", "ledger.size", "ledger.get('a') - 1", "ledger.top().length"]
  ) {
    assertEquals(found(text), [], text);
  }
  assertEquals(found("ledger.tpo()"), [
    't.html:1:8: Ledger has no method "tpo"; did you mean "top"?',
  ]);
  assertEquals(found("ledger.smu"), ['t.html:1:8: a map has no "smu"']);
  assertEquals(found("made.anything"), []);
});

Deno.test("what cannot be called, and functions outside of calls, are refused", () => {
  assertEquals(problems("add()()"), ["1: this cannot be called"]);
  assertEquals(problems("(on ? add : add)()"), ["2: this cannot be called"]);
  assertEquals(problems("(5).toFixed(1) + text[0] + rows[0]['id']"), []);
  assertEquals(problems("(5).toFixed(1) * 2"), [
    '2: "*" computes with numbers, and this is a text',
  ]);
});
