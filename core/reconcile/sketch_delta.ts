/** How a sketch changes: elements that come and go, and sums of such changes from further down. */
import type { Kernel } from "../ports.ts";
import type { MergedRows } from "./merged_rows.ts";
import { type RowTable, SKETCH_WORDS, WORD_BYTES } from "./node_bytes.ts";
import { grown, writeElement } from "./row_hash.ts";

interface ElementList {
  bytes: Uint8Array;
  length: number;
}

/** Elements are added when so many bytes of them have gathered. */
const ELEMENTS_BYTES_MAX = 32 * 1024;
const FIRST_ELEMENTS_BYTES = 8 * WORD_BYTES;

/** The change of one sketch. */
export class SketchDelta {
  readonly #sketch = new Uint8Array(SKETCH_WORDS * WORD_BYTES);
  readonly #plus: ElementList = { bytes: new Uint8Array(FIRST_ELEMENTS_BYTES), length: 0 };
  readonly #minus: ElementList = { bytes: new Uint8Array(FIRST_ELEMENTS_BYTES), length: 0 };

  /** Begins again, with no change. */
  clear(): void {
    this.#sketch.fill(0);
    this.#plus.length = 0;
    this.#minus.length = 0;
  }

  /** Adds the elements of rows, or takes them away. */
  addRow(kernel: Kernel, rows: RowTable, row: number, sign: 1 | -1): void {
    const list = sign === 1 ? this.#plus : this.#minus;
    if (list.length === ELEMENTS_BYTES_MAX) this.#flush(kernel, sign);
    if (list.length === list.bytes.length) list.bytes = grown(list.bytes, WORD_BYTES);
    writeElement(list.bytes, list.length, rows, row);
    list.length += WORD_BYTES;
  }

  /** Adds the rows that a merge has picked at places `from` to `to`. */
  addPicks(
    kernel: Kernel,
    { picks, kept }: MergedRows,
    fresh: RowTable,
    from: number,
    to: number,
  ): void {
    for (let place = from; place < to; place++) {
      const pick = picks[place] as number;
      if (pick < 0) this.addRow(kernel, kept, ~pick, 1);
      else this.addRow(kernel, fresh, pick, 1);
    }
  }

  /** Adds what a merge has changed. */
  addMerge(kernel: Kernel, { picks, count, kept, dropped }: MergedRows, fresh: RowTable): void {
    for (let place = 0; place < count; place++) {
      const pick = picks[place] as number;
      if (pick >= 0) this.addRow(kernel, fresh, pick, 1);
    }
    for (const row of dropped) this.addRow(kernel, kept, row, -1);
  }

  /** Adds a sum. */
  addSketch(kernel: Kernel, sketch: Uint8Array): void {
    kernel.addSketch(this.#sketch, sketch, 1);
  }

  /** The sum of everything so far; good until the next change of this. */
  settle(kernel: Kernel): Uint8Array {
    this.#flush(kernel, 1);
    this.#flush(kernel, -1);
    return this.#sketch;
  }

  #flush(kernel: Kernel, sign: 1 | -1): void {
    const list = sign === 1 ? this.#plus : this.#minus;
    if (list.length === 0) return;
    kernel.addElements(this.#sketch, list.bytes.subarray(0, list.length), sign);
    list.length = 0;
  }
}
