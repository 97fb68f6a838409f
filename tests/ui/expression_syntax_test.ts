import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import { compileExpression } from "../../ui/expression.ts";
import {
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_UNITS_MAX,
  isVariableName,
  parseExpression,
  type SyntaxNode,
} from "../../ui/expression_syntax.ts";
import { TemplateError } from "../../ui/template_error.ts";
import { plainSource } from "../../ui/template_source.ts";

const START = { file: "t.html", line: 1, column: 1 };

function parse(text: string): SyntaxNode {
  return parseExpression(plainSource(text, START));
}

function value(text: string, state: object = {}): unknown {
  return compileExpression(text, START).evaluate({ state, variables: [] });
}

function problem(text: string): string {
  const error = assertThrows(() => parse(text), TemplateError);
  assertInstanceOf(error, TemplateError);
  return error.message;
}

/** Every node in parentheses, and each operator under all of its names. */
function written(node: SyntaxNode): string {
  switch (node.kind) {
    case "literal":
      return node.value === undefined ? "undefined" : JSON.stringify(node.value);
    case "name":
      return node.name;
    case "member":
      return `(${written(node.object)})${node.isOptional ? "?." : "."}${node.name}`;
    case "index":
      return `(${written(node.object)})[${written(node.index)}]`;
    case "call":
      return `${written(node.callee)}(${node.args.map(written).join(", ")})`;
    case "unary":
      return `${node.operator} (${written(node.operand)})`;
    case "binary":
      return `(${written(node.left)}) ${node.operator} (${written(node.right)})`;
    case "ternary":
      return `(${written(node.test)}) ? (${written(node.yes)}) : (${written(node.no)})`;
    case "list":
      return `[${node.items.map(written).join(", ")}]`;
    case "object":
      return `{${node.fields.map(([name, field]) => `"${name}": ${written(field)}`).join(", ")}}`;
    case "arrow":
      return `(${node.parameters.join(", ")}) => ${written(node.body)}`;
  }
}

/** The tree without the places. */
function bare(node: unknown): unknown {
  return JSON.parse(JSON.stringify(node, (key, part) => {
    if (key === "at" || key === "nameAt") return undefined;
    return part === undefined ? "undefined" : part;
  }));
}

const names = fc.constantFrom("a", "b", "c");
const literals = fc.oneof(
  fc.integer({ min: 0, max: 9 }).map(String),
  fc.constantFrom("1.5", "'x'", '"y z"', "true", "false", "null", "'3'"),
);
/** No `??`: JavaScript wants parentheses around it. */
const operators = fc.constantFrom(
  ..."|| && === !== < <= > >= + - * / %".split(" "),
);

/** Expressions that are also JavaScript, with few parentheses, so that precedence matters. */
const javascript = fc.letrec<{ expression: string; operand: string }>((tie) => ({
  operand: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    names,
    literals,
    tie("expression").map((inner) => `(${inner})`),
    fc.tuple(fc.constantFrom("!", "-", "+"), names).map(([sign, name]) => `${sign}${name}`),
    fc.tuple(fc.constantFrom("!", "-", "+"), literals).map((parts) => parts.join("")),
    tie("expression").map((inner) => `list[${inner}]`),
    fc.constantFrom(
      "user.name",
      "user?.name",
      "nothing?.name.first",
      "nothing?.list[0]",
      "list[0]",
    ),
  ),
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    tie("operand"),
    fc.tuple(tie("operand"), operators, tie("operand")).map((parts) => parts.join(" ")),
    fc.array(fc.tuple(operators, tie("operand")), { minLength: 2, maxLength: 5 }).map((parts) =>
      parts.map(([operator, operand], index) => index === 0 ? operand : ` ${operator} ${operand}`)
        .join("")
    ),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([test, yes, no]) =>
      `${test} ? ${yes} : ${no}`
    ),
  ),
})).expression;

