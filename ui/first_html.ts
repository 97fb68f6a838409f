/** The markup of an instance with what it shows, for a page that has no script yet. */
import { type DefaultTreeAdapterTypes, html as htmlNames, parseFragment } from "parse5";
import type { BlockInstance, CondInstance, Held } from "./block_instance.ts";
import type { ListInstance } from "./block_instance_list.ts";
import { JsonText, type PatchWriter, type Shown } from "./patch_writer.ts";
import type { Block, Slot } from "./program.ts";
import {
  attributesOf,
  type ElementSlots,
  isInMarkup,
  writeAttributes,
} from "./first_attributes.ts";

type Node = DefaultTreeAdapterTypes.ChildNode;
type Element = DefaultTreeAdapterTypes.Element;

/** A block's markup: text as it is, and what depends on the instance. */
export type Markup = readonly Part[];

type Part =
  | string
  | { readonly kind: "attributes"; readonly of: ElementSlots }
  | { readonly kind: "text" | "raw" | "html" | "list" | "cond"; readonly slot: number }
  /** A text whose first line break the parser would drop. */
  | { readonly kind: "line"; readonly slot: number }
  | { readonly kind: "select"; readonly slot: number; readonly parts: Markup }
  /** Whether this option is one that its select shows. */
  | { readonly kind: "option"; readonly value: string | number };

/** Values of a select around; what it shows decides which options are marked. */
type Chosen = ReadonlySet<string> | null;

const VOID_TAGS: ReadonlySet<string> = new Set(
  "area base br col embed hr img input link meta param source track wbr".split(" "),
);
/** Their content is no markup, and cannot be escaped. */
const RAW_TAGS: ReadonlySet<string> = new Set(
  "iframe noembed noframes noscript plaintext script style xmp".split(" "),
);
/** A line break at their start is dropped by parsers. */
const LINE_TAGS: ReadonlySet<string> = new Set(["listing", "pre", "textarea"]);

/** The markup of an instance, as `htmlOf`. */
export type HtmlOf = (instance: BlockInstance, chosen: Chosen, numbers: number[] | null) => string;

/** How the markup of a block is put together. */
export function markupOf(block: Block): Markup {
  const root = rootOf(block);
  if (root === undefined) throw new TypeError("Cannot render the block: it has no element");
  const slots = new Map<string, number[]>();
  block.slots.forEach(({ path }, index) => {
    const name = path.join();
    slots.set(name, [...slots.get(name) ?? [], index]);
  });
  return joined(nodeParts(root, [], { block, slots }, ""));
}

function rootOf({ html, namespace }: Block): Element | undefined {
  const isElement = (node: Node) => "tagName" in node;
  if (namespace === "html") return parseFragment(html).childNodes.find(isElement) as Element;
  const [around] = parseFragment(`<${namespace}>${html}</${namespace}>`).childNodes;
  return (around as Element).childNodes.find(isElement) as Element;
}

/** The markup of an instance; numbers of the instances are added to `numbers` in document order. */
export function htmlOf(instance: BlockInstance, numbers: number[] | null): string {
  return rendered(instance, null, numbers);
}

/** Writes what an instance shows that its markup does not say. */
export function writeOutsideMarkup(instance: BlockInstance, writer: PatchWriter): void {
  const { number, held, blueprint } = instance;
  for (const { kind, index } of blueprint.plans) {
    const value = held[index];
    if (kind === "list") {
      for (const item of (value as ListInstance).items) writeOutsideMarkup(item, writer);
    } else if (kind === "cond") {
      const { child } = value as CondInstance;
      if (child !== null) writeOutsideMarkup(child, writer);
    } else if (!isInMarkup(blueprint.block.slots[index] as Slot, value as Shown)) {
      writer.set(number, index, value as Shown);
    }
  }
}

/** A shown value as text. */
export function shownText(value: Shown): string {
  if (value === null) return "";
  return value instanceof JsonText ? value.text : String(value);
}

/** Text between tags. */
export function escapeText(text: string): string {
  if (!isSpecial(text)) return text;
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** What a slot of text shows. */
export function textHtml(value: Held): string {
  if (typeof value === "string") return escapeText(value);
  return typeof value === "number" ? String(value) : escapeText(shownText(value as Shown));
}

/** The markup of a part that depends on the instance. */
export function partHtml(
  instance: BlockInstance,
  part: Exclude<Part, string>,
  chosen: Chosen,
  numbers: number[] | null,
): string {
  const { held } = instance;
  switch (part.kind) {
    case "text":
      return textHtml(held[part.slot]);
    case "list": {
      let html = "";
      for (const item of (held[part.slot] as ListInstance).items) {
        html += rendered(item, chosen, numbers);
      }
      return `${html}<!--l-->`;
    }
    case "cond": {
      const { which, child } = held[part.slot] as CondInstance;
      if (child === null) return "<!--c-->";
      return `${rendered(child, chosen, numbers)}<!--c${which}-->`;
    }
    case "attributes":
      return writeAttributes(held, part.of);
    case "html":
      return shownText(held[part.slot] as Shown);
    case "raw":
      // Whatever is in it, the element does not end before its end tag.
      return shownText(held[part.slot] as Shown).replaceAll("</", "<\\/");
    case "line": {
      const text = shownText(held[part.slot] as Shown);
      return escapeText(text.startsWith("\n") ? `\n${text}` : text);
    }
    case "select": {
      const values = chosenOf(held[part.slot] as Shown);
      let html = "";
      for (const inner of part.parts) {
        html += typeof inner === "string" ? inner : partHtml(instance, inner, values, numbers);
      }
      return html;
    }
    case "option":
      return isChosen(chosen, held, part.value) ? " selected" : "";
  }
}

const SPECIAL_IN_TEXT = /[&<>]/;
/** A short text is looked through faster than an expression is begun. */
const SHORT_TEXT_UNITS = 24;

function isSpecial(text: string): boolean {
  const { length } = text;
  if (length > SHORT_TEXT_UNITS) return SPECIAL_IN_TEXT.test(text);
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    // Letters come behind all of them.
    if (unit <= GREATER && (unit === GREATER || unit === LESS || unit === AMPERSAND)) return true;
  }
  return false;
}

