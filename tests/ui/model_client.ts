/**
 * A browser without a browser: it knows the client table and the operations, keeps a tree and the numbers
 * of its block instances, and writes the tree in one form whatever way it came about.
 */
import { parseFragment } from "parse5";
import {
  BRANCH,
  CODE_BITS,
  INSERT,
  MOVE,
  PatchReader,
  PERMUTE,
  REMOVE,
  SET,
  SPLICE,
  unZigZag,
  type WireValue,
} from "../../ui/patch_ops.ts";
import { JsonText, type Shown } from "../../ui/patch_writer.ts";
import type { ClientSlot, ClientTable, Path } from "../../ui/program.ts";
import {
  attributeOf,
  type Comment,
  type Element,
  isContent,
  isOfElement,
  type Node,
  nodeAt,
  optionsIn,
  propertyOf,
  rootOf,
  setAttribute,
  setStyle,
  styles,
  type Text,
  textIn,
  toggleWord,
  words,
} from "./model_tree.ts";

/** A block instance in the page. */
interface Instance {
  readonly number: number;
  readonly block: number;
  readonly element: Element;
  /** By slot. */
  readonly nodes: Node[];
  /** Items of lists and the branch of conditions, by slot. */
  readonly children: Map<number, Instance[]>;
  /** Of conditions, by slot. */
  readonly branches: Map<number, number>;
}

/** Operations with their texts. */
interface Ops {
  readonly ops: Uint8Array;
  readonly texts: readonly string[];
}

/** What a page that shows an island does. */
export class ModelClient {
  readonly #table: ClientTable;
  readonly #instances = new Map<number, Instance>();
  /** Properties that differ from attributes, by element. */
  readonly #properties = new Map<Node, Map<string, string>>();
  #next = 0;
  #root!: Instance;

  /** Adopts the server's markup. */
  constructor(
    table: ClientTable,
    snapshot: Ops & { readonly html: string; readonly numbers: Uint8Array },
  ) {
    this.#table = table;
    const [element] = parseFragment(snapshot.html).childNodes;
    const numbers = numbersIn(snapshot.numbers);
    let place = 0;
    this.#root = this.#adopt(element as Element, 0, () => numbers.at(place++));
    this.#next = numbers.next ?? place;
    this.apply(snapshot);
  }

  apply({ ops, texts }: Ops): void {
    const reader = new PatchReader(ops, texts);
    while (reader.hasMore()) {
      const word = reader.uint();
      const instance = this.#instances.get(reader.instance());
      if (instance === undefined) throw new Error("no such instance");
      this.#apply(reader, word % 2 ** CODE_BITS, instance, Math.floor(word / 2 ** CODE_BITS));
    }
  }

  /** Sets a bound input, as its user does. */
  set(instance: number, slot: number, value: Shown): void {
    const found = this.#instances.get(instance) as Instance;
    this.#show(found, slot, value instanceof JsonText ? JSON.parse(value.text) : value);
  }

  /** The tree in one form. */
  html(): string {
    return this.#nodeHtml(this.#root.element);
  }

  /** The numbers of all instances, in the order of the document. */
  numbers(): number[] {
    const numbers: number[] = [];
    const visit = (instance: Instance) => {
      numbers.push(instance.number);
      const slots = [...instance.children.keys()].sort((a, b) => a - b);
      for (const slot of slots) instance.children.get(slot)?.forEach(visit);
    };
    visit(this.#root);
    return numbers;
  }

  /** Every slot of a kind, in the order of the document. */
  addresses(kind: ClientSlot[0]): { readonly instance: number; readonly slot: number }[] {
    return this.numbers().flatMap((instance) => {
      const { block } = this.#instances.get(instance) as Instance;
      return this.#slots(block).flatMap(([one], slot) => one === kind ? [{ instance, slot }] : []);
    });
  }

  #slots(block: number): readonly ClientSlot[] {
    return this.#table.blocks[block]?.slots ?? [];
  }

