/**
 * Compiles expressions to code, where the platform makes code of texts; elsewhere the closures of
 * `expression.ts` do the same.
 *
 * No text of a template becomes code. What is compiled consists of pieces that are fixed in this file,
 * whole numbers counted here, and literals that JSON has written; everything else is handed over as a
 * value. Names of properties, too, stand in it as literals between brackets.
 *
 * There are two ways to read. *Tracked* code gives what the closures give, and tells the tracker of what
 * it reads. *Steady* code gives nothing: it only says whether an expression would show again what is
 * shown. It is made for expressions whose reads are the same whatever the values are, so that what the
 * tracker knows of them still holds.
 */
import { type CompileContext, runOf, treeOf } from "./expression.ts";
import type { Run } from "./expression_arithmetic.ts";
import type { SyntaxNode } from "./expression_syntax.ts";
import { isTrue, shownText } from "./expression_text.ts";
import { itemOf, memberOf } from "./expression_values.ts";
import { isReachable } from "./properties.ts";

/** Nodes of one expression that become code; parameters of partials in partials could be very many. */
export const COMPILED_NODES_MAX = 1_000;

/** A place in the code for a function that is known once the code is compiled. */
export interface Handle<T> {
  readonly at: number;
  readonly of?: T;
}

/** Code that is being put together; it becomes functions all at once. */
export class CodeWriter {
  readonly #functions: string[] = [];
  readonly #values: unknown[] = [];

  /** Hands a value over to the code, which calls it by this name. */
  value(value: unknown): string {
    const known = this.#values.indexOf(value);
    return `k${known < 0 ? this.#values.push(value) - 1 : known}`;
  }

