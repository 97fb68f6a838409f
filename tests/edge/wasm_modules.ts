/** Small handlers for tests, in the text format, and an independent reader of what hosts write. */
import binaryen from "binaryen";

/** Where the answer of these handlers is, in their memory. */
export const ANSWER = 64;
/** Where the first block of `malloc` begins. */
export const HEAP = 4096;

/** What differs between handlers. */
export interface Handler {
  /** Of `handle_zerobuf`, after its head; leaves an i32. `$req` is the request, `$n` is free. */
  readonly body: string;
  /** Further fields of the module. */
  readonly fields?: string;
  /** Imports: they come first. */
  readonly imports?: string;
  /** In place of an allocator that only goes forward, and grows the memory. */
  readonly malloc?: string;
  /** The minimum of its memory, in pages, and its maximum. */
  readonly pages?: string;
}

const BUMP = `
  (func $malloc (export "malloc") (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (local.get $at)
      (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16))))
    (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
        (i32.shr_u (i32.sub (global.get $top) (i32.shl (memory.size) (i32.const 16)))
          (i32.const 16)))))
        (then (global.set $top (local.get $at)) (return (i32.const 0))))))
    (local.get $at))`;

/** The bytes of a handler. */
export function handler(
  { body, fields = "", imports = "", malloc = BUMP, pages = "1" }: Handler,
): Uint8Array<ArrayBuffer> {
  return assembled(`(module ${imports}
    (memory (export "memory") ${pages})
    (global $top (mut i32) (i32.const ${HEAP}))
    ${malloc}
    ${fields}
    (func (export "handle_zerobuf") (param $req i32) (result i32) (local $n i32) ${body}))`);
}

/** The bytes of a module in the text format. */
export function assembled(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(
      binaryen.Features.BulkMemory | binaryen.Features.SignExt |
        binaryen.Features.MutableGlobals | binaryen.Features.SIMD128 | binaryen.Features.Atomics,
    );
    if (module.validate() !== 1) throw new TypeError("The module is not valid");
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/** Sets a slot of the answer. */
export function set(slot: number, tag: number, value: string): string {
  const at = ANSWER + slot * 16;
  return `(i32.store (i32.const ${at}) (i32.const ${tag}))
    (i32.store (i32.const ${at + 4}) ${value})`;
}

/** The value of a slot of the request. */
export function given(slot: number): string {
  return `(i32.load offset=${slot * 16 + 4} (local.get $req))`;
}

/** The end of a handler: where the answer is. */
export const DONE = `(i32.const ${ANSWER})`;

/** Answers with what it got: the body as the body, and the path as its only header, `p`. */
export const ECHO: Uint8Array<ArrayBuffer> = handler({
  body: `
    ${set(0, 2, "(i32.const 200)")}
    ${set(1, 4, "(i32.const 1024)")}
    ${set(2, 4, given(2))}
    ${set(3, 4, given(3))}
    ${DONE}`,
  fields: text(1024, "application/x-echo"),
});

/** Traps when the path is 5 bytes long, else answers 200 with how often this instance answered. */
export const COUNTER: Uint8Array<ArrayBuffer> = handler({
  body: `
    (if (i32.eq (i32.const 5) (i32.load ${given(1)})) (then (unreachable)))
    (i32.store8 (i32.const 1028) (i32.add (i32.const 1) (i32.load8_u (i32.const 1028))))
    ${set(0, 2, "(i32.const 200)")}
    ${set(2, 8, "(i32.const 1024)")}
    ${DONE}`,
  fields: text(1024, "0"),
});

/** A text in a module's memory, with its length before it. */
export function text(at: number, content: string): string {
  const bytes = new TextEncoder().encode(content);
  const all = [bytes.length, 0, 0, 0, ...bytes];
  all[1] = bytes.length >> 8;
  const digits = all.map((byte) => `\\${(byte & 255).toString(16).padStart(2, "0")}`).join("");
  return `(data (i32.const ${at}) "${digits}")`;
}

/** What is at a slot, by the layout's own words, with nothing of the host's code. */
export function readSlot(
  memory: ArrayBuffer,
  address: number,
  slot: number,
): { tag: number; value: number; bytes: Uint8Array } {
  const view = new DataView(memory);
  const at = address + slot * 16;
  const tag = view.getUint8(at);
  const value = view.getInt32(at + 4, true);
  if (tag !== 4 && tag !== 8) return { tag, value, bytes: new Uint8Array() };
  const length = view.getUint32(value, true);
  return { tag, value, bytes: new Uint8Array(memory.slice(value + 4, value + 4 + length)) };
}
