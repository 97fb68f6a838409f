/** Directives of drag and drop: what an element stands for, and what is called when it gets something. */
import type { HandedAttribute } from "./partials.ts";
import type { Expression, Slot } from "./program.ts";
import { TemplateError } from "./template_error.ts";
import { handlerCall } from "./template_events.ts";
import type { DirectivePlace } from "./template_inputs.ts";
import type { ExpressionCompiler } from "./template_names.ts";

const GROUP_NAME = /^[\w-]*$/;

/**
 * The slot of `g-draggable`, `g-drop`, each with a group or without, or of `g-dropzone`: null, since it
 * only says what the element's `g-drop` tells its method.
 *
 * @param all the attributes of the element
 */
export function dragSlot(
  directive: string,
  group: string,
  { attribute, names, path, compiler }: DirectivePlace,
  all: readonly HandedAttribute[],
): Slot | null {
  if (!GROUP_NAME.test(group)) {
    throw new TemplateError(attribute.place, "a group's name has letters, digits, - and _");
  }
  if (directive === "g-draggable") {
    return { kind: "drag", path, group, value: compiler.expression(attribute.value, names) };
  }
  if (directive === "g-drop") {
    const { call } = handlerCall(attribute.value, names, compiler, { given: 2 });
    return { kind: "drop", path, group, value: valueOf(group, compiler, all), call };
  }
  if (!all.some(({ attribute: { name } }) => /^g-drop(?::|$)/.test(name))) {
    throw new TemplateError(attribute.place, "g-dropzone needs g-drop beside it");
  }
  compiler.expression(attribute.value, names);
  return null;
}

/** What an element that things are dropped on stands for. */
function valueOf(
  group: string,
  compiler: ExpressionCompiler,
  all: readonly HandedAttribute[],
): Expression | null {
  const suffix = group === "" ? "" : `:${group.toLowerCase()}`;
  const wanted = [`g-dropzone${suffix}`, "g-dropzone", `g-draggable${suffix}`];
  const found = wanted.map((name) => all.find(({ attribute }) => attribute.name === name))
    .find((one) => one !== undefined) ??
    all.find(({ attribute }) => /^g-draggable(?::|$)/.test(attribute.name));
  return found === undefined ? null : compiler.expression(found.attribute.value, found.names);
}