  /** @param code of a function */
  add<T>(code: string): Handle<T> {
    return { at: this.#functions.push(code) - 1 };
  }

  /** The code's functions by their handles; `null` where the platform makes no code of texts. */
  compiled(): (<T>(handle: Handle<T>) => T) | null {
    const names = this.#values.map((_, index) => `k${index}`);
    const text = `"use strict"; return [${this.#functions.join(",\n")}];`;
    try {
      const made = new Function(...names, text)(...this.#values) as readonly unknown[];
      return <T>({ at }: Handle<T>) => made[at] as T;
    } catch {
      // Not allowed here, or nested so deeply that the platform refuses it.
      return null;
    }
  }
}

/** Text as a literal. */
export function literal(text: string): string {
  return JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

/** Code of an expression, in a function that has `S`, the state, and whatever the kind of reading needs. */
abstract class ExpressionCode {
  protected readonly writer: CodeWriter;
  #temporaries = 0;
  #nodes = 0;

  constructor(writer: CodeWriter) {
    this.writer = writer;
  }

  /** Declares what the code so far uses. */
  get declarations(): string {
    let names = "x, y";
    for (let at = 0; at < this.#temporaries; at++) names += `, t${at}`;
    return `let ${names};`;
  }

  /** The value of a compiled expression. */
  of(run: Run): string {
    const tree = treeOf(run);
    if (tree === undefined) return this.closure(run);
    if (tree.kind === "node") return this.#node(tree.node, tree.context);
    const parts = tree.parts.map((part) =>
      typeof part === "string" ? literal(part) : this.text(this.of(part))
    );
    return `("" + ${parts.join(" + ")})`;
  }

  protected temporary(): string {
    return `t${this.#temporaries++}`;
  }

  /** What is not compiled. */
  protected abstract closure(run: Run): string;
  protected abstract variable(index: number): string;
  /** A property of what an expression gives. */
  protected abstract property(object: string, name: string): string;
  protected abstract item(object: string, index: string): string;
  /** Whether a value holds, as templates have it. */
  protected abstract truth(value: string): string;
  protected abstract text(value: string): string;
  /** Code that may not run. */
  protected abstract maybe(code: () => string): string;

  #node(node: SyntaxNode, context: CompileContext): string {
    const whole = () => this.closure(runOf(node, context));
    if (++this.#nodes > COMPILED_NODES_MAX) return whole();
    const part = (one: SyntaxNode) => this.#node(one, context);
    switch (node.kind) {
      case "literal":
        return literalCode(node.value) ?? whole();
      case "name":
        return this.#name(node.name, context) ?? whole();
      case "member":
      case "index":
        return isPlainChain(node) ? this.#chain(node, context, (value) => value) : whole();
      case "unary":
        if (node.operator === "!") return `(!${this.truth(part(node.operand))})`;
        return node.operator === "-" ? `(- ${part(node.operand)})` : `(+ ${part(node.operand)})`;
      case "binary":
        return this.#binary(node, part);
      case "ternary": {
        const test = this.truth(part(node.test));
        return `(${test} ? ${this.maybe(() => part(node.yes))} : ${
          this.maybe(() => part(node.no))
        })`;
      }
      case "call":
      case "list":
      case "object":
      case "arrow":
        return whole();
    }
  }

  #name(name: string, { environment }: CompileContext): string | null {
    const binding = environment.names.get(name);
    if (binding === undefined) return isReachable(name) ? this.property("S", name) : null;
    if (binding.alias !== null) return this.#node(binding.alias.node, binding.alias);
    return binding.index === undefined ? this.of(binding.run) : this.variable(binding.index);
  }

  /** The links of a chain; `then` is the rest of it, which `?.` passes over. */
  #chain(node: SyntaxNode, context: CompileContext, then: (value: string) => string): string {
    if (node.kind === "index") {
      return this.#chain(node.object, context, (object) => {
        return then(this.item(object, this.#node(node.index, context)));
      });
    }
    if (node.kind !== "member") return then(this.#node(node, context));
    const { name, isOptional } = node;
    return this.#chain(node.object, context, (object) => {
      if (!isOptional) return then(this.property(object, name));
      const here = this.temporary();
      const rest = this.maybe(() => then(this.property(here, name)));
      return `((${here} = ${object}) === null || ${here} === undefined ? undefined : ${rest})`;
    });
  }

  #binary(
    { operator, left, right }: SyntaxNode & { readonly kind: "binary" },
    part: (one: SyntaxNode) => string,
  ): string {
    const first = part(left);
    if (operator === "??") return `(${first} ?? ${this.maybe(() => part(right))})`;
    if (operator !== "||" && operator !== "&&") {
      return `(${first} ${OPERATORS[operator]} ${part(right)})`;
    }
    const value = this.temporary();
    const test = this.truth(`(${value} = ${first})`);
    const rest = this.maybe(() => part(right));
    return operator === "||" ? `(${test} ? ${value} : ${rest})` : `(${test} ? ${rest} : ${value})`;
  }
}

/** Operators as they are written; those of the tree are the keys, never the code. */
const OPERATORS = {
  "===": "===",
  "!==": "!==",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "+": "+",
  "-": "-",
  "*": "*",
  "/": "/",
  "%": "%",
} as const;

/** Code in a function that has `s`, the scope, `V`, its variables, and `T`, its tracker, besides. */
export class TrackedCode extends ExpressionCode {
  protected closure(run: Run): string {
    return `${this.writer.value(run)}(s)`;
  }

  protected variable(index: number): string {
    return `V[${index}]`;
  }

  /** What an object has itself is read here, everything else by `memberOf`. */
  protected property(object: string, name: string): string {
    if (!isReachable(name)) return this.#memberOf(object, name);
    const here = object === "S" ? "S" : this.temporary();
    const key = literal(name);
    const own = `${this.writer.value(Object.hasOwn)}(${here}, ${key})`;
    const test = here === "S"
      ? own
      : `typeof (${here} = ${object}) === "object" && ${here} !== null && ${own}`;
    const read = `(T === undefined || T.read(${here}, ${key}), ${here}[${key}])`;
    return `(${test} ? ${read} : ${this.#memberOf(here, name)})`;
  }

  protected item(object: string, index: string): string {
    return `${this.writer.value(itemOf)}(${object}, ${index}, s)`;
  }

  protected truth(value: string): string {
    const here = this.temporary();
    const test = `${this.writer.value(isTrue)}(${here}, T)`;
    return `(typeof (${here} = ${value}) === "boolean" ? ${here} : ${test})`;
  }

