;; The kernel: BLAKE3 and the arithmetic of sketches, in one module with one memory.
;;
;; This file, blake3.wat and sketch.wat are the fields of one module; scripts/build_wasm.ts puts
;; `(module …)` around them. Whoever calls it is wasm/kernel.ts alone: it copies arguments in, calls,
;; and copies results out. All of it is synchronous, so every call may use its regions as it likes.
;;
;; Memory, in bytes (6 pages; it never grows, so that views of it stay valid):
;;
;;   0x00000 - 0x00fff   blake3.wat: constants, the four lanes, one block of each
;;   0x01000 - 0x10fff   sketch.wat: sketches, elements, polynomials (64 KiB)
;;   0x11000 - 0x14fff   ends of messages: up to 4,096 of u32
;;   0x15000 - 0x34fff   digests: up to 4,096 of 32 bytes
;;   0x35000 - 0x54fff   messages: up to 128 KiB, back to back
;;   0x55000 - 0x5503f   read past the last message, and ignored
;;
;; Exports:
;;
;;   memory
;;   hash(base, ends, count, out, chunk, step, flags, first, last)     blake3.wat
;;   sketch_add(words, from, count, negative)                          sketch.wat
;;   sketch_merge(words, negative)                                     sketch.wat
;;   sketch_decode(words, surplus): counts, or -1                      sketch.wat
;;
;; Invariants:
;;
;;   - Pointers and lengths come from wasm/kernel.ts, which has checked them; nothing else calls.
;;   - No call leaves anything behind that the next one relies on, but for constants.
;;   - SIMD of 128 bits and bulk memory are all that is needed: no relaxed SIMD, no threads.

(memory (export "memory") 6)
