/** The tree of the model client: elements as parse5 has them, their attributes, classes and styles. */
import { defaultTreeAdapter, type DefaultTreeAdapterTypes, parseFragment } from "parse5";
import type { ClientSlot, ClientTable, Path } from "../../ui/program.ts";

export type Node = DefaultTreeAdapterTypes.ChildNode;
export type Element = DefaultTreeAdapterTypes.Element;
export type Text = DefaultTreeAdapterTypes.TextNode;
export type Comment = DefaultTreeAdapterTypes.CommentNode;

/** A block's element, as it is cloned. */
export function rootOf(table: ClientTable, block: number): Element {
  const { html = "", namespace } = table.blocks[block] ?? {};
  const around = namespace === undefined ? html : `<${namespace}>${html}</${namespace}>`;
  const [outer] = parseFragment(around).childNodes as Element[];
  const root = namespace === undefined ? outer : outer?.childNodes[0];
  defaultTreeAdapter.detachNode(root as Node);
  return root as Element;
}

export function nodeAt(element: Element, path: Path): Node {
  let node: Node = element;
  for (const index of path) node = (node as Element).childNodes[index] as Node;
  return node;
}

export function isOfElement(slot: ClientSlot | undefined): boolean {
  return slot !== undefined && !["text", "list", "cond"].includes(slot[0]);
}

/** Whether a slot is all that is in an element. */
export function isContent(slot: ClientSlot | undefined, element: Element): boolean {
  if (slot?.[0] === "html") return true;
  return element.tagName === "textarea" && (slot?.[0] === "bind" || slot?.[2] === "value");
}

export function propertyOf(input: string): string {
  return input === "checkbox" || input === "radio" ? "checked" : "value";
}

export function attributeOf(element: Element, name: string): string | null {
  return element.attrs.find((one) => one.name === name)?.value ?? null;
}

export function setAttribute(element: Element, name: string, value: string | null): void {
  element.attrs = element.attrs.filter((one) => one.name !== name);
  if (value !== null) element.attrs.push({ name, value });
}

export function words(text: string | null): string[] {
  return (text ?? "").split(" ").filter((word) => word !== "");
}

export function toggleWord(element: Element, word: string, isOn: boolean): void {
  const rest = words(attributeOf(element, "class")).filter((one) => one !== word);
  setAttribute(element, "class", [...rest, ...isOn ? [word] : []].join(" "));
}

export function styles(text: string | null): Map<string, string> {
  const parts = (text ?? "").split(";").map((part) => part.split(":"));
  return new Map(
    parts.filter(([name]) => name?.trim()).map(([name, ...value]) => [
      (name as string).trim(),
      value.join(":").trim(),
    ]),
  );
}

export function setStyle(element: Element, name: string, value: string | null): void {
  const known = styles(attributeOf(element, "style"));
  known.delete(name);
  if (value !== null) known.set(name, value);
  setAttribute(element, "style", [...known].map((pair) => pair.join(": ")).join("; "));
}

export function optionsIn(node: Node): Element[] {
  if (!("childNodes" in node)) return [];
  const own = node.nodeName === "option" ? [node as Element] : [];
  return [...own, ...node.childNodes.flatMap(optionsIn)];
}

export function textIn(node: Node): string {
  if (node.nodeName === "#text") return (node as Text).value;
  return "childNodes" in node ? node.childNodes.map(textIn).join("") : "";
}