Deno.test("expressions evaluate as JavaScript does", () => {
  const state = {
    a: 3,
    b: "4",
    c: 0,
    list: [7, "8", false],
    user: { name: "Ada" },
    nothing: null,
  };
  const keys = Object.keys(state);
  fc.assert(
    fc.property(javascript, (text) => {
      // Only here: what the engine itself does never makes text into code.
      const reference = new Function(...keys, `return (${text})`);
      assertEquals(value(text, state), reference(...Object.values(state)), text);
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("an expression that is written out in full parses to the same tree", () => {
  fc.assert(
    fc.property(javascript, (text) => {
      const node = parse(text);
      assertEquals(bare(parse(written(node))), bare(node), text);
    }),
    { numRuns: 1_000 },
  );
  for (const text of ["f(x => x.a, (a, b) => a - b, 1)", "{a: 1, 'b c': [2, {d}]}", "a?.b?.(c)"]) {
    if (text.includes("?.(")) continue;
    const node = parse(text);
    assertEquals(bare(parse(written(node))), bare(node), text);
  }
});

Deno.test("operators bind as JavaScript's do, the words as their signs", () => {
  const same = (left: string, right: string) => assertEquals(bare(parse(left)), bare(parse(right)));
  same("a or b and not c", "a || (b && (!c))");
  same("a == b and c != d", "(a === b) && (c !== d)");
  same("a + b * c - d / e % f", "(a + (b * c)) - ((d / e) % f)");
  same("a < b == c >= d", "(a < b) === (c >= d)");
  same("a ? b : c ? d : e", "a ? b : (c ? d : e)");
  same("-a.b[c].d(e)", "-(((a.b)[c]).d(e))");
  same("a ?? b ?? c", "(a ?? b) ?? c");
  same("not not a", "!!a");
});

Deno.test("`==` is strict, so that '1' and 1 differ", () => {
  assertEquals(value("a == '1'", { a: 1 }), false);
  assertEquals(value("a == 1", { a: 1 }), true);
  assertEquals(value("a != null", { a: undefined }), true);
});

Deno.test("literals are read as in JavaScript: 'single' and \"double\" quotes, numbers, constants", () => {
  assertEquals(value("'it\\'s'"), "it's");
  assertEquals(value('"a\\n\\t\\\\\\u0041\\u{1F600}"'), "a\n\t\\A😀");
  assertEquals(value("[1.5, 2e3, true, false, null, undefined]"), [
    1.5,
    2000,
    true,
    false,
    null,
    undefined,
  ]);
  assertEquals(value("{a: 1, 'b-c': 2, a2: {d: [ ]}}"), { a: 1, "b-c": 2, a2: { d: [] } });
  assertEquals(value("{count}", { count: 4 }), { count: 4 });
  assertEquals(value("'a, b; }} {{ c'"), "a, b; }} {{ c");
});

Deno.test("`?.` ends the whole chain behind it", () => {
  assertEquals(value("a?.b.c.d[0].e", { a: null }), undefined);
  assertEquals(value("a.b?.c", { a: { b: undefined } }), undefined);
  assertEquals(value("a?.toFixed(2).length", { a: null }), undefined);
  assertThrows(() => value("a?.b.c", { a: {} }), TypeError, 'Cannot read "c" of undefined');
  assertEquals(value("(a?.b ?? 'none') + '!'", { a: null }), "none!");
});

Deno.test("an expression's errors name the place", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "1:1: an expression is missing"],
    ["  ", "1:1: an expression is missing"],
    ["a +", "1:4: the expression ends too early"],
    ["a b", '1:3: "b" is not expected here'],
    ["a = 1", '1:3: "=" has no meaning here'],
    ["'abc", "1:1: a text does not end"],
    ["f(1", '1:4: ")" is missing'],
    ["f(1;2)", '1:4: ";" has no meaning here'],
    ["a ? b", '1:6: ":" is missing'],
    ["a[1", '1:4: "]" is missing'],
    ["[1, 2", '1:6: "]" is missing'],
    ["{a: 1", '1:6: "}" is missing'],
    ["{1: 2}", '1:2: "1" is not expected here'],
    ["a.", "1:3: the expression ends too early"],
    ["a.1", '1:3: "1" is not expected here'],
    ["a\n  .b\n\t@", '3:2: "@" has no meaning here'],
    ["a ?? b || c", '1:8: "??" beside "||" needs parentheses'],
    ["a or b ?? c", '1:8: "??" beside "||" needs parentheses'],
    ["x => x", '1:3: "=>" is not expected here'],
    ["new A()", '1:5: "A" is not expected here'],
    ["a => b => c", '1:3: "=>" is not expected here'],
    ["a++", "1:4: the expression ends too early"],
    ["a = b", '1:3: "=" has no meaning here'],
    ["`x`", '1:1: "`" has no meaning here'],
    ["/x/", '1:1: "/" is not expected here'],
    ["a & b", '1:3: "&" has no meaning here'],
    ["in", '1:1: "in" is not expected here'],
  ];
  for (const [text, expected] of cases) {
    assertEquals(problem(text), `t.html:${expected}`, text);
  }
});

Deno.test("names that lead out of the data are refused in every form", () => {
  for (const name of ["constructor", "__proto__", "prototype"]) {
    const forms = [
      name,
      `a.${name}`,
      `a?.${name}`,
      `a.b.${name}.c`,
      `a['${name}']`,
      `a["${name}"]`,
      `a[('${name}')]`,
      `${name}()`,
      `a.${name}('x')`,
      `f(x => x.${name})`,
      `{${name}: 1}`,
      `{'${name}': 1}`,
      `{${name}}`,
      `[a.${name}]`,
      `-a.${name}`,
      `a ? b.${name} : c`,
    ];
    for (const form of forms) {
      assertEquals(problem(form).endsWith(`"${name}" is not data`), true, form);
    }
    const escaped = name.replace("o", "\\u006f");
    assertEquals(problem(`a['${escaped}']`).endsWith(`"${name}" is not data`), true);
  }
});

Deno.test("an expression is as long as its limit, and no longer", () => {
  const text = (length: number) => `'${"x".repeat(length - 2)}'`;
  for (const length of [EXPRESSION_UNITS_MAX - 1, EXPRESSION_UNITS_MAX]) {
    assertEquals((value(text(length)) as string).length, length - 2);
  }
  assertEquals(
    problem(text(EXPRESSION_UNITS_MAX + 1)),
    `t.html:1:1: an expression has at most ${EXPRESSION_UNITS_MAX} characters`,
  );
});

Deno.test("an expression nests as deep as its limit, and no deeper", () => {
  const forms: readonly ((depth: number) => string)[] = [
    (depth) => "(".repeat(depth - 1) + "1" + ")".repeat(depth - 1),
    (depth) => "[".repeat(depth - 1) + "1" + "]".repeat(depth - 1),
    (depth) => "!".repeat(depth - 1) + "1",
    (depth) => "a[".repeat(depth - 1) + "1" + "]".repeat(depth - 1),
    (depth) => "len(".repeat(depth - 1) + "1" + ")".repeat(depth - 1),
    (depth) => "1?".repeat(depth - 1) + "1" + ":1".repeat(depth - 1),
    (depth) => "{a:".repeat(depth - 1) + "1" + "}".repeat(depth - 1),
  ];
  for (const form of forms) {
    for (const depth of [EXPRESSION_DEPTH_MAX - 1, EXPRESSION_DEPTH_MAX]) parse(form(depth));
    const text = form(EXPRESSION_DEPTH_MAX + 1);
    assertEquals(problem(text).includes("nested too deeply"), true, text);
  }
});

Deno.test("a long chain is read and evaluated without deep recursion failing", () => {
  const depth = Math.floor(EXPRESSION_UNITS_MAX / 2) - 1;
  const chain = "1" + "+1".repeat(depth);
  assertEquals(value(chain), depth + 1);
  const state: { a?: object } = {};
  state.a = state;
  assertEquals(value("a" + ".a".repeat(depth), state), state);
});

Deno.test("any text either parses or is refused with a place inside of it", () => {
  const signs = fc.constantFrom(..."abcin.?:,()[]{}=>!&|+-*/%<'\"\\01 \n\u{1F600}");
  fc.assert(
    fc.property(fc.array(signs, { maxLength: 24 }), (parts) => {
      const text = parts.join("");
      try {
        parse(text);
      } catch (error) {
        assertInstanceOf(error, TemplateError);
        const { line, column } = error.place;
        const row = text.split("\n")[line - 1];
        assertEquals(row !== undefined && column >= 1 && column <= row.length + 1, true, text);
      }
    }),
    { numRuns: 3_000 },
  );
});

Deno.test("variables have names that are no words of the grammar", () => {
  assertEquals(["x", "$a", "_b1", "é"].every(isVariableName), true);
  assertEquals(
    ["", "1a", "a-b", "true", "null", "and", "or", "not", "in", "a b"].some(isVariableName),
    false,
  );
});
