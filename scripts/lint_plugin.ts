/** The rules of the house as lint rules: directions of imports, purity of the core, sizes, names. */
import {
  barredGlobals,
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  importProblem,
  isDoor,
  isGenerated,
  isMeasured,
  isPure,
  pathProblem,
  roomOf,
} from "./house.ts";
import { isBound, readsGlobal } from "./lint_scope.ts";

type Context = Deno.lint.RuleContext;
type Node = Deno.lint.Node;
type Visitor = Deno.lint.LintVisitor;

/** Time and randomness behind a dot; the object itself is harmless. */
const AMBIENT_MEMBERS: readonly string[] = ["Date.now", "Math.random", "Temporal.Now"];

/** Functions whose length counts; a method is the function expression inside it. */
const FUNCTIONS = "FunctionDeclaration, FunctionExpression, ArrowFunctionExpression";

/** Spelled so that a search for the marks does not stop here. */
const UNFINISHED_MARK = /\b(?:T[O]DO|F[I]XME|X{3}|H[A]CK)\b/;
const CONTRACTION = /\b(?:can't|don't|doesn't|isn't|won't|wasn't|couldn't|shouldn't|didn't)\b/i;

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

const plugin: Deno.lint.Plugin = {
  name: "driftless",
  rules: {
    imports: { create: lintImports },
    reexports: { create: lintReexports },
    ambient: { create: lintAmbient },
    size: { create: lintSize },
    path: { create: lintPath },
    header: { create: lintHeader },
    erasable: { create: lintErasable },
    unfinished: { create: lintUnfinished },
    "error-text": { create: lintErrorText },
  },
};

export default plugin;

/** The arrows between the rooms. */
function lintImports(context: Context): Visitor {
  const from = pathOf(context);
  const check = (node: Node, specifier: unknown, isTypeOnly: boolean) => {
    if (typeof specifier !== "string") return;
    report(context, node, importProblem({ from, specifier, isTypeOnly }));
  };
  return {
    ImportDeclaration(node) {
      const isTypeOnly = node.importKind === "type" || node.specifiers.length > 0 &&
          node.specifiers.every((part) =>
            part.type === "ImportSpecifier" && part.importKind === "type"
          );
      check(node, node.source.value, isTypeOnly);
    },
    ExportNamedDeclaration(node) {
      const isTypeOnly = node.exportKind === "type" || node.specifiers.length > 0 &&
          node.specifiers.every((part) => part.exportKind === "type");
      check(node, node.source?.value, isTypeOnly);
    },
    ExportAllDeclaration(node) {
      check(node, node.source.value, node.exportKind === "type");
    },
    ImportExpression(node) {
      if (isPure(from)) {
        report(context, node, "Cannot load code while running: the core is synchronous");
      } else if (node.source.type === "Literal") {
        check(node, node.source.value, false);
      }
    },
    TSImportType(node) {
      const { argument } = node;
      if (argument.type === "TSLiteralType" && argument.literal.type === "Literal") {
        check(node, argument.literal.value, true);
      }
    },
  };
}

/** Names are imported from the file that declares them. */
function lintReexports(context: Context): Visitor {
  const path = pathOf(context);
  if (!isMeasured(path) || isDoor(path)) return {};
  const reason = "Cannot hand on the names of another file: only mod.ts is a door";
  return {
    ExportAllDeclaration: (node) => report(context, node, reason),
    ExportNamedDeclaration: (node) => report(context, node, node.source ? reason : null),
  };
}

/** Globals that do not exist, or do not belong, where the file runs. */
function lintAmbient(context: Context): Visitor {
  const path = pathOf(context);
  if (isGenerated(path)) return {};
  const barred = new Set(barredGlobals(path));
  const reason = (name: string) => `Cannot use ${name} in ${roomOf(path)}: take it as a parameter`;
  const visitor: Visitor = {
    Identifier(node) {
      if (barred.has(node.name) && readsGlobal(node)) report(context, node, reason(node.name));
    },
    MemberExpression(node) {
      const name = memberName(node);
      const [object, property] = name?.split(".") ?? [];
      const isGlobal = object === "globalThis" && property !== undefined && barred.has(property);
      const isAmbient = isPure(path) && AMBIENT_MEMBERS.includes(name ?? "");
      if (name && (isGlobal || isAmbient) && !isBound(node, object ?? "")) {
        report(context, node, reason(name));
      }
    },
  };
  if (!isPure(path)) return visitor;
  return {
    ...visitor,
    NewExpression(node) {
      if (isClock(node)) report(context, node, reason("new Date()"));
    },
    CallExpression(node) {
      const isText = node.callee.type === "Identifier" && node.callee.name === "Date";
      if (isText && !isBound(node, "Date")) report(context, node, reason("Date()"));
    },
  };
}

/** Sizes that one person reads in one sitting. */
function lintSize(context: Context): Visitor {
  if (!isMeasured(pathOf(context))) return {};
  return {
    Program(node) {
      const lines = context.sourceCode.text.trimEnd().split("\n").length;
      if (lines > FILE_LINES_MAX) {
        report(context, node, `File has ${lines} lines: at most ${FILE_LINES_MAX} are allowed`);
      }
    },
    [FUNCTIONS](node: Node) {
      const lines = context.sourceCode.getText(node).split("\n").length;
      if (lines > FUNCTION_LINES_MAX) {
        const limit = `at most ${FUNCTION_LINES_MAX} are allowed`;
        report(context, node, `Function has ${lines} lines: ${limit}`);
      }
    },
  };
}

function lintPath(context: Context): Visitor {
  return { Program: (node) => report(context, node, pathProblem(pathOf(context))) };
}

/** A reader learns from the first line what the file is about. */
function lintHeader(context: Context): Visitor {
  const path = pathOf(context);
  if (!isMeasured(path) && roomOf(path) !== "scripts") return {};
  return {
    Program(node) {
      if (/^(?:#!.*\n)?\/\*\*\s*(?:\*\s*)?\S/.test(context.sourceCode.text)) return;
      report(context, node, "File has no header: open it with one sentence in /** … */");
    },
  };
}

/** TypeScript is types only: what it erases, it may keep. */
function lintErasable(context: Context): Visitor {
  return {
    TSEnumDeclaration: (node) => report(context, node, "Cannot use an enum: use a union of texts"),
    TSParameterProperty: (node) =>
      report(context, node, "Cannot declare a field in a parameter: declare it in the class"),
    TSImportEqualsDeclaration: (node) =>
      report(context, node, "Cannot use import assignment: use an import declaration"),
  };
}

function lintUnfinished(context: Context): Visitor {
  return {
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        const [mark] = UNFINISHED_MARK.exec(comment.value) ?? [];
        if (mark) report(context, comment, `Cannot leave ${mark} behind: finish it or drop it`);
      }
    },
  };
}

/** Errors read as sentences: what cannot be done, a colon, why; no full stop, no contraction. */
function lintErrorText(context: Context): Visitor {
  if (!isMeasured(pathOf(context))) return {};
  return {
    NewExpression(node) {
      if (node.callee.type !== "Identifier" || !/(?:Error|Rejection)$/.test(node.callee.name)) {
        return;
      }
      for (const argument of node.arguments) {
        const text = textOf(argument);
        if (text === null) continue;
        if (text.endsWith(".")) report(context, argument, "Error text ends with a full stop");
        if (CONTRACTION.test(text)) report(context, argument, "Error text has a contraction");
      }
    },
  };
}

function isClock(node: Deno.lint.NewExpression): boolean {
  return node.callee.type === "Identifier" && node.callee.name === "Date" &&
    node.arguments.length === 0 && !isBound(node, "Date");
}

function memberName(node: Deno.lint.MemberExpression): string | null {
  if (node.object.type !== "Identifier") return null;
  const { property } = node;
  if (!node.computed && property.type === "Identifier") {
    return `${node.object.name}.${property.name}`;
  }
  return node.computed && property.type === "Literal"
    ? `${node.object.name}.${property.value}`
    : null;
}

/** The text of a literal, or of a template with its holes left out. */
function textOf(node: Node): string | null {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : null;
  if (node.type !== "TemplateLiteral") return null;
  return node.quasis.map((part) => part.cooked).join("…");
}

/** A finding about the whole file points at its start, so that the report stays short. */
function report(context: Context, node: Node, message: string | null): void {
  if (message === null) return;
  const [start, end] = node.range;
  context.report({ range: [start, node.type === "Program" ? start + 1 : end], message });
}

/** The linter gives absolute paths, its test runner whatever the test wrote. */
function pathOf({ filename }: Context): string {
  const path = filename.replace(/^file:\/\//, "").replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}
