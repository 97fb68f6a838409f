/** What `g-html` leaves of markup from outside, and which values attributes may have. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parseFragment, serialize } from "parse5";
import { HTML_DEPTH_MAX, HTML_UNITS_MAX, sanitised } from "../../ui/sanitised_html.ts";
import { safeAttribute } from "../../ui/template_safety.ts";
import { trusted, trustedMarkup } from "../../ui/trusted_html.ts";
import { ATTACKS } from "./markup_attacks.ts";
import { Board, compiled, slotAt } from "./template_rig.ts";

type Node = DefaultTreeAdapterTypes.ChildNode;

const REFUSED_TAGS =
  /^(?:script|style|iframe|object|embed|applet|svg|math|template|noscript|noembed|xmp|form|input|button|select|textarea|title|link|meta|base|frame|frameset|video|audio|source|slot|portal|plaintext)$/;

/** What in a tree would do harm. */
function harm(nodes: readonly Node[]): readonly string[] {
  return nodes.flatMap((node): readonly string[] => {
    if (node.nodeName === "#comment") return ["a comment"];
    if (!("tagName" in node)) return [];
    const wrong = node.attrs.filter(({ name, prefix, value }) =>
      /^(?:on|data-|g-|style$|id$|name$|is$|srcset$|srcdoc$|action$|formaction$|ping$|background$)/
        .test(name) ||
      prefix !== undefined && prefix !== "" ||
      /^(?:href|src|cite)$/.test(name) && !isHarmless(value)
    );
    const tags =
      REFUSED_TAGS.test(node.tagName) || node.namespaceURI !== "http://www.w3.org/1999/xhtml"
        ? [`<${node.tagName}>`]
        : [];
    return [
      ...tags,
      ...wrong.map(({ name }) => `${node.tagName} ${name}`),
      ...harm(node.childNodes),
    ];
  });
}

/** Whether an address, as a browser reads it, runs nothing. */
function isHarmless(address: string): boolean {
  const { protocol } = new URL(address, "https://page.example/");
  return /^(?:https?|ftp|mailto|sms|tel):$/.test(protocol) || /^data:image\/png;/.test(address);
}

function checkHarmless(html: string): void {
  const clean = sanitised(html);
  assertEquals(harm(parseFragment(clean).childNodes), [], html);
  // Whoever parses it again, and again, sees the same.
  const again = serialize(parseFragment(clean));
  assertEquals(again, clean.replace(/(<pre(?: [^>]*)?>)\n/g, "$1"), html);
  assertEquals(sanitised(clean), clean, html);
}

Deno.test("sanitised markup of known attacks has nothing in it that runs", () => {
  for (const attack of ATTACKS) {
    checkHarmless(attack);
    checkHarmless(`<p>before ${attack} after</p>`);
    checkHarmless(`<table><tr><td>${attack}</td></tr></table>${attack}`);
    checkHarmless(`<ul><li><a href="/x">${attack}</a>`);
  }
});

Deno.test("sanitised markup of random pieces has nothing in it that runs, and is stable", () => {
  const tags = fc.constantFrom(
    ..."a b p div table tr td svg math style noscript template form select option title mtext mglyph li pre h1 img script"
      .split(" "),
  );
  const piece = fc.oneof(
    tags.map((tag) => `<${tag}>`),
    tags.map((tag) => `</${tag}>`),
    tags.map((tag) =>
      `<${tag} title="</${tag}><img src=x onerror=hit()>" href=javascript:x onclick=x>`
    ),
    fc.constantFrom(
      "text",
      "<!--",
      "-->",
      "--!>",
      "&lt;",
      "&",
      '"',
      "'",
      "\n",
      "\0",
      "<![CDATA[",
      "]]>",
    ),
    fc.constantFrom(...ATTACKS),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => checkHarmless(pieces.join(""))),
    { numRuns: 1_500 },
  );
});

Deno.test("sanitised markup keeps what is harmless", () => {
  const kept = [
    "<p>a <b>b</b> <i>c</i><br>d</p>",
    '<h1 class="x" title="t" lang="en" dir="ltr" role="note" aria-label="l">h</h1>',
    '<a href="https://example.org/?a=1&amp;b=2#c">a</a>',
    '<a href="/x">a</a><a href="?x:y">a</a><a href="#x">a</a><a href="mailto:a@b.c">a</a>',
    '<a href="//host/x">a</a>',
    '<img src="/a.png" alt="a" width="1" height="2" loading="lazy">',
    '<img src="data:image/png;base64,AAAA">',
    '<ul><li>a</li><li value="3">b</li></ul><ol start="2" type="a" reversed=""><li>c</li></ol>',
    '<table><caption>c</caption><colgroup><col span="2"></colgroup><thead><tr><th scope="col">h</th>' +
    '</tr></thead><tbody><tr><td colspan="2" align="right">d</td></tr></tbody></table>',
    "<pre>\n\n a\n  b</pre>",
    '<blockquote cite="/q">q</blockquote><code>x &lt; y &amp;&amp; z</code>',
    '<details open=""><summary>s</summary>d</details>',
    '<time datetime="2026-01-01">t</time><mark>m</mark><kbd>k</kbd><sub>1</sub><sup>2</sup><hr>',
  ];
  for (const html of kept) assertEquals(sanitised(html), html.replaceAll("<pre>\n\n", "<pre>\n\n"));
});

