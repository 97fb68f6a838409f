/** What errors of templates say, and where; and the limits of templates. */
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { compileIsland, TEMPLATE_BLOCKS_MAX } from "../../ui/template.ts";
import { TemplateError, TemplateErrors } from "../../ui/template_error.ts";
import { TEMPLATE_ERRORS_MAX } from "../../ui/template_names.ts";
import { TEMPLATE_DEPTH_MAX, TEMPLATE_UNITS_MAX } from "../../ui/template_tree.ts";
import { Board, compiled, markup, problems } from "./template_rig.ts";

Deno.test("an error names file, line and column, and has them as fields", () => {
  const error = assertThrows(() => compiled("<p>\n  <b>{{cuont}}</b>\n</p>"), TemplateError);
  assertInstanceOf(error, TemplateError);
  assertEquals(error.place, { file: "t.html", line: 2, column: 8 });
  assertEquals(error.suggestion, "count");
  assertEquals(error.message, 't.html:2:8: there is no "cuont"; did you mean "count"?');
  assertEquals(error.name, "TemplateError");
});

Deno.test("all errors of a template are told together, in its order", () => {
  const template = '<div g-click="ad()">\n{{cuont}} {{ text + }}\n<p g-txt="x" g-if="a b">' +
    '{{nope1}}</p><input g-bind="nope2"></div>';
  const error = assertThrows(() => compiled(template), TemplateErrors);
  assertInstanceOf(error, TemplateErrors);
  assertEquals(error.errors.map(({ message }) => message), [
    't.html:1:15: Board has no method "ad"; did you mean "add"?',
    't.html:2:3: there is no "cuont"; did you mean "count"?',
    "t.html:2:20: the expression ends too early",
    't.html:3:22: "b" is not expected here',
    't.html:3:53: there is no "nope2"',
  ]);
  assertEquals(error.message.split("\n").length, 6);
});

Deno.test("places are exact behind line breaks, CRLF, tabs and entities, in text and attributes", () => {
  const place = (template: string) => problems(template)[0]?.replace(/: .*/s, "");
  assertEquals(place("<p>{{ x }}</p>"), "t.html:1:7");
  assertEquals(place("<p>\r\n\r\n\t{{ x }}</p>"), "t.html:3:5");
  assertEquals(place("<p>\r\n a {{\r\n\r\n  x }}</p>"), "t.html:4:3");
  assertEquals(place("<p>\ra {{x}}</p>"), "t.html:2:5");
  assertEquals(place("<p>&amp;&lt;&#65;&#x42;&nbsp;{{x}}</p>"), "t.html:1:32");
  assertEquals(place("<p>&notanentity; &amp {{x}}</p>"), "t.html:1:25");
  assertEquals(place("<p>\u{1F600}{{x}}</p>"), "t.html:1:8");
  assertEquals(place('<p title="&quot;{{x}}"></p>'), "t.html:1:19");
  assertEquals(place("<p g-text='\r\n\tcount +\r\n\t\tx'></p>"), "t.html:3:3");
  assertEquals(place('<p g-text = "count &amp;&amp; x"></p>'), "t.html:1:31");
  assertEquals(place("<p g-text=x></p>"), "t.html:1:11");
  assertEquals(place('<p\n  class="a"\n  g-text="x"></p>'), "t.html:3:11");
  assertEquals(place("<p g-text></p>"), "t.html:1:10");
  assertEquals(place("<pre>\n\n{{x}}</pre>"), "t.html:3:3");
  assertEquals(place("<pre>\r\n{{x}}</pre>"), "t.html:2:3");
  assertEquals(place("<!-- \n --><p>{{x}}</p>"), "t.html:2:10");
  assertEquals(place("<p>a<!-- -->\n{{x}}</p>"), "t.html:2:3");
  assertEquals(place('<p title="{{text}} {{ count + x }}"></p>'), "t.html:1:31");
  assertEquals(place('<p g-for-x="1" G-Text="x"></p>'), "t.html:1:4");
  assertEquals(place('<svg viewBox="{{x}}"></svg>'), "t.html:1:17");
  assertEquals(place('<svg><use xlink:href="{{x}}"/></svg>'), "t.html:1:25");
  assertEquals(place("<table><tr><td>{{x}}</table>"), "t.html:1:18");
});

