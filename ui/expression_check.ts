/**
 * Checks expressions against an object of the island's class: names, members, methods, arguments, and
 * kinds as far as initial values tell. What is not known is let through.
 */
import { functionResult, isCounting, methodResult } from "./expression_results.ts";
import type { BinaryOperator, SyntaxNode } from "./expression_syntax.ts";
import {
  ANY,
  BOOLEAN,
  hasPlatformMethod,
  itemShape,
  memberNames,
  memberShape,
  NUMBER,
  type Shape,
  SHAPE_NAMES,
  shapeOf,
  TEXT,
} from "./expression_shape.ts";
import { isOfAuthor } from "./expression_values.ts";
import { FUNCTIONS, VALUE_METHODS } from "./functions.ts";
import { classMember, ENGINE_WORDS } from "./properties.ts";
import { nearestName, TemplateError } from "./template_error.ts";
import type { SourceText } from "./template_source.ts";

/** What a check knows. */
export interface CheckContext {
  readonly source: SourceText;
  /** A fresh object of the island's class. */
  readonly sample: object;
  /** The names besides the island's. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly report: (error: TemplateError) => void;
}

type Call = SyntaxNode & { readonly kind: "call" };
type Member = SyntaxNode & { readonly kind: "member" };

/**
 * Checks an expression that is shown, compared or passed on.
 *
 * @returns what it probably gives
 */
export function checkExpression(node: SyntaxNode, context: CheckContext): Shape {
  const shape = shapeOfNode(node, context);
  if (shape.kind !== "method") return shape;
  const name = node.kind === "member" || node.kind === "name" ? node.name : "it";
  return failed(context, node.at, `"${name}" is a method: write ${name}(…) to call it`);
}

/**
 * Checks the call of a handler.
 *
 * @param given arguments that the engine puts before those of the template
 */
export function checkHandler(node: SyntaxNode, context: CheckContext, given = 0): void {
  const callee = node.kind === "call" ? node.callee : node;
  if (callee.kind !== "name") {
    failed(context, node.at, "an event calls a method of the island, as in save(1)");
    return;
  }
  const { name, at } = callee;
  const args = node.kind === "call" ? node.args : [];
  for (const arg of args) checkExpression(arg, context);
  const { sample, shapes } = context;
  const method = methodOf(name, at, context, shapes.get(name) ?? memberShape(sample, name));
  if (method !== null) checkArity(name, at, method, args.length + given, context);
}

/** Checks what a bound input writes to. */
export function checkTarget(node: SyntaxNode, context: CheckContext): Shape {
  const shape = checkExpression(node, context);
  const [object, name] = node.kind === "name" && !context.shapes.has(node.name)
    ? [context.sample, node.name]
    : node.kind === "member"
    ? [checkQuietly(node.object, context).sample, node.name]
    : [undefined, ""];
  if (!isOfAuthor(object) || Object.hasOwn(object, name)) return shape;
  const member = classMember(object, name);
  if (member?.kind === "getter" && member.set === undefined) {
    return failed(context, node.at, `"${name}" cannot be written: it is a getter without a setter`);
  }
  return shape;
}

function checkQuietly(node: SyntaxNode, context: CheckContext): Shape {
  return shapeOfNode(node, { ...context, report: () => {} });
}

function shapeOfNode(node: SyntaxNode, context: CheckContext): Shape {
  switch (node.kind) {
    case "literal":
      return shapeOf(node.value);
    case "name":
      return nameShape(node.name, node.at, context);
    case "member":
      return memberOfNode(node, context);
    case "index":
      return indexShape(node, context);
    case "call":
      return callShape(node, context);
    case "unary":
      return unaryShape(node, context);
    case "binary":
      return binaryShape(node, context);
    case "ternary": {
      checkExpression(node.test, context);
      const yes = checkExpression(node.yes, context);
      const no = checkExpression(node.no, context);
      return yes.kind === no.kind ? { kind: yes.kind } : ANY;
    }
    case "list": {
      const [first = ANY] = node.items.map((item) => checkExpression(item, context));
      return { kind: "list", item: first };
    }
    case "object":
      for (const [, value] of node.fields) checkExpression(value, context);
      return { kind: "object" };
    case "arrow":
      return arrowShape(node, [], context);
  }
}

function nameShape(name: string, at: number, context: CheckContext): Shape {
  const { sample, shapes } = context;
  const shape = shapes.get(name) ?? memberShape(sample, name);
  if (shape !== null) return shape;
  if (FUNCTIONS.has(name)) return failed(context, at, `"${name}" is a function: write ${name}(…)`);
  return unknown(`there is no "${name}"`, name, at, [
    ...shapes.keys(),
    ...memberNames(sample),
    ...FUNCTIONS.keys(),
  ], context);
}

function memberOfNode(node: Member, context: CheckContext): Shape {
  const object = checkExpression(node.object, context);
  const { name, nameAt } = node;
  const { kind, sample } = object;
  if (kind === "any") return ANY;
  if (kind === "object") {
    if (sample === undefined) return ANY;
    const shape = memberShape(sample as object, name);
    if (shape !== null) return shape;
    const names = memberNames(sample as object);
    if (isOfAuthor(sample)) {
      return unknown(`${classNameOf(sample)} has no "${name}"`, name, nameAt, names, context);
    }
    // A plain object may get more fields later: only what looks like a slip of the hand is refused.
    const near = nearestName(name, names);
    if (near === null) return ANY;
    const hint = `write ["${name}"] if it comes later`;
    return failed(context, nameAt, `the object has no "${name}" (${hint})`, near);
  }
  const counts = kind === "map" || kind === "set"
    ? ["size"]
    : kind === "list" || kind === "text"
    ? ["length"]
    : [];
  if (counts.includes(name)) return NUMBER;
  if (hasPlatformMethod(object, name) && VALUE_METHODS.has(name)) return { kind: "method" };
  if (isOfAuthor(sample)) {
    const shape = memberShape(sample, name);
    if (shape !== null) return shape;
  }
  return unknown(`${SHAPE_NAMES[kind]} has no "${name}"`, name, nameAt, counts, context);
}

function indexShape(node: SyntaxNode & { readonly kind: "index" }, context: CheckContext): Shape {
  const object = checkExpression(node.object, context);
  checkExpression(node.index, context);
  if (object.kind === "number" || object.kind === "boolean" || object.kind === "set") {
    return failed(context, node.at, `${SHAPE_NAMES[object.kind]} has no items`);
  }
  if (object.kind === "text") return TEXT;
  if (object.kind === "list" || object.kind === "map") return itemShape(object);
  const { index } = node;
  if (object.sample === undefined || index.kind !== "literal") return ANY;
  return memberShape(object.sample as object, String(index.value)) ?? ANY;
}

function callShape(node: Call, context: CheckContext): Shape {
  const { callee, args } = node;
  if (callee.kind === "name") return functionShape(callee.name, callee.at, args, context);
  if (callee.kind !== "member") return failed(context, node.at, "this cannot be called");
  const receiver = checkExpression(callee.object, context);
  const { name, nameAt } = callee;
  const item = ["list", "map", "set"].includes(receiver.kind) ? itemShape(receiver) : ANY;
  const isOrder = name === "toSorted";
  const given = args.map((arg) =>
    arg.kind === "arrow"
      ? arrowShape(arg, name === "reduce" ? [ANY, item] : [item, isOrder ? item : NUMBER], context)
      : checkExpression(arg, context)
  );
  if (receiver.kind === "any") return ANY;
  if (isOfAuthor(receiver.sample)) {
    const shape = memberShape(receiver.sample, name);
    if (shape !== null || !hasPlatformMethod(receiver, name)) {
      const method = memberMethodOf(receiver.sample, name, nameAt, shape, context);
      if (method !== null) checkArity(name, nameAt, method, args.length, context);
      return ANY;
    }
  }
  if (hasPlatformMethod(receiver, name) && VALUE_METHODS.has(name)) {
    return methodResult(name, receiver, item, given[0]);
  }
  const names = [...VALUE_METHODS].filter((known) => hasPlatformMethod(receiver, known));
  const problem = `${SHAPE_NAMES[receiver.kind]} has no "${name}" that expressions may call`;
  return unknown(problem, name, nameAt, names, context);
}

function functionShape(
  name: string,
  at: number,
  args: readonly SyntaxNode[],
  context: CheckContext,
): Shape {
  const { sample, shapes } = context;
  const shape = shapes.get(name) ?? memberShape(sample, name);
  const given = args.map((arg) =>
    arg.kind === "arrow" ? arrowShape(arg, [], context) : checkExpression(arg, context)
  );
  const pure = shape === null ? FUNCTIONS.get(name) : undefined;
  if (pure === undefined) {
    const method = methodOf(name, at, context, shape, FUNCTIONS.keys());
    if (method !== null) checkArity(name, at, method, args.length, context);
    return ANY;
  }
  const { min, max } = pure;
  if (args.length < min || args.length > max) {
    const range = min === max
      ? `${min}`
      : max === Infinity
      ? `at least ${min}`
      : `${min} to ${max}`;
    return failed(context, at, `"${name}" takes ${range} arguments, not ${args.length}`);
  }
  const [first = ANY] = given;
  if (isCounting(name) && !["any", "number"].includes(first.kind)) {
    return failed(
      context,
      at,
      `"${name}" computes with numbers, not with ${SHAPE_NAMES[first.kind]}`,
    );
  }
  return functionResult(name);
}

/** The method of the island that an expression calls; null, and an error, if it is none. */
function methodOf(
  name: string,
  at: number,
  context: CheckContext,
  shape: Shape | null,
  others: Iterable<string> = [],
): ((...args: never[]) => unknown) | null {
  const { sample, shapes } = context;
  if (ENGINE_WORDS.has(name)) {
    failed(context, at, `"${name}" is called by the engine alone`);
    return null;
  }
  if (shapes.has(name) && shape?.kind !== "method") {
    if (shape?.kind !== "any") failed(context, at, `"${name}" is a variable: it cannot be called`);
    return null;
  }
  return memberMethodOf(sample, name, at, shape, context, others);
}

function memberMethodOf(
  object: object,
  name: string,
  at: number,
  shape: Shape | null,
  context: CheckContext,
  others: Iterable<string> = [],
): ((...args: never[]) => unknown) | null {
  const member = classMember(object, name);
  if (member?.kind === "method" && !Object.hasOwn(object, name)) return member.method;
  if (shape === null) {
    const methods = memberNames(object).filter((known) => {
      return classMember(object, known)?.kind === "method" && !ENGINE_WORDS.has(known);
    });
    const problem = `${classNameOf(object)} has no method "${name}"`;
    unknown(problem, name, at, [...methods, ...others], context);
  } else if (shape.kind === "method") {
    failed(context, at, `"${name}" is a field with a function: make it a method of the class`);
  } else {
    const what = member?.kind === "getter" ? "a getter" : "a field";
    failed(context, at, `"${name}" is ${what}, not a method: it cannot be called`);
  }
  return null;
}

function checkArity(
  name: string,
  at: number,
  { length }: (...args: never[]) => unknown,
  given: number,
  context: CheckContext,
): void {
  if (given >= length) return;
  const args = length === 1 ? "1 argument" : `${length} arguments`;
  failed(context, at, `"${name}" needs ${args}, and gets ${given}`);
}

function arrowShape(
  node: SyntaxNode & { readonly kind: "arrow" },
  given: readonly Shape[],
  context: CheckContext,
): Shape {
  const shapes = new Map(context.shapes);
  node.parameters.forEach((name, index) => shapes.set(name, given[index] ?? ANY));
  return checkExpression(node.body, { ...context, shapes });
}

function unaryShape(node: SyntaxNode & { readonly kind: "unary" }, context: CheckContext): Shape {
  const operand = checkExpression(node.operand, context);
  if (node.operator === "!") return BOOLEAN;
  if (node.operator === "-") mustCount(operand, node.operand.at, "-", context);
  return NUMBER;
}

function binaryShape(node: SyntaxNode & { readonly kind: "binary" }, context: CheckContext): Shape {
  const { operator } = node;
  const left = checkExpression(node.left, context);
  const right = checkExpression(node.right, context);
  switch (operator) {
    case "===":
    case "!==":
      return BOOLEAN;
    case "??":
    case "||":
    case "&&":
      return left.kind === right.kind ? { kind: left.kind } : ANY;
    case "<":
    case "<=":
    case ">":
    case ">=":
      mustCompare(left, node.left.at, operator, context);
      mustCompare(right, node.right.at, operator, context);
      return BOOLEAN;
    case "+":
      mustCompare(left, node.left.at, operator, context);
      mustCompare(right, node.right.at, operator, context);
      if (left.kind === "text" || right.kind === "text") return TEXT;
      return left.kind === "number" && right.kind === "number" ? NUMBER : ANY;
  }
  mustCount(left, node.left.at, operator, context);
  mustCount(right, node.right.at, operator, context);
  return NUMBER;
}

function mustCount(shape: Shape, at: number, operator: string, context: CheckContext): void {
  if (["any", "number", "boolean"].includes(shape.kind)) return;
  // Times subtract.
  if (shape.sample instanceof Date) return;
  failed(
    context,
    at,
    `"${operator}" computes with numbers, and this is ${SHAPE_NAMES[shape.kind]}`,
  );
}

function mustCompare(
  shape: Shape,
  at: number,
  operator: BinaryOperator,
  context: CheckContext,
): void {
  if (["any", "number", "text", "boolean"].includes(shape.kind)) return;
  if (shape.sample instanceof Date) return;
  failed(context, at, `"${operator}" is not for ${SHAPE_NAMES[shape.kind]}`);
}

function classNameOf(object: object): string {
  return object.constructor?.name || "the object";
}

function unknown(
  problem: string,
  name: string,
  at: number,
  names: Iterable<string>,
  context: CheckContext,
): Shape {
  return failed(context, at, problem, nearestName(name, names));
}

function failed(
  { source, report }: CheckContext,
  at: number,
  problem: string,
  suggestion: string | null = null,
): Shape {
  report(new TemplateError(source.placeAt(at), problem, suggestion));
  return ANY;
}
