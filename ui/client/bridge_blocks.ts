/**
 * The blocks of one island as they stand in the page: found in the server's markup or cloned, numbered
 * as the server numbers them, and changed by the operations of patches.
 */
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
} from "../patch_ops.ts";
import type { ClientSlot } from "../program.ts";
import { moveBefore } from "./bridge_moves.ts";
import type { Shape, Shapes } from "./bridge_shapes.ts";

/** A block that is shown. */
export interface Instance {
  readonly number: number;
  readonly element: Element;
  readonly shape: Shape;
  /** By slot. */
  readonly nodes: Node[];
  /** By slot: the items of a list, the branch of a condition. */
  readonly items: Instance[][];
  /** What to undo when it goes. */
  readonly ends: (() => void)[];
}

/** A slot of a block that is shown. */
export interface Spot {
  readonly instance: Instance;
  /** Its place among the slots of its block. */
  readonly index: number;
  readonly slot: ClientSlot;
  readonly node: Node;
}

/** What becomes of the slots. */
export interface Wiring {
  /** A slot is there; its node may not be in the page yet. */
  readonly attach: (spot: Spot) => void;
  /** It shows something else from now on; returns what is left to do when the page is complete. */
  readonly show: (spot: Spot, value: unknown) => void;
}

const COMMENT = 8;
const TEXT = 3;

/** The blocks of an island. */
export class Blocks {
  readonly #shapes: Shapes;
  readonly #wiring: Wiring;
  readonly #all = new Map<number, Instance>();
  #next = 0;
  /** How many numbers go on from there, and what comes then, while markup is adopted. */
  #left = Infinity;
  #ranges: PatchReader | null = null;
  readonly root: Instance;

  /**
   * Finds the blocks in markup, without changing it.
   *
   * @throws {TypeError} when the markup is not that of the table
   */
  constructor(shapes: Shapes, wiring: Wiring, element: Element, numbers: Uint8Array) {
    this.#shapes = shapes;
    this.#wiring = wiring;
    let next = -1;
    if (numbers.length > 0) {
      this.#ranges = new PatchReader(numbers, []);
      next = this.#ranges.uint();
      this.#left = 0;
    }
    this.root = this.#link(shapes(0), element);
    if (next >= 0) this.#next = next;
    this.#left = Infinity;
  }

  /** Whether it is shown. */
  has(instance: Instance): boolean {
    // After a snapshot others have its numbers, maybe on the same elements.
    return this.#all.get(instance.number) === instance;
  }

  /**
   * Applies the operations of a patch.
   *
   * @throws {TypeError} when they are not for these blocks
   */
  apply(ops: Uint8Array, texts: readonly string[]): void {
    const reader = new PatchReader(ops, texts);
    while (reader.hasMore()) {
      const word = reader.uint();
      const instance = this.#all.get(reader.instance());
      const index = word >> CODE_BITS;
      if (!instance?.nodes[index]) throw unfit();
      this.#run(word % (1 << CODE_BITS), instance, index, reader);
    }
  }

  /** All of it is going. */
  end(): void {
    this.#end(this.root);
  }

