/**
 * Reads a template's markup as browsers do, into a tree that knows where everything stands in the file.
 *
 * Partials and their slots may stand anywhere, between the rows of a table too, since to the parser they
 * are `template` elements.
 */
import { type DefaultTreeAdapterTypes, html, Parser, type ParserError, Token } from "parse5";
import { VOID_TAGS } from "./directive_names.ts";
import type { SourcePlace } from "./program.ts";
import { TemplateError } from "./template_error.ts";
import { SourceFile, type SourceText } from "./template_source.ts";

/** One of the languages that elements are of. */
export type Namespace = "html" | "svg" | "math";

/** An attribute as the template has it. */
export interface TemplateAttribute {
  /** As browsers know it: lower case in HTML. */
  readonly name: string;
  /** As it is written. */
  readonly writtenName: string;
  readonly value: SourceText;
  readonly place: SourcePlace;
}

/** An element of a template. */
export interface TemplateElement {
  readonly kind: "element";
  readonly tag: string;
  readonly namespace: Namespace;
  readonly attributes: readonly TemplateAttribute[];
  readonly children: readonly TemplateNode[];
  readonly place: SourcePlace;
}

/** A text of a template. */
export interface TemplateText {
  readonly kind: "text";
  readonly source: SourceText;
}

export type TemplateNode = TemplateElement | TemplateText;

type Node = DefaultTreeAdapterTypes.ChildNode;
type Element = DefaultTreeAdapterTypes.Element;

/** UTF-16 units of a template or a partial. */
export const TEMPLATE_UNITS_MAX = 1_048_576;
/** Elements in elements. */
export const TEMPLATE_DEPTH_MAX = 256;

/** Attribute by which the reader finds the elements that it hides from the parser; nobody can write it. */
const TAG = " tag";

const NAMESPACES: ReadonlyMap<string, Namespace> = new Map<string, Namespace>([
  [html.NS.HTML, "html"],
  [html.NS.SVG, "svg"],
  [html.NS.MATHML, "math"],
]);

/** Elements whose end browsers find without a tag. */
const OPEN_TAGS: ReadonlySet<string> = new Set(
  "caption colgroup dd dt li optgroup option p rp rt tbody td tfoot th thead tr".split(" "),
);

/** Elements that browsers put around others by themselves. */
const IMPLIED_TAGS: ReadonlySet<string> = new Set(["colgroup", "tbody", "tr"]);

const PARSE_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["duplicate-attribute", "an attribute stands twice on an element"],
  ["eof-in-tag", "a tag does not end"],
  ["eof-in-comment", "a comment does not end"],
  ["eof-before-tag-name", "a tag does not end"],
  ["missing-whitespace-between-attributes", "a space is missing between attributes"],
  ["unexpected-character-in-attribute-name", "a quote or < stands in the name of an attribute"],
  ["unexpected-character-in-unquoted-attribute-value", "this attribute's value needs quotes"],
  ["missing-attribute-value", "an attribute's value is missing"],
  ["end-tag-with-attributes", "an end tag has no attributes"],
]);

/**
 * Reads markup.
 *
 * @param content what the file holds
 * @param hidden tags that may stand anywhere: those of partials and their slots
 * @throws {TemplateError} when it is not written as browsers will understand it
 */
export function parseTemplate(
  name: string,
  content: string,
  hidden: ReadonlySet<string>,
): readonly TemplateNode[] {
  const file = new SourceFile(name, content);
  if (content.length > TEMPLATE_UNITS_MAX) {
    throw new TemplateError(file.placeAt(0), `a template has at most ${TEMPLATE_UNITS_MAX} units`);
  }
  return new TreeReader(file, hidden).read();
}

/** The attribute of this name. */
export function attributeOf(element: TemplateElement, name: string): TemplateAttribute | undefined {
  return element.attributes.find((attribute) => attribute.name === name);
}

class TemplateParser extends Parser<DefaultTreeAdapterTypes.DefaultTreeAdapterMap> {
  hidden: ReadonlySet<string> = new Set();
  /** The tags that were read, by their offsets. */
  readonly tags = new Map<number, string>();

  override onStartTag(token: Token.TagToken): void {
    this.tags.set(token.location?.startOffset ?? 0, `<${token.tagName}>`);
    if (!this.hidden.has(token.tagName)) return super.onStartTag(token);
    token.attrs.push({ name: TAG, value: token.tagName });
    this.#hide(token);
    const { selfClosing } = token;
    token.selfClosing = false;
    super.onStartTag(token);
    if (!selfClosing) return;
    super.onEndTag({ ...token, type: Token.TokenType.END_TAG, attrs: [] });
  }

  override onEndTag(token: Token.TagToken): void {
    this.tags.set(token.location?.startOffset ?? 0, `</${token.tagName}>`);
    if (this.hidden.has(token.tagName)) this.#hide(token);
    super.onEndTag(token);
  }

  #hide(token: Token.TagToken): void {
    token.tagName = html.TAG_NAMES.TEMPLATE;
    token.tagID = html.TAG_ID.TEMPLATE;
  }
}

class TreeReader {
  readonly #file: SourceFile;
  readonly #hidden: ReadonlySet<string>;
  /** Offsets of the tags of elements in the tree. */
  readonly #found = new Set<number>();

  constructor(file: SourceFile, hidden: ReadonlySet<string>) {
    this.#file = file;
    this.#hidden = hidden;
  }

