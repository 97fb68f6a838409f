/** What a slot shows for the value of its expression. */
import { isTrue, shownText } from "./expression_text.ts";
import { JsonText, type Shown } from "./patch_writer.ts";
import type { InputKind, Slot, Tracker } from "./program.ts";
import { isAddress, isCode, safeAttribute } from "./template_safety.ts";

/** Makes what is shown of a value; what it reads in it is told to the tracker. */
export type Show = (value: unknown, tracker?: Tracker) => Shown;

/** How a slot shows values; `null` for one that shows none, or whose content is blocks. */
export function showOf(slot: Slot): Show | null {
  switch (slot.kind) {
    case "text":
      return textOf;
    case "attr":
      return safely(slot.name, attributeOf);
    case "style":
      return attributeOf;
    case "class":
    case "show":
      return isTrue;
    case "html":
      return shownText;
    case "prop":
      return safely(slot.name, jsonOf);
    case "plugin":
      return jsonOf;
    case "bind":
      return slot.option === null ? inputShow(slot.input) : textOf;
    default:
      return null;
  }
}

/** Whether what is shown before and after is the same. */
export function isSameShown(before: Shown, after: Shown): boolean {
  if (before === after) return true;
  return before instanceof JsonText && after instanceof JsonText && before.text === after.text;
}

/** Whether a value, if it is no object, would be shown as what is shown; false for objects. */
export function isStillShown(show: Show, value: unknown, shown: Shown): boolean {
  if (value !== null && (typeof value === "object" || typeof value === "function")) return false;
  return isSameShown(shown, show(value));
}

/** A value as text or, to travel in fewer bytes, as an integer. */
function textOf(value: unknown, tracker?: Tracker): string | number {
  if (typeof value === "string") return value;
  return isPlainInteger(value) ? value : shownText(value, tracker);
}

function attributeOf(value: unknown, tracker?: Tracker): Shown {
  if (value === null || value === undefined || value === false) return null;
  return value === true ? "" : textOf(value, tracker);
}

function jsonOf(value: unknown, tracker?: Tracker): Shown {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean" || isPlainInteger(value)) {
    return value;
  }
  // What JSON takes of it, nobody says.
  if (typeof value === "object") tracker?.opaque();
  return new JsonText(JSON.stringify(value) ?? "null");
}

/** Leaves out what a page must not be told. */
function safely(name: string, show: Show): Show {
  if (!isCode(name) && !isAddress(name)) return show;
  return (value, tracker) => {
    const shown = show(value, tracker);
    return shown === null ? null : safeAttribute(name, String(shown));
  };
}

function inputShow(input: InputKind): Show {
  switch (input) {
    case "checkbox":
    case "radio":
      return isTrue;
    case "multiple":
      return (value, tracker) => {
        const isList = Array.isArray(value) || value instanceof Set;
        if (isList) tracker?.read(value, "length");
        return new JsonText(JSON.stringify(isList ? [...value].map(String) : []));
      };
    default:
      return textOf;
  }
}

/** An integer that a varint can say; minus zero would come out as zero. */
function isPlainInteger(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= INTEGER_MAX &&
    !Object.is(value, -0);
}

/** Heads of values are four times the number, and travel as exact integers. */
const INTEGER_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 4) - 1;
