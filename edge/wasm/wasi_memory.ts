/** What WASI functions read and write in a module's memory, and the errors that they answer with. */
import type { ModuleMemory } from "./memory.ts";

/** Error numbers of `wasi_snapshot_preview1`, as far as they are used. */
export const ERRNO = {
  success: 0,
  again: 6,
  badDescriptor: 8,
  exists: 20,
  fault: 21,
  tooLarge: 22,
  invalid: 28,
  isDirectory: 31,
  tooManyOpen: 33,
  nameTooLong: 37,
  noEntry: 44,
  noSpace: 51,
  notImplemented: 52,
  notDirectory: 54,
  notEmpty: 55,
  notSocket: 57,
  notSupported: 58,
  notPermitted: 63,
  isPipe: 70,
  otherDevice: 75,
  notCapable: 76,
} as const;

/** Thrown inside of a WASI function: the module gets its number as the function's result. */
export class WasiError extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`WASI error ${errno}`);
    this.errno = errno;
  }
}

/** A block of the module's memory: address and length. */
export interface Range {
  readonly address: number;
  readonly length: number;
}

/** Blocks of one `fd_read` or `fd_write`. */
export const VECTORS_MAX = 1024;

/**
 * Memory as WASI functions see it: an address that is outside of it is `EFAULT`, never an exception
 * of the host. The module is running, so its memory may have grown since the function before.
 */
export class WasiMemory {
  #memory: ModuleMemory | undefined;

  attach(memory: ModuleMemory): void {
    this.#memory = memory;
  }

  /** The bytes themselves, until the module goes on. @throws {WasiError} */
  at(address: number, length: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this.#checked(address, length);
    return bytes.subarray(address, address + length);
  }

  getU8(address: number): number {
    return this.#checked(address, 1).view.getUint8(address);
  }

  getU16(address: number): number {
    return this.#checked(address, 2).view.getUint16(address, true);
  }

  getU32(address: number): number {
    return this.#checked(address, 4).view.getUint32(address, true);
  }

  getU64(address: number): bigint {
    return this.#checked(address, 8).view.getBigUint64(address, true);
  }

  setU8(address: number, value: number): void {
    this.#checked(address, 1).view.setUint8(address, value);
  }

  setU16(address: number, value: number): void {
    this.#checked(address, 2).view.setUint16(address, value, true);
  }

  setU32(address: number, value: number): void {
    this.#checked(address, 4).view.setUint32(address, value, true);
  }

  setU64(address: number, value: bigint): void {
    this.#checked(address, 8).view.setBigUint64(address, value, true);
  }

  /** The text at an address: names and paths. @throws {WasiError} */
  text(address: number, length: number): string {
    return new TextDecoder().decode(this.at(address, length));
  }

  /** The blocks of a list of them, each checked. @throws {WasiError} */
  vectors(address: number, count: number): readonly Range[] {
    if (count > VECTORS_MAX) throw new WasiError(ERRNO.invalid);
    this.#checked(address, count * 8);
    return Array.from({ length: count }, (_, index) => {
      const range = {
        address: this.getU32(address + index * 8),
        length: this.getU32(address + index * 8 + 4),
      };
      this.#checked(range.address, range.length);
      return range;
    });
  }

  #checked(address: number, length: number): ModuleMemory {
    const memory = this.#memory;
    if (memory === undefined) throw new WasiError(ERRNO.fault);
    memory.refresh();
    if (address + length > memory.byteLength) throw new WasiError(ERRNO.fault);
    return memory;
  }
}
