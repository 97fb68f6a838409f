/** Markup that needs no sanitising: the mark by which `g-html` knows it. */

/** Markup that its author answers for: `g-html` shows it as it is. */
export interface TrustedHtml {
  /** As it is shown. */
  readonly html: string;
}

/** Whatever looks the same but comes from outside is not in here. */
const known = new WeakSet<object>();

/**
 * Marks markup that is shown as it is, because it comes from the author, or was sanitised elsewhere.
 * Other markup that `g-html` is given is sanitised.
 *
 * @example
 * ```ts
 * import { trusted } from "./trusted_html.ts";
 *
 * class Drawing {
 *   picture = trusted('<svg viewBox="0 0 1 1"><circle r="1"/></svg>');
 * }
 * new Drawing().picture.html.startsWith("<svg"); // true
 * ```
 */
export function trusted(html: string): TrustedHtml {
  const marked = Object.freeze({ html: String(html) });
  known.add(marked);
  return marked;
}

/** The markup of what `trusted` gave; null for everything else. */
export function trustedMarkup(value: unknown): string | null {
  if (value === null || typeof value !== "object" || !known.has(value)) return null;
  return (value as TrustedHtml).html;
}