const AMPERSAND = 0x26;
const LESS = 0x3c;
const GREATER = 0x3e;

function rendered(instance: BlockInstance, chosen: Chosen, numbers: number[] | null): string {
  numbers?.push(instance.number);
  const { html: compiled, markup } = instance.blueprint;
  if (compiled !== null) return compiled(instance, chosen, numbers);
  let html = "";
  for (const part of markup) {
    html += typeof part === "string" ? part : partHtml(instance, part, chosen, numbers);
  }
  return html;
}

function chosenOf(value: Shown): ReadonlySet<string> {
  if (value instanceof JsonText) return new Set(JSON.parse(value.text) as string[]);
  return new Set([shownText(value)]);
}

function isChosen(chosen: Chosen, held: BlockInstance["held"], value: string | number): boolean {
  if (chosen === null) return false;
  const text = typeof value === "string" ? value : shownText(held[value] as Shown);
  return chosen.has(text) || (typeof value === "number" && chosen.has(text.trim()));
}

/** What the parts of a block are made from. */
interface Source {
  readonly block: Block;
  /** By path. */
  readonly slots: ReadonlyMap<string, readonly number[]>;
}

function nodeParts(node: Node, path: readonly number[], source: Source, parent: string): Part[] {
  const indexes = source.slots.get(path.join()) ?? [];
  const of = (kind: Slot["kind"]) =>
    indexes.find((index) => (source.block.slots[index] as Slot).kind === kind);
  if (node.nodeName === "#comment") {
    const list = of("list");
    if (list !== undefined) return [{ kind: "list", slot: list }];
    const cond = of("cond");
    if (cond !== undefined) return [{ kind: "cond", slot: cond }];
    return [`<!--${(node as DefaultTreeAdapterTypes.CommentNode).data}-->`];
  }
  if (node.nodeName === "#text") {
    const slot = of("text");
    const { value } = node as DefaultTreeAdapterTypes.TextNode;
    const isRaw = RAW_TAGS.has(parent);
    if (slot === undefined) return [isRaw ? value : escapeText(value)];
    if (isRaw) return [{ kind: "raw", slot }];
    const isFirst = path.at(-1) === 0 && LINE_TAGS.has(parent);
    return [{ kind: isFirst ? "line" : "text", slot }];
  }
  return "tagName" in node ? elementParts(node, path, source, indexes) : [];
}

function elementParts(
  element: Element,
  path: readonly number[],
  source: Source,
  indexes: readonly number[],
): Part[] {
  const { tagName } = element;
  const { slots } = source.block;
  const attributes = attributesOf(element, slots, indexes);
  const start: Part[] = [`<${tagName}`];
  if (typeof attributes === "string") start.push(attributes);
  else start.push({ kind: "attributes", of: attributes });
  if (tagName === "option") {
    start.push({ kind: "option", value: optionValue(element, path, source) });
  }
  start.push(">");
  if (VOID_TAGS.has(tagName) && element.namespaceURI === htmlNames.NS.HTML) return start;
  const value = indexes.find((index) => isValueSlot(slots[index] as Slot));
  const html = indexes.find((index) => (slots[index] as Slot).kind === "html");
  const end = `</${tagName}>`;
  if (html !== undefined) return [...start, { kind: "html", slot: html }, end];
  if (tagName === "textarea" && value !== undefined) {
    return [...start, { kind: "line", slot: value }, end];
  }
  const children = tagName === "template"
    ? (element as DefaultTreeAdapterTypes.Template).content.childNodes
    : element.childNodes;
  const inner = children.flatMap((child, index) =>
    nodeParts(child, [...path, index], source, tagName)
  );
  const [first] = inner;
  if (LINE_TAGS.has(tagName) && typeof first === "string" && first.startsWith("\n")) {
    inner.unshift("\n");
  }
  if (tagName === "select" && value !== undefined) {
    return [...start, { kind: "select", slot: value, parts: joined(inner) }, end];
  }
  return [...start, ...inner, end];
}

function isValueSlot(slot: Slot): boolean {
  return slot.kind === "bind" || (slot.kind === "prop" && slot.name === "value");
}

/** What an option stands for: its value or, without one, its text; a slot by its place. */
function optionValue(element: Element, path: readonly number[], source: Source): string | number {
  const { slots } = source.block;
  const own = (source.slots.get(path.join()) ?? []).find((index) => {
    const slot = slots[index] as Slot;
    return (slot.kind === "attr" || slot.kind === "prop") && slot.name === "value";
  });
  if (own !== undefined) return own;
  const attribute = element.attrs.find(({ name }) => name === "value");
  if (attribute !== undefined) return attribute.value;
  const inside = source.slots.get([...path, 0].join())?.[0];
  if (inside !== undefined) return inside;
  const text = element.childNodes.map((node) => "value" in node ? node.value : "").join("");
  return text.trim().replaceAll(/\s+/g, " ");
}

/** With neighbouring texts as one. */
function joined(parts: readonly Part[]): Markup {
  const all: Part[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (typeof part === "string" && typeof last === "string") all[all.length - 1] = last + part;
    else all.push(part);
  }
  return all;
}
