/**
 * The room that slots are taken from: one part of a memory, given out from its start on, and given
 * back all at once, down to a checkpoint. What was there before the checkpoint is then as it was: the
 * arena keeps the bytes of that part which are written over.
 *
 * The views are kept. A memory that a module grew is noticed by its old view, which has no bytes then.
 */

/** What slots can be kept in. */
export type SlotMemory = WebAssembly.Memory | ArrayBuffer;

/** What was taken when it was made. Only {@linkcode SlotArena.restore} reads it. */
export interface SlotCheckpoint {
  /** The address up to which memory was taken. */
  readonly offset: number;
}

/** Which part of a memory an arena may use. */
export interface ArenaOptions {
  readonly start?: number;
  readonly end?: number;
}

/** A checkpoint, and which one it is. */
interface Checkpoint extends SlotCheckpoint {
  readonly arena: SlotArena;
  readonly serial: number;
  /** How much was kept before. */
  readonly kept: number;
}

/** Bytes as they were before they were written over. */
interface Kept {
  readonly at: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How low an arena was when a generation began. */
interface Mark {
  readonly generation: number;
  readonly low: number;
}

/** Bytes that an address of 32 bits reaches. */
export const MEMORY_BYTES_MAX = 2 ** 32;
/** Nothing is put at address 0, where empty slots point. */
const START_MIN = 16;
const PAGE_BYTES = 64 * 1024;

/** A part of a memory, and how much of it is taken. */
export class SlotArena {
  readonly start: number;
  readonly end: number;
  readonly #memory: SlotMemory;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #offset: number;
  /** Counts how often something was given back. */
  #generation = 0;
  /** Generations, older first, each lower than the next: those that a younger one undercut are gone. */
  readonly #marks: Mark[] = [];
  #serial = 0;
  /** Numbers of the checkpoints that can be restored, older first. */
  readonly #checkpoints: number[] = [];
  #mark: number;
  readonly #kept: Kept[] = [];
  /** Where something was kept since the latest checkpoint. */
  readonly #keptAt = new Set<number>();

  constructor(memory: SlotMemory, { start = START_MIN, end = MEMORY_BYTES_MAX }: ArenaOptions) {
    if (!isAddress(start) || !isAddress(end) || start > end) {
      throw new RangeError(`Cannot keep slots from ${start} to ${end}: these are no addresses`);
    }
    this.#memory = memory;
    this.#bytes = new Uint8Array(bufferOf(memory));
    this.#view = new DataView(this.#bytes.buffer);
    this.start = Math.max(start, START_MIN);
    this.end = end;
    this.#offset = this.start;
    this.#mark = this.start;
  }

  /** All of the memory. Holds until the next call of anything that takes or runs something. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#see();
    return this.#bytes;
  }

  /** As {@linkcode bytes}. */
  get view(): DataView<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#see();
    return this.#view;
  }

  /** The address up to which memory is taken. */
  get offset(): number {
    return this.#offset;
  }

  get generation(): number {
    return this.#generation;
  }

  /** What is in front of this was there when the latest checkpoint was made: it is kept. */
  get mark(): number {
    return this.#mark;
  }

