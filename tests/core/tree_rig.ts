/** Trees in tests: a slow tree by the definition alone, and kernels that let a test choose hashes. */
import type { Kernel } from "../../core/ports.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";

/** A live row. */
export interface LiveRow extends RowChange {
  readonly json: string;
}

interface ModelRow {
  readonly kh: bigint;
  readonly digest: Uint8Array;
  readonly element: bigint;
  readonly key: Uint8Array;
}

const MODULUS = 2n ** 61n - 1n;
/** An id that says what its key hashes to: `0123456789abcdef` and anything behind it. */
const NAMED_HASH = /^[0-9a-f]{16}/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** All nodes of the tree over these rows, each key once, by the definition of `node_bytes.ts`. */
export function modelNodes(
  kernel: Kernel,
  scope: string,
  rows: Iterable<LiveRow>,
): Map<number, Uint8Array> {
  const nodes = new Map<number, Uint8Array>();
  const key = (purpose: string) =>
    kernel.deriveKey(`driftless reconcile 1 ${purpose}`, encoder.encode(scope));
  const hash = (purpose: string, ...parts: Uint8Array[]) => {
    const message = joined(...parts);
    return kernel.hashAll(message, Uint32Array.of(message.length), key(purpose));
  };
  const modelRow = ({ entity, id, json }: LiveRow): ModelRow => {
    const [e, i] = [encoder.encode(entity), encoder.encode(id)];
    const kh = bigEndian(hash("key", u32(e.length), e, i).subarray(0, 8));
    const digest = hash("record", u32(e.length), e, u32(i.length), i, encoder.encode(json));
    const element = ((kh >> 43n) << 40n | bigEndian(digest.subarray(0, 5))) % MODULUS;
    const lengths = new Uint8Array(4);
    new DataView(lengths.buffer).setUint16(0, e.length, true);
    new DataView(lengths.buffer).setUint16(2, i.length, true);
    return { kh, digest, element: element === 0n ? 1n : element, key: joined(lengths, e, i) };
  };
  const place = (level: number, prefix: number, within: readonly ModelRow[]): Uint8Array => {
    if (within.length === 0) return new Uint8Array(32);
    const number = (32 ** level - 1) / 31 + prefix;
    if (within.length <= 64 || level === 5) {
      const digests = within.map(({ digest }) => digest);
      const hashes = within.map(({ kh }) => u64(kh, false));
      const keys = within.map(({ key }) => key);
      const bytes = joined(u32(0), u32(within.length), ...hashes, ...digests, ...keys);
      nodes.set(number, bytes);
      return hash("leaf", ...digests);
    }
    const children = Array.from({ length: 32 }, (_, digit) => {
      const shift = BigInt(64 - 5 * (level + 1));
      const below = within.filter(({ kh }) => Number(kh >> shift & 31n) === digit);
      return place(level + 1, prefix * 32 + digit, below);
    });
    const sketch = new Uint8Array(256);
    kernel.addElements(sketch, joined(...within.map(({ element }) => u64(element, true))), 1);
    nodes.set(number, joined(u32(1), u32(within.length), ...children, sketch));
    return hash("node", ...children);
  };
  const sorted = Array.from(rows, modelRow).sort((a, b) =>
    a.kh < b.kh ? -1 : a.kh > b.kh ? 1 : bigEndian(a.digest) < bigEndian(b.digest) ? -1 : 1
  );
  place(0, 0, sorted);
  return nodes;
}

