/**
 * Puts partials, and what stands in their slots, where they are named: a part of a tree becomes a flat
 * list of elements and texts, each with the names that it sees.
 *
 *     <g-partial name="card" title="user.name"><b slot="head">…</b> anything else</g-partial>
 *     card:  <div><slot name="head">…</slot><h2>{{title}}</h2><slot></slot></div>
 *
 * A partial sees its parameters, and what stands around the place where it is named.
 */
import type { Binding } from "./expression.ts";
import { ANY, type Shape } from "./expression_shape.ts";
import type { Expression, SourcePlace } from "./program.ts";
import { nearestName, TemplateError } from "./template_error.ts";
import type { SourceText } from "./template_source.ts";
import type { ExpressionCompiler, Names, SlotContent } from "./template_names.ts";
import { BLANK, type CompiledPart, textParts } from "./template_text.ts";
import {
  attributeOf,
  parseTemplate,
  type TemplateAttribute,
  type TemplateElement,
  type TemplateNode,
} from "./template_tree.ts";

/** Markup that templates share, by name; the name of its file is what errors tell. */
export type PartialSources = Readonly<Record<string, string | PartialSource>>;

/** Markup that templates share. */
export interface PartialSource {
  /** The file, as errors name it. */
  readonly file: string;
  /** The markup in it. */
  readonly template: string;
}

/** An element, or texts that stand side by side, with the names that it sees. */
export type FlatNode =
  | {
    readonly kind: "element";
    readonly element: TemplateElement;
    readonly names: Names;
    /** What the partial's element hands on to this one. */
    readonly handed: readonly HandedAttribute[];
  }
  | { readonly kind: "text"; readonly parts: readonly CompiledPart[] };

/** An attribute of a partial's element, which sees the names of the caller. */
export interface HandedAttribute {
  readonly attribute: TemplateAttribute;
  readonly names: Names;
}

/** Partials in partials. */
export const PARTIAL_DEPTH_MAX = 32;

const PARTIAL_TAG = "g-partial";
const SLOT_TAGS: ReadonlySet<string> = new Set(["slot", "g-slot"]);

/** The directives that decide whether, and how often, an element is there. */
export const STRUCTURE: ReadonlySet<string> = new Set([
  "g-for",
  "g-key",
  "g-if",
  "g-else-if",
  "g-else",
]);

/** The partials that an island's template may name. */
export class Partials {
  readonly #sources: ReadonlyMap<string, PartialSource>;
  readonly #hidden: ReadonlySet<string>;
  readonly #parsed = new Map<string, readonly TemplateNode[]>();
  readonly #compiler: ExpressionCompiler;

  constructor(sources: PartialSources, compiler: ExpressionCompiler) {
    this.#compiler = compiler;
    this.#sources = new Map(
      Object.entries(sources).map(([name, source]) => [
        name,
        typeof source === "string" ? { file: name, template: source } : source,
      ]),
    );
    // Names of partials with a hyphen are tags, too, as custom elements are.
    const tags = [...this.#sources.keys()].filter((name) => /^[a-z][\w.]*-[\w.-]*$/.test(name));
    this.#hidden = new Set([PARTIAL_TAG, "g-slot", ...tags]);
  }