  /** Has to be called before bytes in front of the mark are written over. */
  keep(at: number, bytes: number): void {
    // What is in front of the start is the module's, which restores nothing.
    if (at >= this.#mark || at < this.start || this.#keptAt.has(at)) return;
    this.#keptAt.add(at);
    this.#kept.push({ at, bytes: this.bytes.slice(at, at + bytes) });
  }

  /** Takes room at an address that 4 divides. @throws {RangeError} when there is none */
  take(bytes: number): number {
    return this.takePacked(bytes, -this.#offset & 3);
  }

  /** Takes room right behind what is taken, or so many bytes later. */
  takePacked(bytes: number, gap = 0): number {
    const at = this.#offset + gap;
    const end = at + bytes;
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new RangeError(`Cannot take ${bytes} bytes: that is no size`);
    }
    // Nothing has moved yet: who is refused finds the arena as it was.
    if (end > this.bytes.length || end > this.end) this.#grow(bytes, end);
    this.#offset = end;
    return at;
  }

  save(): SlotCheckpoint {
    const serial = ++this.#serial;
    const { length: kept } = this.#kept;
    const made: Checkpoint = { offset: this.#offset, arena: this, serial, kept };
    this.#checkpoints.push(serial);
    this.#keepFrom(this.#offset);
    return Object.freeze(made);
  }

  /** @throws {RangeError} when it is none of this arena, or of what was given back since */
  restore(checkpoint: SlotCheckpoint): void {
    const { arena, serial = 0, kept = 0, offset } = checkpoint as Partial<Checkpoint>;
    const place = arena === this ? this.#checkpoints.lastIndexOf(serial) : -1;
    if (place < 0 || offset === undefined) {
      throw new RangeError("Cannot restore the checkpoint: it is of another arena, or too old");
    }
    this.#checkpoints.length = place + 1;
    // Backwards, so that of two that overlap the older one counts.
    while (this.#kept.length > kept) {
      const { at, bytes } = this.#kept.pop() as Kept;
      this.bytes.set(bytes, at);
    }
    this.#keepFrom(offset);
    this.#giveBack(offset);
  }

  /** Gives back everything. */
  reset(): void {
    this.#checkpoints.length = 0;
    this.#kept.length = 0;
    this.#keepFrom(this.start);
    this.#giveBack(this.start);
  }

  #keepFrom(mark: number): void {
    this.#mark = mark;
    if (this.#keptAt.size > 0) this.#keptAt.clear();
  }

  /** Gives back everything from an address on. */
  #giveBack(offset: number): void {
    this.#offset = offset;
    while ((this.#marks.at(-1)?.low ?? -1) >= offset) this.#marks.pop();
    this.#marks.push({ generation: ++this.#generation, low: offset });
  }

  /** Takes back what failed half-way, and nobody has seen. */
  undo(offset: number): void {
    this.#offset = offset;
  }

  /**
   * The generation now, for who holds what was at the address in an earlier one, and is there still.
   *
   * @throws {TypeError} when it was given back since
   */
  renewed(address: number, generation: number, what: "an object" | "a record"): number {
    // The youngest has the highest address, and the oldest of these the lowest: all have to be above.
    for (let at = this.#marks.length - 1; at >= 0; at--) {
      const mark = this.#marks[at] as Mark;
      if (mark.generation <= generation) break;
      if (address >= mark.low) {
        throw new TypeError(`Cannot use ${what} that was given back: its arena was restored`);
      }
    }
    return this.#generation;
  }

  #see(): void {
    this.#bytes = new Uint8Array(bufferOf(this.#memory));
    this.#view = new DataView(this.#bytes.buffer);
  }

  #grow(bytes: number, end: number): void {
    const memory = this.#memory;
    const length = this.#bytes.length;
    if (end <= this.end) {
      if (!(memory instanceof ArrayBuffer)) {
        // Twice as much, so that growing stays rare; only what is needed, where that is too much.
        const needed = Math.ceil((end - length) / PAGE_BYTES);
        const most = (Math.ceil(this.end / PAGE_BYTES) * PAGE_BYTES - length) / PAGE_BYTES;
        const wanted = Math.max(needed, Math.min(length / PAGE_BYTES, most));
        if (hasGrown(memory, wanted) || hasGrown(memory, needed)) return this.#see();
      } else if (memory.resizable && end <= memory.maxByteLength) {
        memory.resize(Math.max(end, Math.min(length * 2, memory.maxByteLength, this.end)));
        return this.#see();
      }
    }
    throw new RangeError(`Cannot take ${bytes} bytes: the memory is full`);
  }
}

function bufferOf(memory: SlotMemory): ArrayBuffer {
  const buffer = memory instanceof ArrayBuffer ? memory : memory.buffer;
  if (buffer instanceof ArrayBuffer) return buffer;
  throw new TypeError("Cannot keep slots in a memory that is shared between threads");
}

function hasGrown(memory: WebAssembly.Memory, pages: number): boolean {
  try {
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
}

function isAddress(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= MEMORY_BYTES_MAX;
}
