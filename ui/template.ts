/**
 * Compiles an island's template: markup and directives to blocks of static markup, and the slots in them.
 *
 * A template is one element. Its `g-for` and `g-if` become blocks of their own, each of one element,
 * which stand before a comment; every other directive, and every text with an expression in it, becomes
 * a slot of the block that it stands in.
 */
import { isLoopable, itemShape, keyShape, SHAPE_NAMES } from "./expression_shape.ts";
import { isTrue } from "./expression_text.ts";
import {
  type FlatNode,
  isStructured,
  Partials,
  type PartialSources,
  STRUCTURE,
} from "./partials.ts";
import type { Block, Expression, IslandProgram, Path, Slot } from "./program.ts";
import { ENGINE_WORDS } from "./properties.ts";
import { elementAttributes } from "./template_attributes.ts";
import { TemplateError } from "./template_error.ts";
import type { DirectivePlace } from "./template_inputs.ts";
import { loopOf } from "./template_loop.ts";
import { checkMarkup, type MarkupElement, type MarkupNode, markupText } from "./template_markup.ts";
import { ExpressionCompiler, type Names, OUTERMOST, withVariables } from "./template_names.ts";
import { clientTable } from "./template_table.ts";
import { joined } from "./template_text.ts";
import {
  attributeOf,
  type TemplateAttribute,
  type TemplateElement,
  type TemplateNode,
} from "./template_tree.ts";

/** What an island is compiled from. */
export interface TemplateSource {
  readonly name: string;
  readonly template: string;
  /** The template's file, as errors name it. */
  readonly file: string;
  /** A fresh object of the island's class: its initial values tell what expressions may do. */
  readonly sample: object;
  readonly partials?: PartialSources;
  /** Names of the plugins that there are; any without it. */
  readonly plugins?: Iterable<string>;
}

/** Blocks of one island. */
export const TEMPLATE_BLOCKS_MAX = 10_000;

type FlatElement = FlatNode & { readonly kind: "element" };

/** A block that is being compiled. */
interface OpenBlock {
  readonly slots: Slot[];
  readonly radios: DirectivePlace["radios"];
}

/**
 * Compiles an island.
 *
 * @throws {TemplateError} when something is wrong with its template, or a partial's
 * @throws {TemplateErrors} when several things are
 */
export function compileIsland(source: TemplateSource): IslandProgram {
  const compilation = new Compilation(source);
  const blocks = compilation.run();
  return { name: source.name, blocks, table: clientTable(blocks) };
}

class Compilation {
  readonly #source: TemplateSource;
  readonly #compiler: ExpressionCompiler;
  readonly #partials: Partials;
  readonly #plugins: ReadonlySet<string> | null;
  readonly #blocks: (Block | null)[] = [];

  constructor(source: TemplateSource) {
    this.#source = source;
    this.#compiler = new ExpressionCompiler(source.sample);
    this.#partials = new Partials(source.partials ?? {}, this.#compiler);
    this.#plugins = source.plugins === undefined ? null : new Set(source.plugins);
  }

  run(): readonly Block[] {
    const compiler = this.#compiler;
    compiler.attempt(() => {
      this.#refuseEngineWords();
      const nodes = this.#partials.parse(this.#source.file, this.#source.template);
      const root = this.#sole(nodes, OUTERMOST, { file: this.#source.file, line: 1, column: 1 });
      if (isStructured(root.element)) {
        const problem = "the island's own element is always there: wrap it in another one";
        throw new TemplateError(root.element.place, problem);
      }
      checkMarkup(this.#block(root).markup);
    });
    compiler.finish();
    return this.#blocks as Block[];
  }

  #refuseEngineWords(): void {
    const word = Object.keys(this.#source.sample).find((name) => ENGINE_WORDS.has(name));
    if (word === undefined) return;
    const place = { file: this.#source.file, line: 1, column: 1 };
    throw new TemplateError(place, `a field cannot be named "${word}": it is a word of the engine`);
  }

  /** The only element among nodes. */
  #sole(
    nodes: readonly TemplateNode[],
    names: Names,
    place: TemplateElement["place"],
  ): FlatElement {
    const flat = this.#partials.flat(nodes, names, false);
    return this.#onlyOne(flat, place);
  }

  #onlyOne(flat: readonly FlatNode[], place: TemplateElement["place"]): FlatElement {
    const [only, second] = flat;
    if (only?.kind === "element" && second === undefined) return only;
    const extra = flat.find((node, index) => node.kind === "text" || index > 0);
    const problem = extra === undefined
      ? "an element is missing here"
      : extra.kind === "text"
      ? "only one element may stand here, and no text beside it"
      : "only one element may stand here";
    throw new TemplateError(extra?.kind === "element" ? extra.element.place : place, problem);
  }

