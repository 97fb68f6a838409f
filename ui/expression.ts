/**
 * Compiles expressions to closures. No text becomes code, so they run under any content policy; where
 * code of texts is allowed, `compiled_expression.ts` makes faster functions of the same trees.
 *
 * What an expression reads is reported to the scope's tracker as it runs: own properties of objects,
 * items of lists, entries of maps. A getter or a method of the author's ends that: what it reads is its
 * own.
 */
import { arithmeticRun, type Run } from "./expression_arithmetic.ts";
import { parseExpression, type SyntaxNode } from "./expression_syntax.ts";
import { isTrue } from "./expression_text.ts";
import { calledFunction, calledMethod, itemOf, memberOf, written } from "./expression_values.ts";
import type { Expression, HandlerCall, SourcePlace, Target } from "./program.ts";
import { TemplateError } from "./template_error.ts";
import { plainSource, type SourceText } from "./template_source.ts";

/** What a name stands for where it is not one of the island's. */
export interface Binding {
  readonly run: Run;
  /** The expression behind it, where it is a partial's parameter; else it is a variable of a loop. */
  readonly alias: CompileContext & { readonly node: SyntaxNode } | null;
  /** The place of a variable of a loop among the variables. */
  readonly index?: number;
}

/** The names that expressions see besides the island's, innermost. */
export interface Environment {
  /** How many values `Scope.variables` has where they run. */
  readonly depth: number;
  readonly names: ReadonlyMap<string, Binding>;
}

/** What a compilation knows. */
export interface CompileContext {
  readonly source: SourceText;
  readonly environment: Environment;
}

/** What a closure was made from. */
export type RunTree =
  | { readonly kind: "node"; readonly node: SyntaxNode; readonly context: CompileContext }
  /** Texts, and closures whose values are shown as text. */
  | { readonly kind: "texts"; readonly parts: readonly (string | Run)[] };

const trees = new WeakMap<Run, RunTree>();

/** Says what a closure was made from. A name has the closure of what it stands for: that was first. */
export function noteTree(run: Run, tree: RunTree): void {
  if (!trees.has(run)) trees.set(run, tree);
}

/** What a closure was made from, if it is a whole expression or a text. */
export function treeOf(run: Run): RunTree | undefined {
  return trees.get(run);
}

/** What a chain gives after `?.` found nothing: the rest of it is passed over. */
const CUT = Symbol();

/** The binding of a loop's variable. */
export function variableAt(index: number): Binding {
  return { run: ({ variables }) => variables[index], alias: null, index };
}

/** An environment of loop variables alone, outermost first. */
export function environmentOf(variables: readonly string[]): Environment {
  return {
    depth: variables.length,
    names: new Map(variables.map((name, index) => [name, variableAt(index)])),
  };
}

/**
 * Compiles an expression, without checking its names.
 *
 * @param variables the loop variables, outermost first
 * @throws {TemplateError} when it is none
 */
export function compileExpression(
  text: string,
  place: SourcePlace,
  variables: readonly string[] = [],
): Expression {
  const source = plainSource(text, place);
  return expressionOf(parseExpression(source), { source, environment: environmentOf(variables) });
}

/** A compiled expression of a tree that was parsed, and checked, before. */
export function expressionOf(node: SyntaxNode, context: CompileContext): Expression {
  const { source } = context;
  const evaluate = runOf(node, context);
  noteTree(evaluate, { kind: "node", node, context });
  return { place: source.placeAt(0), text: source.text, evaluate };
}

/**
 * Compiles the call of a handler: the name of a method, with or without arguments.
 *
 * @throws {TemplateError} when it is no such call
 */
export function handlerOf(node: SyntaxNode, context: CompileContext): HandlerCall {
  const { source } = context;
  const callee = node.kind === "call" ? node.callee : node;
  if (callee.kind !== "name") {
    throw problem(context, node.at, "an event calls a method of the island, as in save(1)");
  }
  const args = node.kind === "call" ? node.args : [];
  return {
    place: source.placeAt(0),
    text: source.text,
    method: callee.name,
    args: args.map((arg) => ({
      place: source.placeAt(arg.at),
      text: source.text,
      evaluate: runOf(arg, context),
    })),
  };
}

/**
 * Compiles what a bound input writes to.
 *
 * @throws {TemplateError} when it cannot be written to
 */
export function targetOf(node: SyntaxNode, context: CompileContext): Target {
  const expression = expressionOf(node, context);
  if (node.kind === "name") {
    const { name } = node;
    const binding = context.environment.names.get(name);
    if (binding?.alias) return targetOf(binding.alias.node, binding.alias);
    if (binding !== undefined) {
      const hint = `"${name}" is a variable of the loop: bind to a field of it, or to list[index]`;
      throw problem(context, node.at, hint);
    }
    return {
      ...expression,
      assign: ({ state }, value, input) => written(state, name, value, input),
    };
  }
  if (node.kind !== "member" && node.kind !== "index") {
    throw problem(context, node.at, "an input is bound to a field, as in user.name");
  }
  const object = runOf(node.object, context);
  const key = node.kind === "member" ? () => node.name : runOf(node.index, context);
  return {
    ...expression,
    assign: (scope, value, input) => written(object(scope), key(scope), value, input),
  };
}

