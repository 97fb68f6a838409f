/**
 * The linear memory of a module, as the host reads and writes it: every address is checked.
 *
 * A module's memory grows only while the module runs, and growing detaches what was seen of it
 * before. So the views are kept, and `refresh` is called after every call into the module; asking the
 * memory for its buffer each time would cost more than most reads.
 */
import { WasmFault } from "./fault.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One module's memory. */
export class ModuleMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;

  /** @throws {TypeError} when the memory is shared between threads */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    const { buffer } = memory;
    if (!(buffer instanceof ArrayBuffer)) {
      throw new TypeError("Cannot use the module: its memory is shared between threads");
    }
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** All of it, until the module runs again. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** All of it, until the module runs again. WebAssembly is little-endian. */
  get view(): DataView<ArrayBuffer> {
    return this.#view;
  }

  /** How large it is. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** To be called after the module ran: sees the memory anew if it has grown. */
  refresh(): void {
    if (this.#bytes.length > 0) return;
    const buffer = this.#memory.buffer as ArrayBuffer;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Whether all these bytes are in the memory, and not at address 0. Takes any numbers. */
  holds(address: number, length: number): boolean {
    return address > 0 && length >= 0 && address + length <= this.#bytes.length;
  }

  /**
   * The bytes themselves, until the module runs again.
   *
   * @throws {WasmFault} `wasm_bad_response` when they are not in the memory
   */
  at(address: number, length: number): Uint8Array<ArrayBuffer> {
    this.check(address, length);
    return this.#bytes.subarray(address, address + length);
  }

  /**
   * The bytes as UTF-8 text; what is none becomes U+FFFD.
   *
   * @throws {WasmFault} `wasm_bad_response` when they are not in the memory
   */
  text(address: number, length: number): string {
    return decoder.decode(this.at(address, length));
  }

  /**
   * Checks what a module says of its memory.
   *
   * @throws {WasmFault} `wasm_bad_response` when the bytes are not in the memory
   */
  check(address: number, length: number): void {
    if (this.holds(address, length)) return;
    throw new WasmFault(
      "wasm_bad_response",
      `Cannot read ${length} bytes at ${address}: the memory has ${this.#bytes.length}`,
    );
  }
}
