/**
 * Makes markup from outside harmless, by an allow-list: it is parsed as browsers parse it, and written
 * anew from what is known to be good. Nothing of another language (SVG, MathML), no raw text and no
 * template is left, so that no second parser can see anything else in it.
 */
import { type DefaultTreeAdapterTypes, html as names, parseFragment } from "parse5";
import { escapedAttribute, escapedText } from "./template_markup.ts";
import { schemeOf } from "./template_safety.ts";
import { trustedMarkup } from "./trusted_html.ts";

type Node = DefaultTreeAdapterTypes.ChildNode;
type Element = DefaultTreeAdapterTypes.Element;

/** UTF-16 units of markup that are looked at; longer markup is cut. */
export const HTML_UNITS_MAX = 1_048_576;
/** Elements in elements; browsers flatten deeper ones, each in its own way. */
export const HTML_DEPTH_MAX = 100;

/** Rounds until markup reads as it was written. */
const ROUNDS_MAX = 4;

const TAGS: ReadonlySet<string> = new Set(
  ("a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup " +
    "dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i " +
    "img ins kbd li main mark nav ol p picture pre q rp rt ruby s samp section small span strike " +
    "strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr").split(" "),
);

/** Elements that go with everything in them; others that are not known leave their contents. */
const GONE: ReadonlySet<string> = new Set(
  ("applet audio base canvas embed frame frameset head iframe link math meta noembed noframes " +
    "noscript object param plaintext portal script select style svg template textarea title video " +
    "xmp").split(" "),
);

const VOID_TAGS: ReadonlySet<string> = new Set("br col hr img wbr".split(" "));

/** Attributes of every element. Not `id` and `name`: those become names in scripts of the page. */
const ATTRIBUTES: ReadonlySet<string> = new Set(["class", "dir", "lang", "role", "title"]);

const TAG_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ["href", "hreflang", "rel", "target"],
  blockquote: ["cite"],
  col: ["span"],
  colgroup: ["span"],
  del: ["cite", "datetime"],
  details: ["open"],
  img: ["alt", "decoding", "height", "loading", "src", "width"],
  ins: ["cite", "datetime"],
  li: ["value"],
  ol: ["reversed", "start", "type"],
  q: ["cite"],
  td: ["align", "colspan", "rowspan"],
  th: ["abbr", "align", "colspan", "rowspan", "scope"],
  time: ["datetime"],
};

const LINK_SCHEMES: ReadonlySet<string> = new Set(["ftp", "http", "https", "mailto", "sms", "tel"]);
const IMAGE_SCHEMES: ReadonlySet<string> = new Set(["http", "https"]);
const PICTURE = /^data:image\/(?:avif|bmp|gif|jpeg|png|webp);base64,[\w+/=]*$/;

/** The harmless part of a value's markup; of `trusted` markup all of it. */
export function sanitised(value: unknown): string {
  if (value === null || value === undefined) return "";
  const certain = trustedMarkup(value);
  if (certain !== null) return certain;
  let html = String(value).slice(0, HTML_UNITS_MAX);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const written = nodesText(parseFragment(html).childNodes, 0);
    if (written === html) return html;
    html = written;
  }
  // It never settles: it is shown as the text that it is.
  return escapedText(String(value).slice(0, HTML_UNITS_MAX));
}

function nodesText(nodes: readonly Node[], depth: number): string {
  return nodes.map((node) => {
    if ("tagName" in node) return elementText(node, depth);
    return "value" in node ? escapedText(node.value.replaceAll("\0", "")) : "";
  }).join("");
}

function elementText(element: Element, depth: number): string {
  const { tagName: tag, childNodes } = element;
  if (element.namespaceURI !== names.NS.HTML || GONE.has(tag)) return "";
  if (depth >= HTML_DEPTH_MAX) return "";
  if (!TAGS.has(tag)) return nodesText(childNodes, depth + 1);
  const start = `<${tag}${attributesText(element)}>`;
  if (VOID_TAGS.has(tag)) return start;
  const inner = nodesText(childNodes, depth + 1);
  // Parsers leave out the first line break of a `pre`.
  const lineBreak = tag === "pre" && inner.startsWith("\n") ? "\n" : "";
  return `${start}${lineBreak}${inner}</${tag}>`;
}

function attributesText({ tagName: tag, attrs }: Element): string {
  let text = "";
  for (const { name, prefix, value } of attrs) {
    if (prefix || !isAllowed(tag, name) || !isSafeValue(tag, name, value)) continue;
    // A page in a new tab gets no hold of this one.
    if (tag === "a" && (name === "rel" || name === "target")) continue;
    text += ` ${name}="${escapedAttribute(value)}"`;
  }
  const opensTab = tag === "a" &&
    attrs.some(({ name, value }) => name === "target" && value === "_blank");
  return opensTab ? `${text} target="_blank" rel="noopener noreferrer"` : text;
}

function isAllowed(tag: string, name: string): boolean {
  const own = Object.hasOwn(TAG_ATTRIBUTES, tag) ? TAG_ATTRIBUTES[tag] ?? [] : [];
  return ATTRIBUTES.has(name) || own.includes(name) || /^aria-[a-z]+$/.test(name);
}

function isSafeValue(tag: string, name: string, value: string): boolean {
  if (name !== "href" && name !== "src" && name !== "cite") return true;
  const scheme = schemeOf(value);
  if (tag === "img") return scheme === null || IMAGE_SCHEMES.has(scheme) || PICTURE.test(value);
  return scheme === null || LINK_SCHEMES.has(scheme);
}
