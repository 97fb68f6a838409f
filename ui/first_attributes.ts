/**
 * The attributes of an element in first markup: static ones, and those that slots show.
 *
 * Styles are not among them: pages whose policy is `style-src 'self'` refuse style attributes, so they are
 * set by operations. What is not to be shown has the attribute `hidden`.
 */
import type { DefaultTreeAdapterTypes } from "parse5";
import { JsonText, type Shown } from "./patch_writer.ts";
import type { Slot } from "./program.ts";

/** Attributes of an element that has slots. */
export interface ElementSlots {
  /** As they stand in a tag. */
  readonly fixed: string;
  readonly classes: string;
  readonly classSlots: readonly Named[];
  /** Of the slot that shows or hides the element, or -1. */
  readonly show: number;
  readonly attributes: readonly Named[];
}

interface Named {
  readonly name: string;
  readonly slot: number;
}

/** Properties that are there or not, and their attributes. */
const BOOLEAN_PROPERTIES: ReadonlyMap<string, string> = lowerNames(
  "allowFullscreen async autofocus autoplay checked controls default defer disabled formNoValidate " +
    "hidden inert loop multiple muted noModule noValidate open playsInline readOnly required " +
    "reversed selected",
);

/** Properties with a text or number, and their attributes. */
const TEXT_PROPERTIES: ReadonlyMap<string, string> = new Map([
  ...lowerNames(
    "accept accessKey action alt autocapitalize autocomplete cols colSpan dir download draggable " +
      "enctype height href hreflang id label lang loading max maxLength media method min minLength " +
      "name pattern placeholder poster rel rows rowSpan size sizes span src srcset start step " +
      "tabIndex target title type value width wrap",
  ),
  ["className", "class"],
  ["htmlFor", "for"],
]);

/** The attributes of an element: as they stand in a tag when no slot shows any. */
export function attributesOf(
  element: DefaultTreeAdapterTypes.Element,
  slots: readonly Slot[],
  indexes: readonly number[],
): string | ElementSlots {
  const classSlots: Named[] = [];
  const attributes: Named[] = [];
  let show = -1;
  for (const index of indexes) {
    const slot = slots[index] as Slot;
    if (slot.kind === "class") classSlots.push({ name: slot.name, slot: index });
    else if (slot.kind === "show") show = index;
    else {
      const name = attributeName(slot, element.tagName);
      if (name !== null) attributes.push({ name, slot: index });
    }
  }
  const isDynamic = show >= 0 || classSlots.length + attributes.length > 0;
  const rest = isDynamic
    ? element.attrs.filter(({ name }) =>
      name !== "class" && !attributes.some((one) => one.name === name)
    )
    : element.attrs;
  const fixed = rest.map(({ prefix, name, value }) =>
    attribute(prefix === undefined || prefix === "" ? name : `${prefix}:${name}`, value)
  ).join("");
  if (!isDynamic) return fixed;
  const staticClass = element.attrs.find(({ name }) => name === "class")?.value ?? "";
  const hasOwnClass = attributes.some(({ name }) => name === "class");
  return { fixed, classes: hasOwnClass ? "" : staticClass, classSlots, show, attributes };
}
/** Attributes as they stand in a tag, each with a space before it. */
export function writeAttributes(held: readonly unknown[], of: ElementSlots): string {
  let html = of.fixed;
  let classes = of.classes;
  for (const { name, slot } of of.attributes) {
    const value = held[slot] as Shown;
    if (name === "class") classes = attributeText(value);
    else if (value !== null && value !== false && !(value instanceof JsonText)) {
      html += attribute(name, attributeText(value));
    }
  }
  for (const { name, slot } of of.classSlots) {
    if (held[slot] === true) classes += classes === "" ? name : ` ${name}`;
  }
  if (of.show >= 0 && held[of.show] === false) html += " hidden";
  if (classes !== "") html += attribute("class", classes);
  return html;
}

/** Whether markup says what a slot shows, so that it need not be told again. */
export function isInMarkup(slot: Slot, value: Shown): boolean {
  if (slot.kind === "plugin") return false;
  if (value === null) return true;
  if (slot.kind === "style" || isStyle(slot)) return false;
  if (slot.kind !== "prop") return true;
  if (value instanceof JsonText) return false;
  return slot.name === "value" || BOOLEAN_PROPERTIES.has(slot.name) ||
    TEXT_PROPERTIES.has(slot.name);
}

/** The attribute that says what a slot shows; `null` if none does, or the element's content does. */
function attributeName(slot: Slot, tagName: string): string | null {
  if (isStyle(slot)) return null;
  if (slot.kind === "attr") return slot.name;
  if (slot.kind === "bind") {
    if (slot.input === "checkbox" || slot.input === "radio") return "checked";
    return tagName === "textarea" || tagName === "select" ? null : "value";
  }
  if (slot.kind !== "prop") return null;
  if (slot.name === "value" && (tagName === "textarea" || tagName === "select")) return null;
  return BOOLEAN_PROPERTIES.get(slot.name) ?? TEXT_PROPERTIES.get(slot.name) ?? null;
}

function attribute(name: string, value: string): string {
  return value === "" ? ` ${name}` : ` ${name}="${escapeAttribute(value)}"`;
}

function attributeText(value: Shown): string {
  if (value === true || value === null) return "";
  return String(value);
}

function escapeAttribute(text: string): string {
  if (!SPECIAL_IN_ATTRIBUTE.test(text)) return text;
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

const SPECIAL_IN_ATTRIBUTE = /[&"<>]/;

function isStyle(slot: Slot): boolean {
  return slot.kind === "attr" && slot.name === "style";
}

function lowerNames(names: string): ReadonlyMap<string, string> {
  return new Map(names.split(" ").map((name) => [name, name.toLowerCase()]));
}
