/**
 * The kernels of simulated worlds: the real one, and two whose digests collide where they are cut
 * short, as they would for rows that somebody has searched for by the million.
 */
import type { Kernel } from "../../core/ports.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import type { KernelKind } from "./options.ts";

/** Bytes of a digest that go into an element. */
const RECORD_BYTES = 5;
/** Bits of those that are left in a weak world: of four updates of a row one is not in any sketch. */
const RECORD_MASK = 0b11;
/** Bits of a key's hash that are left in a steep world: its tree is one long path or two. */
const KEY_MASK = 0b1000_0000;

const TRUE: Kernel = kernelSync();

/** The kernel of a world; a new one each time, for keys are told apart by the bytes they are in. */
export function kernelOf(kind: KernelKind): Kernel | undefined {
  if (kind === "none") return undefined;
  return kind === "true" ? TRUE : weakened(kind === "steep");
}

function weakened(isSteep: boolean): Kernel {
  const purposes = new Map<string, string>();
  return {
    addElements: (sketch, elements, sign) => TRUE.addElements(sketch, elements, sign),
    addSketch: (sketch, other, sign) => TRUE.addSketch(sketch, other, sign),
    decode: (sketch, surplus) => TRUE.decode(sketch, surplus),
    deriveKey(context, material) {
      const key = TRUE.deriveKey(context, material);
      purposes.set(key.join(), context.split(" ").at(-1) as string);
      return key;
    },
    hashAll(messages, ends, key) {
      const digests = TRUE.hashAll(messages, ends, key);
      const purpose = key && purposes.get(key.join());
      for (let at = 0; at < digests.length; at += 32) {
        if (purpose === "record") {
          const kept = (digests[at] as number) & RECORD_MASK;
          digests.fill(0, at, at + RECORD_BYTES);
          digests[at] = kept;
        } else if (purpose === "key" && isSteep) {
          const kept = (digests[at] as number) & KEY_MASK;
          digests.fill(0, at, at + 4);
          digests[at] = kept;
        }
      }
      return digests;
    },
  };
}
