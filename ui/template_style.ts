/** A `style` attribute with expressions in it: declarations that stay, and properties that change. */
import { TemplateError } from "./template_error.ts";
import { sliceOf, type SourceText } from "./template_source.ts";
import { textParts, trimmed } from "./template_text.ts";

/** A style, taken apart. */
export interface StyleParts {
  /** The declarations without expressions. */
  readonly text: string;
  /** The values with expressions. */
  readonly changing: readonly { readonly name: string; readonly source: SourceText }[];
}

/** Stands where an expression stands while declarations are told apart. */
const MASK = "\u0000";

/**
 * Takes a style apart. Its values are set one by one, so that none can bring a declaration with it.
 *
 * @throws {TemplateError} where an expression stands for more than a value
 */
export function styleParts(source: SourceText): StyleParts {
  const statics: string[] = [];
  const changing: { name: string; source: SourceText }[] = [];
  for (const declaration of declarations(source)) {
    const { text } = declaration;
    const masked = maskedText(declaration);
    if (text.trim() === "") continue;
    if (!masked.includes(MASK)) {
      statics.push(text.trim());
      continue;
    }
    const colon = masked.indexOf(":");
    const name = masked.slice(0, Math.max(colon, 0)).trim();
    if (!/^-{0,2}[A-Za-z][\w-]*$/.test(name)) {
      const at = Math.max(masked.indexOf(MASK), 0);
      throw new TemplateError(
        declaration.placeAt(at),
        "an expression in a style stands for a value, as in width: {{x}}px",
      );
    }
    if (/!\s*important/.test(masked)) {
      throw new TemplateError(declaration.placeAt(0), "a value that changes cannot be !important");
    }
    changing.push({ name, source: trimmed(sliceOf(declaration, colon + 1)) });
  }
  return { text: statics.join("; "), changing };
}

/** Parts between semicolons that stand outside of quotes, brackets and expressions. */
function declarations(source: SourceText): readonly SourceText[] {
  const parts: SourceText[] = [];
  let from = 0;
  let depth = 0;
  for (const { 0: token, index } of maskedText(source).matchAll(/"[^"]*"|'[^']*'|[^]/g)) {
    if (token === "(") depth++;
    else if (token === ")") depth--;
    else if (token === ";" && depth <= 0) {
      parts.push(sliceOf(source, from, index));
      from = index + 1;
    }
  }
  return [...parts, sliceOf(source, from)];
}

/** The text with something else of the same length where its expressions stand. */
function maskedText(source: SourceText): string {
  const { text } = source;
  let masked = "";
  for (const part of textParts(source)) {
    if (part.kind === "static") {
      masked = masked.padEnd(text.indexOf(part.text, masked.length), MASK) + part.text;
    }
  }
  return masked.padEnd(text.length, MASK);
}