  protected text(value: string): string {
    const here = this.temporary();
    const text = `${this.writer.value(shownText)}(${here}, T)`;
    return `(typeof (${here} = ${value}) === "string" ? ${here} : ${text})`;
  }

  protected maybe(code: () => string): string {
    return code();
  }

  #memberOf(object: string, name: string): string {
    return `${this.writer.value(memberOf)}(${object}, ${literal(name)}, s)`;
  }
}

/** A property that code reads: of `S`, the state, or of a variable by its name in the code. */
export interface PropertyRead {
  readonly object: string;
  readonly name: string;
}

/**
 * Code in a function that has `V`, the variables, besides. It sets `isSure` to false where it came upon
 * something that only tracked code can tell.
 *
 * Properties are read plainly: also where the tracked code would not read a property that a class has for
 * all of its objects, what is read is only ever compared with what that code showed before.
 */
export class SteadyCode extends ExpressionCode {
  readonly #variables = new Set<number>();
  /** How often more of a variable is taken than a property, by its name. */
  readonly #whole = new Map<string, number>();
  readonly #always = new Map<string, PropertyRead>();
  readonly #maybe = new Set<string>();
  #isSteady = true;
  #depth = 0;

  /** Whether what was asked for so far has the same reads, whatever the values are. */
  get isSteady(): boolean {
    return this.#isSteady && [...this.#maybe].every((read) => this.#always.has(read));
  }

  /** Fetches the variables, which the code calls by other names. */
  get variables(): string {
    return [...this.#variables].map((index) => `const v${index} = V[${index}];`).join(" ");
  }

  /** All that is read, where it is steady; each once. */
  get reads(): readonly PropertyRead[] {
    return [...this.#always.values()];
  }

  /** Whether more of a variable is taken than its properties. */
  isWhole(name: string): boolean {
    return (this.#whole.get(name) ?? 0) > 0;
  }

  protected closure(): string {
    this.#isSteady = false;
    return "undefined";
  }

  protected variable(index: number): string {
    this.#variables.add(index);
    const name = `v${index}`;
    this.#count(name, 1);
    return name;
  }

  protected property(object: string, name: string): string {
    // What is in an object that may be another one by now has to be tracked anew.
    if (!/^(?:S|v\d+)$/.test(object) || !isReachable(name)) this.#isSteady = false;
    this.#count(object, -1);
    const read = `${object}[${literal(name)}]`;
    if (this.#depth > 0) this.#maybe.add(read);
    else this.#always.set(read, { object, name });
    return read;
  }

  protected item(): string {
    return this.closure();
  }

  protected truth(value: string): string {
    return this.#primitive(value);
  }

  protected text(value: string): string {
    return `${this.writer.value(shownText)}(${this.#primitive(value)})`;
  }

  protected maybe(code: () => string): string {
    this.#depth++;
    const made = code();
    this.#depth--;
    return made;
  }

  #count(name: string, more: number): void {
    this.#whole.set(name, (this.#whole.get(name) ?? 0) + more);
  }

  #primitive(value: string): string {
    const here = this.temporary();
    const isObject = `typeof (${here} = ${value}) === "object" && ${here} !== null`;
    return `(${isObject} ? isSure = false : ${here})`;
  }
}

/** A function that evaluates an expression. */
export function addRun(writer: CodeWriter, run: Run): Handle<Run> | null {
  if (treeOf(run) === undefined) return null;
  const code = new TrackedCode(writer);
  const value = code.of(run);
  return writer.add(`(s) => { ${SCOPE} ${code.declarations} return ${value}; }`);
}

/** Takes a scope apart. */
export const SCOPE = "const S = s.state, V = s.variables, T = s.tracker;";

function literalCode(value: unknown): string | null {
  if (value === undefined) return "undefined";
  if (typeof value === "string") return literal(value);
  if (value === null || typeof value === "boolean") return String(value);
  return typeof value === "number" && Number.isFinite(value) ? JSON.stringify(value) : null;
}

/** Whether nothing is called between the links of a chain. */
function isPlainChain(node: SyntaxNode): boolean {
  if (node.kind === "member" || node.kind === "index") return isPlainChain(node.object);
  return node.kind !== "call";
}