  /** Compiles a block of one element. */
  #block(root: FlatElement): { readonly id: number; readonly markup: MarkupElement } {
    const id = this.#blocks.length;
    if (id >= TEMPLATE_BLOCKS_MAX) {
      const problem = `an island has at most ${TEMPLATE_BLOCKS_MAX} blocks`;
      throw new TemplateError(root.element.place, problem);
    }
    this.#blocks.push(null);
    const open: OpenBlock = { slots: [], radios: [] };
    const markup = this.#element(root, [], open);
    this.#blocks[id] = {
      id,
      html: markupText(markup),
      slots: open.slots,
      depth: root.names.environment.depth,
      namespace: markup.namespace,
    };
    return { id, markup };
  }

  #element({ element, names, handed }: FlatElement, path: Path, open: OpenBlock): MarkupElement {
    const { tag, namespace, place } = element;
    const refused = REFUSED_TAGS.get(tag);
    if (refused !== undefined) throw new TemplateError(place, refused);
    const own = element.attributes.map((attribute) => ({ attribute, names }));
    const { statics, slots, text, isOpaque } = elementAttributes(element, [...own, ...handed], {
      compiler: this.#compiler,
      path,
      plugins: this.#plugins,
      radios: open.radios,
    });
    open.slots.push(...slots);
    const inner = isOpaque
      ? []
      : text === null
      ? this.#partials.flat(element.children, names, KEEPS_SPACE.has(tag))
      : [{ kind: "text", parts: [text] } as const];
    const children = this.#children(inner, path, open, tag);
    return { kind: "element", tag, namespace, attributes: statics, children, place };
  }

  #children(
    flat: readonly FlatNode[],
    path: Path,
    open: OpenBlock,
    tag: string,
  ): MarkupNode[] {
    const children: MarkupNode[] = [];
    for (let index = 0; index < flat.length; index++) {
      const node = flat[index] as FlatNode;
      const here = [...path, children.length];
      this.#compiler.attempt(() => {
        if (node.kind === "text") {
          children.push(this.#text(node.parts, here, open, tag));
        } else if (!isStructured(node.element)) {
          children.push(this.#element(node, here, open));
        } else if (attributeOf(node.element, "g-for")) {
          children.push(this.#list(node, here, open));
        } else {
          const branches = branchesFrom(flat, index);
          index += branches.length - 1;
          children.push(this.#condition(branches, here, open));
        }
      });
    }
    return children;
  }

  #text(
    parts: (FlatNode & { readonly kind: "text" })["parts"],
    path: Path,
    open: OpenBlock,
    tag: string,
  ): MarkupNode {
    if (parts.every((part) => typeof part === "string")) {
      return { kind: "text", text: parts.join("") };
    }
    const value = joined(parts);
    if (RAW_TEXT.has(tag)) {
      throw new TemplateError(value.place, `<${tag}> cannot have text that changes`);
    }
    open.slots.push({ kind: "text", path, value });
    return { kind: "text", text: " " };
  }

  #list(node: FlatElement, path: Path, open: OpenBlock): MarkupNode {
    const { element, names } = node;
    const compiler = this.#compiler;
    const alternative = attributeOf(element, "g-else") ?? attributeOf(element, "g-else-if");
    if (alternative !== undefined) {
      const problem = "g-for and g-else are for two elements: wrap the list in a <template g-else>";
      throw new TemplateError(alternative.place, problem);
    }
    const loop = loopOf(attributeOf(element, "g-for") as TemplateAttribute);
    const items = compiler.checked(loop.list, names);
    if (!isLoopable(items.shape)) {
      const problem = `g-for goes over lists and maps, not over ${SHAPE_NAMES[items.shape.kind]}`;
      compiler.report(new TemplateError(loop.list.placeAt(0), problem));
    }
    const { shape } = items;
    const variables = loop.key === null
      ? [[loop.item, itemShape(shape)]] as const
      : [[loop.item, itemShape(shape)], [loop.key, keyShape(shape)]] as const;
    const inner = withVariables(names, variables);
    const root = this.#branch({ ...node, names: inner });
    const key = attributeOf(element, "g-key");
    const conditions = [attributeOf(element, "g-if"), ...root.conditions];
    const filters = conditions.flatMap((condition) =>
      condition === undefined ? [] : [compiler.expression(condition.value, inner)]
    );
    const keyed = key === undefined ? null : compiler.expression(key.value, inner);
    const { id, markup } = this.#block(root.element);
    open.slots.push({
      kind: "list",
      path,
      items: items.value,
      block: id,
      key: keyed,
      filter: allOf(filters),
      variables: loop.key === null ? 1 : 2,
    });
    return { kind: "anchor", text: "l", blocks: [markup] };
  }

  #condition(nodes: readonly FlatElement[], path: Path, open: OpenBlock): MarkupNode {
    const blocks: MarkupElement[] = [];
    const branches: { when: Expression | null; block: number }[] = [];
    for (const node of nodes) {
      const { element, names } = node;
      const condition = attributeOf(element, "g-if") ?? attributeOf(element, "g-else-if");
      const when = condition === undefined
        ? null
        : this.#compiler.expression(condition.value, names);
      const key = attributeOf(element, "g-key");
      if (key !== undefined) throw new TemplateError(key.place, "g-key needs g-for beside it");
      const root = this.#branch(node);
      const [second] = root.conditions;
      if (second !== undefined) {
        throw new TemplateError(
          second.place,
          "wrap this in an element: it has a condition already",
        );
      }
      const { id, markup } = this.#block(root.element);
      branches.push({ when, block: id });
      blocks.push(markup);
    }
    open.slots.push({ kind: "cond", path, branches });
    return { kind: "anchor", text: "c", blocks };
  }

  /** The element that a loop or a condition shows, and its own conditions if it is a template's. */
  #branch(
    node: FlatElement,
  ): { readonly element: FlatElement; readonly conditions: readonly TemplateAttribute[] } {
    const { element, names } = node;
    const isPartial = this.#partials.isPartial(element);
    if (element.tag !== "template" && !isPartial) {
      const attributes = element.attributes.filter(({ name }) => !STRUCTURE.has(name));
      return { element: { ...node, element: { ...element, attributes } }, conditions: [] };
    }
    const extra = element.attributes.find(({ name }) => !STRUCTURE.has(name));
    if (!isPartial && extra !== undefined) {
      throw new TemplateError(extra.place, "a <template> has only g-for, g-key, g-if and g-else");
    }
    const flat = isPartial
      ? this.#partials.expanded(element, names)
      : this.#partials.flat(element.children, names, false);
    const only = this.#onlyOne(flat, element.place);
    if (!isStructured(only.element)) return { element: only, conditions: [] };
    const [loop, otherwise] = ["g-for", "g-else"].map((name) => attributeOf(only.element, name));
    const wrong = loop ?? otherwise ?? attributeOf(only.element, "g-else-if");
    if (wrong !== undefined) {
      throw new TemplateError(wrong.place, "wrap this in an element: a block is one element");
    }
    const inner = this.#branch(only);
    const condition = attributeOf(only.element, "g-if") as TemplateAttribute;
    return { element: inner.element, conditions: [condition, ...inner.conditions] };
  }
}

