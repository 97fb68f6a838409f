/** Partials, their parameters and slots. */
import { assertEquals } from "@std/assert";
import { PARTIAL_DEPTH_MAX } from "../../ui/partials.ts";
import { Board, compiled, given, markup, problems, slotAt } from "./template_rig.ts";

Deno.test("Partials: named, or by a tag with a hyphen, closed by themselves or not", () => {
  const partials = { card: "<b>card</b>", "x-card": "<i>x</i>" };
  assertEquals(
    markup(
      '<div><g-partial name="card"></g-partial><g-partial name="card"/><x-card></x-card><x-card/>' +
        "<x-other></x-other></div>",
      partials,
    ),
    ["<div><b>card</b><b>card</b><i>x</i><i>x</i><x-other></x-other></div>"],
  );
});

Deno.test("Partials: several elements and texts, in any place, as a whole template", () => {
  const partials = {
    two: "<li>a</li>b<li>c</li>",
    row: "<tr><td>{{text}}</td></tr>",
    root: "<p></p>",
  };
  assertEquals(markup('<ul>x <g-partial name="two"/> y</ul>', partials), [
    "<ul>x <li>a</li>b<li>c</li> y</ul>",
  ]);
  assertEquals(markup('<table><tbody><g-partial name="row"/></tbody></table>', partials), [
    "<table><tbody><tr><td> </td></tr></tbody></table>",
  ]);
  assertEquals(markup('<g-partial name="root"/>', partials), ["<p></p>"]);
});

Deno.test("Partials: texts at their edges merge with those around them", () => {
  const program = compiled('<p>a {{count}}<g-partial name="t"/> z</p>', { t: " b {{text}}" });
  assertEquals(program.blocks[0]?.html, "<p> </p>");
  const { value } = slotAt(program, "text");
  assertEquals(value.evaluate({ state: new Board(), variables: [] }), "a 1 b x z");
});

Deno.test("Partials with parameters: expressions of the caller", () => {
  const program = compiled(
    '<ul><li g-for="t, i in tasks"><g-partial name="row" title="t.title" at="i + 1" long-name="1"' +
      ' mixed="n. {{i}}"/></li></ul>',
    { row: '<b title="{{title}}">{{at}}{{longName}}{{mixed}}{{count}}{{t.id}}</b>' },
  );
  const state = new Board();
  const scope = { state, variables: [state.tasks[1], 4] };
  assertEquals(slotAt(program, "attr", 0, 1).value.evaluate(scope), "second");
  assertEquals(slotAt(program, "text", 0, 1).value.evaluate(scope), "51n. 412");
});

Deno.test("Partials with parameters: handed on through partials, in loops, filters and arrows", () => {
  const program = compiled(
    '<div><g-partial name="outer" list="tasks" label="text + \'!\'"/></div>',
    {
      outer:
        '<ul><g-partial name="inner" g-for="x in list" item="x" label="label" g-if="x.id > 1"/></ul>',
      inner: '<li><b g-for="tag in item.tags">{{label}}{{item.id}}{{tag}}' +
        "{{[1].map(x => x + item.id)}}</b></li>",
    },
  );
  const state = new Board();
  const { filter } = slotAt(program, "list");
  assertEquals(state.tasks.map((t) => filter?.evaluate({ state, variables: [t] })), [false, true]);
  const { value } = slotAt(program, "text", 0, 2);
  assertEquals(value.evaluate({ state, variables: [state.tasks[1], "tag"] }), "x!2tag3");
});

Deno.test("Partials with parameters: an arrow in a parameter sees the caller's variables only", () => {
  const program = compiled(
    '<ul><li g-for="t in tasks"><g-partial name="p" list="names.map(n => n + t.id)"/></li></ul>',
    { p: '<b g-for="a, b in names">{{list}}{{a}}{{b}}</b>' },
  );
  const state = new Board();
  const { value } = slotAt(program, "text", 0, 2);
  assertEquals(value.evaluate({ state, variables: [state.tasks[0], "A", "B"] }), "a1, b1AB");
});

Deno.test("Partials with parameters: fields to bind, and methods to call", () => {
  const program = compiled(
    '<ul><g-partial name="field" g-for="t in tasks" value="t.title" onsave="pick(t.id, event.key)"' +
      ' other="add"/></ul>',
    { field: '<li><input g-bind="value" g-change="onsave" g-click="other(value)"></li>' },
  );
  const state = new Board();
  const scope = { state, variables: [state.tasks[1]] };
  slotAt(program, "bind", 0, 1).value.assign(scope, "changed");
  assertEquals(state.tasks[1]?.title, "changed");
  const [change, click] = [slotAt(program, "on", 0, 1), slotAt(program, "on", 1, 1)];
  assertEquals([change.call.method, click.call.method], ["pick", "add"]);
  assertEquals(given(change, { key: "k" }, scope), [2, "k"]);
  assertEquals(change.wants, ["key"]);
  assertEquals(given(click, {}, scope), ["changed"]);
});

