/** Blocks made ready for cloning and for finding their slots: one shape for each block of a table. */
import type { ClientSlot, ClientTable } from "../program.ts";

/** A block that can be cloned, or found in markup that is there. */
export interface Shape {
  readonly slots: readonly ClientSlot[];
  /** Of the template: nobody sees it. */
  readonly element: Element;
  /** Which slots a node of the template is. */
  readonly at: ReadonlyMap<Node, readonly number[]>;
  /** The nodes with slots below them. */
  readonly way: ReadonlySet<Node>;
}

/** The shape of a block of one table. */
export type Shapes = (block: number) => Shape;

/** Shapes of a table, each made when it is first needed. */
export function shapesOf({ blocks }: ClientTable): Shapes {
  const shapes: (Shape | undefined)[] = [];
  return (block) => shapes[block] ??= shapeOf(blocks[block] as ClientTable["blocks"][number]);
}

/** The element of a text of markup, in a document of its own. */
export function parsed(html: string, namespace = ""): Element {
  const template = document.createElement("template");
  template.innerHTML = namespace ? `<${namespace}>${html}</${namespace}>` : html;
  const element = template.content.firstElementChild as Element;
  return namespace ? element.firstElementChild as Element : element;
}

function shapeOf({ html, namespace, slots }: ClientTable["blocks"][number]): Shape {
  const element = parsed(html, namespace);
  const at = new Map<Node, number[]>();
  const way = new Set<Node>();
  for (const [index, [, path]] of slots.entries()) {
    let node: Node = element;
    for (const step of path) {
      way.add(node);
      node = node.childNodes[step] as Node;
    }
    const found = at.get(node);
    if (found) found.push(index);
    else at.set(node, [index]);
  }
  return { slots, element, at, way };
}
