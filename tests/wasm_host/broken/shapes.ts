/**
 * Modules that are wrong before they answer anything: in what they export, import, start with, or give
 * for memory. Each is a text in WAT, made from a whole handler by changing one part.
 */
import binaryen from "binaryen";

/** A module, and what becomes of it. */
export interface Shape {
  readonly title: string;
  readonly text: string;
  /** Refused when it is mounted, with these words in the message; or the statuses of its requests. */
  readonly ends: string | readonly number[];
}

/** The parts of a handler: what is not given is as it should be. */
interface Parts {
  readonly before?: string;
  readonly memory?: string;
  readonly malloc?: string;
  readonly handle?: string;
  readonly more?: string;
}

const MALLOC = `(func (export "malloc") (param i32) (result i32) (i32.const 4096))`;
const HANDLE = `(func (export "handle_zerobuf") (param i32) (result i32) (i32.const 1024))`;
/** At 1024: status 200, no content type, the body "fine" at 1088, no headers. */
const ANSWER = `(data (i32.const 1024)
  "\\02\\00\\00\\00\\c8\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
  "\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
  "\\04\\00\\00\\00\\40\\04\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
  "\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00"
  "\\04\\00\\00\\00fine")`;

function handler(parts: Parts): string {
  const { before = "", memory = `(memory (export "memory") 1)`, more = "" } = parts;
  const { malloc = MALLOC, handle = HANDLE } = parts;
  return `(module ${before} ${memory} ${malloc} ${handle} ${more} ${ANSWER})`;
}

function malloc(body: string, result = "i32"): string {
  return `(func (export "malloc") (param i32) (result ${result}) ${body})`;
}

function handle(body: string, result = "i32"): string {
  return `(func (export "handle_zerobuf") (param i32) (result ${result}) ${body})`;
}

const SPIN = "(loop $again (br $again))";

/** Whole modules in the guise of broken ones come first: the cases must not refuse all. */
export const SHAPES: readonly Shape[] = [
  { title: "a whole module", text: handler({}), ends: [200] },
  {
    title: "memory that moves with every block",
    text: handler({ malloc: malloc("(drop (memory.grow (i32.const 1))) (i32.const 4096)") }),
    ends: [200],
  },
  {
    title: "memory that grows while the request is answered",
    text: handler({ handle: handle("(drop (memory.grow (i32.const 1))) (i32.const 1024)") }),
    ends: [200],
  },
  {
    title: "a module without _start",
    text: handler({ more: `(func (export "_end"))` }),
    ends: [200],
  },
  { title: "no memory", text: handler({ memory: "(memory 1)" }), ends: `memory "memory"` },
  {
    title: "memory that is a function",
    text: handler({ memory: `(memory 1) (func (export "memory"))` }),
    ends: `memory "memory"`,
  },
  { title: "no malloc", text: handler({ malloc: "" }), ends: `function "malloc"` },
  {
    title: "malloc that is a number",
    text: handler({ malloc: `(global (export "malloc") i32 (i32.const 4096))` }),
    ends: `function "malloc"`,
  },
  { title: "no handler", text: handler({ handle: "" }), ends: `function "handle_zerobuf"` },
  {
    title: "an import that nobody has",
    text: handler({ before: `(import "env" "system" (func (param i32) (result i32)))` }),
    ends: `"system" of "env"`,
  },
  {
    title: "an import of WASI that is none",
    text: handler({ before: `(import "wasi_snapshot_preview1" "take_over" (func))` }),
    ends: `"take_over"`,
  },
  {
    title: "memory that is imported",
    text: handler({
      before: `(import "env" "memory" (memory $given 1))`,
      memory: `(export "memory" (memory $given))`,
    }),
    ends: `"memory" of "env"`,
  },
  {
    title: "more memory at the start than the mount allows",
    text: handler({ memory: `(memory (export "memory") 4096)` }),
    ends: "memory",
  },
  {
    title: "a start that traps",
    text: handler({ more: "(func $s unreachable) (start $s)" }),
    ends: [500],
  },
  {
    title: "a start that never ends",
    text: handler({ more: `(func $s ${SPIN}) (start $s)` }),
    ends: [500, 504],
  },
  {
    title: "_start that traps",
    text: handler({ more: `(func (export "_start") unreachable)` }),
    ends: [500],
  },
  {
    title: "_start that never ends",
    text: handler({ more: `(func (export "_start") ${SPIN})` }),
    ends: [504],
  },
  {
    title: "malloc that has nothing",
    text: handler({ malloc: malloc("(i32.const 0)") }),
    ends: [500, 502],
  },
  {
    title: "malloc with an odd address",
    text: handler({ malloc: malloc("(i32.const 4099)") }),
    ends: [500, 502],
  },
  {
    title: "malloc that gives the end",
    text: handler({ malloc: malloc("(i32.const 65532)") }),
    ends: [500, 502],
  },
  {
    title: "malloc outside of memory",
    text: handler({ malloc: malloc("(i32.const -8)") }),
    ends: [500, 502],
  },
  { title: "malloc that traps", text: handler({ malloc: malloc("unreachable") }), ends: [500] },
  {
    title: "malloc that never ends",
    text: handler({ malloc: malloc(`${SPIN} (i32.const 4096)`) }),
    ends: [504],
  },
  {
    title: "malloc with a large number",
    text: handler({ malloc: malloc("(i64.const 4096)", "i64") }),
    ends: [500, 502],
  },
  {
    title: "malloc with a fraction",
    text: handler({ malloc: malloc("(f64.const nan)", "f64") }),
    ends: [500, 502],
  },
  {
    title: "a handler that takes a large number",
    text: handler({
      handle: `(func (export "handle_zerobuf") (param i64) (result i32) (i32.const 1024))`,
    }),
    ends: [500],
  },
  {
    title: "a handler that gives nothing",
    text: handler({ handle: `(func (export "handle_zerobuf") (param i32))` }),
    ends: [502],
  },
  {
    title: "a handler that gives a large number",
    text: handler({ handle: handle("(i64.const 1024)", "i64") }),
    ends: [500, 502],
  },
  {
    title: "a handler that gives infinity",
    text: handler({ handle: handle("(f64.const inf)", "f64") }),
    ends: [502],
  },
  {
    title: "a handler that gives what is no number",
    text: handler({ handle: handle("(f64.const nan)", "f64") }),
    ends: [502],
  },
  {
    title: "no memory at all",
    text: `(module (memory (export "memory") 0) ${MALLOC} ${HANDLE})`,
    ends: [500, 502],
  },
  {
    title: "names of the host that are something else",
    text: handler({
      more: `(global $one i32 (i32.const 1)) (export "free" (global $one))
        (export "_start" (global $one)) (export "driftless_other" (global $one))`,
    }),
    ends: [200],
  },
  {
    title: "free that traps",
    text: handler({ more: `(func (export "free") (param i32) unreachable)` }),
    ends: [200, 500],
  },
];

/** The module of a text. */
export function assembled(text: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(text);
  try {
    return Uint8Array.from(module.emitBinary());
  } finally {
    module.dispose();
  }
}
