/**
 * The grammar of expressions, from text to a tree. It is a part of JavaScript's, with the words `and`,
 * `or` and `not` besides, and without assignment, `new`, `this` and functions other than `x => …` as an
 * argument. `==` compares as `===` does.
 *
 *     ternary   or ? ternary : ternary            or       and (|| | or | ??) and …
 *     and       equal (&& | and) equal …          equal    order (== | === | != | !==) order
 *     order     sum (< | <= | > | >=) sum         sum      product (+ | -) product …
 *     product   unary (* | / | %) unary …         unary    (! | not | - | +) unary | postfix
 *     postfix   primary (.name | ?.name | [ternary] | (arguments)) …
 *     primary   number | text | true | false | null | undefined | name | (ternary) | [list] | {fields}
 */
import { isReachable } from "./properties.ts";
import { TemplateError } from "./template_error.ts";
import type { SourceText } from "./template_source.ts";

/** A node of the tree; `at` is where it begins in the text. */
export type SyntaxNode =
  | { readonly kind: "literal"; readonly at: number; readonly value: unknown }
  | { readonly kind: "name"; readonly at: number; readonly name: string }
  | {
    readonly kind: "member";
    readonly at: number;
    readonly object: SyntaxNode;
    readonly name: string;
    readonly nameAt: number;
    readonly isOptional: boolean;
  }
  | {
    readonly kind: "index";
    readonly at: number;
    readonly object: SyntaxNode;
    readonly index: SyntaxNode;
  }
  | {
    readonly kind: "call";
    readonly at: number;
    readonly callee: SyntaxNode;
    readonly args: readonly SyntaxNode[];
  }
  | {
    readonly kind: "unary";
    readonly at: number;
    readonly operator: "!" | "-" | "+";
    readonly operand: SyntaxNode;
  }
  | {
    readonly kind: "binary";
    readonly at: number;
    readonly operator: BinaryOperator;
    readonly left: SyntaxNode;
    readonly right: SyntaxNode;
  }
  | {
    readonly kind: "ternary";
    readonly at: number;
    readonly test: SyntaxNode;
    readonly yes: SyntaxNode;
    readonly no: SyntaxNode;
  }
  | { readonly kind: "list"; readonly at: number; readonly items: readonly SyntaxNode[] }
  | {
    readonly kind: "object";
    readonly at: number;
    readonly fields: readonly (readonly [name: string, value: SyntaxNode])[];
  }
  | {
    readonly kind: "arrow";
    readonly at: number;
    readonly parameters: readonly string[];
    readonly body: SyntaxNode;
  };

/** An operator between two operands, as it is computed. */
export type BinaryOperator =
  | "??"
  | "||"
  | "&&"
  | "==="
  | "!=="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";

interface Token {
  readonly kind: "number" | "text" | "name" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

/** Nesting of one expression. */
export const EXPRESSION_DEPTH_MAX = 64;
/** UTF-16 units of one expression. */
export const EXPRESSION_UNITS_MAX = 4_096;

const TOKEN =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([\p{ID_Start}$_][\p{ID_Continue}$]*)|(=>|===|!==|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|[-+*/%<>!?:.,()[\]{}]))/uy;

/** Weakest first; each list is of operators that bind alike. */
const LEVELS: readonly Readonly<Record<string, BinaryOperator>>[] = [
  { "??": "??", "||": "||", or: "||" },
  { "&&": "&&", and: "&&" },
  { "==": "===", "===": "===", "!=": "!==", "!==": "!==" },
  { "<": "<", "<=": "<=", ">": ">", ">=": ">=" },
  { "+": "+", "-": "-" },
  { "*": "*", "/": "/", "%": "%" },
];

const CONSTANTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["undefined", undefined],
]);

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/**
 * Reads an expression.
 *
 * @throws {TemplateError} when it is none
 */
export function parseExpression(source: SourceText): SyntaxNode {
  return new Parser(source).whole();
}

