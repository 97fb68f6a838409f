/**
 * Blocks of one linear memory, for columns: given out, taken back, and given out again.
 *
 *     0       16                      64
 *     │ free  │ results of kernels    │ blocks, and holes between them … top │ not used yet │
 *
 * A block begins at a multiple of 16 bytes. Blocks of a page of 4 KiB and more begin at different
 * places within a page: a processor takes a load for a store that it has to wait for when their
 * addresses end alike.
 */
import { columnKernel, ownModule } from "./column_kernel.ts";
import { ColumnError, type ColumnKernel, type ColumnMemory } from "./column_port.ts";

/** What an arena may grow to unless it is told otherwise, in bytes. */
export const ARENA_BYTES_MAX: number = 256 * 1024 * 1024;
/** What an arena may be told to grow to: an address has 32 bits. */
export const ARENA_BYTES_LIMIT: number = 4 * 1024 * 1024 * 1024 - 64 * 1024;

/** Of a page of linear memory. */
const PAGE_BYTES = 64 * 1024;
/** What memory grows by at least, so that views are seldom detached. */
const GROWTH_BYTES = 4 * 1024 * 1024;
const ALIGNMENT_BYTES = 16;
const RESULTS_AT = 16;
/** Numbers that a kernel leaves at most. */
const RESULTS = 5;
const FIRST_BLOCK = 64;
const ALIAS_BYTES = 4096;
/** How far blocks of about the same size are apart within a page; it fits three times. */
const STAGGER_BYTES = 1344;

interface Hole {
  readonly at: number;
  readonly end: number;
}

/** The memory of one `openColumns`. */
export class ColumnArena {
  readonly kind: "simd" | "plain";
  readonly calls: ColumnKernel;
  /** Where kernels leave what is more than one number. */
  readonly resultsAt = RESULTS_AT;
  readonly bytesMax: number;
  readonly #memory: ColumnMemory;
  /** In the order of their addresses; no two touch. */
  #holes: Hole[] = [];
  #top = FIRST_BLOCK;
  #results: Float64Array;

  constructor(bytesMax: number, module: WebAssembly.Module | null = ownModule()) {
    this.bytesMax = bytesMax;
    this.#memory = module === null ? new PlainMemory() : new WebAssembly.Memory({
      initial: 1,
      maximum: Math.max(1, Math.ceil(bytesMax / PAGE_BYTES)),
    }) as ColumnMemory;
    ({ kind: this.kind, calls: this.calls } = columnKernel(this.#memory, module));
    this.#results = new Float64Array(this.#memory.buffer, RESULTS_AT, RESULTS);
  }

  /** Bytes of the memory, in use or not. */
  get memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** All of the memory, until it grows. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer;
  }

  /** What a kernel has left. */
  get results(): Float64Array {
    if (this.#results.length === 0) {
      this.#results = new Float64Array(this.#memory.buffer, RESULTS_AT, RESULTS);
    }
    return this.#results;
  }

  /**
   * The address of a block, which has anything in it.
   *
   * @throws {ColumnError} `out_of_memory`
   */
  allocate(bytes: number): number {
    const size = blockBytes(bytes);
    const index = this.#holes.findIndex(({ at, end }) => end - at >= size);
    const hole = this.#holes[index];
    if (hole !== undefined) {
      const { at, end } = hole;
      this.#holes.splice(index, 1, ...(at + size < end ? [{ at: at + size, end }] : []));
      return at;
    }
    const at = this.#top;
    // The end of the last block may lack what only keeps the next one away.
    this.#reach(at + bytes, at + size);
    this.#top = at + size;
    return at;
  }

  /** Takes a block back; `bytes` is what was asked for. */
  release(at: number, bytes: number): void {
    const holes = this.#holes;
    let [from, end] = [at, at + blockBytes(bytes)];
    let index = holes.findIndex((hole) => hole.at > at);
    if (index < 0) index = holes.length;
    const [before, after] = [holes[index - 1], holes[index]];
    let touching = 0;
    if (after?.at === end) {
      touching++;
      end = after.end;
    }
    if (before?.end === from) {
      touching++;
      index--;
      from = before.at;
    }
    if (end === this.#top) {
      this.#top = from;
      holes.splice(index, touching);
    } else {
      holes.splice(index, touching, { at: from, end });
    }
  }

  #reach(needed: number, wanted: number): void {
    if (needed > this.bytesMax) {
      throw outOfMemory(`the arena takes ${this.bytesMax} bytes, and would need ${needed}`);
    }
    const { byteLength } = this.#memory.buffer;
    if (needed <= byteLength) return;
    const limit = Math.ceil(this.bytesMax / PAGE_BYTES) * PAGE_BYTES;
    const ample = Math.min(limit, Math.max(wanted, byteLength + GROWTH_BYTES));
    for (const bytes of [ample, needed]) {
      try {
        this.#memory.grow(Math.ceil((bytes - byteLength) / PAGE_BYTES));
        return;
      } catch (cause) {
        if (bytes === needed) throw outOfMemory("the machine gives no more", cause);
      }
    }
  }
}

/** The whole block of a column, which has an address of its own even without numbers. */
function blockBytes(bytes: number): number {
  if (bytes < ALIAS_BYTES) return Math.max(1, Math.ceil(bytes / ALIGNMENT_BYTES)) * ALIGNMENT_BYTES;
  return Math.ceil((bytes - STAGGER_BYTES) / ALIAS_BYTES) * ALIAS_BYTES + STAGGER_BYTES;
}

function outOfMemory(reason: string, cause?: unknown): ColumnError {
  return new ColumnError("out_of_memory", `Cannot make a column: ${reason}`, { cause });
}

/** Memory where there is no module to use it: grows as the other one does. */
class PlainMemory implements ColumnMemory {
  buffer = new ArrayBuffer(PAGE_BYTES);

  grow(pages: number): void {
    this.buffer = this.buffer.transfer(this.buffer.byteLength + pages * PAGE_BYTES);
  }
}
