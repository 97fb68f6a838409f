/** BLAKE3 of the module and of its twin: beside another implementation, and what both refuse. */
import { assertEquals, assertThrows } from "@std/assert";
import { blake3 } from "@noble/hashes/blake3.js";
import { kernelSync } from "../../wasm/kernel.ts";
import type { LoadedKernel } from "../../wasm/kernel_port.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { Prng } from "../sim/prng.ts";
import { patternOf } from "./kernel_cases.ts";

const KERNELS: readonly LoadedKernel[] = [kernelSync(), plainKernel];

for (const kernel of KERNELS) {
  Deno.test(`${kernel.kind} hashes as @noble/hashes does`, () => {
    const prng = new Prng(1);
    for (let length = 0; length < 9000; length += prng.between(1, 97)) {
      const message = prng.bytes(length);
      const key = prng.bytes(32);
      const context = `context ${length}`;
      const ends = Uint32Array.of(length);
      assertEquals(kernel.hashAll(message, ends), blake3(message));
      assertEquals(kernel.hashAll(message, ends, key), blake3(message, { key }));
      const derived = blake3(message, { context: new TextEncoder().encode(context) });
      assertEquals(kernel.deriveKey(context, message), derived);
    }
  });

  Deno.test(`${kernel.kind} hashes no message, and empty ones`, () => {
    assertEquals(kernel.hashAll(new Uint8Array(), new Uint32Array()), new Uint8Array());
    const empty = blake3(new Uint8Array());
    const two = kernel.hashAll(new Uint8Array(), Uint32Array.of(0, 0));
    assertEquals(two, Uint8Array.of(...empty, ...empty));
  });

  Deno.test(`${kernel.kind} leaves its arguments alone, and gives digests that stay`, () => {
    const messages = patternOf(3000);
    const ends = Uint32Array.of(100, 100, 2900, 3000);
    const key = patternOf(32);
    const digests = kernel.hashAll(messages, ends, key);
    const copy = digests.slice();
    kernel.hashAll(patternOf(500, 9), Uint32Array.of(500));
    assertEquals(digests, copy);
    assertEquals([messages, key], [patternOf(3000), patternOf(32)]);
    assertEquals([...ends], [100, 100, 2900, 3000]);
  });

  Deno.test(`${kernel.kind} forgets the key of the call before`, () => {
    const message = patternOf(70);
    const ends = Uint32Array.of(70);
    kernel.hashAll(message, ends, patternOf(32));
    assertEquals(kernel.hashAll(message, ends), blake3(message));
    kernel.deriveKey("a context", message);
    assertEquals(kernel.hashAll(message, ends), blake3(message));
  });

  Deno.test(`${kernel.kind} refuses ends that do not ascend to the last byte`, () => {
    const messages = patternOf(100);
    for (
      const ends of [[], [99], [101], [60, 40, 100], [100, 0], [0xffff_ffff], [4_294_967_295, 100]]
    ) {
      assertThrows(
        () => kernel.hashAll(messages, Uint32Array.from(ends)),
        RangeError,
        "Cannot hash messages: ",
      );
    }
  });

  Deno.test(`${kernel.kind} refuses a key that has not 32 bytes`, () => {
    for (const length of [0, 31, 33, 64]) {
      assertThrows(
        () => kernel.hashAll(patternOf(1), Uint32Array.of(1), patternOf(length)),
        RangeError,
        `Cannot hash with a key of ${length} bytes: it takes 32`,
      );
    }
  });

  Deno.test(`${kernel.kind} refuses arguments of another type`, () => {
    const bytes = patternOf(4);
    const ends = Uint32Array.of(4);
    const wrong = (value: unknown) => value as never;
    for (const value of ["text", null, [1, 2, 3, 4], new DataView(new ArrayBuffer(4)), 4]) {
      assertThrows(() => kernel.hashAll(wrong(value), ends), TypeError, "Cannot hash messages: ");
      assertThrows(() => kernel.hashAll(bytes, wrong(value)), TypeError, "Cannot hash messages: ");
      assertThrows(
        () => kernel.hashAll(bytes, ends, wrong(value)),
        TypeError,
        "Cannot hash with a",
      );
      assertThrows(() => kernel.deriveKey("", wrong(value)), TypeError, "Cannot derive a key: ");
    }
    assertThrows(() => kernel.hashAll(bytes, wrong(bytes)), TypeError, "Cannot hash messages: ");
    assertThrows(() => kernel.deriveKey(wrong(1), bytes), TypeError, "Cannot derive a key: ");
  });
}
