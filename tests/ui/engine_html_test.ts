/** First markup: escaped where it stands, and right for a page without script. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { IslandInstance } from "../../ui/island_instance.ts";
import { el, type ElementPiece, programOf, text } from "./engine_programs.ts";
import { ModelClient } from "./model_client.ts";

class Form {
  text = `<b a="1" b='2'>&amp;`;
  lines = "\n\nfirst";
  on = true;
  choice = "b";
  several = ["a", "c"];
  options = ["a", "b", "c"];
  n = 3;
  nothing = null;
  color = "red";
  data = { points: [1, 2] };

  noted: unknown[] = [];

  note(...values: unknown[]): void {
    this.noted = values;
  }
}

function htmlOf(root: ElementPiece): string {
  return new IslandInstance(programOf(root), new Form()).html();
}

Deno.test("text and attributes are escaped where they stand", () => {
  assertEquals(
    htmlOf(el("p", { "attr title": "text" }, text("text"))),
    `<p title="&lt;b a=&quot;1&quot; b='2'&gt;&amp;amp;">&lt;b a="1" b='2'&gt;&amp;amp;</p>`,
  );
  assertEquals(htmlOf(el("p", { title: "&quot;" }, "a &lt; b")), `<p title="&quot;">a &lt; b</p>`);
  assertEquals(
    htmlOf(el("div", {}, el("script", {}, text("'</script><b>'")))),
    "<div><script><\\/script><b></script></div>",
  );
});

Deno.test("void elements have no end, and a first line break is kept where parsers drop it", () => {
  assertEquals(htmlOf(el("p", {}, el("br"), "x")), "<p><br>x</p>");
  assertEquals(htmlOf(el("pre", {}, text("lines"))), "<pre>\n\n\nfirst</pre>");
  assertEquals(
    htmlOf(el("textarea", { "bind text": "lines" })),
    "<textarea>\n\n\nfirst</textarea>",
  );
});

Deno.test("inputs show their values as attributes", () => {
  assertEquals(htmlOf(el("input", { "bind text": "choice" })), `<input value="b">`);
  assertEquals(htmlOf(el("input", { "bind number": "n" })), `<input value="3">`);
  assertEquals(
    htmlOf(el("input", { type: "checkbox", "bind checkbox": "on" })),
    `<input type="checkbox" checked>`,
  );
  for (const [option, isOn] of [["a", false], ["b", true]] as const) {
    assertEquals(
      htmlOf(el("input", { type: "radio", [`bind radio '${option}'`]: "choice" })),
      `<input type="radio"${isOn ? " checked" : ""}>`,
    );
  }
  assertEquals(
    htmlOf(el("input", { "prop disabled": "on", "prop value": "n" })),
    `<input disabled value="3">`,
  );
});

Deno.test("a select marks the options that it shows, static ones and those of a list", () => {
  const statics = ["a", "b"].map((name) => el("option", { value: name }, name.toUpperCase()));
  assertEquals(
    htmlOf(el("select", { "bind select": "choice" }, ...statics, el("option", {}, " b "))),
    `<select><option value="a">A</option><option value="b" selected>B</option>` +
      `<option selected> b </option></select>`,
  );
  const option = el("option", { "attr value": "name" }, text("'the ' + name"));
  assertEquals(
    htmlOf(
      el("select", { multiple: "", "bind multiple": "several" }, {
        each: "options",
        names: ["name"],
        element: option,
      }),
    ),
    `<select multiple><option value="a" selected>the a</option><option value="b">the b</option>` +
      `<option value="c" selected>the c</option><!--l--></select>`,
  );
  // The text is the value of an option that has no other.
  const bare = el("option", {}, text("name"));
  assertEquals(
    htmlOf(el("select", { "bind select": "choice" }, {
      each: "options",
      names: ["name"],
      element: bare,
    })).match(/<option selected>(.)/)?.[1],
    "b",
  );
});

Deno.test("classes, hidden elements and absent attributes are in the markup; styles are not", () => {
  assertEquals(
    htmlOf(el("p", {
      class: "fixed",
      "class on": "on",
      "class off": "!on",
      "show ": "!on",
      "style color": "color",
      "attr title": "nothing",
      "attr lang": "false",
      "attr translate": "true",
    })),
    `<p translate hidden class="fixed on"></p>`,
  );
});

Deno.test("addresses that are code are left out, wherever they come from", () => {
  class Links {
    bad = "java\tscript:alert(1)";
    good = "/page?a=1&b=2";
  }
  const html = new IslandInstance(
    programOf(
      el(
        "p",
        {},
        el("a", { "attr href": "bad" }),
        el("a", { "attr href": "good" }),
        el("a", {
          "prop href": "bad",
          "attr onclick": "good",
        }),
      ),
    ),
    new Links(),
  ).html();
  assertEquals(html, `<p><a></a><a href="/page?a=1&amp;b=2"></a><a></a></p>`);
});

Deno.test("what markup cannot say comes with the snapshot", () => {
  const program = programOf(
    el(
      "div",
      { "style color": "color", "plugin chart": "data" },
      el("p", { "prop scrollTop": "n" }),
    ),
  );
  const snapshot = new IslandInstance(program, new Form()).snapshot();
  assertEquals(snapshot.html, "<div><p></p></div>");
  const client = new ModelClient(program.table, snapshot);
  assertEquals(
    client.html(),
    `<div .plugin chart={"points":[1,2]} style=color,red><p .scrollTop=3></></>`,
  );
});

Deno.test("anchors say which branch is shown, and where items end", () => {
  const cond = (when: string) => ({
    cond: [[when, el("b")], ["n === 3", el("i")]],
  } as const);
  assertEquals(htmlOf(el("p", {}, cond("on"))), "<p><b></b><!--c1--></p>");
  assertEquals(htmlOf(el("p", {}, cond("!on"))), "<p><i></i><!--c2--></p>");
  assertEquals(htmlOf(el("p", {}, { cond: [["!on", el("b")]] })), "<p><!--c--></p>");
  const list = { each: "several", names: ["one"], element: el("b", {}, text("one")) };
  assertEquals(
    htmlOf(el("p", {}, el("u"), list, list)),
    "<p><u></u><b>a</b><b>c</b><!--l--><b>a</b><b>c</b><!--l--></p>",
  );
});

Deno.test("handlers, inputs and drops reach what is shown, and nothing else", () => {
  const state = new Form();
  const program = programOf(
    el(
      "div",
      {},
      el("button", { "on click": "note(text, n + 1, event.key)" }),
      el("input", { "bind number": "n" }),
      el("input", { type: "radio", "bind radio 'a'": "choice" }),
      el("select", { "bind multiple": "several" }),
      {
        each: "options",
        names: ["one"],
        element: el("i", { "drag cards": "one", "drop cards": "note(n)" }),
      },
    ),
  );
  const island = new IslandInstance(program, state);
  const { call, input, drop } = {
    call: (slot: number) => island.run(0, slot, { key: "Enter" }),
    input: (slot: number, value: string) => island.input(0, slot, value),
    drop: (from: number) => island.drop(2, 1, from, 0),
  };
  call(0);
  assertEquals(state.noted, [state.text, 4, "Enter"]);
  input(1, "12");
  assertEquals(state.n, 12);
  assert(island.agrees(0, 1, "12.0") && !island.agrees(0, 1, "13"));
  input(2, "true");
  assertEquals(state.choice, "a");
  input(3, `["b"]`);
  assertEquals(state.several, ["b"]);
  drop(1);
  assertEquals(state.noted, ["a", null, 12]);
  for (const [slot, value] of [[3, "{"], [3, "[1]"], [2, "yes"], [0, "x"], [9, "x"]] as const) {
    assertThrows(() => input(slot, value), TypeError);
  }
  for (const slot of [1, 4, 5, -1, 0.5]) assertThrows(() => call(slot), TypeError);
  assertThrows(() => island.run(99, 0), TypeError);
  assertThrows(() => drop(0), TypeError);
  for (const name of ["constructor", "__proto__", "toString", "text", "hasOwnProperty"]) {
    assertThrows(() => island.call(name), TypeError);
  }
  assertEquals(island.slotAt(0, 0)?.kind, "on");
  assertEquals(island.slotAt(99, 0), undefined);
  assertEquals([island.shown(0, 1), island.shown(0, 4), island.shown(99, 0)], [
    3,
    undefined,
    undefined,
  ]);
});
