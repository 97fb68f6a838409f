/** Modules for tests, from the text format. */
import binaryen from "binaryen";

const { Features } = binaryen;
/** What engines run; `Features.All` would have the bytes of proposals that none reads. */
const FEATURES = Features.MVP | Features.Atomics | Features.MutableGlobals | Features.SIMD128 |
  Features.BulkMemory | Features.SignExt | Features.NontrappingFPToInt | Features.ReferenceTypes |
  Features.TailCall | Features.ExceptionHandling | Features.Multivalue | Features.RelaxedSIMD |
  Features.MultiMemory | Features.Memory64 | Features.GC;

/** The bytes of a module in the text format. */
export function watModule(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(FEATURES);
    return module.emitBinary().slice() as Uint8Array<ArrayBuffer>;
  } finally {
    module.dispose();
  }
}
