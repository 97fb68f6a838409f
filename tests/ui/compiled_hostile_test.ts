/** Whatever templates say, the code that is made of them has nothing of it but literals. */
import { assertEquals, assertThrows } from "@std/assert";
import { blueprintsOf } from "../../ui/blueprint.ts";
import { COMPILED_NODES_MAX } from "../../ui/compiled_expression.ts";
import { IslandInstance } from "../../ui/island_instance.ts";
import type { IslandProgram } from "../../ui/program.ts";
import { compileIsland } from "../../ui/template.ts";
import { isCodeAllowed } from "./code_allowed.ts";
import { el, programOf, text } from "./engine_programs.ts";
import { compiled } from "./template_rig.ts";

/** Every code that is made while something runs. */
function codesOf(run: () => void): readonly string[] {
  const codes: string[] = [];
  const { Function: real } = globalThis;
  class Spy {
    constructor(...texts: readonly string[]) {
      codes.push(texts.at(-1) as string);
      return Reflect.construct(real, texts);
    }
  }
  Object.assign(globalThis, { Function: Spy });
  try {
    run();
  } finally {
    Object.assign(globalThis, { Function: real });
  }
  return codes;
}

/** The words of a code that stand outside of its literals. */
function wordsOf(code: string): readonly string[] {
  assertEquals(/[\u2028\u2029]/.test(code), false, code);
  const rest = code.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, "");
  assertEquals(/^[\x20-\x7e\n]*$/.test(rest), true, rest);
  assertEquals(/["'`\\@#]/.test(rest), false, rest);
  return rest.match(/[A-Za-z_$][\w$]*/g) ?? [];
}

const FIXED: ReadonlySet<string> = new Set(
  ("S V T O s i c n h x y k t v at break catch const depth end for if isSure item items keys let list " +
    "null object owner rendering return seconds source state string boolean true false try typeof " +
    "undefined values variables held isDirty isOpaque tracker read number").split(" "),
);

function assertFixed(codes: readonly string[]): void {
  for (const code of codes) {
    for (const word of wordsOf(code)) {
      assertEquals(FIXED.has(word.replace(/^([ktv])\d+$/, "$1")), true, `${word} in ${code}`);
    }
  }
}

/** What both twins show, at first and after everything was looked at again. */
function shownBy(program: IslandProgram, state: () => object): string {
  const shown = [program, { ...program, isInterpreted: true } as const].map((one) => {
    const problems: string[] = [];
    const island = new IslandInstance(one, state(), {
      report: ({ error }) => problems.push(String(error)),
      changed: () => {},
    });
    island.refresh();
    assertEquals(island.takePatch(), null);
    const html = island.html();
    island.close();
    return html + problems.join();
  });
  assertEquals(shown[0], shown[1]);
  return shown[0] as string;
}

const KEYS = [
  "a\"b'c`d",
  "\\",
  '\\"];throw 1;//',
  "line\u2028separators\u2029",
  "\n\r\t\u0000",
  "${1}",
  "*/",
  "</script>",
  "\ud800",
  "é🙂",
  "toString",
  "0",
  "-1",
  "",
];

Deno.test("keys and texts of any kind are literals in code, and mean what they say", () => {
  for (const key of KEYS) {
    const written = [...key].map((sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`).join("");
    const expression = `row["${written}"] + '${written}'`;
    const row = el("b", { [`attr title`]: `'${written}'` }, text(expression));
    const list = { each: "rows", names: ["row"], key: `row["${written}"]`, element: row };
    const program = programOf(el("div", {}, list));
    assertFixed(codesOf(() => blueprintsOf(program)));
    const html = shownBy(program, () => ({ rows: [{ [key]: "found" }] }));
    const island = new IslandInstance(program, { rows: [{ [key]: "found" }] });
    assertEquals(island.shown(1, 1), `found${key}`);
    assertEquals(island.shown(1, 0), key);
    assertEquals(html.includes("found"), true);
    island.close();
  }
});

const NAMES =
  ("S V T O s k0 k1 t0 v0 x y h at keys items item isSure this arguments eval await yield let static " +
    "class function return if new delete typeof void var Function Object globalThis Deno process " +
    "require import self window $ _ $_ é ünïcode ℮ ª 𝒳 a\u200d hasOwnProperty toString valueOf " +
    "__defineGetter__ __lookupGetter__ isPrototypeOf").split(" ");

Deno.test("names of any kind are literals or numbers in code, and lead nowhere but to data", () => {
  for (const name of NAMES) {
    const row = el(
      "b",
      { "class on": name },
      text(`${name}.${name}`),
      el("i", {}, text("plain.a")),
    );
    const list = { each: "rows", names: [name], element: row };
    const program = programOf(el("div", {}, text(name), el("p", {}, list)));
    assertFixed(codesOf(() => blueprintsOf(program)));
    // Nothing of this name is there, whatever every object inherits.
    const bare = shownBy(program, () => ({ rows: [{}], plain: {} }));
    const on = '<b class="on">';
    assertEquals(bare, `<div><p>${on}<i></i></b><!--l--></p></div>`);
    const full = shownBy(program, () => ({ rows: [{ [name]: 1 }], [name]: 2, plain: { a: 3 } }));
    assertEquals(full, `<div>2<p>${on}1<i>3</i></b><!--l--></p></div>`);
  }
});

Deno.test("names that lead out of the data are refused, also where only values tell", () => {
  for (const name of ["constructor", "__proto__", "prototype"]) {
    assertThrows(() => programOf(el("p", {}, text(name))), Error, "is not data");
    assertThrows(() => programOf(el("p", {}, text(`a.${name}`))), Error, "is not data");
    assertThrows(() => programOf(el("p", {}, text(`a['${name}']`))), Error, "is not data");
    const program = programOf(el("p", {}, text("plain[name]")));
    const shown = shownBy(program, () => ({ plain: {}, name }));
    assertEquals(shown.startsWith("<p></p>TypeError: Cannot read"), true, shown);
  }
});

Deno.test("what every object gets later is not shown, before and after everything is looked at", () => {
  const row = el("b", {}, text("row.late"));
  const program = programOf(
    el("div", {}, text("late"), el("p", {}, { each: "rows", names: ["row"], element: row })),
  );
  const prototype = Object.prototype as { late?: string };
  prototype.late = "polluted";
  try {
    const shown = shownBy(program, () => ({ rows: [{}, { late: "own" }] }));
    assertEquals(shown, "<div><p><b></b><b>own</b><!--l--></p></div>");
  } finally {
    delete prototype.late;
  }
});

Deno.test("code is made where the platform allows it, and only there", () => {
  const program = compiled(
    '<ul><li g-for="t in tasks" g-key="t.id">{{t.title}} of {{count}}</li></ul>',
  );
  const [root, item] = blueprintsOf(program);
  assertEquals([root?.html !== null, item?.begin !== null], [isCodeAllowed, isCodeAllowed]);
  const [interpreted] = blueprintsOf({ ...program, isInterpreted: true });
  assertEquals([interpreted?.html, interpreted?.begin], [null, null]);
});

Deno.test("an expression becomes code up to its limit, and is a closure above", () => {
  const codes = (nodes: number) => {
    // A sum of n numbers has 2n - 1 nodes; `count` is one of them.
    const sum = `count${" + 1".repeat((nodes - 1) / 2)}`;
    const program = programOf(el("p", {}, text(sum)));
    const made = codesOf(() => blueprintsOf(program)).join();
    assertEquals(shownBy(program, () => ({ count: 1 })), `<p>${(nodes + 1) / 2}</p>`);
    return made.match(/\+ 1\)/g)?.length ?? 0;
  };
  if (!isCodeAllowed) return;
  const below = codes(COMPILED_NODES_MAX - 1);
  assertEquals(codes(COMPILED_NODES_MAX + 1) < below + 2, true);
});

Deno.test("parameters of partials in partials do not make code grow without end", () => {
  const partials = Object.fromEntries(
    Array.from({ length: 24 }, (_, at) => {
      const inner = at === 23 ? "{{x}}" : `<g-partial name="p${at + 1}" x="x + x"></g-partial>`;
      return [`p${at}`, `<b>${inner}</b>`];
    }),
  );
  const source = { name: "deep", file: "t.html", sample: { n: 0 }, partials };
  const program = compileIsland({
    ...source,
    template: `<p><g-partial name="p20" x="n"></g-partial></p>`,
  });
  assertEquals(shownBy(program, () => ({ n: 1 })).includes("8"), true);
  const deep = compileIsland({
    ...source,
    template: `<p><g-partial name="p0" x="n"></g-partial></p>`,
  });
  const size = codesOf(() => blueprintsOf(deep)).join().length;
  assertEquals(size < COMPILED_NODES_MAX * 1_000, true);
});

Deno.test("what an expression throws is told with its place, however it runs", () => {
  class Failing {
    rows = [{ id: 1, size: 1 }];
    get broken(): number {
      throw new RangeError("broken");
    }
    fail(): string {
      throw new RangeError("failed");
    }
  }
  const program = compileIsland({
    name: "failing",
    file: "failing.html",
    sample: new Failing(),
    template: '<div title="{{broken}}">\n <b>{{fail()}}</b>\n' +
      ' <i g-for="row in rows" g-key="row.id">{{row.size}} {{fail()}}</i></div>',
  });
  const told = [program, { ...program, isInterpreted: true } as const].map((one) => {
    const problems: string[] = [];
    const island = new IslandInstance(one, new Failing(), {
      report: ({ error, place, text }) => {
        problems.push(`${place.file}:${place.line}:${place.column} ${text} ${error}`);
      },
      changed: () => {},
    });
    island.takePatch();
    island.refresh();
    island.takePatch();
    return problems;
  });
  assertEquals(told[0], told[1]);
  assertEquals(told[0]?.slice(0, 3), [
    "failing.html:1:15 broken RangeError: broken",
    "failing.html:2:7 fail() RangeError: failed",
    "failing.html:3:42 {{row.size}} {{fail()}} RangeError: failed",
  ]);
});
