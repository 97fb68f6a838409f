/** The names that parts of a template see, and the compilation of expressions in them. */
import {
  type CheckContext,
  checkExpression,
  checkHandler,
  checkTarget,
} from "./expression_check.ts";
import {
  type Binding,
  type CompileContext,
  type Environment,
  expressionOf,
  handlerOf,
  targetOf,
  variableAt,
} from "./expression.ts";
import { ANY, memberShape, type Shape } from "./expression_shape.ts";
import { parseExpression, type SyntaxNode } from "./expression_syntax.ts";
import type { Expression, HandlerCall, Target } from "./program.ts";
import { TemplateError, TemplateErrors } from "./template_error.ts";
import type { SourceText } from "./template_source.ts";
import { type CompiledPart, joined, textParts } from "./template_text.ts";
import type { TemplateNode } from "./template_tree.ts";

/** What a part of a template sees. */
export interface Names {
  readonly environment: Environment;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** The parameters of the partials that it stands in, as they are written. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The partials that it stands in, outermost first. */
  readonly partials: readonly string[];
  /** What was put into the slots of the partial that it is of; null outside of one. */
  readonly slots: ReadonlyMap<string, SlotContent> | null;
}

/** A parameter of a partial, and the names that it sees. */
export interface Parameter {
  readonly source: SourceText;
  readonly names: Names;
}

/** What stands in a partial's slot, and the names that it sees. */
export interface SlotContent {
  readonly nodes: readonly TemplateNode[];
  readonly names: Names;
}

/** A compiled expression, and what it probably gives. */
export interface Checked<T> {
  readonly value: T;
  readonly shape: Shape;
  readonly node: SyntaxNode;
}

/** The names of an island's own template. */
export const OUTERMOST: Names = {
  environment: { depth: 0, names: new Map() },
  shapes: new Map(),
  parameters: new Map(),
  partials: [],
  slots: null,
};

/** Errors of one compilation; more are not listed. */
export const TEMPLATE_ERRORS_MAX = 100;

/** Compiles a template's expressions, and collects what is wrong with them. */
export class ExpressionCompiler {
  readonly #sample: object;
  readonly #errors: TemplateError[] = [];

  /** @param sample a fresh object of the island's class */
  constructor(sample: object) {
    this.#sample = sample;
  }

  report(error: TemplateError): void {
    // A partial that is used twice has its errors but once.
    const isKnown = this.#errors.some(({ message }) => message === error.message);
    if (!isKnown && this.#errors.length < TEMPLATE_ERRORS_MAX) this.#errors.push(error);
  }

  /** Runs a part of the compilation; what is wrong with it does not hide what is wrong elsewhere. */
  attempt(part: () => void): void {
    try {
      part();
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      this.report(error);
    }
  }

  /** @throws {TemplateError | TemplateErrors} when anything was wrong */
  finish(): void {
    const [first] = this.#errors;
    if (first === undefined) return;
    throw this.#errors.length === 1 ? first : new TemplateErrors(this.#errors);
  }

  expression(source: SourceText, names: Names): Expression {
    return this.checked(source, names).value;
  }

  checked(source: SourceText, names: Names): Checked<Expression> {
    const node = this.#parse(source);
    const shape = checkExpression(node, this.#checking(source, names));
    return { value: expressionOf(node, contextOf(source, names)), shape, node };
  }

  target(source: SourceText, names: Names): Checked<Target> {
    const node = this.#parse(source);
    const value = targetOf(node, contextOf(source, names));
    return { value, shape: checkTarget(node, this.#checking(source, names)), node };
  }

  /** Whether an input may write what an expression names: a getter alone is only read. */
  isWritable(source: SourceText, names: Names): boolean {
    let isWritable = true;
    const context = this.#checking(source, names);
    checkTarget(this.#parse(source), { ...context, report: () => isWritable = false });
    return isWritable;
  }

  /** @param given arguments that the engine puts before those of the template */
  handler(node: SyntaxNode, source: SourceText, names: Names, given = 0): HandlerCall {
    const call = handlerOf(node, contextOf(source, names));
    checkHandler(node, this.#checking(source, names), given);
    return call;
  }

  /**
   * What a partial's parameter stands for. It may also be the name of a method, to be called there, or
   * a whole call that the partial's events make.
   */
  parameter(source: SourceText, names: Names): { binding: Binding; shape: Shape } {
    const node = this.#parse(source);
    const context = contextOf(source, names);
    const { evaluate: run } = expressionOf(node, context);
    return {
      binding: { run, alias: { ...context, node } },
      shape: this.#shape(node, source, names),
    };
  }

  /** The pieces of a text, compiled. */
  parts(source: SourceText, names: Names): readonly CompiledPart[] {
    return textParts(source).map((part) =>
      part.kind === "static" ? part.text : this.expression(part.source, names)
    );
  }

  /** The value of an attribute: its text, or an expression if it has one in it. */
  attribute(source: SourceText, names: Names): string | Expression {
    const parts = this.parts(source, names);
    if (parts.some((part) => typeof part === "object")) return joined(parts);
    return parts.join("");
  }

  #shape(node: SyntaxNode, source: SourceText, names: Names): Shape {
    const context = this.#checking(source, names);
    if (node.kind === "name") {
      const { kind } = names.shapes.get(node.name) ?? memberShape(this.#sample, node.name) ?? ANY;
      if (kind === "method") return { kind };
    }
    // Only a handler has an event.
    if (node.kind === "call" && /\bevent\b/.test(source.text)) return { kind: "method" };
    return checkExpression(node, context);
  }

  #parse(source: SourceText): SyntaxNode {
    return parseExpression(source);
  }

  #checking(source: SourceText, { shapes }: Names): CheckContext {
    return { source, sample: this.#sample, shapes, report: (error) => this.report(error) };
  }
}

/** The names inside of a loop, or of a handler's arguments: with variables more. */
export function withVariables(
  names: Names,
  variables: readonly (readonly [name: string, shape: Shape])[],
): Names {
  const { depth } = names.environment;
  const bindings = new Map(names.environment.names);
  const shapes = new Map(names.shapes);
  const parameters = new Map(names.parameters);
  variables.forEach(([name, shape], index) => {
    bindings.set(name, variableAt(depth + index));
    shapes.set(name, shape);
    parameters.delete(name);
  });
  return {
    ...names,
    environment: { depth: depth + variables.length, names: bindings },
    shapes,
    parameters,
  };
}

function contextOf(source: SourceText, { environment }: Names): CompileContext {
  return { source, environment };
}