/** The closure of a tree. */
export function runOf(node: SyntaxNode, context: CompileContext): Run {
  const run = linkOf(node, context);
  if (!isCuttable(node)) return run;
  return (scope) => {
    const value = run(scope);
    return value === CUT ? undefined : value;
  };
}

/** Whether `?.` may end the chain that this node is the last link of. */
function isCuttable(node: SyntaxNode): boolean {
  for (let link = node;;) {
    if (link.kind === "member" && link.isOptional) return true;
    if (link.kind === "member" || link.kind === "index") link = link.object;
    else if (link.kind === "call") link = link.callee;
    else return false;
  }
}

/** As `runOf`, and gives `CUT` where the chain ends early. */
function linkOf(node: SyntaxNode, context: CompileContext): Run {
  switch (node.kind) {
    case "literal": {
      const { value } = node;
      return () => value;
    }
    case "name": {
      const { name } = node;
      const binding = context.environment.names.get(name);
      return binding?.run ?? ((scope) => memberOf(scope.state, name, scope));
    }
    case "member":
      return memberRun(node, context);
    case "index": {
      const object = linkOf(node.object, context);
      const index = runOf(node.index, context);
      return (scope) => {
        const value = object(scope);
        return value === CUT ? CUT : itemOf(value, index(scope), scope);
      };
    }
    case "call":
      return callRun(node, context);
    case "unary":
      return unaryRun(node.operator, runOf(node.operand, context));
    case "binary":
      return arithmeticRun(node.operator, runOf(node.left, context), runOf(node.right, context));
    case "ternary": {
      const [test, yes, no] = [node.test, node.yes, node.no].map((part) => runOf(part, context));
      return (scope) => ((isTrue((test as Run)(scope), scope.tracker) ? yes : no) as Run)(scope);
    }
    case "list": {
      const items = node.items.map((item) => runOf(item, context));
      return (scope) => items.map((item) => item(scope));
    }
    case "object": {
      const fields = node.fields.map(([name, value]) => [name, runOf(value, context)] as const);
      return (scope) => Object.fromEntries(fields.map(([name, run]) => [name, run(scope)]));
    }
    case "arrow":
      return arrowRun(node, context);
  }
}

function memberRun(node: SyntaxNode & { readonly kind: "member" }, context: CompileContext): Run {
  const { name, isOptional } = node;
  const object = linkOf(node.object, context);
  return (scope) => {
    const value = object(scope);
    if (value === CUT || isOptional && (value === null || value === undefined)) return CUT;
    return memberOf(value, name, scope);
  };
}

function callRun(node: SyntaxNode & { readonly kind: "call" }, context: CompileContext): Run {
  const { callee } = node;
  const args = node.args.map((arg) => runOf(arg, context));
  if (callee.kind === "name" && !context.environment.names.has(callee.name)) {
    const { name } = callee;
    return (scope) => calledFunction(name, args, scope);
  }
  if (callee.kind !== "member") throw problem(context, node.at, "this cannot be called");
  const { name, isOptional } = callee;
  const object = linkOf(callee.object, context);
  return (scope) => {
    const receiver = object(scope);
    if (receiver === CUT || isOptional && (receiver === null || receiver === undefined)) return CUT;
    return calledMethod(receiver, name, args.map((arg) => arg(scope)), scope);
  };
}

function arrowRun(node: SyntaxNode & { readonly kind: "arrow" }, context: CompileContext): Run {
  const { depth, names } = context.environment;
  const { parameters } = node;
  const inner = new Map(names);
  parameters.forEach((name, index) => inner.set(name, variableAt(depth + index)));
  const body = runOf(node.body, {
    ...context,
    environment: { depth: depth + parameters.length, names: inner },
  });
  return (scope) => (...values: unknown[]) => {
    // Cut to what is known here: where a partial's parameter is read, there may be more variables.
    const variables = [...scope.variables.slice(0, depth), ...values.slice(0, parameters.length)];
    return body({ ...scope, variables });
  };
}

function unaryRun(operator: "!" | "-" | "+", operand: Run): Run {
  if (operator === "!") return (scope) => !isTrue(operand(scope), scope.tracker);
  return operator === "-"
    ? (scope) => -(operand(scope) as number)
    : (scope) => +(operand(scope) as number);
}

function problem({ source }: CompileContext, at: number, what: string): TemplateError {
  return new TemplateError(source.placeAt(at), what);
}