  read(): readonly TemplateNode[] {
    const parser = TemplateParser.getFragmentParser(null, {
      sourceCodeLocationInfo: true,
      onParseError: (error) => this.#refuse(error),
    }) as TemplateParser;
    parser.hidden = this.#hidden;
    parser.tokenizer.write(this.#file.content, true);
    const nodes = this.#nodes(parser.getFragment().childNodes, 0, 0);
    // What cannot stand where it is, and ends that nothing waits for, are not in the tree.
    for (const [offset, tag] of parser.tags) {
      if (this.#found.has(offset)) continue;
      throw this.#error(offset, `${tag} cannot stand here: browsers leave it out`);
    }
    return nodes;
  }

  #refuse({ code, startOffset }: ParserError): void {
    if (code === "non-void-html-element-start-tag-with-trailing-solidus") {
      const tag = /<\/?([^\s/>]*)/y;
      tag.lastIndex = startOffset;
      const name = tag.exec(this.#file.content)?.[1] ?? "";
      throw this.#error(startOffset, `<${name}/> does not end itself: write <${name}></${name}>`);
    }
    const problem = PARSE_PROBLEMS.get(code);
    if (problem !== undefined) throw this.#error(startOffset, problem);
  }

  #nodes(nodes: readonly Node[], depth: number, start: number): readonly TemplateNode[] {
    const read: TemplateNode[] = [];
    let last = start;
    for (const node of nodes) {
      const start = node.sourceCodeLocation?.startOffset ?? last;
      // What may not stand in a table is moved before it; <b><p></b></p> puts a <b> into the <p>.
      if (start < last) throw this.#error(last, "this cannot stand where it is: browsers move it");
      last = start;
      if ("tagName" in node) read.push(this.#element(node, depth + 1, start));
      else if ("value" in node) read.push(this.#text(node));
    }
    return read;
  }

  #text(node: DefaultTreeAdapterTypes.TextNode): TemplateText {
    const { startOffset = 0, endOffset = 0 } = node.sourceCodeLocation ?? {};
    return { kind: "text", source: this.#file.decoded(startOffset, endOffset, node.value) };
  }

  #element(node: Element, depth: number, start: number): TemplateElement {
    const { sourceCodeLocation: location } = node;
    const hidden = node.attrs.find(({ name }) => name === TAG)?.value;
    const tag = hidden ?? node.tagName;
    const namespace = NAMESPACES.get(node.namespaceURI) ?? "html";
    if (depth > TEMPLATE_DEPTH_MAX) throw this.#error(start, "elements are nested too deeply");
    if (!location && (tag === "p" || tag === "br")) throw this.#misplacedEnd(node, tag);
    if (!location && !IMPLIED_TAGS.has(tag)) {
      throw this.#error(start, `<${tag}> is not closed inside of what it began in`);
    }
    this.#found.add(location?.startOffset ?? 0).add(location?.endTag?.startOffset ?? 0);
    if (location && !location.endTag && !this.#endsItself(node, location)) {
      throw this.#error(start, `<${tag}> is not closed`);
    }
    const children = "content" in node
      ? (node as DefaultTreeAdapterTypes.Template).content.childNodes
      : node.childNodes;
    return {
      kind: "element",
      tag,
      namespace,
      attributes: this.#attributes(node),
      children: this.#nodes(children, depth, start),
      place: this.#file.placeAt(start),
    };
  }

  #misplacedEnd(node: Element, tag: string): TemplateError {
    const siblings = node.parentNode?.childNodes ?? [];
    const before = siblings[siblings.indexOf(node) - 1];
    const at = before?.sourceCodeLocation?.endOffset ?? 0;
    return this.#error(at, `</${tag}> closes nothing: its <${tag}> ended before`);
  }

  #endsItself(node: Element, { startTag, endOffset }: Token.ElementLocation): boolean {
    if (node.namespaceURI === html.NS.HTML) {
      const isHidden = node.attrs.some(({ name }) => name === TAG);
      const isVoid = VOID_TAGS.has(node.tagName) || OPEN_TAGS.has(node.tagName);
      return isVoid || isHidden && this.#file.content[endOffset - 2] === "/";
    }
    return this.#file.content[(startTag?.endOffset ?? endOffset) - 2] === "/";
  }

  #attributes(node: Element): readonly TemplateAttribute[] {
    const locations = node.sourceCodeLocation?.attrs ?? {};
    return node.attrs.filter(({ name }) => name !== TAG).map(({ name, prefix, value }) => {
      const whole = prefix ? `${prefix}:${name}` : name;
      const location = locations[whole] ?? locations[whole.toLowerCase()];
      const { startOffset, endOffset } = location ?? { startOffset: 0, endOffset: 0 };
      const written = this.#file.content.slice(startOffset, endOffset);
      const [head = "", writtenName = whole, quote = ""] =
        /^([^\s=]+)(?:\s*=\s*(["']?))?/.exec(written) ?? [];
      const to = endOffset - quote.length;
      return {
        name: whole,
        writtenName,
        value: this.#file.decoded(Math.min(startOffset + head.length, to), to, value),
        place: this.#file.placeAt(startOffset),
      };
    });
  }

  #error(at: number, problem: string): TemplateError {
    const less = this.#lessThan(at);
    if (less === null) return new TemplateError(this.#file.placeAt(at), problem);
    const hint = 'in an expression "<" needs a space behind it, or is written &lt;';
    return new TemplateError(this.#file.placeAt(less), hint);
  }

  /** Where `{{a<b}}` made a tag begin that this place is in. */
  #lessThan(at: number): number | null {
    const { content } = this.#file;
    for (let less = at; less >= 0 && !content.slice(less, at).includes(">");) {
      less = content.lastIndexOf("<", less);
      const open = content.lastIndexOf("{{", less);
      const isInside = less >= 0 && open >= 0 && !content.slice(open, less).includes("}}");
      if (isInside && /^[^<>]*\}\}/.test(content.slice(less + 1))) return less;
      less--;
    }
    return null;
  }
}
