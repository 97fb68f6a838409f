/** A progress bar on stderr: redrawn in a terminal, a line now and then elsewhere. */
import process from "node:process";

const BAR_CELLS = 30;
/** How often a bar is redrawn, and a line is written, in milliseconds. */
const REDRAW_MS = 100;
const LINE_MS = 2_000;

/** Shows how far one piece of work is. */
export class ProgressBar {
  readonly #label: string;
  readonly #terminal = process.stderr.isTTY === true;
  readonly #startedAt = performance.now();
  #shownAt = -Infinity;
  #shown = false;

  constructor(label: string) {
    this.#label = label;
  }

  /** Says that `done` of `total` are done. */
  show(done: number, total: number): void {
    const now = performance.now();
    const wait = this.#terminal ? REDRAW_MS : LINE_MS;
    if (now - this.#shownAt < wait && done < total) return;
    this.#shownAt = now;
    this.#shown = true;
    const share = total === 0 ? 1 : done / total;
    const rate = Math.round(done / Math.max(0.001, (now - this.#startedAt) / 1000));
    const cells = Math.round(share * BAR_CELLS);
    const bar = this.#terminal ? `[${"#".repeat(cells)}${"-".repeat(BAR_CELLS - cells)}] ` : "";
    const text = `${this.#label} ${bar}${Math.floor(share * 100)} %  ` +
      `${done.toLocaleString("en")} of ${total.toLocaleString("en")}  ${
        rate.toLocaleString("en")
      }/s`;
    process.stderr.write(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  /** Leaves the line. */
  end(): void {
    if (this.#terminal && this.#shown) process.stderr.write("\n");
  }
}