  /** The tree of an island's own template. */
  parse(file: string, template: string): readonly TemplateNode[] {
    return parseTemplate(file, template, this.#hidden);
  }

  isPartial({ tag }: TemplateElement): boolean {
    return tag === PARTIAL_TAG || this.#hidden.has(tag) && tag !== "g-slot";
  }

  /**
   * The elements and texts that stand in place of these.
   *
   * @param keepsSpace whether white space between elements is shown
   */
  flat(nodes: readonly TemplateNode[], names: Names, keepsSpace: boolean): readonly FlatNode[] {
    const flat: FlatNode[] = [];
    this.#flatten(nodes, names, flat);
    return mergedTexts(flat, keepsSpace);
  }

  /** What a partial's element stands for. */
  expanded(element: TemplateElement, names: Names): readonly FlatNode[] {
    const { name, nodes, place } = this.#found(element);
    if (names.partials.includes(name)) {
      const way = [...names.partials, name].join(" in ");
      throw new TemplateError(place, `a partial cannot stand in itself: ${way}`);
    }
    if (names.partials.length >= PARTIAL_DEPTH_MAX) {
      throw new TemplateError(place, `partials stand in each other ${PARTIAL_DEPTH_MAX} deep`);
    }
    const { parameters, handed } = this.#split(element, names);
    const slots = this.#slots(element, nodes, names);
    const inner = withParameters(
      { ...names, partials: [...names.partials, name], slots },
      parameters,
    );
    const flat: FlatNode[] = [];
    this.#flatten(nodes, { ...inner, partials: [...names.partials, name], slots }, flat);
    const shown = mergedTexts(flat, false);
    if (handed.length === 0) return shown;
    const [root] = shown;
    if (shown.length !== 1 || root?.kind !== "element") {
      const { place } = (handed[0] as HandedAttribute).attribute;
      throw new TemplateError(place, `this needs the partial "${name}" to be one element`);
    }
    return [{ ...root, handed: [...root.handed, ...handed] }];
  }

  #flatten(nodes: readonly TemplateNode[], names: Names, flat: FlatNode[]): void {
    for (const node of nodes) {
      if (node.kind === "text") {
        this.#compiler.attempt(() => {
          flat.push({ kind: "text", parts: this.#compiler.parts(node.source, names) });
        });
      } else if (names.slots !== null && SLOT_TAGS.has(node.tag)) {
        this.#fill(node, names, names.slots, flat);
      } else if (node.tag === "g-slot") {
        const problem = "<g-slot> stands only in partials";
        this.#compiler.report(new TemplateError(node.place, problem));
      } else if (this.isPartial(node) && !isStructured(node)) {
        this.#compiler.attempt(() => flat.push(...this.expanded(node, names)));
      } else {
        flat.push({ kind: "element", element: node, names, handed: [] });
      }
    }
  }

  #fill(
    slot: TemplateElement,
    names: Names,
    slots: ReadonlyMap<string, SlotContent>,
    flat: FlatNode[],
  ): void {
    const content = slots.get(attributeOf(slot, "name")?.value.text ?? "");
    if (content === undefined) {
      this.#flatten(slot.children, names, flat);
      return;
    }
    // The content sees the caller's names, and runs where there may be more variables.
    const { depth } = names.environment;
    const environment = { ...content.names.environment, depth };
    this.#flatten(content.nodes, { ...content.names, environment }, flat);
  }

  #found(
    element: TemplateElement,
  ): { name: string; nodes: readonly TemplateNode[]; place: SourcePlace } {
    const attribute = element.tag === PARTIAL_TAG ? attributeOf(element, "name") : undefined;
    if (element.tag === PARTIAL_TAG && attribute === undefined) {
      throw new TemplateError(element.place, "a partial is named: <g-partial name=…>");
    }
    const name = attribute?.value.text ?? element.tag;
    const place = attribute?.value.placeAt(0) ?? element.place;
    const source = this.#sources.get(name);
    if (source === undefined) {
      const near = nearestName(name, this.#sources.keys());
      throw new TemplateError(place, `there is no partial "${name}"`, near);
    }
    let nodes = this.#parsed.get(name);
    if (nodes === undefined) {
      nodes = parseTemplate(source.file, source.template, new Set([...this.#hidden, "slot"]));
      this.#parsed.set(name, nodes);
    }
    return { name, nodes, place };
  }

  #split(
    element: TemplateElement,
    names: Names,
  ): { parameters: readonly GivenParameter[]; handed: readonly HandedAttribute[] } {
    const parameters: GivenParameter[] = [];
    const handed: HandedAttribute[] = [];
    for (const attribute of element.attributes) {
      const { name } = attribute;
      if (STRUCTURE.has(name) || name === "slot") continue;
      if (name.startsWith("g-")) handed.push({ attribute, names });
      else if (name !== "name" || element.tag !== PARTIAL_TAG) {
        this.#compiler.attempt(() => parameters.push(this.#parameter(attribute, names)));
      }
    }
    return { parameters, handed };
  }

  #parameter({ writtenName, value }: TemplateAttribute, names: Names): GivenParameter {
    const name = writtenName.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    // Text with expressions in it is a text; all else is an expression.
    if (textParts(value).some(({ kind }) => kind === "dynamic")) {
      const { evaluate } = this.#compiler.attribute(value, names) as Expression;
      return { name, value, binding: { run: evaluate, alias: null }, shape: ANY };
    }
    return { name, value, ...this.#compiler.parameter(value, names) };
  }

  #slots(
    element: TemplateElement,
    nodes: readonly TemplateNode[],
    names: Names,
  ): ReadonlyMap<string, SlotContent> {
    const known = slotNames(nodes);
    const contents = new Map<string, { nodes: TemplateNode[]; names: Names }>();
    for (const child of element.children) {
      const attribute = child.kind === "element" ? attributeOf(child, "slot") : undefined;
      if (child.kind === "text" && BLANK.test(child.source.text)) continue;
      const name = attribute?.value.text ?? "";
      if (!known.has(name)) {
        const place = child.kind === "element" ? child.place : child.source.placeAt(0);
        const problem = name === ""
          ? "this partial has no <slot> for what stands in it"
          : `this partial has no slot "${name}"`;
        this.#compiler.report(new TemplateError(place, problem, nearestName(name, known)));
        continue;
      }
      const content = contents.get(name) ?? { nodes: [], names };
      contents.set(name, content);
      content.nodes.push(...withoutSlot(child));
    }
    return contents;
  }
}

interface GivenParameter {
  readonly name: string;
  readonly value: SourceText;
  readonly binding: Binding;
  readonly shape: Shape;
}

function withParameters(names: Names, parameters: readonly GivenParameter[]): Names {
  const bindings = new Map(names.environment.names);
  const shapes = new Map(names.shapes);
  const known = new Map(names.parameters);
  for (const { name, value, binding, shape } of parameters) {
    bindings.set(name, binding);
    shapes.set(name, shape);
    known.set(name, { source: value, names });
  }
  const environment = { ...names.environment, names: bindings };
  return { ...names, environment, shapes, parameters: known };
}

/** Whether an element is there conditionally, or several times. */
export function isStructured({ attributes }: TemplateElement): boolean {
  return attributes.some(({ name }) => STRUCTURE.has(name));
}

function slotNames(nodes: readonly TemplateNode[]): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: TemplateNode) => {
    if (node.kind === "text") return;
    if (SLOT_TAGS.has(node.tag)) names.add(attributeOf(node, "name")?.value.text ?? "");
    node.children.forEach(visit);
  };
  nodes.forEach(visit);
  return names;
}

