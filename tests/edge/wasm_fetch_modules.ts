/** Small modules that ask for outbound requests, as text; `assemble` makes them real. */
import binaryen from "binaryen";

/** Memory, an allocator that only goes on, and writing a slot. */
const PRELUDE = `
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 8192))
  (func $malloc (export "malloc") (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap
      (i32.and (i32.add (i32.add (local.get $at) (local.get $bytes)) (i32.const 7)) (i32.const -8)))
    (block $enough
      (br_if $enough
        (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
      (br_if $enough
        (i32.ne (i32.const -1) (memory.grow
          (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1)))))
      (return (i32.const 0)))
    (local.get $at))
  (func $slot (param $at i32) (param $tag i32) (param $value i32)
    (i32.store8 (local.get $at) (local.get $tag))
    (i32.store offset=4 (local.get $at) (local.get $value)))
  (func $word (param $request i32) (param $slot i32) (result i32)
    (i32.load offset=4
      (i32.add (local.get $request) (i32.shl (local.get $slot) (i32.const 4)))))
  ;; A call to what the request's body says, with the head of slot 6 and the headers of slot 7.
  (func $call (param $at i32) (param $request i32) (result i32)
    (call $slot (local.get $at) (i32.const 2) (i32.const -1))
    (call $slot (i32.add (local.get $at) (i32.const 16)) (i32.const 4)
      (call $word (local.get $request) (i32.const 6)))
    (call $slot (i32.add (local.get $at) (i32.const 32)) (i32.const 4)
      (call $word (local.get $request) (i32.const 2)))
    (call $slot (i32.add (local.get $at) (i32.const 48)) (i32.const 4)
      (call $word (local.get $request) (i32.const 7)))
    (local.get $at))`;

/** `driftless`'s imports have to stand before all else. */
const IMPORTS = `
  (import "driftless" "fetch" (func $fetch (param i32) (result i32)))
  (import "driftless" "fetch_all" (func $fetch_all (param i32 i32) (result i32)))
  (import "driftless" "respond" (func $respond (param i32) (result i32)))
  (import "driftless" "write" (func $write (param i32 i32) (result i32)))`;

/** Bodies of `handle_zerobuf`, whose one parameter is $request; 1024 is free for an answer. */
const HANDLERS = {
  /** Hands back what its one request brought, as it is. */
  proxy: `
    (if (result i32) (call $word (local.get $request) (i32.const 4))
      (then (call $word (local.get $request) (i32.const 4)))
      (else (call $call (i32.const 1024) (local.get $request))))`,
  /** The same for requests from outside, which have no slots 6 and 7. */
  relay: `
    (if (call $word (local.get $request) (i32.const 4))
      (then (return (call $word (local.get $request) (i32.const 4)))))
    (drop (call $call (i32.const 1024) (local.get $request)))
    (call $slot (i32.const 1040) (i32.const 4) (i32.const 3200))
    (call $slot (i32.const 1072) (i32.const 4) (i32.const 3232))
    (i32.const 1024)`,
  /** Answers with 200 and the number of its call as the status; counts what it gets back. */
  numbered: `
    (if (i32.eqz (call $word (local.get $request) (i32.const 4)))
      (then (return (call $call (i32.const 1024) (local.get $request)))))
    (call $slot (i32.const 1024) (i32.const 2)
      (i32.add (i32.const 200) (call $word (local.get $request) (i32.const 5))))
    (call $slot (i32.const 1040) (i32.const 0) (i32.const 0))
    (call $slot (i32.const 1056) (i32.const 0) (i32.const 0))
    (call $slot (i32.const 1072) (i32.const 0) (i32.const 0))
    (i32.const 1024))
    (func (export "free") (param $at i32)
      (global.set $round (i32.add (global.get $round) (i32.const 1))))
    (func (export "freed") (result i32) (global.get $round)`,
  /** Never has enough. */
  forever: `(call $call (i32.const 1024) (local.get $request))`,
  /** Asks twice, keeps the first result in a global as Go's client does, and hands that back. */
  remembering: `
    (if (i32.eqz (call $word (local.get $request) (i32.const 4)))
      (then (return (call $call (i32.const 1024) (local.get $request)))))
    (global.set $round (i32.add (global.get $round) (i32.const 1)))
    (if (i32.eqz (global.get $first))
      (then
        (global.set $first (call $word (local.get $request) (i32.const 4)))
        (return (call $call (i32.const 1024) (local.get $request)))))
    (global.get $first)
    (global.set $first (i32.const 0))`,
  /** Asks for three at once: the body of the request three times; hands back the one in slot 8. */
  batch: `
    (local $results i32)
    (local.set $results (call $word (local.get $request) (i32.const 4)))
    (if (local.get $results)
      (then (return (i32.add (local.get $results)
        (i32.shl (call $word (local.get $request) (i32.const 8)) (i32.const 6))))))
    (drop (call $call (i32.const 2048) (local.get $request)))
    (drop (call $call (i32.const 2112) (local.get $request)))
    (drop (call $call (i32.const 2176) (local.get $request)))
    (call $slot (i32.const 1024) (i32.const 2) (i32.const -2))
    (call $slot (i32.const 1040) (i32.const 2) (call $word (local.get $request) (i32.const 9)))
    (call $slot (i32.const 1056) (i32.const 2) (i32.const 2048))
    (i32.const 1024)`,
  /** A batch of itself. */
  batch_of_batches: `
    (call $slot (i32.const 1024) (i32.const 2) (i32.const -2))
    (call $slot (i32.const 1040) (i32.const 2) (i32.const 1))
    (call $slot (i32.const 1056) (i32.const 2) (i32.const 1024))
    (i32.const 1024)`,
  /** Echoes what comes on a socket: "t…" traps, "q…" closes, "b…" answers in bytes, "n…" nothing. */
  echo: `
    (local $body i32)
    (local $letter i32)
    (local.set $body (call $word (local.get $request) (i32.const 2)))
    (local.set $letter (i32.load8_u offset=4 (local.get $body)))
    (if (i32.eqz (i32.load (local.get $body))) (then (local.set $letter (i32.const 0))))
    (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (call $slot (i32.const 1040) (i32.const 0) (i32.const 0))
    (call $slot (i32.const 1056) (i32.const 4) (local.get $body))
    (call $slot (i32.const 1072) (i32.const 0) (i32.const 0))
    (if (i32.eq (local.get $letter) (i32.const 113))
      (then (call $slot (i32.const 1072) (i32.const 4) (i32.const 3072))))
    (if (i32.eq (local.get $letter) (i32.const 98))
      (then (call $slot (i32.const 1072) (i32.const 4) (i32.const 3136))))
    (if (i32.eq (local.get $letter) (i32.const 110))
      (then (call $slot (i32.const 1056) (i32.const 0) (i32.const 0))))
    (if (i32.eq (local.get $letter) (i32.const 102))
      (then
        (if (result i32) (call $word (local.get $request) (i32.const 4))
          (then (return (call $word (local.get $request) (i32.const 4))))
          (else
            (call $slot (i32.const 1024) (i32.const 2) (i32.const -1))
            (call $slot (i32.const 1040) (i32.const 4) (i32.const 3200))
            (call $slot (i32.const 1056) (i32.const 4) (i32.const 3264))
            (call $slot (i32.const 1072) (i32.const 4) (i32.const 3232))
            (return (i32.const 1024))))
        (drop)))
    ;; Counts what it was told, for who asks by "c…".
    (global.set $round (i32.add (global.get $round) (i32.const 1)))
    (if (i32.eq (local.get $letter) (i32.const 99))
      (then
        (i32.store (i32.const 3328) (i32.const 1))
        (i32.store8 (i32.const 3332) (i32.add (i32.const 48) (global.get $round)))
        (call $slot (i32.const 1056) (i32.const 4) (i32.const 3328))))
    (i32.const 1024)`,
} as const;

