/** Lists of numbers as varints, the one encoding of Protocol Buffers: seven bits a byte, low ones first. */

/** Numbers from 0 to 2^53 - 1, one after the other. */
export function writeVarints(values: Iterable<number>): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const value of values) pushVarint(bytes, value);
  return Uint8Array.from(bytes);
}

/** Adds one number to bytes. */
export function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(rest % 128 + 128);
  bytes.push(rest);
}

/** Reads numbers one by one; fixed bytes may stand between them. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @throws {TypeError} if the number does not end, or is larger than 2^53 - 1 */
  next(): number {
    let value = 0;
    for (let unit = 1; unit <= 2 ** 49; unit *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value += (byte & 127) * unit;
      if (byte <= 127 && value <= Number.MAX_SAFE_INTEGER) return value;
    }
    throw new TypeError("Cannot read the numbers: one does not end");
  }

  /** The next `length` bytes, up to 6, as one number, the first byte on top. */
  fixed(length: number): number {
    if (this.#bytes.length - this.#at < length) {
      throw new TypeError("Cannot read the numbers: bytes are missing");
    }
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + (this.#bytes[this.#at++] as number);
    return value;
  }
}

/** All numbers of a list. */
export function readVarints(bytes: Uint8Array): number[] {
  const reader = new VarintReader(bytes);
  const values: number[] = [];
  while (!reader.isAtEnd) values.push(reader.next());
  return values;
}