  #apply(reader: PatchReader, code: number, instance: Instance, slot: number): void {
    if (code === SET) return this.#show(instance, slot, reader.value());
    if (code === SPLICE) {
      const node = instance.nodes[slot] as Text;
      const at = reader.uint();
      const removed = reader.uint();
      node.value = node.value.slice(0, at) + reader.value() + node.value.slice(at + removed);
      return;
    }
    const children = instance.children.get(slot) as Instance[];
    const blocks = this.#slots(instance.block)[slot]?.[2];
    if (code === BRANCH) {
      for (const child of children.splice(0)) this.#end(child);
      const which = reader.uint();
      instance.branches.set(slot, which);
      const block = (blocks as unknown as readonly number[])[which - 1];
      if (block !== undefined) children.push(this.#born(reader, block));
    } else if (code === INSERT) {
      const at = reader.uint();
      const count = reader.uint();
      if (at > children.length) throw new Error("inserted behind the end");
      const born = Array.from({ length: count }, () => this.#born(reader, blocks as number));
      children.splice(at, 0, ...born);
    } else if (code === REMOVE) {
      const at = reader.uint();
      const count = reader.uint();
      if (at + count > children.length) throw new Error("removed behind the end");
      for (const child of children.splice(at, count)) this.#end(child);
    } else if (code === MOVE) {
      for (let moves = reader.uint(); moves > 0; moves--) moveIn(children, reader);
    } else if (code === PERMUTE) {
      const at = reader.uint();
      const count = reader.uint();
      const old = children.slice(at, at + count);
      if (old.length !== count) throw new Error("reordered behind the end");
      reader.order(count).forEach((from, to) => children[at + to] = old[from] as Instance);
    } else throw new Error(`unknown code ${code}`);
    this.#place(instance, slot);
  }

  /** Brings the tree into line with the children of a list or condition. */
  #place(instance: Instance, slot: number): void {
    const anchor = instance.nodes[slot] as Node;
    const parent = anchor.parentNode as Element;
    const before = this.#contentStart(instance, slot, parent);
    const end = parent.childNodes.indexOf(anchor);
    const elements = (instance.children.get(slot) as Instance[]).map(({ element }) => element);
    for (const element of elements) element.parentNode = parent;
    parent.childNodes.splice(before, end - before, ...elements);
  }