Deno.test("Partials with parameters: a handler's event is behind the variables of the partial's loops", () => {
  const partials = { keys: '<b><i g-for="k, n in names" g-keydown="onkey">{{k}}</i></b>' };
  const program = compiled(
    '<ul><li g-for="t in tasks"><g-partial name="keys" onkey="pick(t.id, event.key)"/></li></ul>',
    partials,
  );
  const state = new Board();
  const scope = { state, variables: [state.tasks[1], "k", 0] };
  assertEquals(given(slotAt(program, "on", 0, 2), { key: "Enter" }, scope), [2, "Enter"]);
});

Deno.test("Partials with parameters: a loop's variable hides a parameter of its name", () => {
  const partials = { hides: '<b><i g-for="save in names" g-click="save">{{save}}</i></b>' };
  assertEquals(problems('<p><g-partial name="hides" save="add"/></p>', partials), [
    'hides:1:38: "save" is a variable: it cannot be called',
  ]);
});

Deno.test("Attribute transfer: g-* attributes go to the partial's element, with the caller's names", () => {
  const program = compiled(
    '<ul><x-row g-for="t in tasks" g-key="t.id" g-click="pick(t.id)" g-class:on="t.done" title="1"/></ul>',
    { "x-row": '<li class="row" g-hide="off">{{title}}</li>' },
  );
  assertEquals(program.table.blocks[1]?.slots.map(([kind]) => kind), [
    "show",
    "on",
    "class",
    "text",
  ]);
  assertEquals(program.blocks[1]?.html, '<li class="row"> </li>');
  assertEquals(
    problems('<p><g-partial name="two" g-click="add"/></p>', { two: "<b></b><i></i>" }),
    [
      't.html:1:26: this needs the partial "two" to be one element',
    ],
  );
});

Deno.test("Default slot: what stands in the partial's element, else what stands in the slot", () => {
  const partials = { box: "<div>[<slot>none</slot>]</div>" };
  assertEquals(markup('<g-partial name="box">some <b>b</b></g-partial>', partials), [
    "<div>[some <b>b</b>]</div>",
  ]);
  assertEquals(markup('<g-partial name="box"> </g-partial>', partials), ["<div>[none]</div>"]);
  assertEquals(markup('<g-partial name="box"/>', { box: "<div><g-slot/>!</div>" }), [
    "<div>!</div>",
  ]);
});

Deno.test("Default slot: several markers get the same content", () => {
  const partials = { twice: "<div><slot></slot>-<g-slot></g-slot></div>" };
  assertEquals(markup('<g-partial name="twice">{{text}}</g-partial>', partials), ["<div> </div>"]);
  assertEquals(markup('<g-partial name="twice"><b>{{text}}</b></g-partial>', partials), [
    "<div><b> </b>-<b> </b></div>",
  ]);
});

Deno.test("Named slots: by the attribute slot, a template for several nodes", () => {
  const partials = {
    page: '<div><header><slot name="head">no head</slot></header><slot></slot>' +
      '<footer><slot name="foot">no foot</slot></footer></div>',
  };
  assertEquals(
    markup(
      '<g-partial name="page"><h1 slot="head">H</h1>text<template slot="foot">a<b>b</b></template>' +
        "<p>c</p></g-partial>",
      partials,
    ),
    ["<div><header><h1>H</h1></header>text<p>c</p><footer>a<b>b</b></footer></div>"],
  );
  assertEquals(markup('<g-partial name="page"/>', partials), [
    "<div><header>no head</header><footer>no foot</footer></div>",
  ]);
});

Deno.test("Slots in tables: between the rows", () => {
  const partials = { "x-table": "<table><tbody><slot></slot></tbody></table>" };
  assertEquals(
    markup(
      '<x-table><template slot=""><tr g-for="t in tasks"><td>{{t.id}}</td></tr></template></x-table>',
      partials,
    ),
    ["<table><tbody><!--l--></tbody></table>", "<tr><td> </td></tr>"],
  );
});