Deno.test("markup that browsers read differently is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["<div/>", "1:1: <div/> does not end itself: write <div></div>"],
    ["<p>a<b/></p>", "1:5: <b/> does not end itself: write <b></b>"],
    ["<div><p>", "1:1: <div> is not closed"],
    ["<p><div>a</div></p>", "1:16: </p> closes nothing: its <p> ended before"],
    ["<table><div>x</div></table>", "1:8: this cannot stand where it is: browsers move it"],
    ["<table>text</table>", "1:8: this cannot stand where it is: browsers move it"],
    ["<p a=1 a=2></p>", "1:9: an attribute stands twice on an element"],
    ["<p><b><i>x</b></i></p>", "1:7: <i> is not closed"],
    ['<p title="a></p>', "1:17: a tag does not end"],
    ["<p><!-- x</p>", "1:14: a comment does not end"],
    ["<p a='1'b='2'></p>", "1:9: a space is missing between attributes"],
    ["<p a=></p>", "1:6: an attribute's value is missing"],
    ["<div></span></div>", "1:6: </span> cannot stand here: browsers leave it out"],
    ["<div><tr></tr></div>", "1:6: <tr> cannot stand here: browsers leave it out"],
    ["<body><p>a</p></body>", "1:1: <body> cannot stand here: browsers leave it out"],
    ["<div><b><div>x</b></div></div>", "1:9: <b> is not closed inside of what it began in"],
    ["<div><br></br></div>", "1:10: </br> closes nothing: its <br> ended before"],
    ["<svg><p>x</p></svg>", "1:1: <svg> is not closed"],
    ["<p></p a>", "1:9: an end tag has no attributes"],
  ];
  for (const [template, problem] of cases) {
    assertEquals(problems(template), [`t.html:${problem}`], template);
  }
});

Deno.test("what browsers put in by themselves is in the template too", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["<table><tr><td>a</table>", "<table><tbody><tr><td>a</td></tr></tbody></table>"],
    ["<table><td>a</table>", "<table><tbody><tr><td>a</td></tr></tbody></table>"],
    ["<table><col></table>", "<table><colgroup><col></colgroup></table>"],
    ["<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"],
    ["<div><p>a<p>b</div>", "<div><p>a</p><p>b</p></div>"],
    ["<svg><a/><g></g></svg>", "<svg><a></a><g></g></svg>"],
  ];
  for (const [template, html] of cases) assertEquals(markup(template), [html]);
});

Deno.test("a < that begins a tag inside of an expression is told as what it is", () => {
  const hint = 'in an expression "<" needs a space behind it, or is written &lt;';
  assertEquals(problems("<p>{{count<text}}</p>"), [`t.html:1:11: ${hint}`]);
  assertEquals(problems("<p>{{count<text}} <b>x</b></p>"), [`t.html:1:11: ${hint}`]);
  assertEquals(problems("<p>{{a}} {{count <text }}</p><i></i>"), [`t.html:1:18: ${hint}`]);
  assertEquals(markup('<p title="{{count<1}}">{{ count < 1 }}{{count&lt;1}}</p>'), ["<p> </p>"]);
});

Deno.test("a block that a page would read elsewhere is refused", () => {
  const rows = { row: "<tr><td>a</td></tr>", "x-text": "text" };
  assertEquals(problems('<table><g-partial name="row"></g-partial></table>', rows), [
    "row:1:1: <tr> cannot stand here: browsers read its contents differently; write the table's <tbody>",
  ]);
  assertEquals(
    problems('<table><g-partial name="row" g-for="t in tasks"></g-partial></table>', rows),
    [
      "row:1:1: <tr> cannot stand here: browsers read its contents differently; write the table's <tbody>",
    ],
  );
  assertEquals(
    markup(
      '<table><tbody><g-partial name="row" g-for="t in tasks"></g-partial></tbody></table>',
      rows,
    ),
    [
      "<table><tbody><!--l--></tbody></table>",
      "<tr><td>a</td></tr>",
    ],
  );
  const inner = { "x-div": "<div>a</div>" };
  assertEquals(problems("<p>a <x-div></x-div></p>", inner).length, 1);
  assertEquals(
    problems(
      '<a href="#"><template g-if="on"><i></i></template><b><template g-if="on"><x-a></x-a></template></b></a>',
      {
        "x-a": '<a href="#">b</a>',
      },
    ).length,
    1,
  );
});

