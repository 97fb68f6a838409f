/** What the module and its twin both are: the kernel's interface, and the arguments it refuses. */

/** The elements of two sets that the other one does not have: 8 bytes each, little-endian. */
export interface Difference {
  /** Those of the set that was added. */
  readonly plus: Uint8Array;
  /** Those of the set that was taken away. */
  readonly minus: Uint8Array;
}

/** The same as `Kernel` in core/ports.ts, which this room does not import; a test compares them. */
export interface Kernel {
  /** The digests, 32 bytes each, of messages that lie back to back and end at `ends`. */
  hashAll(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): Uint8Array;
  /** A key of 32 bytes from any material, for one purpose that `context` names. */
  deriveKey(context: string, material: Uint8Array): Uint8Array;
  /** Adds elements to a sketch, in place; `sign` -1 takes them away. */
  addElements(sketch: Uint8Array, elements: Uint8Array, sign: 1 | -1): void;
  /** Adds a sketch of the same length to another, in place; `sign` -1 takes it away. */
  addSketch(sketch: Uint8Array, other: Uint8Array, sign: 1 | -1): void;
  /** The difference that a sketch stands for, or `null` when there is none that fits it. */
  decode(sketch: Uint8Array, surplus: number): Difference | null;
}

/** A kernel that says which one it is. */
export interface LoadedKernel extends Kernel {
  /** `simd` is the module, `plain` its twin in TypeScript. */
  readonly kind: "simd" | "plain";
}

/** Of a key and of a digest. */
export const DIGEST_BYTES = 32;

/**
 * Throws unless the ends ascend within the messages, and the last one is where they end; returns how
 * long the longest message is.
 */
export function checkMessages(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): number {
  if (!(messages instanceof Uint8Array)) {
    throw new TypeError("Cannot hash messages: they are not a Uint8Array");
  }
  if (!(ends instanceof Uint32Array)) {
    throw new TypeError("Cannot hash messages: their ends are not a Uint32Array");
  }
  let last = 0;
  let longest = 0;
  for (let index = 0; index < ends.length; index++) {
    const end = ends[index] ?? 0;
    if (end < last) throw new RangeError("Cannot hash messages: their ends do not ascend");
    if (end - last > longest) longest = end - last;
    last = end;
  }
  if (last !== messages.length) {
    throw new RangeError(
      `Cannot hash messages: the last ends at ${last}, the bytes at ${messages.length}`,
    );
  }
  if (key === undefined) return longest;
  if (!(key instanceof Uint8Array)) {
    throw new TypeError("Cannot hash with a key: it is not a Uint8Array");
  }
  if (key.length !== DIGEST_BYTES) {
    throw new RangeError(`Cannot hash with a key of ${key.length} bytes: it takes ${DIGEST_BYTES}`);
  }
  return longest;
}

/** The bytes of a context, once both arguments of `deriveKey` are what they should be. */
export function contextBytes(context: string, material: Uint8Array): Uint8Array {
  if (typeof context !== "string") {
    throw new TypeError("Cannot derive a key: its context is not a string");
  }
  if (!(material instanceof Uint8Array)) {
    throw new TypeError("Cannot derive a key: its material is not a Uint8Array");
  }
  return new TextEncoder().encode(context);
}
