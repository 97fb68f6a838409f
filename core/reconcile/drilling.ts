/**
 * Drilling: short digests under a salt, and the nodes that a request goes down into.
 *
 * A salt that nobody knew before makes 8 bytes enough: digests that agree in their beginning can be
 * found in advance, but not ones that agree under a random key.
 */
import type { Kernel } from "../ports.ts";
import type { Drill } from "../wire/reconcile_gen.ts";
import { DIGEST_BYTES, NODES_MAX } from "./node_bytes.ts";
import { elementsIn } from "./elements.ts";
import { DRILL_NODES_MAX, DRILL_TAGS_MAX, SALT_BYTES } from "./reconcile_limits.ts";
import { readVarints, writeVarints } from "./varints.ts";

/** A node to go down into. */
export interface DrilledNode {
  readonly node: number;
  /** Short digests of the rows that its asker has there, back to back; without them its children are asked. */
  readonly tags?: Uint8Array | undefined;
}

export const TAG_BYTES = 8;

/** The beginnings of digests (32 bytes each, back to back) under a salt; zeros stay zeros. */
export function shortDigests(kernel: Kernel, salt: Uint8Array, digests: Uint8Array): Uint8Array {
  const count = digests.length / DIGEST_BYTES;
  const key = new Uint8Array(2 * SALT_BYTES);
  key.set(salt);
  key.set(salt, SALT_BYTES);
  const ends = Uint32Array.from({ length: count }, (_, index) => (index + 1) * DIGEST_BYTES);
  const hashes = kernel.hashAll(digests, ends, key);
  const short = new Uint8Array(count * TAG_BYTES);
  for (let index = 0; index < count; index++) {
    const at = index * DIGEST_BYTES;
    if (digests.subarray(at, at + DIGEST_BYTES).every((byte) => byte === 0)) continue;
    short.set(hashes.subarray(at, at + TAG_BYTES), index * TAG_BYTES);
  }
  return short;
}

/** The digests of rows, back to back. */
export function joinDigests(rows: readonly { readonly digest: Uint8Array }[]): Uint8Array {
  const digests = new Uint8Array(rows.length * DIGEST_BYTES);
  rows.forEach(({ digest }, index) => digests.set(digest, index * DIGEST_BYTES));
  return digests;
}

/** Texts that stand for tags in sets, in the order of the tags. */
export function textsOf(tags: Uint8Array): string[] {
  return elementsIn(tags).map((tag) => String.fromCharCode(...tag));
}

/** As a request has them; ordered by number here. */
export function writeDrill(salt: Uint8Array, nodes: readonly DrilledNode[]): Drill {
  const numbers: number[] = [];
  const tags: number[] = [];
  let before = 0;
  for (const drilled of nodes.toSorted((a, b) => a.node - b.node)) {
    const count = drilled.tags === undefined ? 0 : drilled.tags.length / TAG_BYTES + 1;
    numbers.push(drilled.node - before, count);
    before = drilled.node;
    tags.push(...drilled.tags ?? []);
  }
  return { salt, nodes: writeVarints(numbers), tags: Uint8Array.from(tags) };
}

/**
 * The nodes of a request.
 *
 * @throws {TypeError} if the message's parts do not fit each other, or there are no such nodes
 * @throws {RangeError} if there are too many nodes or tags
 */
export function readDrill({ salt, nodes, tags }: Drill): DrilledNode[] {
  if (salt.length !== SALT_BYTES) throw misfit(`the salt has ${salt.length} bytes`);
  const numbers = readVarints(nodes);
  if (numbers.length % 2 !== 0) throw misfit("a node has no count of tags");
  if (numbers.length / 2 > DRILL_NODES_MAX) {
    throw new RangeError(`more than ${DRILL_NODES_MAX} nodes are drilled`);
  }
  if (tags.length > DRILL_TAGS_MAX * TAG_BYTES) {
    throw new RangeError(`there are more than ${DRILL_TAGS_MAX} tags`);
  }
  const drilled: DrilledNode[] = [];
  let node = 0;
  let at = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const step = numbers[index] as number;
    const count = numbers[index + 1] as number;
    node += step;
    if (node >= NODES_MAX || index > 0 && step === 0) throw misfit("there is no such node");
    if (count === 0) drilled.push({ node });
    else drilled.push({ node, tags: tags.subarray(at, at += (count - 1) * TAG_BYTES) });
    if (at > tags.length) throw misfit("tags are missing");
  }
  if (at !== tags.length) throw misfit("there are tags of no node");
  return drilled;
}

function misfit(reason: string): TypeError {
  return new TypeError(`Cannot read the drill: ${reason}`);
}