/** The same, suspended. */
const SUSPENDED = {
  /** Hands back what its one request brought, by suspension. */
  suspended: `(call $fetch (call $call (i32.const 1024) (local.get $request)))`,
  /** The same for requests from outside, which have no slots 6 and 7. */
  asking: `
    (drop (call $call (i32.const 1024) (local.get $request)))
    (call $slot (i32.const 1040) (i32.const 4) (i32.const 3200))
    (call $slot (i32.const 1072) (i32.const 4) (i32.const 3232))
    (call $fetch (i32.const 1024))`,
  /** Hands back what its one request brought, and counts what it gets back. */
  freeing: `
    (call $fetch (call $call (i32.const 1024) (local.get $request))))
    (func (export "free") (param $at i32)
      (global.set $round (i32.add (global.get $round) (i32.const 1))))
    (func (export "freed") (result i32) (global.get $round)`,
  /** Makes its call on a stack in memory, as compilers do, and looks whether the stack is its own. */
  stacked: `
    (local $frame i32)
    (local $at i32)
    (local $result i32)
    (local $letter i32)
    (local.set $letter
      (i32.load8_u offset=4 (call $word (local.get $request) (i32.const 8))))
    (local.set $frame (i32.sub (global.get $stack) (i32.const 256)))
    (global.set $stack (local.get $frame))
    (memory.fill (local.get $frame) (local.get $letter) (i32.const 256))
    (local.set $result (call $fetch (call $call (i32.const 1024) (local.get $request))))
    (loop $each
      (if (i32.ne (local.get $letter)
          (i32.load8_u (i32.add (local.get $frame) (local.get $at))))
        (then (unreachable)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $each (i32.lt_u (local.get $at) (i32.const 256))))
    (global.set $stack (i32.add (global.get $stack) (i32.const 256)))
    (local.get $result)`,
  /** So many of slot 9 at once; hands back the one in slot 8. */
  suspended_all: `
    (local $results i32)
    (drop (call $call (i32.const 2048) (local.get $request)))
    (drop (call $call (i32.const 2112) (local.get $request)))
    (drop (call $call (i32.const 2176) (local.get $request)))
    (i32.add
      (call $fetch_all (i32.const 2048) (call $word (local.get $request) (i32.const 9)))
      (i32.shl (call $word (local.get $request) (i32.const 8)) (i32.const 6)))`,
  /** Begins a response, then writes its body so many times as slot 6 says; then traps if slot 7 is 1. */
  streaming: `
    (local $left i32)
    (local $body i32)
    (local.set $body (call $word (local.get $request) (i32.const 2)))
    (local.set $left (call $word (local.get $request) (i32.const 6)))
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (drop (call $respond (i32.const 1024)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (drop (call $write
          (i32.add (local.get $body) (i32.const 4)) (i32.load (local.get $body))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (if (call $word (local.get $request) (i32.const 7)) (then (unreachable)))
    (i32.const 0)`,
  /** Writes the body of any request 10 000 times. */
  stream: `
    (local $left i32)
    (local $body i32)
    (local.set $body (call $word (local.get $request) (i32.const 2)))
    (local.set $left (i32.const 10000))
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (drop (call $respond (i32.const 1024)))
    (loop $next
      (drop (call $write
        (i32.add (local.get $body) (i32.const 4)) (i32.load (local.get $body))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i32.const 0)`,
  /** Calls the import of slot 6 (0 to 3) with the numbers of slots 7 and 8, after it has responded. */
  wild: `
    (local $which i32)
    (local $one i32)
    (local $two i32)
    (local.set $which (call $word (local.get $request) (i32.const 6)))
    (local.set $one (call $word (local.get $request) (i32.const 7)))
    (local.set $two (call $word (local.get $request) (i32.const 8)))
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (if (i32.eqz (local.get $which)) (then (drop (call $fetch (local.get $one)))))
    (if (i32.eq (local.get $which) (i32.const 1))
      (then (drop (call $fetch_all (local.get $one) (local.get $two)))))
    (if (i32.eq (local.get $which) (i32.const 2))
      (then (drop (call $respond (local.get $one)))))
    (if (i32.eq (local.get $which) (i32.const 3))
      (then
        (drop (call $respond (i32.const 1024)))
        (drop (call $write (local.get $one) (local.get $two)))))
    (i32.const 1024)`,
  /** Begins with the body of the request, then writes the alphabet from one and the same byte. */
  alphabet: `
    (local $letter i32)
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (call $slot (i32.const 1056) (i32.const 4) (call $word (local.get $request) (i32.const 2)))
    (drop (call $respond (i32.const 1024)))
    (local.set $letter (i32.const 97))
    (loop $next
      (i32.store8 (i32.const 4000) (local.get $letter))
      (drop (call $write (i32.const 4000) (i32.const 1)))
      (i32.store8 (i32.const 4000) (i32.const 33))
      (local.set $letter (i32.add (local.get $letter) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $letter) (i32.const 123))))
    (i32.const 0)`,
  /** Begins its response twice. */
  twice: `
    (call $slot (i32.const 1024) (i32.const 2) (i32.const 200))
    (drop (call $respond (i32.const 1024)))
    (call $respond (i32.const 1024))`,
  /** Writes before it responds. */
  hasty: `
    (call $write (i32.const 1024) (i32.const 1))`,
  /** Suspends, then asks by replay as well. */
  mixed: `
    (if (call $word (local.get $request) (i32.const 4))
      (then (return (call $word (local.get $request) (i32.const 4)))))
    (drop (call $fetch (call $call (i32.const 1024) (local.get $request))))
    (call $call (i32.const 1024) (local.get $request))`,
} as const;

