/** What markup may not say: code in attributes, and addresses that are code. */

/** Schemes that an address from the island's state may have; without one it stays on the page's origin. */
const SAFE_SCHEMES: ReadonlySet<string> = new Set([
  "blob",
  "ftp",
  "geo",
  "http",
  "https",
  "mailto",
  "sms",
  "tel",
]);

/** Schemes that are refused in a template's own text. */
const CODE_SCHEMES: ReadonlySet<string> = new Set(["data", "javascript", "vbscript"]);

/** Attributes that hold an address, of any element. */
const ADDRESSES: ReadonlySet<string> = new Set([
  "action",
  "background",
  "cite",
  "codebase",
  "data",
  "formaction",
  "href",
  "longdesc",
  "manifest",
  "ping",
  "poster",
  "src",
  "xlink:href",
]);

/** Attributes, and properties, that hold markup or a whole style. */
const MARKUP: ReadonlySet<string> = new Set([
  "innerhtml",
  "outerhtml",
  "srcdoc",
]);

/** Pictures cannot run anything; SVG is not among them. */
const PICTURE = /^data:image\/(?:avif|bmp|gif|jpeg|png|webp)[;,]/i;

/** Whether this is an attribute, or property, whose value is an address. */
export function isAddress(name: string): boolean {
  return ADDRESSES.has(name.toLowerCase());
}

/** Whether this is an attribute, or property, that runs code or takes markup. */
export function isCode(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith("on") || MARKUP.has(lower);
}

/**
 * The value if an attribute or a property of this name may have it, else null: leave it out.
 *
 * @param value as text
 */
export function safeAttribute(name: string, value: string): string | null {
  if (isCode(name)) return null;
  if (!isAddress(name)) return value;
  const scheme = schemeOf(value);
  if (scheme === null || SAFE_SCHEMES.has(scheme)) return value;
  return name.toLowerCase() === "src" && PICTURE.test(value.trim()) ? value : null;
}

/** Whether a template's own text is an address that is code. */
export function isCodeAddress(value: string): boolean {
  const scheme = schemeOf(value);
  return scheme !== null && CODE_SCHEMES.has(scheme);
}

/** Browsers pass over control characters at the start, and over tabs and line breaks anywhere. */
export function schemeOf(value: string): string | null {
  // deno-lint-ignore no-control-regex
  const bare = value.replace(/^[\u0000-\u0020]+/, "").replace(/[\t\n\r]/g, "");
  return /^([a-z][a-z\d+.-]*):/i.exec(bare)?.[1]?.toLowerCase() ?? null;
}
