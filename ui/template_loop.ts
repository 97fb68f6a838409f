/** The directive of loops, `g-for`, taken apart. */
import { isVariableName } from "./expression_syntax.ts";
import { TemplateError } from "./template_error.ts";
import { sliceOf, type SourceText } from "./template_source.ts";
import type { TemplateAttribute } from "./template_tree.ts";

/** What a loop goes over, and how it names what it finds. */
export interface Loop {
  readonly item: string;
  /** Of the index, or of the key in a map. */
  readonly key: string | null;
  readonly list: SourceText;
}

/** `x in list`, `x, i in list`, `(x, i) in list`, `[key, value] in map`. */
const LOOP =
  /^\s*(?:\(\s*(\S+?)\s*,\s*(\S+?)\s*\)|\[\s*(\S+?)\s*,\s*(\S+?)\s*\]|(\S+?)(?:\s*,\s*(\S+?))?)\s+(?:in|of)\s+/;

/**
 * Takes a loop apart.
 *
 * @throws {TemplateError} when it is none
 */
export function loopOf({ value }: TemplateAttribute): Loop {
  const written = LOOP.exec(value.text);
  if (written === null) {
    throw new TemplateError(value.placeAt(0), 'a loop reads as in g-for="item in list"');
  }
  const [head, item, index, key, entry, only, second] = written;
  const names = [entry ?? item ?? only ?? "", key ?? index ?? second ?? null] as const;
  for (const name of names) {
    if (name === null) continue;
    if (!isVariableName(name) || name === "event") {
      const place = value.placeAt(value.text.indexOf(name));
      throw new TemplateError(place, `"${name}" cannot be the name of a variable`);
    }
  }
  if (names[0] === names[1]) {
    throw new TemplateError(value.placeAt(0), `"${names[0]}" is named twice`);
  }
  return { item: names[0], key: names[1], list: sliceOf(value, head.length) };
}