/** Elements that a template cannot have. */
const REFUSED_TAGS: ReadonlyMap<string, string> = new Map([
  ["base", "<base> belongs to pages, not to templates"],
  ["meta", "<meta> belongs to pages, not to templates"],
  ["script", "<script> belongs to pages, not to templates: use a plugin"],
  ["template", "a <template> stands for g-for, g-if or a slot"],
]);

/** Elements in which white space is shown. */
const KEEPS_SPACE: ReadonlySet<string> = new Set(["listing", "pre", "textarea"]);

/** Elements whose text is not text to browsers. */
const RAW_TEXT: ReadonlySet<string> = new Set(
  "iframe noembed noframes noscript plaintext style xmp".split(" "),
);

/** A `g-if` and what follows it. */
function branchesFrom(flat: readonly FlatNode[], from: number): readonly FlatElement[] {
  const first = flat[from] as FlatElement;
  const key = attributeOf(first.element, "g-key");
  if (attributeOf(first.element, "g-if") === undefined) {
    const { place } = attributeOf(first.element, "g-else") ??
      attributeOf(first.element, "g-else-if") ?? key as TemplateAttribute;
    const problem = key === undefined
      ? "g-else stands right behind an element with g-if"
      : "g-key needs g-for beside it";
    throw new TemplateError(place, problem);
  }
  const branches = [first];
  for (const node of flat.slice(from + 1)) {
    if (node.kind === "text" || attributeOf(node.element, "g-for")) break;
    const next = attributeOf(node.element, "g-else-if") ?? attributeOf(node.element, "g-else");
    if (next === undefined) break;
    branches.push(node);
    if (next.name === "g-else") break;
  }
  return branches;
}

function allOf(filters: readonly Expression[]): Expression | null {
  const [first] = filters;
  if (first === undefined || filters.length === 1) return first ?? null;
  return {
    ...first,
    text: filters.map(({ text }) => `(${text})`).join(" && "),
    evaluate: (scope) => filters.every((one) => isTrue(one.evaluate(scope), scope.tracker)),
  };
}