  #run(code: number, instance: Instance, index: number, reader: PatchReader): void {
    const anchor = instance.nodes[index] as ChildNode;
    const items = instance.items[index] as Instance[];
    const slot = instance.shape.slots[index] as ClientSlot;
    const standing = (place: number) => items[place]?.element ?? anchor;
    if (code === SET) {
      this.#wiring.show({ instance, index, slot, node: anchor }, reader.value());
    } else if (code === SPLICE) {
      const at = reader.uint();
      (anchor as Text).replaceData(at, reader.uint(), reader.value() as string);
    } else if (code === INSERT) {
      const at = reader.uint();
      this.#insert(anchor, items, at, this.#newborns(slot[2] as number, reader.uint(), reader));
    } else if (code === REMOVE) {
      const at = reader.uint();
      this.#remove(items.splice(at, reader.uint()));
    } else if (code === MOVE) {
      for (let left = reader.uint(); left > 0; left--) {
        const from = reader.uint();
        const taken = items.splice(from >> 1, from & 1 ? reader.uint() : 1);
        const to = reader.uint();
        for (const { element } of taken) moveBefore(element, standing(to));
        items.splice(to, 0, ...taken);
      }
    } else if (code === PERMUTE) {
      const at = reader.uint();
      const count = reader.uint();
      const old = items.slice(at, at + count);
      reader.order(count).forEach((from, to) => items[at + to] = old[from] as Instance);
      for (let place = at + count; place-- > at;) {
        const { element } = items[place] as Instance;
        if (element.nextSibling !== standing(place + 1)) moveBefore(element, standing(place + 1));
      }
    } else if (code === BRANCH) {
      this.#remove(items.splice(0));
      this.#insert(anchor, items, 0, this.#branch(slot, reader));
    } else throw unfit();
  }

  #insert(anchor: ChildNode, items: Instance[], at: number, born: Instance[]): void {
    const fragment = document.createDocumentFragment();
    for (const { element } of born) fragment.append(element);
    (items[at]?.element ?? anchor).before(fragment);
    items.splice(at, 0, ...born);
  }

  #remove(gone: readonly Instance[]): void {
    for (const instance of gone) {
      this.#end(instance);
      instance.element.remove();
    }
  }

  #end({ number, ends, items }: Instance): void {
    this.#all.delete(number);
    for (const end of ends) end();
    for (const children of items) children?.forEach((child) => this.#end(child));
  }

  #branch(slot: ClientSlot, reader: PatchReader): Instance[] {
    const which = reader.uint();
    const block = (slot[2] as readonly number[])[which - 1];
    return block === undefined ? [] : this.#newborns(block, 1, reader);
  }

  #newborns(block: number, count: number, reader: PatchReader): Instance[] {
    return Array.from({ length: count }, () => this.#newborn(this.#shapes(block), reader));
  }

  #newborn(shape: Shape, reader: PatchReader): Instance {
    const instance = this.#link(shape, document.importNode(shape.element, true));
    for (const [index, slot] of shape.slots.entries()) {
      const node = instance.nodes[index] as ChildNode;
      const kind = slot[0];
      if (kind === "list" || kind === "cond") {
        const born = kind === "list"
          ? this.#newborns(slot[2], reader.uint(), reader)
          : this.#branch(slot, reader);
        this.#insert(node, instance.items[index] as Instance[], 0, born);
      } else if (!/^(on|do|dr|island|upload)/.test(kind)) {
        this.#wiring.show({ instance, index, slot, node }, reader.value());
      }
    }
    return instance;
  }

  /** Finds the slots of a block in an element that shows it, and the blocks within. */
  #link(shape: Shape, element: Element): Instance {
    if (this.#left === 0 && this.#ranges) {
      this.#next += unZigZag(this.#ranges.uint());
      this.#left = this.#ranges.uint();
    }
    this.#left--;
    const number = this.#next++;
    const instance: Instance = { number, element, shape, nodes: [], items: [], ends: [] };
    this.#all.set(number, instance);
    this.#walk(instance, shape.element, element);
    return instance;
  }

  /** Goes through a template and what shows it side by side: where items stand, the latter has more. */
  #walk(instance: Instance, model: Node, node: Node): void {
    const { nodes, items, shape } = instance;
    if (node.nodeName !== model.nodeName) throw unfit();
    for (const index of shape.at.get(model) ?? []) {
      nodes[index] = node;
      this.#wiring.attach({ instance, index, slot: shape.slots[index] as ClientSlot, node });
    }
    if (!shape.way.has(model)) return;
    let next = node.firstChild;
    for (let child = model.firstChild; child; child = child.nextSibling) {
      const [index] = shape.at.get(child) ?? [];
      if (child.nodeType === COMMENT && index !== undefined) {
        const found: Element[] = [];
        for (; next && next.nodeType !== COMMENT; next = next.nextSibling) {
          found.push(next as Element);
        }
        const slot = shape.slots[index] as ClientSlot;
        const block = slot[0] === "list"
          ? slot[2]
          : (slot[2] as readonly number[])[Number((next as Comment)?.data.slice(1)) - 1];
        items[index] = found.map((item) => this.#link(this.#shapes(block as number), item));
      } else if (child.nodeType === TEXT && next?.nodeType !== TEXT) {
        // An empty text is nothing in markup.
        next = node.insertBefore(document.createTextNode(""), next);
      }
      if (!next) throw unfit();
      this.#walk(instance, child, next);
      next = next.nextSibling;
    }
  }
}

function unfit(): TypeError {
  return new TypeError("Cannot show the island: these are other blocks");
}