/** The kernel, but ids that begin with 16 hexadecimal digits have the hash that they name. */
export function namedHashes(kernel: Kernel): Kernel {
  let keys = new Uint8Array();
  return {
    ...withoutHash(kernel),
    deriveKey(context, material) {
      const derived = kernel.deriveKey(context, material);
      if (context.endsWith(" key")) keys = derived.slice();
      return derived;
    },
    hashAll(messages, ends, key) {
      const digests = kernel.hashAll(messages, ends, key);
      if (!keys.every((byte, index) => byte === key?.[index])) return digests;
      ends.forEach((end, index) => {
        const start = index === 0 ? 0 : ends[index - 1] as number;
        const entity = new DataView(messages.buffer, messages.byteOffset + start).getUint32(
          0,
          true,
        );
        const from = start + 4 + entity;
        const id = decoder.decode(messages.subarray(from, Math.min(end, from + 16)));
        const [named] = NAMED_HASH.exec(id) ?? [];
        if (named !== undefined) digests.set(u64(BigInt(`0x${named}`), false), index * 32);
      });
      return digests;
    },
  };
}

/** Quick and weak: for tests that need many trees and no BLAKE3. Only for trees of one kernel. */
export const quickKernel: Kernel = {
  hashAll(messages, ends, key = new Uint8Array(32)) {
    const digests = new Uint8Array(ends.length * 32);
    const words = new Uint32Array(digests.buffer);
    let at = 0;
    ends.forEach((end, index) => {
      let [a, b] = [0x811c9dc5 ^ (key[0] as number), 0x9e3779b9 ^ (key[1] as number)];
      for (; at < end; at++) {
        a = Math.imul(a ^ (messages[at] as number), 0x01000193);
        b = Math.imul(b + a ^ b >>> 15, 0x85ebca6b);
      }
      for (let word = 0; word < 8; word++) {
        a = Math.imul(a ^ b >>> 13, 0xc2b2ae35);
        b = Math.imul(b ^ a >>> 16, 0x27d4eb2f) + word | 0;
        words[index * 8 + word] = a ^ b;
      }
    });
    return digests;
  },
  deriveKey: (context, material) =>
    quickKernel.hashAll(
      joined(encoder.encode(context), material),
      Uint32Array.of(context.length + material.length),
    ),
  addElements(sketch, elements, sign) {
    const sums = new DataView(sketch.buffer, sketch.byteOffset, sketch.length);
    const added = new DataView(elements.buffer, elements.byteOffset, elements.length);
    for (let at = 0; at < elements.length; at += 8) {
      const element = added.getUint32(at, true) ^ added.getUint32(at + 4, true);
      for (let word = 0; word < sketch.length; word += 8) {
        const power = Math.imul(element, word + 3);
        sums.setUint32(word, sums.getUint32(word, true) + sign * power, true);
      }
    }
  },
  addSketch(sketch, other, sign) {
    const sums = new DataView(sketch.buffer, sketch.byteOffset, sketch.length);
    const added = new DataView(other.buffer, other.byteOffset, other.length);
    for (let word = 0; word < sketch.length; word += 8) {
      sums.setUint32(word, sums.getUint32(word, true) + sign * added.getUint32(word, true), true);
    }
  },
  decode: () => null,
};

/** Nodes as text, to compare and to print. */
export function textOf(nodes: Iterable<readonly [number, Uint8Array]>): Record<string, string> {
  const sorted = [...nodes].sort(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([node, bytes]) => [node, bytes.toHex()]));
}

/** A row whose JSON is what its last argument says. */
export function put(id: string, json: unknown = id, entity = "note"): LiveRow {
  return { entity, id, json: JSON.stringify(json) };
}

/** A row that is gone. */
export function gone(id: string, entity = "note"): RowChange {
  return { entity, id, json: null };
}

/** An id whose key hashes to this number, with `namedHashes`; the name keeps ids apart. */
export function idAt(kh: bigint, name: string | number = ""): string {
  return `${kh.toString(16).padStart(16, "0")} ${name}`;
}

function withoutHash(
  { addElements, addSketch, decode }: Kernel,
): Pick<Kernel, "addElements" | "addSketch" | "decode"> {
  return { addElements, addSketch, decode };
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function u64(value: bigint, isLittleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, isLittleEndian);
  return bytes;
}

function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
}
