/** Text with expressions in it: `Hello {{name}}`. */
import { noteTree } from "./expression.ts";
import { shownText } from "./expression_text.ts";
import type { Expression, Scope } from "./program.ts";
import { sliceOf, type SourceText } from "./template_source.ts";

/** A piece of a text: as it stands, or what stands between `{{` and `}}`. */
export type TextPart =
  | { readonly kind: "static"; readonly text: string }
  | { readonly kind: "dynamic"; readonly source: SourceText };

/** A piece of a text whose expressions are compiled. */
export type CompiledPart = string | Expression;

/** White space as markup has it; the no-break space is none. */
export const BLANK = /^[ \t\n\f\r]*$/;

/** The pieces of a text. An empty `{{}}` is dropped; a `{{` without an end stands for itself. */
export function textParts(source: SourceText): readonly TextPart[] {
  const { text } = source;
  const parts: TextPart[] = [];
  let from = 0;
  for (let open = text.indexOf("{{"); open >= 0; open = text.indexOf("{{", from)) {
    const close = closeOf(text, open + 2);
    if (close < 0) break;
    if (open > from) parts.push({ kind: "static", text: text.slice(from, open) });
    const inner = trimmed(sliceOf(source, open + 2, close));
    if (inner.text !== "") parts.push({ kind: "dynamic", source: inner });
    from = close + 2;
  }
  if (from < text.length) parts.push({ kind: "static", text: text.slice(from) });
  return parts;
}

/** The text without the white space around it. */
export function trimmed(source: SourceText): SourceText {
  const { text } = source;
  const from = text.length - text.trimStart().length;
  return sliceOf(source, from, Math.max(from, text.trimEnd().length));
}

/** One expression of all pieces: the value itself where there is but one piece, else a text. */
export function joined(parts: readonly CompiledPart[]): Expression {
  const [first] = parts;
  const start = parts.find((part) => typeof part !== "string") as Expression;
  if (parts.length === 1 && typeof first === "object") return first;
  const text = parts.map((part) => typeof part === "string" ? part : `{{${part.text}}}`).join("");
  const evaluate = (scope: Scope) => {
    let value = "";
    for (const part of parts) {
      value += typeof part === "string" ? part : shownText(part.evaluate(scope), scope.tracker);
    }
    return value;
  };
  const pieces = parts.map((part) => typeof part === "string" ? part : part.evaluate);
  noteTree(evaluate, { kind: "texts", parts: pieces });
  return { place: start.place, text, evaluate };
}

/** Where the `}}` stands; those in texts and in objects of the expression are not meant. */
function closeOf(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const sign = text[at];
    if (sign === "'" || sign === '"') {
      const end = quoteEnd(text, at);
      if (end < 0) break;
      at = end;
    } else if (sign === "{") {
      depth++;
    } else if (sign === "}") {
      if (depth === 0 && text[at + 1] === "}") return at;
      depth = Math.max(0, depth - 1);
    }
  }
  // Its parts do not match: the parser of expressions will say so.
  return text.indexOf("}}", from);
}

function quoteEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === text[from]) return at;
  }
  return -1;
}
