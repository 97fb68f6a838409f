/** The kernel in plain TypeScript: the oracle of the module, and what runs where it cannot. */
import type { LoadedKernel } from "./kernel_port.ts";
import { deriveKey, hashAll } from "./plain_blake3.ts";
import { addElements, addSketch, decode } from "./plain_sketch.ts";

/** Needs nothing of the platform, and keeps nothing between two calls. */
export const plainKernel: LoadedKernel = {
  kind: "plain",
  hashAll,
  deriveKey,
  addElements,
  addSketch,
  decode,
};
