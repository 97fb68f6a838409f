/** One side's tree on the page: 32 blocks of 32 leaves, each the same as the other side's or not. */
import { cloneOf, partOf, setText } from "./template.ts";

/** What is known of a part: nothing, or how it compares with the other side's. */
export type BlockState = "unknown" | "same" | "differs";

/** Children of a node, and of each of those. */
export const BLOCKS = 32;

const STATUS: Readonly<Record<BlockState, string>> = {
  unknown: "Not compared",
  same: "The same as the other side",
  differs: "Differs from the other side",
};

/** A panel with the blocks of one side. */
export class TreeSide {
  readonly element: HTMLElement = cloneOf("side");
  readonly #name: string;
  readonly #root = partOf(this.element, "blocks", HTMLElement);
  readonly #blocks: readonly HTMLElement[];
  readonly #leaves: readonly (readonly HTMLElement[])[];

  constructor(key: string, name: string) {
    this.#name = name;
    this.element.dataset.side = key;
    this.element.dataset.testid = `side-${key}`;
    partOf(this.element, "name", HTMLElement).textContent = name;
    this.#blocks = Array.from({ length: BLOCKS }, () => squareIn(this.#root, "block"));
    this.#leaves = this.#blocks.map((block) =>
      Array.from({ length: BLOCKS }, () => squareIn(block, "leaf"))
    );
    this.showAll("unknown");
  }

  /** How many records there are, and the digest over them. */
  showFacts(records: number, root: string): void {
    setText(partOf(this.element, "records", HTMLElement), records.toLocaleString("en"));
    const digest = partOf(this.element, "root", HTMLElement);
    setText(digest, root.slice(0, 12));
    digest.title = root;
  }

  /** The state of the whole. */
  showRoot(state: BlockState): void {
    this.element.dataset.state = this.#root.dataset.state = state;
    setText(partOf(this.element, "status", HTMLElement), STATUS[state]);
    this.#describe();
  }

  showBlock(block: number, state: BlockState): void {
    (this.#blocks[block] as HTMLElement).dataset.state = state;
  }

  showLeaf(block: number, leaf: number, state: BlockState): void {
    (this.#leaves[block]?.[leaf] as HTMLElement).dataset.state = state;
    this.#describe();
  }

  /** Every part has the same state. */
  showAll(state: BlockState): void {
    for (const block of this.#blocks) block.dataset.state = state;
    for (const leaf of this.#leaves.flat()) leaf.dataset.state = state;
    this.showRoot(state);
  }

  #describe(): void {
    const count = this.#root.querySelectorAll('.leaf[data-state="differs"]').length;
    const found = count === 0 ? "" : `, ${count} of ${BLOCKS * BLOCKS} leaves differ`;
    this.#root.ariaLabel = `Tree of ${this.#name}: ${this.#root.dataset.state}${found}`;
  }
}

function squareIn(parent: HTMLElement, name: string): HTMLElement {
  const square = document.createElement("span");
  square.className = name;
  parent.append(square);
  return square;
}