/** Texts of the echo module, each with its length. */
const DATA = `
  (data (i32.const 3072) "\\11\\00\\00\\00x-ws-close: true\\0a")
  (data (i32.const 3136) "\\12\\00\\00\\00x-ws-binary: true\\0a")
  (data (i32.const 3200) "\\04\\00\\00\\00GET\\0a")
  (data (i32.const 3232) "\\02\\00\\00\\000\\0a")
  (data (i32.const 3264) "\\12\\00\\00\\00https://one.org/ws")`;

/** Every module by name, as WebAssembly text. */
export const FETCH_MODULES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(HANDLERS).map(([name, body]) => [name, text("", body)])),
  ...Object.fromEntries(
    Object.entries(SUSPENDED).map(([name, body]) => [name, text(IMPORTS, body)]),
  ),
};

/** The bytes of a module. */
export function assemble(wat: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(wat);
  try {
    module.setFeatures(
      binaryen.Features.MutableGlobals | binaryen.Features.BulkMemory |
        binaryen.Features.BulkMemoryOpt,
    );
    if (module.validate() === 0) throw new TypeError("Cannot assemble: the module is not valid");
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

function text(imports: string, body: string): string {
  return `(module ${imports} ${PRELUDE} ${DATA}
    (global $first (mut i32) (i32.const 0))
    (global $round (mut i32) (i32.const 0))
    (global $stack (mut i32) (i32.const 8192))
    (func (export "handle_zerobuf") (param $request i32) (result i32) ${body}))`;
}