Deno.test("sanitised markup loses what is not known, and keeps what stands in it", () => {
  assertEquals(sanitised("<x-y>a<font color=red>b</font></x-y>"), "ab");
  assertEquals(sanitised("<form>a<label>b</label></form>"), "ab");
  assertEquals(sanitised("a<!-- c -->b<script>c</script>"), "ab");
  assertEquals(sanitised("a < b > c & d"), "a &lt; b &gt; c &amp; d");
  assertEquals(
    sanitised('<a href=/ target=_blank rel="x">a</a>'),
    '<a href="/" target="_blank" rel="noopener noreferrer">a</a>',
  );
  assertEquals(sanitised("<a href=/ target=_top>a</a>"), '<a href="/">a</a>');
  assertEquals([null, undefined, "", 5, true].map(sanitised), ["", "", "", "5", "true"]);
});

Deno.test("trusted markup is shown as it is, what only looks like it is not", () => {
  const html = "<svg onload=x()></svg>";
  assertEquals(sanitised(trusted(html)), html);
  assertEquals(trustedMarkup(trusted(html)), html);
  assertEquals(sanitised({ html }), "[object Object]");
  assertEquals(sanitised({ ...trusted(html) }), "[object Object]");
  assertEquals(sanitised(JSON.parse(JSON.stringify(trusted(html)))), "[object Object]");
  assertEquals([trustedMarkup(html), trustedMarkup(null), trustedMarkup({ html })], [
    null,
    null,
    null,
  ]);
});

Deno.test("markup is looked at up to its limit", () => {
  for (const length of [HTML_UNITS_MAX - 1, HTML_UNITS_MAX]) {
    assertEquals(sanitised("x".repeat(length)).length, length);
  }
  assertEquals(sanitised("x".repeat(HTML_UNITS_MAX + 1)).length, HTML_UNITS_MAX);
});

Deno.test("markup nests as deep as the limit, what is deeper is left out", () => {
  const nested = (depth: number) => "<div>".repeat(depth) + "x" + "</div>".repeat(depth);
  for (const depth of [HTML_DEPTH_MAX - 1, HTML_DEPTH_MAX]) {
    assertEquals(sanitised(nested(depth)), nested(depth));
  }
  assertEquals(sanitised(nested(HTML_DEPTH_MAX + 1)), nested(HTML_DEPTH_MAX).replace("x", ""));
});

Deno.test("an attribute has no value that is code", () => {
  for (
    const name of [
      "href",
      "src",
      "action",
      "formaction",
      "xlink:href",
      "HREF",
      "data",
      "poster",
      "cite",
    ]
  ) {
    for (
      const value of [
        "javascript:x",
        " javascript:x",
        "\u0001\u0000JAVA\nSCRIPT\t:x",
        "\u0000javascript:x",
        "data:text/html,x",
        "data:image/svg+xml,x",
        "vbscript:x",
        "file:///etc",
        "view-source:x",
        "unknown:x",
      ]
    ) assertEquals(safeAttribute(name, value), null, `${name}=${value}`);
    for (
      const value of [
        "",
        "/a",
        "a/b:c",
        "?a:b",
        "#a:b",
        "//a",
        "https://a",
        "HTTP://a",
        "mailto:a",
        "tel:1",
        "blob:x",
      ]
    ) {
      assertEquals(safeAttribute(name, value), value);
    }
  }
  assertEquals(safeAttribute("src", "data:image/png;base64,AA"), "data:image/png;base64,AA");
  assertEquals(safeAttribute("href", "data:image/png;base64,AA"), null);
  for (const name of ["onclick", "ONCLICK", "on", "srcdoc", "innerHTML"]) {
    assertEquals(safeAttribute(name, "x"), null);
  }
  assertEquals(safeAttribute("title", "javascript:x"), "javascript:x");
});

Deno.test("addresses from state are checked in attributes and properties, as text and as lists", () => {
  const cases: readonly (readonly [string, unknown, unknown])[] = [
    ['<a href="{{url}}">a</a>', "javascript:x", null],
    ['<a href="{{url}}">a</a>', "/x", "/x"],
    ['<a href="java{{url}}">a</a>', "script:x", null],
    ['<a href="/u/{{url}}">a</a>', "javascript:x", "/u/javascript:x"],
    ['<a href="{{url}}">a</a>', ["javascript:x"], null],
    ['<a g-attr:href="url">a</a>', "data:x", null],
    ['<a g-attr:href="url">a</a>', false, false],
    ['<a g-attr:href="url">a</a>', null, null],
    ['<a g-prop:href="url">a</a>', "javascript:x", null],
    ['<iframe g-prop:src="url"></iframe>', "javascript:x", null],
    ['<svg><use xlink:href="{{url}}"/></svg>', "data:x", null],
    ['<object g-prop:data="url"></object>', "javascript:x", null],
    ['<x-a g-prop:data="url"></x-a>', "javascript:x", "javascript:x"],
    ['<form action="{{url}}"></form>', "javascript:x", null],
    ['<button formaction="{{url}}">a</button>', "javascript:x", null],
  ];
  for (const [template, url, expected] of cases) {
    const program = compiled(template);
    const slot = program.blocks[0]?.slots[0];
    const { value } = slotAt(program, slot?.kind as "attr");
    const state = Object.assign(new Board(), { url });
    assertEquals(value.evaluate({ state, variables: [] }), expected, template);
  }
});