Deno.test("what runs code, or belongs to pages, is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['<p onclick="x()"></p>', '1:4: the attribute "onclick" would run code: use g-click'],
    ['<p ONLOAD="x()"></p>', '1:4: the attribute "onload" would run code: use g-load'],
    ['<p onfoo="x()"></p>', '1:4: the attribute "onfoo" would run code'],
    ['<p onclick="{{text}}"></p>', '1:4: the attribute "onclick" would run code: use g-click'],
    ['<p g-attr:onclick="text"></p>', '1:4: the attribute "onclick" would run code'],
    ['<p g-attr:srcdoc="text"></p>', '1:4: the attribute "srcdoc" would run code'],
    ['<iframe srcdoc="x"></iframe>', '1:9: the attribute "srcdoc" would run code'],
    ['<a href="javascript:x()">a</a>', '1:4: the address in "href" would run code'],
    ['<a href=" Java&#10;Script&colon;x()">a</a>', '1:4: the address in "href" would run code'],
    ['<a href="&#1;javascript:x()">a</a>', '1:4: the address in "href" would run code'],
    ['<iframe src="data:text/html,x"></iframe>', '1:9: the address in "src" would run code'],
    ['<form action="vbscript:x"></form>', '1:7: the address in "action" would run code'],
    [
      '<button formaction="javascript:x">a</button>',
      '1:9: the address in "formaction" would run code',
    ],
    ['<svg><use xlink:href="data:x"/></svg>', '1:11: the address in "xlink:href" would run code'],
    ['<object data="javascript:x"></object>', '1:9: the address in "data" would run code'],
    [
      "<p><script>x()</script></p>",
      "1:4: <script> belongs to pages, not to templates: use a plugin",
    ],
    [
      "<svg><script>x()</script></svg>",
      "1:6: <script> belongs to pages, not to templates: use a plugin",
    ],
    ["<p><base></p>", "1:4: <base> belongs to pages, not to templates"],
    ['<p><meta http-equiv="refresh"></p>', "1:4: <meta> belongs to pages, not to templates"],
    ["<div><style>{{text}}</style></div>", "1:15: <style> cannot have text that changes"],
    ["<div><noscript>{{text}}</noscript></div>", "1:18: <noscript> cannot have text that changes"],
    [
      '<svg><a><set attributeName="href" to="{{text}}"/></a></svg>',
      "1:35: an animation of an address cannot change",
    ],
    [
      '<svg><animate g-attr:values="text"/></svg>',
      "1:15: an animation of an address cannot change",
    ],
    ['<p @click="{{text}}"></p>', '1:4: "@click" is no name of an attribute that can change'],
  ];
  for (const [template, problem] of cases) {
    assertEquals(problems(template), [`t.html:${problem}`], template);
  }
  const fine = [
    "#a",
    "/a",
    "a:b/c".slice(2),
    "https://x",
    "mailto:a@b",
    "//x",
    "?q=javascript:",
    "app:x",
  ];
  for (const address of fine) compiled(`<a href="${address}">a</a>`);
  compiled('<svg><animate attributeName="cx" values="{{text}}"/></svg>');
});

Deno.test("a field cannot have the name of a word of the engine", () => {
  const sample = Object.assign(new Board(), { refresh: 1 });
  const error = assertThrows(() =>
    compileIsland({ name: "x", template: "<p></p>", file: "t.html", sample })
  );
  assertEquals(
    (error as Error).message,
    't.html:1:1: a field cannot be named "refresh": it is a word of the engine',
  );
});

Deno.test("a template is as long as its limit, and no longer", () => {
  const template = (length: number) => `<p>${"x".repeat(length - 7)}</p>`;
  for (const length of [TEMPLATE_UNITS_MAX - 1, TEMPLATE_UNITS_MAX]) {
    assertEquals(markup(template(length))[0]?.length, length);
  }
  assertEquals(problems(template(TEMPLATE_UNITS_MAX + 1)), [
    `t.html:1:1: a template has at most ${TEMPLATE_UNITS_MAX} units`,
  ]);
});

Deno.test("elements nest as deep as the limit, and no deeper", () => {
  const template = (depth: number) => "<div>".repeat(depth) + "{{text}}" + "</div>".repeat(depth);
  for (const depth of [TEMPLATE_DEPTH_MAX - 1, TEMPLATE_DEPTH_MAX]) {
    assertEquals(compiled(template(depth)).table.blocks[0]?.slots[0]?.[1].length, depth);
  }
  const column = TEMPLATE_DEPTH_MAX * 5 + 1;
  assertEquals(problems(template(TEMPLATE_DEPTH_MAX + 1)), [
    `t.html:1:${column}: elements are nested too deeply`,
  ]);
});

Deno.test("an island has as many blocks as the limit, and no more", () => {
  const template = (blocks: number) => `<p>${'<b g-if="on"></b>'.repeat(blocks - 1)}</p>`;
  assertEquals(compiled(template(TEMPLATE_BLOCKS_MAX)).blocks.length, TEMPLATE_BLOCKS_MAX);
  const problem = problems(template(TEMPLATE_BLOCKS_MAX + 1))[0];
  assertEquals(problem?.endsWith(`an island has at most ${TEMPLATE_BLOCKS_MAX} blocks`), true);
});

Deno.test("errors are listed up to the limit", () => {
  const template = (count: number) => {
    const wrong = Array.from({ length: count }, (_, index) => `{{nope${index}}}`);
    return `<p>${wrong.join(" ")}</p>`;
  };
  for (const count of [TEMPLATE_ERRORS_MAX - 1, TEMPLATE_ERRORS_MAX]) {
    assertEquals(problems(template(count)).length, count);
  }
  assertEquals(problems(template(TEMPLATE_ERRORS_MAX + 1)).length, TEMPLATE_ERRORS_MAX);
});
