/** The modules that the boundary is measured with: they do next to nothing themselves. */
import { watModule } from "../wasm/wat_module.ts";
import { watSlot, watText } from "../wasm/wat_text.ts";

/** Requests that the modules which ask others make. */
export const FETCHES = 8;
/** Where the modules keep an answer. */
const ANSWER = 1_024;
const CALL = 2_048;
/** What the host's requests are given. */
const HEAP = 8_192;

/** Headers that the echo answers with. */
const HEADERS = "Cache-Control: no-cache\nX-Request-Id: 0123456789abcdef\nVary: Accept\n" +
  'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"\n';

const ALLOCATOR = `
  (memory (export "memory") 8)
  (global $top (mut i32) (i32.const ${HEAP}))
  (func (export "malloc") (param $bytes i32) (result i32)
    (global.get $top)
    (global.set $top (i32.and
      (i32.add (i32.add (global.get $top) (local.get $bytes)) (i32.const 15)) (i32.const -16))))`;

const ANSWER_SLOTS = `
  ${watSlot(ANSWER, 2, 200)}
  ${watSlot(ANSWER + 16, 4, ANSWER + 64)}
  ${watSlot(ANSWER + 32, 8, ANSWER + 128)}
  ${watSlot(ANSWER + 48, 4, ANSWER + 160)}
  ${watText(ANSWER + 64, "application/octet-stream")}
  ${watText(ANSWER + 128, "")}
  ${watText(ANSWER + 160, HEADERS)}`;

/** Work, so many iterations. */
const WORK = `
  (global $sink (mut i32) (i32.const 1))
  (func $work (param $times i32)
    (loop $l
      (global.set $sink (i32.rem_u (i32.add (i32.mul (global.get $sink) (i32.const 1103515245))
        (i32.const 12345)) (i32.const 2147483629)))
      (br_if $l (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))`;

/** Answers with the body that it was sent, where it stands; traps when the method is TRAP. */
export function echoModule(): Uint8Array<ArrayBuffer> {
  return watModule(`(module ${ALLOCATOR} ${ANSWER_SLOTS}
    (func (export "handle_zerobuf") (param $request i32) (result i32)
      (if (i32.eq (i32.load8_u (i32.add (i32.load (i32.add (local.get $request) (i32.const 4)))
        (i32.const 4))) (i32.const 84)) (then unreachable))
      (i32.store (i32.const ${ANSWER + 36})
        (i32.load (i32.add (local.get $request) (i32.const 36))))
      (i32.const ${ANSWER}))
    (func (export "call") (param i32) (result i32) (local.get 0)))`);
}

/** Makes requests one after the other, with work before each: called anew for every one. */
export function replayedModule(work: number): Uint8Array<ArrayBuffer> {
  const numbers = Array.from(
    { length: FETCHES },
    (_, number) => watText(CALL + 512 + 16 * number, `${number}\n`),
  );
  return watModule(`(module ${ALLOCATOR} ${ANSWER_SLOTS} ${WORK}
    ${watSlot(CALL, 2, -1)} ${callTexts()} ${numbers.join("\n")}
    (func (export "handle_zerobuf") (param $request i32) (result i32)
      (local $known i32) (local $at i32)
      (if (i32.load8_u (i32.add (local.get $request) (i32.const 80)))
        (then (local.set $known (i32.add (i32.const 1)
          (i32.load (i32.add (local.get $request) (i32.const 84)))))))
      (loop $l
        (call $work (i32.const ${work}))
        (br_if $l (i32.le_u
          (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $known))))
      (if (i32.eq (local.get $known) (i32.const ${FETCHES}))
        (then (return (i32.const ${ANSWER}))))
      (i32.store (i32.const ${CALL + 48}) (i32.const 4))
      (i32.store (i32.const ${CALL + 52})
        (i32.add (i32.const ${CALL + 512}) (i32.shl (local.get $known) (i32.const 4))))
      (i32.const ${CALL})))`);
}

/** The same, suspended while others answer: called once. */
export function suspendedModule(work: number): Uint8Array<ArrayBuffer> {
  return watModule(`(module
    (import "driftless" "fetch" (func $fetch (param i32) (result i32)))
    ${ALLOCATOR} ${ANSWER_SLOTS} ${WORK}
    ${watSlot(CALL, 2, -1)} ${callTexts()}
    (func (export "handle_zerobuf") (param $request i32) (result i32) (local $left i32)
      (local.set $left (i32.const ${FETCHES}))
      (loop $l
        (call $work (i32.const ${work}))
        (drop (call $fetch (i32.const ${CALL})))
        (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
      (call $work (i32.const ${work}))
      (i32.const ${ANSWER})))`);
}

function callTexts(): string {
  return `${watSlot(CALL + 16, 4, CALL + 128)} ${watSlot(CALL + 32, 4, CALL + 192)}
    ${watText(CALL + 128, "GET\n")} ${watText(CALL + 192, "https://api.test/part\n")}`;
}
