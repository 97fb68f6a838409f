/** What a verification finds wrong, one sentence each, and how much of it is told. */

/** Where something is wrong. */
export type FaultKind = "file" | "log" | "row" | "tree" | "node";

/** One thing that is wrong. */
export interface Fault {
  readonly kind: FaultKind;
  /** `null` for the file as a whole. */
  readonly scope: string | null;
  /** What is wrong, as a sentence without a full stop. */
  readonly text: string;
  /** The row that it is about. */
  readonly entity?: string;
  readonly id?: string;
  /** The number of the tree's node that it is about. */
  readonly node?: number;
}

/** Faults that are told in full; beyond, they are counted. */
export const FAULTS_TOLD_MAX = 200;

/** Takes faults as they are found. */
export class Faults {
  readonly told: Fault[] = [];
  #count = 0;
  readonly #wrongTrees = new Set<string>();

  get count(): number {
    return this.#count;
  }

  /** The scopes whose tree is not the tree of their rows. */
  get wrongTrees(): readonly string[] {
    return [...this.#wrongTrees];
  }

  add(fault: Fault): void {
    this.#count++;
    if (this.told.length < FAULTS_TOLD_MAX) this.told.push(fault);
    if (fault.scope !== null && (fault.kind === "tree" || fault.kind === "node")) {
      this.#wrongTrees.add(fault.scope);
    }
  }
}
