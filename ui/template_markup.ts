/** Static markup as a tree, its text, and the proof that browsers read that text as the same tree. */
import { type DefaultTreeAdapterTypes, html, parseFragment } from "parse5";
import { VOID_TAGS } from "./directive_names.ts";
import type { SourcePlace } from "./program.ts";
import { TemplateError } from "./template_error.ts";
import type { Namespace } from "./template_tree.ts";

/** An element of a block. */
export interface MarkupElement {
  readonly kind: "element";
  readonly tag: string;
  readonly namespace: Namespace;
  readonly attributes: readonly (readonly [name: string, value: string])[];
  readonly children: readonly MarkupNode[];
  readonly place: SourcePlace;
}

/** What a block consists of; before an anchor stand the elements of its blocks. */
export type MarkupNode =
  | MarkupElement
  | { readonly kind: "text"; readonly text: string }
  | {
    readonly kind: "anchor";
    readonly text: string;
    readonly blocks: readonly MarkupElement[];
  };

type Parsed = DefaultTreeAdapterTypes.ChildNode;

/** Elements whose text is not decoded. */
const RAW_TAGS: ReadonlySet<string> = new Set(
  "iframe noembed noframes noscript plaintext script style xmp".split(" "),
);

/** Elements whose first line break a parser leaves out. */
const FIRST_BREAK_TAGS: ReadonlySet<string> = new Set(["listing", "pre", "textarea"]);

/** The text of an element, without what stands before anchors. */
export function markupText(element: MarkupElement): string {
  return textOf(element, false);
}

/**
 * Makes sure that a page with an element, and with one of each of the blocks in it, is read as it was
 * meant, in a template as well as in a page.
 *
 * @throws {TemplateError} at the first element that would stand elsewhere
 */
export function checkMarkup(element: MarkupElement): void {
  const { namespace } = element;
  const isHtml = namespace === "html";
  for (const withBlocks of [true, false]) {
    const text = textOf(element, withBlocks);
    const whole = isHtml ? text : `<${namespace}>${text}</${namespace}>`;
    const { childNodes } = parseFragment(whole);
    const [outer] = childNodes;
    const parsed = isHtml ? childNodes : outer && "childNodes" in outer ? outer.childNodes : [];
    const [only] = parsed;
    const wrong = parsed.length === 1 && only !== undefined
      ? difference(element, only, withBlocks)
      : element;
    if (wrong === null) continue;
    const problem = `<${wrong.tag}> cannot stand here: browsers read its contents differently`;
    const hint = wrong.tag === "tr" || wrong.tag === "table" ? "; write the table's <tbody>" : "";
    throw new TemplateError(wrong.place, problem + hint);
  }
}

function textOf(element: MarkupElement, withBlocks: boolean): string {
  const { tag, attributes, children } = element;
  const named = attributes.map(([name, value]) => {
    return value === "" ? ` ${name}` : ` ${name}="${escapedAttribute(value)}"`;
  }).join("");
  const start = `<${tag}${named}>`;
  if (element.namespace === "html" && VOID_TAGS.has(tag)) return start;
  const [first] = children;
  const isFirstBreak = first?.kind === "text" && first.text.startsWith("\n") &&
    FIRST_BREAK_TAGS.has(tag);
  const inner = children.map((child) => {
    if (child.kind === "element") return textOf(child, withBlocks);
    if (child.kind === "text") {
      return element.namespace === "html" && RAW_TAGS.has(tag)
        ? child.text
        : escapedText(child.text);
    }
    const before = withBlocks ? child.blocks.map((block) => textOf(block, true)).join("") : "";
    return `${before}<!--${child.text}-->`;
  }).join("");
  return `${start}${isFirstBreak ? "\n" : ""}${inner}</${tag}>`;
}

/** The innermost element that is read differently. */
function difference(
  element: MarkupElement,
  parsed: Parsed,
  withBlocks: boolean,
): MarkupElement | null {
  if (!("tagName" in parsed) || parsed.tagName !== element.tag) return element;
  if (parsed.namespaceURI !== NAMESPACE_URIS[element.namespace]) return element;
  const children = "content" in parsed
    ? (parsed as DefaultTreeAdapterTypes.Template).content.childNodes
    : parsed.childNodes;
  const expected = withBlocks
    ? element.children.flatMap((child): MarkupNode[] =>
      child.kind === "anchor" ? [...child.blocks, child] : [child]
    )
    : element.children;
  for (const [index, child] of expected.entries()) {
    const other = children[index];
    if (other === undefined) return element;
    if (child.kind === "element") {
      const wrong = difference(child, other, withBlocks);
      if (wrong !== null) return wrong === child && !("tagName" in other) ? element : wrong;
    } else if (child.kind === "text" ? !isText(other, child.text) : other.nodeName !== "#comment") {
      return element;
    }
  }
  return children.length === expected.length ? null : element;
}

function isText(node: Parsed, text: string): boolean {
  return node.nodeName === "#text" &&
    (node as DefaultTreeAdapterTypes.TextNode).value === text;
}

const NAMESPACE_URIS: Readonly<Record<Namespace, string>> = {
  html: html.NS.HTML,
  svg: html.NS.SVG,
  math: html.NS.MATHML,
};

/** A text in markup. */
export function escapedText(text: string): string {
  return text.replace(/[&<>\u00a0]/g, (sign) => ENTITIES[sign] as string);
}

/** The value of an attribute, to stand between double quotes. */
export function escapedAttribute(text: string): string {
  return text.replace(/[&<>"\u00a0]/g, (sign) => ENTITIES[sign] as string);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\u00a0": "&nbsp;",
};