Deno.test("what stands in a slot sees the caller's names, also inside of the partial's loops", () => {
  const program = compiled(
    '<ul><li g-for="t in tasks"><g-partial name="each" items="names">' +
      '<i g-for="tag in t.tags">{{t.title}}{{tag}}</i></g-partial></li></ul>',
    { each: '<b g-for="item, t in items"><slot></slot></b>' },
  );
  assertEquals(program.blocks.map(({ depth }) => depth), [0, 1, 3, 4]);
  const state = new Board();
  const { value } = slotAt(program, "text", 0, 3);
  assertEquals(value.evaluate({ state, variables: [state.tasks[0], "x", 9, "tag"] }), "firsttag");
  const partials = { each: '<b g-for="item in items"><slot></slot></b>' };
  assertEquals(
    problems('<div><g-partial name="each" items="names">{{item}}</g-partial></div>', partials),
    ['t.html:1:45: there is no "item"'],
  );
});

Deno.test("a slot element outside of a partial stays, <g-slot> does not", () => {
  assertEquals(markup('<div><slot name="a">b</slot></div>'), [
    '<div><slot name="a">b</slot></div>',
  ]);
  assertEquals(problems("<div><g-slot/></div>"), ["t.html:1:6: <g-slot> stands only in partials"]);
});

Deno.test("errors in partials name their own file and line, and each is told once", () => {
  const partials = {
    card: { file: "parts/card.html", template: "<div>\n\n  {{titel}}</div>" },
  };
  assertEquals(
    problems(
      '<div><g-partial name="card" title="text"/><g-partial name="card" title="1"/></div>',
      partials,
    ),
    ['parts/card.html:3:5: there is no "titel"; did you mean "title"?'],
  );
});

Deno.test("errors of partials: names, parameters, slots, recursion", () => {
  const partials = {
    card: '<div>{{title}}<slot name="head"></slot></div>',
    self: '<div><g-partial name="self"/></div>',
    ping: '<div><g-partial name="pong"/></div>',
    pong: '<div><g-partial name="ping"/></div>',
  };
  const cases: readonly (readonly [string, string])[] = [
    ['<g-partial name="crad"/>', 't.html:1:18: there is no partial "crad"; did you mean "card"?'],
    ['<g-partial nam="card"/>', "t.html:1:1: a partial is named: <g-partial name=…>"],
    [
      '<g-partial name="card" title="txt"/>',
      't.html:1:31: there is no "txt"; did you mean "text"?',
    ],
    ['<g-partial name="card" title=""/>', "t.html:1:31: an expression is missing"],
    [
      '<g-partial name="card" title="add"/>',
      'card:1:8: "title" is a method: write title(…) to call it',
    ],
    ['<g-partial name="card"/>', 'card:1:8: there is no "title"'],
    [
      '<g-partial name="card" title="1"><b slot="haed"></b></g-partial>',
      't.html:1:34: this partial has no slot "haed"; did you mean "head"?',
    ],
    [
      '<g-partial name="card" title="1">x</g-partial>',
      "t.html:1:34: this partial has no <slot> for what stands in it",
    ],
    ['<g-partial name="self"/>', "self:1:23: a partial cannot stand in itself: self in self"],
    [
      '<g-partial name="ping"/>',
      "pong:1:23: a partial cannot stand in itself: ping in pong in ping",
    ],
    ['<g-partial name="card" title="1">', "t.html:1:2: <g-partial> is not closed"],
  ];
  for (const [template, problem] of cases) {
    const found = problems(`<p>${template}</p>`, partials);
    const place = (text: string) =>
      text.replace(/t\.html:1:(\d+)/, (_, at) => `t.html:1:${+at + 3}`);
    assertEquals(
      found[0],
      template.endsWith('"1">') ? problem.replace("1:2", "1:4") : place(problem),
    );
  }
});

Deno.test("partials stand in each other as deep as the limit, and no deeper", () => {
  const chain = (depth: number) =>
    Object.fromEntries(
      Array.from({ length: depth }, (_, index) => [
        `p${index}`,
        index === depth - 1 ? "<b>end</b>" : `<i><g-partial name="p${index + 1}"/></i>`,
      ]),
    );
  for (const depth of [PARTIAL_DEPTH_MAX - 1, PARTIAL_DEPTH_MAX]) {
    const [html = ""] = markup('<p><g-partial name="p0"/></p>', chain(depth));
    assertEquals(html.split("<i>").length, depth);
  }
  const [problem = ""] = problems('<p><g-partial name="p0"/></p>', chain(PARTIAL_DEPTH_MAX + 1));
  assertEquals(problem.endsWith(`partials stand in each other ${PARTIAL_DEPTH_MAX} deep`), true);
});

Deno.test("many expansions of a partial are no recursion", () => {
  const template = `<p>${'<g-partial name="b"/>'.repeat(200)}</p>`;
  assertEquals(markup(template, { b: "<b></b>" })[0]?.split("<b>").length, 201);
});
