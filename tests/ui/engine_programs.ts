/** Programs put together by hand: blocks with their slots, as a template compiler would make them. */
import { compileExpression, environmentOf, handlerOf, targetOf } from "../../ui/expression.ts";
import { parseExpression } from "../../ui/expression_syntax.ts";
import { EVENT_NAME } from "../../ui/template_events.ts";
import { plainSource } from "../../ui/template_source.ts";
import type {
  Block,
  ClientSlot,
  Expression,
  InputKind,
  IslandProgram,
  Slot,
} from "../../ui/program.ts";

/** An element of a block, or what stands between elements. */
export type Piece =
  | string
  | { readonly text: string }
  | ElementPiece
  | ListPiece
  | { readonly cond: readonly (readonly [when: string | null, element: ElementPiece])[] };

export interface ListPiece {
  readonly each: string;
  readonly names: readonly string[];
  readonly key?: string;
  readonly filter?: string;
  readonly element: ElementPiece;
}

/** What is on an element, by kind and name: `attr title`, `class on`, `on click`, `bind text`, … */
export interface ElementPiece {
  readonly tag: string;
  readonly on: Readonly<Record<string, string>>;
  readonly children: readonly Piece[];
}

/** An element; names of `on` that are one word are static attributes. */
export function el(
  tag: string,
  on: Readonly<Record<string, string>> = {},
  ...children: Piece[]
): ElementPiece {
  return { tag, on, children };
}

export function text(expression: string): Piece {
  return { text: expression };
}

/** A program whose root is this element. */
export function programOf(root: ElementPiece): IslandProgram {
  const blocks: Block[] = [];
  addBlock(root, [], blocks);
  const table = blocks.map(({ html, slots }) => ({ html, slots: slots.map(clientSlot) }));
  return { name: "test", blocks, table: { hash: "test", blocks: table } };
}

interface Making {
  readonly variables: readonly string[];
  readonly slots: Slot[];
  readonly blocks: Block[];
}

function addBlock(element: ElementPiece, variables: readonly string[], blocks: Block[]): number {
  const id = blocks.length;
  blocks.push(null as unknown as Block);
  const slots: Slot[] = [];
  const html = elementHtml(element, [], { variables, slots, blocks });
  blocks[id] = { id, html, slots, depth: variables.length, namespace: "html" };
  return id;
}

function elementHtml(element: ElementPiece, path: readonly number[], making: Making): string {
  let html = `<${element.tag}`;
  for (const [name, value] of Object.entries(element.on)) {
    if (!name.includes(" ")) html += ` ${name}="${value}"`;
    else making.slots.push(elementSlot(name, value, path, making));
  }
  html += ">";
  element.children.forEach((child, index) => {
    html += pieceHtml(child, [...path, index], making);
  });
  return ["input", "br"].includes(element.tag) ? html : `${html}</${element.tag}>`;
}

function pieceHtml(piece: Piece, path: readonly number[], making: Making): string {
  const { variables, slots, blocks } = making;
  if (typeof piece === "string") return piece;
  if ("text" in piece) {
    slots.push({ kind: "text", path, value: expression(piece.text, variables) });
    return " ";
  }
  if ("each" in piece) {
    const { each, names, key, filter } = piece;
    const inner = [...variables, ...names];
    const index = slots.length;
    slots.push(null as unknown as Slot);
    slots[index] = {
      kind: "list",
      path,
      items: expression(each, variables),
      block: addBlock(piece.element, inner, blocks),
      key: key === undefined ? null : expression(key, inner),
      filter: filter === undefined ? null : expression(filter, inner),
      variables: names.length as 1 | 2,
    };
    return "<!--l-->";
  }
  if ("cond" in piece) {
    const index = slots.length;
    slots.push(null as unknown as Slot);
    const branches = piece.cond.map(([when, element]) => ({
      when: when === null ? null : expression(when, variables),
      block: addBlock(element, variables, blocks),
    }));
    slots[index] = { kind: "cond", path, branches };
    return "<!--c-->";
  }
  return elementHtml(piece, path, making);
}

function elementSlot(
  full: string,
  value: string,
  path: readonly number[],
  { variables }: Making,
): Slot {
  const [kind, name = "", option] = full.split(" ") as [Slot["kind"], string, string?];
  const source = plainSource(value, PLACE);
  switch (kind) {
    case "attr":
    case "prop":
    case "class":
    case "style":
    case "plugin":
      return { kind, path, name, value: expression(value, variables) };
    case "html":
    case "show":
      return { kind, path, value: expression(value, variables) };
    case "on": {
      const environment = environmentOf([...variables, EVENT_NAME]);
      const call = handlerOf(parseExpression(source), { source, environment });
      const wants = ["key"];
      return { kind, path, event: name, target: "self", modifiers: {}, wants, call };
    }
    case "bind":
      return {
        kind,
        path,
        input: name as InputKind,
        value: targetOf(parseExpression(source), { source, environment: environmentOf(variables) }),
        option: option === undefined ? null : expression(option, variables),
      };
    case "drag":
      return { kind, path, group: name, value: expression(value, variables) };
    case "drop": {
      const environment = environmentOf([...variables, EVENT_NAME]);
      const call = handlerOf(parseExpression(source), { source, environment });
      return { kind, path, group: name, value: null, call };
    }
    default:
      throw new TypeError(`No such slot: ${full}`);
  }
}

const PLACE = { file: "test.html", line: 1, column: 1 };

function expression(text: string, variables: readonly string[]): Expression {
  return compileExpression(text, PLACE, variables);
}

function clientSlot(slot: Slot): ClientSlot {
  const { path } = slot;
  switch (slot.kind) {
    case "text":
    case "show":
    case "html":
      return [slot.kind, path];
    case "list":
      return ["list", path, slot.block];
    case "cond":
      return ["cond", path, slot.branches.map(({ block }) => block)];
    case "attr":
    case "prop":
    case "class":
    case "style":
    case "plugin":
      return [slot.kind, path, slot.name];
    case "on":
      return ["on", path, slot.event, slot.target, slot.modifiers, slot.wants];
    case "bind":
      return ["bind", path, slot.input];
    case "drag":
    case "drop":
      return [slot.kind, path, slot.group];
    default:
      throw new TypeError(`No such slot: ${slot.kind}`);
  }
}