/** A `template` in a slot stands for what is in it. */
function withoutSlot(node: TemplateNode): readonly TemplateNode[] {
  if (node.kind === "text" || attributeOf(node, "slot") === undefined) return [node];
  const attributes = node.attributes.filter(({ name }) => name !== "slot");
  if (node.tag === "template" && attributes.length === 0) return node.children;
  return [{ ...node, attributes }];
}

/** Texts side by side become one; white space alone is dropped unless it is kept. */
function mergedTexts(flat: readonly FlatNode[], keepsSpace: boolean): readonly FlatNode[] {
  const merged: FlatNode[] = [];
  for (const node of flat) {
    const last = merged.at(-1);
    if (node.kind === "text" && last?.kind === "text") {
      merged[merged.length - 1] = { kind: "text", parts: [...last.parts, ...node.parts] };
    } else {
      merged.push(node);
    }
  }
  const isKept = ({ parts }: FlatNode & { kind: "text" }) =>
    parts.length > 0 &&
    (keepsSpace || parts.some((part) => typeof part === "object" || !BLANK.test(part)));
  const kept = merged.filter((node) => node.kind === "element" || isKept(node));
  return kept.map((node, index) => {
    if (node.kind === "element" || keepsSpace) return node;
    return { kind: "text", parts: tightened(node.parts, index === 0, index === kept.length - 1) };
  });
}

/** Line breaks around expressions are the template's layout: they are not sent with every change. */
function tightened(
  parts: readonly CompiledPart[],
  isFirst: boolean,
  isLast: boolean,
): readonly CompiledPart[] {
  if (parts.every((part) => typeof part === "string")) return [parts.join("")];
  const runs = parts.map((part, index) => {
    if (typeof part === "object") return part;
    let text = part;
    if (index === 0) text = text.replace(/^[ \t\f\r]*\n[ \t\n\f\r]*/, isFirst ? "" : " ");
    if (index === parts.length - 1) {
      text = text.replace(/[ \t\f\r]*\n[ \t\n\f\r]*$/, isLast ? "" : " ");
    }
    return text;
  });
  return runs.filter((part) => part !== "");
}