/** A name that the reader of a template may choose for a variable. */
export function isVariableName(text: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(text) && !CONSTANTS.has(text) &&
    !["and", "or", "not", "in"].includes(text);
}

class Parser {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: SourceText) {
    const { text } = source;
    this.#source = source;
    this.#text = text;
    if (text.length > EXPRESSION_UNITS_MAX) {
      throw this.#error(0, `an expression has at most ${EXPRESSION_UNITS_MAX} characters`);
    }
    this.#tokens = this.#read();
  }

  whole(): SyntaxNode {
    if (this.#peek().kind === "end") throw this.#error(0, "an expression is missing");
    const node = this.#ternary();
    if (this.#peek().kind !== "end") throw this.#unexpected();
    return node;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #read(): readonly Token[] {
    const tokens: Token[] = [];
    const { length } = this.#text.trimEnd();
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < length) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(this.#text);
      if (match === null) {
        const at = from + (/^\s*/.exec(this.#text.slice(from)) as RegExpExecArray)[0].length;
        const sign = this.#text[at] as string;
        const isQuote = sign === "'" || sign === '"';
        throw this.#error(at, isQuote ? "a text does not end" : `"${sign}" has no meaning here`);
      }
      const [whole, number, text, name, sign] = match;
      const value = number ?? text ?? name ?? sign as string;
      const kind = number !== undefined
        ? "number"
        : text !== undefined
        ? "text"
        : name !== undefined
        ? "name"
        : "sign";
      tokens.push({ kind, text: value, at: from + whole.length - value.length });
    }
    return [...tokens, { kind: "end", text: "", at: this.#text.length }];
  }

  #ternary(): SyntaxNode {
    if (++this.#depth > EXPRESSION_DEPTH_MAX) {
      throw this.#error(this.#peek().at, "the expression is nested too deeply");
    }
    const test = this.#binary(0);
    let node = test;
    if (this.#takes("?")) {
      const yes = this.#ternary();
      this.#expect(":");
      node = { kind: "ternary", at: test.at, test, yes, no: this.#ternary() };
    }
    this.#depth--;
    return node;
  }

  #binary(level: number): SyntaxNode {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    let mixed: BinaryOperator | undefined;
    for (;;) {
      const { kind, text, at } = this.#peek();
      const operator = kind === "sign" || kind === "name" ? ownOf(operators, text) : undefined;
      if (operator === undefined) return left;
      if (level === 0 && mixed !== undefined && (mixed === "??") !== (operator === "??")) {
        throw this.#error(at, `"??" beside "${text === "??" ? mixed : text}" needs parentheses`);
      }
      mixed = operator;
      this.#next++;
      left = { kind: "binary", at: left.at, operator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): SyntaxNode {
    const { kind, text, at } = this.#peek();
    const operator = kind === "name" && text === "not" ? "!" : text;
    const isSign = kind === "sign" || text === "not";
    if (!isSign || (operator !== "!" && operator !== "-" && operator !== "+")) {
      return this.#postfix();
    }
    if (++this.#depth > EXPRESSION_DEPTH_MAX) {
      throw this.#error(at, "the expression is nested too deeply");
    }
    this.#next++;
    const operand = this.#unary();
    this.#depth--;
    return { kind: "unary", at, operator, operand };
  }

  #postfix(): SyntaxNode {
    let node = this.#primary();
    for (;;) {
      const { at } = node;
      const { text, kind } = this.#peek();
      if (kind === "sign" && (text === "." || text === "?.")) {
        this.#next++;
        const nameAt = this.#peek().at;
        const name = this.#reachable(this.#name(), nameAt);
        node = { kind: "member", at, object: node, name, nameAt, isOptional: text === "?." };
      } else if (this.#takes("[")) {
        const index = this.#ternary();
        if (index.kind === "literal") this.#reachable(String(index.value), index.at);
        node = { kind: "index", at, object: node, index };
        this.#expect("]");
      } else if (this.#takes("(")) {
        node = { kind: "call", at: node.at, callee: node, args: this.#arguments() };
      } else {
        return node;
      }
    }
  }

  #primary(): SyntaxNode {
    const { kind, text, at } = this.#peek();
    if (kind === "end") throw this.#error(at, "the expression ends too early");
    this.#next++;
    if (kind === "number") return { kind: "literal", at, value: Number(text) };
    if (kind === "text") return { kind: "literal", at, value: unquoted(text) };
    if (kind === "name" && CONSTANTS.has(text)) {
      return { kind: "literal", at, value: CONSTANTS.get(text) };
    }
    if (kind === "name" && isVariableName(text)) {
      return { kind: "name", at, name: this.#reachable(text, at) };
    }
    if (text === "(") {
      const node = this.#ternary();
      this.#expect(")");
      return node;
    }
    if (text === "[") {
      return { kind: "list", at, items: this.#separated("]", () => this.#ternary()) };
    }
    if (text === "{") {
      return { kind: "object", at, fields: this.#separated("}", () => this.#field()) };
    }
    this.#next--;
    throw this.#unexpected();
  }

  #field(): readonly [string, SyntaxNode] {
    const { kind, text, at } = this.#peek();
    if (kind !== "name" && kind !== "text") throw this.#unexpected();
    this.#next++;
    const name = this.#reachable(kind === "text" ? unquoted(text) : text, at);
    if (kind === "name" && !this.#takes(":")) return [name, { kind: "name", at, name }];
    if (kind === "text") this.#expect(":");
    return [name, this.#ternary()];
  }

  #arguments(): readonly SyntaxNode[] {
    return this.#separated(")", () => this.#arrow() ?? this.#ternary());
  }

  /** `x => …` or `(x, i) => …`, if one begins here. */
  #arrow(): SyntaxNode | null {
    const { at } = this.#peek();
    const before = this.#next;
    const parameters: string[] = [];
    const takeName = () => {
      const { kind, text } = this.#peek();
      if (kind !== "name" || !isVariableName(text)) return false;
      parameters.push(text);
      this.#next++;
      return true;
    };
    let isArrow = false;
    if (this.#takes("(")) {
      while (takeName() && this.#takes(","));
      isArrow = parameters.length > 0 && this.#takes(")") && this.#takes("=>");
    } else {
      isArrow = takeName() && this.#takes("=>");
    }
    if (isArrow) return { kind: "arrow", at, parameters, body: this.#ternary() };
    this.#next = before;
    return null;
  }

  #separated<T>(end: string, read: () => T): readonly T[] {
    const items: T[] = [];
    if (this.#takes(end)) return items;
    do {
      if (this.#peek().text === end && items.length > 0) break;
      items.push(read());
    } while (this.#takes(","));
    this.#expect(end);
    return items;
  }

  /** No name leads out of the data, however it is written. */
  #reachable(name: string, at: number): string {
    if (!isReachable(name)) throw this.#error(at, `"${name}" is not data`);
    return name;
  }

  #name(): string {
    const { kind, text } = this.#peek();
    if (kind !== "name") throw this.#unexpected();
    this.#next++;
    return text;
  }

  #takes(sign: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "sign" || text !== sign) return false;
    this.#next++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) {
      const { kind, text, at } = this.#peek();
      throw this.#error(at, `"${sign}" is missing${kind === "end" ? "" : ` before "${text}"`}`);
    }
  }

  #unexpected(): TemplateError {
    const { kind, text, at } = this.#peek();
    if (kind === "end") return this.#error(at, "the expression ends too early");
    return this.#error(at, `"${text}" is not expected here`);
  }

  #error(at: number, problem: string): TemplateError {
    return new TemplateError(this.#source.placeAt(at), problem);
  }
}

function ownOf<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|(.))/gsu,
    (_, long?: string, short?: string, sign = "") => {
      const code = long ?? short;
      if (code !== undefined) return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff));
      return ESCAPES[sign] ?? sign;
    },
  );
}
