/** The rows of the table of directives, by their names. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Board, compiled, given, markup, problems, shown, slotAt, slots } from "./template_rig.ts";
import { trusted } from "../../ui/trusted_html.ts";

Deno.test("g-text: replaces all children by one text, which shows nothing for null", () => {
  assertEquals(markup('<p g-text="text">old <b>children</b></p>'), ["<p> </p>"]);
  assertEquals(slots('<p g-text="text">old</p>'), [["text", [0]]]);
  assertEquals(shown('<p g-text="count + 1"></p>'), 2);
  assertEquals(shown('<p g-text="nothing"></p>'), null);
  assertEquals(problems('<input g-text="text">'), [
    "t.html:1:8: <input> cannot have g-text",
  ]);
});

Deno.test("{{expr}} in text: static and dynamic parts are one slot, one expression keeps its kind", () => {
  assertEquals(markup("<p>Hello {{text}}, you are {{count}}!</p>"), ["<p> </p>"]);
  assertEquals(shown("<p>Hello {{text}}, you are {{count}}!</p>"), "Hello x, you are 1!");
  assertEquals(shown("<p>{{count}}</p>"), 1);
  assertEquals(shown("<p>{{on}}</p>"), true);
  assertEquals(shown("<p>a {{nothing}} b</p>"), "a  b");
  assertEquals(slots("<p>{{text}} <b>{{count}}</b> {{text}}</p>"), [
    ["text", [0]],
    ["text", [1, 0]],
    ["text", [2]],
  ]);
});

Deno.test("{{}} in text: empty ones are dropped, a {{ without an end stands for itself", () => {
  assertEquals(markup("<p>a{{}}b{{ }}c</p>"), ["<p>abc</p>"]);
  assertEquals(slots("<p>a{{}}b</p>"), []);
  assertEquals(markup("<p>a {{ b</p>"), ["<p>a {{ b</p>"]);
  assertEquals(markup("<p>}} a {</p>"), ["<p>}} a {</p>"]);
  assertEquals(markup("<p>{{}}</p>"), ["<p></p>"]);
  assertEquals(shown("<p>{{ '}}' }}</p>"), "}}");
  assertEquals(shown("<p>{{ {a: {b: 1}}.a.b }}</p>"), 1);
  assertEquals(shown("<p>{{ json({a: {b: 1}}) }}</p>"), '{"a":{"b":1}}');
  assertEquals(shown("<p>{{ '{{' }}</p>"), "{{");
  assertEquals(shown("<p>{{ 'it\\'s }}' }}</p>"), "it's }}");
  assertEquals(problems("<p>{{ 'x }}</p>"), ["t.html:1:7: a text does not end"]);
  assertEquals(shown("<p>{{ 1 &lt; 2 &amp;&amp; 'a' }}</p>"), "a");
});

Deno.test("{{expr}} in a plain attribute: a slot of the whole attribute", () => {
  assertEquals(slots('<p title="a {{text}}" lang="en"></p>'), [["attr", [], "title"]]);
  assertEquals(markup('<p title="a {{text}}" lang="en"></p>'), ['<p lang="en"></p>']);
  assertEquals(shown('<p title="a {{text}} {{count}}"></p>'), "a x 1");
  assertEquals(shown('<button disabled="{{off}}"></button>'), false);
  assertEquals(markup('<p title="a{{}}b"></p>'), ['<p title="ab"></p>']);
});

Deno.test("g-html: shows sanitised markup, children dropped, trusted markup as it is", () => {
  assertEquals(slots('<div g-html="html"><b>old</b></div>'), [["html", []]]);
  assertEquals(markup('<div g-html="html"><b>old</b></div>'), ["<div></div>"]);
  assertEquals(shown('<div g-html="html"></div>'), "<b>b</b>");
  const state = Object.assign(new Board(), { html: trusted("<svg></svg>") });
  assertEquals(shown('<div g-html="html"></div>', state), "<svg></svg>");
  const forged = Object.assign(new Board(), { html: { html: "<svg></svg>" } });
  assertEquals(shown('<div g-html="html"></div>', forged), "[object Object]");
  assertEquals(problems('<p g-html="html"></p>'), [
    "t.html:1:4: <p> cannot have g-html: use a <div>",
  ]);
  for (const tag of ["table", "select", "textarea", "style", "iframe", "noscript", "xmp"]) {
    assertEquals(problems(`<div><${tag} g-html="html"></${tag}></div>`), [
      `t.html:1:${tag.length + 8}: <${tag}> cannot have g-html`,
    ]);
  }
  assertEquals(problems('<svg><g g-html="html"></g></svg>'), [
    "t.html:1:9: <g> cannot have g-html",
  ]);
  assertEquals(problems('<div g-html="html" g-text="text"></div>'), [
    "t.html:1:20: an element has its contents from one directive only",
  ]);
});

Deno.test("g-bind: shows a field and writes it, by the kind of input", () => {
  const kinds: readonly (readonly [string, string])[] = [
    ['<input g-bind="text">', "text"],
    ['<input type="email" g-bind="text">', "text"],
    ['<input type=" NUMBER " g-bind="count">', "number"],
    ['<input type="range" g-bind="count">', "range"],
    ['<input type="date" g-bind="text">', "date"],
    ['<input type="datetime-local" g-bind="text">', "date"],
    ['<input type="checkbox" g-bind="on">', "checkbox"],
    ['<textarea g-bind="text"></textarea>', "text"],
    ['<select g-bind="text"></select>', "select"],
    ['<select multiple g-bind="names"></select>', "multiple"],
    ['<input type="radio" value="red" g-bind="color">', "radio"],
  ];
  for (const [template, kind] of kinds) assertEquals(slots(template), [["bind", [], kind]]);
  const bound = (expression: string) => {
    const state = new Board();
    const { value } = slotAt(compiled(`<input g-bind="${expression}">`), "bind");
    value.assign({ state, variables: [] }, "9");
    assertEquals(String(value.evaluate({ state, variables: [] })), "9", expression);
    return state;
  };
  assertEquals(bound("text").text, "9");
  assertEquals(bound("count").count, 9);
  assertEquals(bound("user.name").user.name, "9");
  assertEquals(bound("user.address.town").user.address.town, "9");
  assertEquals(bound("tasks[0].title").tasks[0]?.title, "9");
  assertEquals(bound("prices['tea']").prices.get("tea"), 9);
});

Deno.test("g-bind inside g-for: writes the field of the item", () => {
  const program = compiled(
    '<ul><li g-for="task, i in tasks"><input g-bind="task.title"><input g-bind="names[i]"></li></ul>',
  );
  const state = Object.assign(new Board(), { names: ["a", "b"] });
  const scope = { state, variables: [state.tasks[1], 1] };
  slotAt(program, "bind", 0, 1).value.assign(scope, "changed");
  slotAt(program, "bind", 1, 1).value.assign(scope, "c");
  assertEquals(state.tasks.map(({ title }) => title), ["first", "changed"]);
  assertEquals(state.names, ["a", "c"]);
});

Deno.test("g-bind: what is no field, and what is no input, is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['<input g-bind="add">', '1:16: "add" is a method: write add(…) to call it'],
    ['<input g-bind="add()">', "1:16: an input is bound to a field, as in user.name"],
    [
      '<input g-bind="double">',
      '1:16: "double" cannot be written: it is a getter without a setter',
    ],
    ['<input g-bind="txt">', '1:16: there is no "txt"; did you mean "text"?'],
    ['<p g-bind="text"></p>', "1:4: g-bind is for input, select and textarea, not <p>"],
    ['<input type="file" g-bind="text">', '1:20: g-bind is not for type="file": use g-upload'],
    ['<input type="submit" g-bind="text">', '1:22: g-bind is not for type="submit"'],
    ['<input type="{{text}}" g-bind="text">', "1:24: g-bind needs an input of a fixed type"],
    ['<input g-bind="text" g-value="text">', "1:22: an input with g-bind has no other binding"],
    [
      '<input type="radio" g-bind="color">',
      "1:1: a radio button needs the value that it stands for",
    ],
  ];
  for (const [template, problem] of cases) assertEquals(problems(template), [`t.html:${problem}`]);
});

Deno.test("g-value: one way, a property", () => {
  assertEquals(slots('<input g-value="text">'), [["prop", [], "value"]]);
  assertEquals(slots('<select g-value="text"><option g-value="count">1</option></select>'), [
    ["prop", [], "value"],
    ["attr", [0], "value"],
  ]);
  assertEquals(shown('<input g-value="count * 2">'), 2);
});

Deno.test("g-checked: a checkbox shows and writes truth, what cannot be written is only shown", () => {
  assertEquals(slots('<input type="checkbox" g-checked="on">'), [["bind", [], "checkbox"]]);
  assertEquals(slots('<input type="checkbox" g-checked="count > 1">'), [["prop", [], "checked"]]);
  assertEquals(slots('<input type="checkbox" g-checked="double">'), [["prop", [], "checked"]]);
  assertEquals(shown('<input type="checkbox" g-checked="names && count">'), true);
  assertEquals(problems('<input g-checked="on">'), [
    "t.html:1:8: g-checked is for checkboxes and radio buttons",
  ]);
});

Deno.test("g-checked with a radio button: the field becomes what it stands for", () => {
  const program = compiled(
    '<p><input type="radio" name="c" value="red" g-checked="color">' +
      '<input type="radio" name="c" value="{{text}}" g-bind="color">' +
      '<input type="radio" name="c" g-value="count" g-bind="color"></p>',
  );
  const state = new Board();
  const scope = { state, variables: [] };
  const options = [0, 1, 2].map((index) => slotAt(program, "bind", index).option?.evaluate(scope));
  assertEquals(options, ["red", "x", 1]);
  assertEquals(program.table.blocks[0]?.slots.map(([kind]) => kind), [
    "bind",
    "attr",
    "bind",
    "attr",
    "bind",
  ]);
});

Deno.test("g-checked with radio buttons whose fields are true or false: one of them is true", () => {
  const program = compiled(
    '<p><input type="radio" name="c" g-checked="isRed">' +
      '<input type="radio" name="c" g-checked="isBlue">' +
      '<input type="radio" name="other" g-checked="on"></p>',
  );
  const state = new Board();
  const red = slotAt(program, "bind");
  assertEquals(red.option, null);
  red.value.assign({ state, variables: [] }, "true");
  assertEquals([state.isRed, state.isBlue, state.on], [true, false, true]);
});

Deno.test("g-if: a block of its own, with g-else-if and g-else", () => {
  const template =
    '<div><p g-if="count > 1">a</p> <p g-else-if="on">b</p><!-- --><p g-else>c</p></div>';
  assertEquals(markup(template), ["<div><!--c--></div>", "<p>a</p>", "<p>b</p>", "<p>c</p>"]);
  assertEquals(slots(template), [["cond", [0], [1, 2, 3]]]);
  const { branches } = slotAt(compiled(template), "cond");
  const scope = { state: new Board(), variables: [] };
  assertEquals(branches.map(({ when }) => when?.evaluate(scope)), [false, true, undefined]);
  assertEquals(
    markup('<div><p g-if="on">a</p><p g-if="off">b</p></div>')[0],
    "<div><!--c--><!--c--></div>",
  );
});

Deno.test("g-if with g-for on the same element: filters the items", () => {
  const program = compiled(
    '<ul><li g-for="task in tasks" g-if="task.id > 1">{{task.title}}</li></ul>',
  );
  const { filter, items, variables } = slotAt(program, "list");
  const state = new Board();
  const kept = state.tasks.filter((task) => filter?.evaluate({ state, variables: [task] }));
  assertEquals([kept.length, variables, items.evaluate({ state, variables: [] })], [
    1,
    1,
    state.tasks,
  ]);
});

Deno.test("g-show / g-hide: shown while true, or while false", () => {
  assertEquals(slots('<p g-show="on"></p>'), [["show", []]]);
  assertEquals(shown('<p g-show="names"></p>'), true);
  assertEquals(shown('<p g-show="nothing"></p>'), false);
  assertEquals(shown('<p g-hide="names"></p>'), false);
  assertEquals(shown('<p g-hide="nothing"></p>'), true);
  assertEquals(
    problems('<p g-show="on" g-hide="on"></p>')[0],
    "t.html:1:16: use g-show or g-hide, not both",
  );
});

Deno.test("g-class:name: a class of its own, on and button do not disturb each other", () => {
  const template = '<p class="a button" g-class:on="on" g-class:isBig="count > 1"></p>';
  assertEquals(markup(template), ['<p class="a button"></p>']);
  assertEquals(slots(template), [["class", [], "on"], ["class", [], "isBig"]]);
});

Deno.test("g-class:name beside {{expr}} in class: one slot has the whole text", () => {
  const template = '<p class="a {{color}}" g-class:on="on" g-class:off="off"></p>';
  assertEquals(markup(template), ["<p></p>"]);
  assertEquals(slots(template), [["attr", [], "class"]]);
  assertEquals(shown(template), "a red on");
  assertEquals(shown('<p g-attr:class="nothing" g-class:on="on"></p>'), "on");
});

Deno.test("g-attr:name: the attribute of that name, in its own letters", () => {
  assertEquals(slots('<p g-attr:data-x="count" g-attr:aria-label="text"></p>'), [
    ["attr", [], "data-x"],
    ["attr", [], "aria-label"],
  ]);
  assertEquals(slots('<svg g-attr:viewBox="text"></svg>'), [["attr", [], "viewBox"]]);
  assertEquals(shown('<p g-attr:hidden="on"></p>'), true);
  assertEquals(problems('<p g-attr="text"></p>'), [
    "t.html:1:4: g-attr needs a name, as in g-attr:name",
  ]);
  assertEquals(markup('<p title="old" g-attr:title="text"></p>'), ["<p></p>"]);
  assertEquals(problems('<p title="{{text}}" g-attr:title="text"></p>'), [
    't.html:1:21: the attribute "title" has two expressions',
  ]);
  assertEquals(problems('<p g-attr:style="text"></p>'), [
    "t.html:1:4: use g-style:property for styles",
  ]);
});

Deno.test("g-style:prop: one property", () => {
  assertEquals(slots('<p g-style:width="count + \'px\'" g-style:--gap="text"></p>'), [
    ["style", [], "width"],
    ["style", [], "--gap"],
  ]);
});

Deno.test("{{expr}} in style: each value that changes is a property of its own", () => {
  const template =
    "<p style=\"color: red; width: {{count}}px; background: url('a;b') ; top:{{ count + 1 }}%\"></p>";
  assertEquals(markup(template), ["<p style=\"color: red; background: url('a;b')\"></p>"]);
  assertEquals(slots(template), [["style", [], "width"], ["style", [], "top"]]);
  assertEquals(shown(template), "1px");
  assertEquals(markup('<p style="a: b;; c: url(d;e); top: {{count}}"></p>'), [
    '<p style="a: b; c: url(d;e)"></p>',
  ]);
  const wrong = "an expression in a style stands for a value, as in width: {{x}}px";
  assertEquals(problems('<p style="a: b; {{text}}"></p>'), [`t.html:1:17: ${wrong}`]);
  assertEquals(problems('<p style="{{text}}: 1"></p>'), [`t.html:1:11: ${wrong}`]);
  assertEquals(problems('<p style="width: {{count}}px !important"></p>'), [
    "t.html:1:11: a value that changes cannot be !important",
  ]);
});

Deno.test("g-prop:kebab-name: the property in camel case, its value as it is", () => {
  assertEquals(slots('<video g-prop:current-time="count" g-prop:_scrollratio="1"></video>'), [
    ["prop", [], "currentTime"],
    ["prop", [], "_scrollratio"],
  ]);
  assertEquals(shown('<x-map g-prop:data="plain"></x-map>'), { a: 1, b: 2 });
  for (
    const name of [
      "inner-html",
      "innerHTML",
      "outerHTML",
      "srcdoc",
      "onclick",
      "__proto__",
      "style",
    ]
  ) {
    assertStringIncludes(problems(`<p g-prop:${name}="text"></p>`)[0] as string, "cannot be set");
  }
});

Deno.test("class, style, id attributes; names that begin with : are dropped", () => {
  assertEquals(markup('<p :x="1" id="a" class="b" style="top: 0" data-y></p>'), [
    '<p id="a" style="top: 0" data-y class="b"></p>',
  ]);
  assertEquals(slots('<p id="{{text}}"></p>'), [["attr", [], "id"]]);
});

Deno.test("g-for: x in list, with an index, of arrays, maps, sets and objects", () => {
  const loop = (text: string) => {
    const program = compiled(`<ul><li g-for="${text}">{{x}}</li></ul>`);
    const { variables } = slotAt(program, "list");
    assertEquals(program.blocks[1]?.depth, variables);
    return variables;
  };
  assertEquals(["x in names", "x of tags", "x in prices", "x in plain"].map(loop), [1, 1, 1, 1]);
  assertEquals(
    ["x, i in names", "(x, i) in names", "[k, x] in prices", "[k, x] in plain"].map(loop),
    [2, 2, 2, 2],
  );
  assertEquals(loop("x in tasks.filter(t => t.done).map(t => t.title)"), 1);
  const program = compiled('<ul><li g-for="[k, v] in prices">{{k}} {{v}}</li></ul>');
  const text = slotAt(program, "text", 0, 1).value;
  assertEquals(text.evaluate({ state: new Board(), variables: [2, "tea"] }), "tea 2");
});

Deno.test("g-for: what is no loop is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["names", '1:16: a loop reads as in g-for="item in list"'],
    ["", '1:16: a loop reads as in g-for="item in list"'],
    ["x in ", "1:21: an expression is missing"],
    ["x in count", "1:21: g-for goes over lists and maps, not over a number"],
    ["x in text", "1:21: g-for goes over lists and maps, not over a text"],
    ["x in on", "1:21: g-for goes over lists and maps, not over true or false"],
    ["x in nams", '1:21: there is no "nams"; did you mean "names"?'],
    ["1x in names", '1:16: "1x" cannot be the name of a variable'],
    ["event in names", '1:16: "event" cannot be the name of a variable'],
    ["x, true in names", '1:19: "true" cannot be the name of a variable'],
    ["x, x in names", '1:16: "x" is named twice'],
  ];
  for (const [loop, problem] of cases) {
    assertEquals(problems(`<ul><li g-for="${loop}"></li></ul>`), [`t.html:${problem}`], loop);
  }
});

Deno.test("g-key: tells items apart, siblings stay, several lists per parent", () => {
  const template = '<ul><li>head</li><li g-for="t in tasks" g-key="t.id">{{t.title}}</li>' +
    '<li>middle</li><li g-for="n in names">{{n}}</li>{{count}}<li>foot</li></ul>';
  assertEquals(
    markup(template)[0],
    "<ul><li>head</li><!--l--><li>middle</li><!--l--> <li>foot</li></ul>",
  );
  assertEquals(slots(template), [["list", [1], 1], ["list", [3], 2], ["text", [4]]]);
  const program = compiled(template);
  const { key } = slotAt(program, "list");
  const state = new Board();
  assertEquals(key?.evaluate({ state, variables: [state.tasks[1]] }), 2);
  assertEquals(slotAt(program, "list", 1).key, null);
  assertEquals(problems('<p><b g-if="on" g-key="count"></b></p>'), [
    "t.html:1:17: g-key needs g-for beside it",
  ]);
  assertEquals(problems('<p><b g-key="count"></b></p>'), [
    "t.html:1:7: g-key needs g-for beside it",
  ]);
});

Deno.test("nested g-for: any depth, with the variables of the outer loops", () => {
  const template = '<ul><li g-for="t, i in tasks"><b g-for="tag in t.tags"><i g-for="n of names">' +
    "{{i}}{{tag}}{{n}}{{t.title}}</i></b></li></ul>";
  const program = compiled(template);
  assertEquals(program.blocks.map(({ depth }) => depth), [0, 2, 3, 4]);
  const state = new Board();
  const { value } = slotAt(program, "text", 0, 3);
  assertEquals(value.evaluate({ state, variables: [state.tasks[0], 7, "tag", "n"] }), "7tagnfirst");
  assertEquals(program.table.blocks.slice(1).map((block) => block.slots[0]), [
    ["list", [0], 2],
    ["list", [0], 3],
    ["text", [0]],
  ]);
});

Deno.test("a template element stands for the one element in it", () => {
  const template =
    '<ul><template g-for="t in tasks"><li g-if="t.done">{{t.title}}</li></template>' +
    '<template g-if="on"><li>a</li></template></ul>';
  assertEquals(markup(template), ["<ul><!--l--><!--c--></ul>", "<li> </li>", "<li>a</li>"]);
  const { filter } = slotAt(compiled(template), "list");
  assertEquals(filter?.text, "t.done");
  const both = compiled(
    '<ul><template g-for="t in tasks" g-if="on"><li g-if="t.id > 1"></li></template></ul>',
  );
  const state = new Board();
  const keeps = (id: number) =>
    slotAt(both, "list").filter?.evaluate({ state, variables: [state.tasks[id]] });
  assertEquals([keeps(0), keeps(1)], [false, true]);
});

Deno.test("a block is one element", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['<p><template g-if="on"></template></p>', "1:4: an element is missing here"],
    [
      '<p><template g-if="on"><b></b><i></i></template></p>',
      "1:31: only one element may stand here",
    ],
    [
      '<p><template g-if="on">a<b></b></template></p>',
      "1:4: only one element may stand here, and no text beside it",
    ],
    [
      '<p><template g-if="on">a</template></p>',
      "1:4: only one element may stand here, and no text beside it",
    ],
    [
      '<p><template g-if="on"><b g-for="n in names"></b></template></p>',
      "1:27: wrap this in an element: a block is one element",
    ],
    [
      '<p><template g-if="on"><b g-if="on"></b></template></p>',
      "1:27: wrap this in an element: it has a condition already",
    ],
    [
      '<p><template g-if="on" class="a"><b></b></template></p>',
      "1:24: a <template> has only g-for, g-key, g-if and g-else",
    ],
    ["<p><template><b></b></template></p>", "1:4: a <template> stands for g-for, g-if or a slot"],
    ["<p><b></b><i g-else></i></p>", "1:14: g-else stands right behind an element with g-if"],
    [
      '<p><b g-if="on"></b> text <i g-else></i></p>',
      "1:30: g-else stands right behind an element with g-if",
    ],
    [
      '<p><b g-if="on"></b><i g-else></i><u g-else></u></p>',
      "1:38: g-else stands right behind an element with g-if",
    ],
    [
      '<p><b g-if="on"></b><i g-else g-for="n in names"></i></p>',
      "1:24: g-for and g-else are for two elements: wrap the list in a <template g-else>",
    ],
    ['<p g-if="on"></p>', "1:1: the island's own element is always there: wrap it in another one"],
    [
      '<p g-for="n in names"></p>',
      "1:1: the island's own element is always there: wrap it in another one",
    ],
    ["", "1:1: an element is missing here"],
    ["text", "1:1: only one element may stand here, and no text beside it"],
    ["<p></p><p></p>", "1:8: only one element may stand here"],
    ["<p></p> text", "1:1: only one element may stand here, and no text beside it"],
  ];
  for (const [template, problem] of cases) {
    assertEquals(problems(template), [`t.html:${problem}`], template);
  }
});

Deno.test("g-draggable[:group]: draggable, with a value of any kind", () => {
  const template =
    '<ul><li g-for="t in tasks" g-draggable="t" g-draggable:card="t.title"></li></ul>';
  assertEquals(markup(template)[1], '<li draggable="true"></li>');
  const program = compiled(template);
  const state = new Board();
  const value = (index: number) => {
    const drag = slotAt(program, "drag", index, 1);
    return [drag.group, drag.value.evaluate({ state, variables: [state.tasks[0]] })];
  };
  assertEquals([value(0), value(1)], [["", state.tasks[0]], ["card", "first"]]);
  assertEquals(markup('<p draggable="false" g-draggable="1"></p>'), ['<p draggable="false"></p>']);
});

Deno.test("g-drop[:group], g-dropzone: both groups on one element, what it stands for, own arguments", () => {
  const program = compiled(
    `<div g-drop:a="moved" g-drop:b="pick(event.position, count)" g-dropzone="'zone'"></div>`,
  );
  assertEquals(program.table.blocks[0]?.slots, [["drop", [], "a"], ["drop", [], "b"]]);
  const [a, b] = [slotAt(program, "drop", 0), slotAt(program, "drop", 1)];
  const scope = { state: new Board(), variables: [] };
  assertEquals([a.call.method, b.call.method], ["moved", "pick"]);
  assertEquals([a.value?.evaluate(scope), b.value?.evaluate(scope)], ["zone", "zone"]);
  assertEquals(given(b, { position: "above" }), ["above", 1]);
  const sortable = compiled(
    '<ul><li g-for="t, i in tasks" g-draggable="i" g-drop="moved"></li></ul>',
  );
  assertEquals(
    slotAt(sortable, "drop", 0, 1).value?.evaluate({ ...scope, variables: [null, 3] }),
    3,
  );
  assertEquals(slotAt(compiled('<p g-drop="add"></p>'), "drop").value, null);
  assertEquals(problems('<p g-dropzone="text"></p>'), [
    "t.html:1:4: g-dropzone needs g-drop beside it",
  ]);
  assertEquals(
    problems('<p g-drop:a.b="add"></p>')[0],
    "t.html:1:4: a group's name has letters, digits, - and _",
  );
});

Deno.test("g-plugin:name: an element that is left alone, and its data", () => {
  const template = '<div g-plugin:chart="names">ignored {{text}}</div>';
  assertEquals(markup(template), ["<div></div>"]);
  assertEquals(slots(template), [["plugin", [], "chart"]]);
  assertEquals(shown(template), ["a", "b"]);
  assertEquals(problems('<div g-plugin:chrat="names"></div>'), [
    't.html:1:6: there is no plugin "chrat"; did you mean "chart"?',
  ]);
});

Deno.test("g-island, g-shadow: a nested island by its name", () => {
  assertEquals(slots('<div><p g-island="clock"></p><p g-island="menu" g-shadow></p></div>'), [
    ["island", [0], "clock", false],
    ["island", [1], "menu", true],
  ]);
  assertEquals(markup('<div><p g-island="clock">wait</p></div>'), [
    '<div><p g-island="clock"></p></div>',
  ]);
  assertEquals(problems("<p g-shadow></p>"), ["t.html:1:4: g-shadow needs g-island beside it"]);
  assertEquals(problems('<p g-island="{{text}}"></p>'), [
    "t.html:1:14: g-island has the name of an island",
  ]);
});

Deno.test("g-upload: a method, and limits", () => {
  const template =
    '<input type="file" multiple accept="image/*" g-upload="took" g-upload-bytes="500" g-upload-files="3">';
  assertEquals(slots(template), [["upload", [], 500, 3, "image/*"]]);
  assertEquals(slots('<input type="file" g-upload="took">'), [["upload", [], 10_485_760, 1, ""]]);
  assertEquals(slots('<input type="file" multiple g-upload="took">'), [
    ["upload", [], 10_485_760, 10, ""],
  ]);
  const limits = (bytes: string) =>
    problems(`<input type="file" g-upload="took" g-upload-bytes="${bytes}">`)[0];
  const wrong = "t.html:1:52: g-upload-bytes is a number from 1 to 4294967296";
  assertEquals(
    [limits("0"), limits("x"), limits("4294967297"), limits("1.5")],
    Array(4).fill(wrong),
  );
  assertEquals(
    problems('<input g-upload="took">')[0],
    't.html:1:8: g-upload is for <input type="file">',
  );
});

Deno.test("SVG: svg subtrees have its namespace, what is in a foreignObject has not", () => {
  const program = compiled(
    '<div><svg viewBox="0 0 1 1"><circle g-for="n in names" r="{{n}}"/><foreignObject>' +
      '<p g-if="on">a</p></foreignObject><use xlink:href="#a"/></svg><math><mi g-if="on">x</mi></math></div>',
  );
  assertEquals(program.blocks.map(({ namespace }) => namespace), ["html", "svg", "html", "math"]);
  assertEquals(program.table.blocks.map(({ namespace }) => namespace), [
    undefined,
    "svg",
    undefined,
    "math",
  ]);
  assertEquals(
    program.blocks[0]?.html,
    '<div><svg viewBox="0 0 1 1"><!--l--><foreignObject><!--c--></foreignObject>' +
      '<use xlink:href="#a"></use></svg><math><!--c--></math></div>',
  );
});

Deno.test("whitespace/comments: both dropped, adjacent text merged, white space kept in pre and textarea", () => {
  assertEquals(markup("<div>\n  <b>a</b>\n  <!-- c -->\n <i>b</i> </div>"), [
    "<div><b>a</b><i>b</i></div>",
  ]);
  assertEquals(markup("<p>a<!-- x -->b</p>"), ["<p>ab</p>"]);
  assertEquals(slots("<p>a<!-- x -->{{text}}</p>"), [["text", [0]]]);
  assertEquals(markup("<pre>\n  <b>a</b>  <i>b</i>\n</pre>"), [
    "<pre>  <b>a</b>  <i>b</i>\n</pre>",
  ]);
  assertEquals(markup("<pre>\n\n a</pre>"), ["<pre>\n\n a</pre>"]);
  assertEquals(markup("<textarea> a\n b </textarea>"), ["<textarea> a\n b </textarea>"]);
  assertEquals(shown("<pre>\n {{text}}\n</pre>"), " x\n");
  assertEquals(markup("<p>a&nbsp;<b></b>&nbsp;</p>"), ["<p>a&nbsp;<b></b>&nbsp;</p>"]);
});

Deno.test("line breaks around expressions are layout: they are not sent with each change", () => {
  assertEquals(shown("<p>\n  {{count}}\n</p>"), 1);
  assertEquals(shown("<p>\n  {{count}} items\n</p>"), "1 items");
  assertEquals(shown("<p> {{count}} </p>"), " 1 ");
  assertEquals(shown("<p><b></b>\n  {{count}}\n  <i></i></p>"), " 1 ");
  assertEquals(markup("<p>\n static\n</p>"), ["<p>\n static\n</p>"]);
});

Deno.test("g-pending and attributes of others stay as they are", () => {
  assertEquals(markup('<p g-pending aria-live="polite" data-x="1"></p>'), [
    '<p g-pending aria-live="polite" data-x="1"></p>',
  ]);
});

Deno.test("a directive that does not exist is refused, and the nearest one is told", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["g-txt", 'there is no directive "g-txt"; did you mean "g-text"?'],
    ["g-fro", 'there is no directive "g-fro"; did you mean "g-for"?'],
    ["g-clik", 'there is no directive "g-clik"; did you mean "g-click"?'],
    ["g-keydwon.enter", 'there is no directive "g-keydwon"; did you mean "g-keydown"?'],
    ["g-bind:x", "g-bind has no name behind a colon"],
    ["g-class", "g-class needs a name, as in g-class:name"],
  ];
  for (const [directive, problem] of cases) {
    assertEquals(problems(`<p ${directive}="text"></p>`), [`t.html:1:4: ${problem}`]);
  }
});