  /** Where the content of a list or condition begins: behind what stands before it in the template. */
  #contentStart(instance: Instance, slot: number, parent: Element): number {
    const anchor = instance.nodes[slot] as Node;
    const known = new Set<Node>(instance.nodes.filter((node) => node !== anchor));
    const fixed = this.#fixed.get(parent) as Set<Node>;
    let at = parent.childNodes.indexOf(anchor);
    for (; at > 0; at--) {
      const node = parent.childNodes[at - 1] as Node;
      if (fixed.has(node) || (known.has(node) && node.nodeName === "#comment")) break;
    }
    return at;
  }

  /** The children of each element that its block's markup has. */
  readonly #fixed = new Map<Node, Set<Node>>();

  #fix(template: Node, actual: Node): void {
    if (!("childNodes" in actual)) return;
    this.#fixed.set(actual, new Set(actual.childNodes));
    actual.childNodes.forEach((child) => this.#fix(template, child));
  }

  #born(reader: PatchReader, block: number): Instance {
    const element = rootOf(this.#table, block);
    this.#fix(element, element);
    const slots = this.#slots(block);
    const nodes = slots.map(([, path]) => nodeAt(element, path));
    const instance = this.#begin(this.#next++, block, element, nodes);
    slots.forEach(([kind, , more], slot) => {
      if (kind === "list") {
        const born: Instance[] = [];
        for (let count = reader.uint(); count > 0; count--) {
          born.push(this.#born(reader, more as number));
        }
        instance.children.set(slot, born);
        this.#place(instance, slot);
      } else if (kind === "cond") {
        const which = reader.uint();
        const child = (more as readonly number[])[which - 1];
        instance.branches.set(slot, which);
        instance.children.set(slot, child === undefined ? [] : [this.#born(reader, child)]);
        this.#place(instance, slot);
      } else if (!SILENT.has(kind)) this.#show(instance, slot, reader.value());
    });
    return instance;
  }

  #begin(number: number, block: number, element: Element, nodes: Node[]): Instance {
    const instance: Instance = {
      number,
      block,
      element,
      nodes,
      children: new Map(),
      branches: new Map(),
    };
    this.#instances.set(number, instance);
    return instance;
  }

  #end(instance: Instance): void {
    this.#instances.delete(instance.number);
    for (const children of instance.children.values()) {
      for (const child of children) this.#end(child);
    }
  }

  #adopt(element: Element, block: number, number: () => number): Instance {
    const slots = this.#slots(block);
    const nodes: Node[] = [];
    const instance = this.#begin(number(), block, element, nodes);
    const template = rootOf(this.#table, block);
    this.#walk(instance, template, element, [], number);
    slots.forEach(([kind, path, name], slot) => {
      const node = nodes[slot] ?? element;
      if (kind === "prop") this.#take(node as Element, name as string);
      if (kind === "bind") this.#take(node as Element, propertyOf(name as string));
      void path;
    });
    return instance;
  }

  /** Goes through the template's markup and the page's side by side. */
  #walk(
    instance: Instance,
    template: Element,
    actual: Element,
    path: Path,
    number: () => number,
  ): void {
    const slots = this.#slots(instance.block);
    const at = (where: Path) =>
      slots.flatMap(([, one], slot) => `${one}` === `${where}` ? slot : []);
    for (const slot of at(path)) if (isOfElement(slots[slot])) instance.nodes[slot] = actual;
    if (at(path).some((slot) => isContent(slots[slot], actual))) return;
    const fixed = new Set<Node>();
    this.#fixed.set(actual, fixed);
    let cursor = 0;
    template.childNodes.forEach((child, index) => {
      const here = [...path, index];
      const [slot] = at(here).filter((one) => !isOfElement(slots[one]));
      let node = actual.childNodes[cursor] as Node;
      if (slot !== undefined && child.nodeName === "#comment") {
        const [kind, , more] = slots[slot] as ClientSlot;
        const children: Instance[] = [];
        instance.children.set(slot, children);
        const start = cursor;
        while (node.nodeName !== "#comment") node = actual.childNodes[++cursor] as Node;
        const { data } = node as Comment;
        if (data[0] !== kind[0]) throw new Error(`an anchor says ${data}`);
        const which = Number(data.slice(1));
        if (kind === "cond") instance.branches.set(slot, which);
        const block = kind === "cond" ? (more as readonly number[])[which - 1] : more;
        for (const item of actual.childNodes.slice(start, cursor)) {
          children.push(this.#adopt(item as Element, block as number, number));
        }
        (node as Comment).data = "";
      } else if (slot !== undefined && node?.nodeName !== "#text") {
        node = { nodeName: "#text", value: "", parentNode: actual };
        actual.childNodes.splice(cursor, 0, node);
      }
      if (slot !== undefined) instance.nodes[slot] = node;
      if (child.nodeName !== node?.nodeName) throw new Error(`expected ${child.nodeName}`);
      fixed.add(node);
      if ("tagName" in child) this.#walk(instance, child, node as Element, here, number);
      cursor++;
    });
    if (cursor !== actual.childNodes.length) throw new Error("there is more than the template has");
  }

  /** Makes a property of what markup says of it. */
  #take(element: Element, name: string): void {
    if (element.tagName === "select" && name === "value") {
      const chosen = optionsIn(element).filter((option) =>
        attributeOf(option, "selected") !== null
      );
      for (const option of optionsIn(element)) setAttribute(option, "selected", null);
      const values = chosen.map((option) => attributeOf(option, "value") ?? textIn(option).trim());
      this.#setProperty(element, name, values.sort().join());
    } else if (element.tagName === "textarea" && name === "value") {
      this.#setProperty(element, name, textIn(element));
      element.childNodes = [];
    } else {
      const attribute = name.toLowerCase();
      const value = attributeOf(element, attribute);
      setAttribute(element, attribute, null);
      this.#setProperty(element, name, name === "value" ? value : value === "" ? true : value);
    }
  }

  #setProperty(element: Node, name: string, value: WireValue): void {
    let properties = this.#properties.get(element);
    if (properties === undefined) this.#properties.set(element, properties = new Map());
    const isNothing = value === null || value === false || value === "";
    if (isNothing) properties.delete(name);
    else properties.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }

  #show(instance: Instance, slot: number, value: WireValue): void {
    const [kind, , more] = this.#slots(instance.block)[slot] as ClientSlot;
    const name = more as string;
    const node = instance.nodes[slot] as Node;
    switch (kind) {
      case "text":
        (node as Text).value = String(value);
        return;
      case "attr":
        return setAttribute(node as Element, name, value === null ? null : String(value));
      case "class":
        return toggleWord(node as Element, name, value === true);
      case "style":
        return setStyle(node as Element, name, value === null ? null : String(value));
      case "show":
        return setAttribute(node as Element, "hidden", value === true ? null : "");
      case "html":
        (node as Element).childNodes = parseFragment(node as Element, String(value), {}).childNodes;
        return;
      case "prop":
        return this.#setProperty(node, name, value);
      case "bind":
        return this.#setProperty(
          node,
          propertyOf(name),
          Array.isArray(value) ? value.sort().join() : value,
        );
      case "plugin":
        return this.#setProperty(node, `plugin ${name}`, JSON.stringify(value));
      default:
        throw new Error(`${kind} shows nothing`);
    }
  }

  #nodeHtml(node: Node): string {
    if (node.nodeName === "#text") return `[${(node as Text).value}]`;
    if (node.nodeName === "#comment") return "|";
    const { tagName, attrs, childNodes } = node as Element;
    const names = attrs.map(({ name, value }) => {
      if (name === "class") return `class=${words(value).sort().join(" ")}`;
      return name === "style" ? `style=${[...styles(value)].sort()}` : `${name}=${value}`;
    }).filter((one) => one !== "class=" && one !== "style=");
    const properties = [...this.#properties.get(node) ?? []].map(([name, value]) =>
      `.${name}=${value}`
    );
    const all = [...names, ...properties].sort().map((one) => ` ${one}`).join("");
    return `<${tagName}${all}>${childNodes.map((child) => this.#nodeHtml(child)).join("")}</>`;
  }
}

/** Slots that show nothing. */
const SILENT: ReadonlySet<ClientSlot[0]> = new Set([
  "on",
  "do",
  "drag",
  "drop",
  "island",
  "upload",
]);

function numbersIn(bytes: Uint8Array): { at(place: number): number; next?: number } {
  if (bytes.length === 0) return { at: (place) => place };
  const reader = new PatchReader(bytes, []);
  const next = reader.uint();
  const numbers: number[] = [];
  for (let expected = 0; reader.hasMore();) {
    let number = expected + unZigZag(reader.uint());
    for (let count = reader.uint(); count > 0; count--) numbers.push(number++);
    expected = number;
  }
  return { at: (place) => numbers[place] as number, next };
}

function moveIn(children: Instance[], reader: PatchReader): void {
  const head = reader.uint();
  const count = head % 2 === 1 ? reader.uint() : 1;
  const to = reader.uint();
  const taken = children.splice(Math.floor(head / 2), count);
  if (taken.length !== count || to > children.length) throw new Error("moved behind the end");
  children.splice(to, 0, ...taken);
}
