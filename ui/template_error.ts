/** What is wrong with a template, and where. */
import { editsBetween } from "./edits_between.ts";
import type { SourcePlace } from "./program.ts";

/** An error in a template; its message begins with the place, as `file:line:column`. */
export class TemplateError extends Error {
  readonly place: SourcePlace;
  /** The name that was probably meant. */
  readonly suggestion: string | null;

  constructor(place: SourcePlace, problem: string, suggestion: string | null = null) {
    const hint = suggestion === null ? "" : `; did you mean "${suggestion}"?`;
    super(`${place.file}:${place.line}:${place.column}: ${problem}${hint}`);
    this.name = "TemplateError";
    this.place = place;
    this.suggestion = suggestion;
  }
}

/** Everything that is wrong with a template, in the order of its files' lines. */
export class TemplateErrors extends AggregateError {
  declare readonly errors: TemplateError[];

  constructor(errors: readonly TemplateError[]) {
    const list = errors.map(({ message }) => `  ${message}`).join("\n");
    super(errors, `${errors.length} errors in templates:\n${list}`);
    this.name = "TemplateErrors";
  }
}

/** Names that differ in more than a third of their letters are not meant. */
const CLOSE_PART = 3;

/** The name nearest to this one, if any is near. */
export function nearestName(name: string, names: Iterable<string>): string | null {
  let best: string | null = null;
  let bound = Math.floor(name.length / CLOSE_PART) + 1;
  for (const candidate of names) {
    const distance = editsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (distance > bound || (distance === bound && best !== null)) continue;
    best = candidate;
    bound = distance;
  }
  return best;
}
