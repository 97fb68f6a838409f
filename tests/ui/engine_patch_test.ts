/** Operations come back as they were written, whatever they hold. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  bitsFor,
  BRANCH,
  INSERT,
  MOVE,
  PatchReader,
  PERMUTE,
  REMOVE,
  SET,
  SPLICE,
} from "../../ui/patch_ops.ts";
import { JsonText, PatchWriter, type Shown, withValues } from "../../ui/patch_writer.ts";
import { Prng } from "../sim/prng.ts";

function readerOf(write: (writer: PatchWriter) => void): PatchReader {
  const writer = new PatchWriter();
  write(writer);
  const { ops, texts } = writer.take();
  assert(writer.isEmpty);
  return new PatchReader(ops, texts);
}

/** The head of the next operation. */
function headOf(reader: PatchReader): readonly [code: number, slot: number, instance: number] {
  const word = reader.uint();
  return [word & 15, word >> 4, reader.instance()];
}

Deno.test("every value comes back, alone and between others", () => {
  const values: readonly Shown[] = [
    "",
    "text",
    "é🙂",
    0,
    1,
    -1,
    63,
    64,
    -64,
    -65,
    2 ** 31,
    -(2 ** 40),
    2 ** 51 - 2,
    true,
    false,
    null,
    new JsonText('{"a":[1.5,null]}'),
    "a",
    "b",
    "c",
    1,
    "d",
  ];
  const prng = new Prng(3);
  for (let round = 0; round < 200; round++) {
    const some = Array.from(
      { length: prng.between(1, 30) },
      () => values[prng.between(0, values.length - 1)] as Shown,
    );
    const reader = readerOf((writer) => {
      some.forEach((value, index) => writer.set(index * 3, index, value));
    });
    some.forEach((value, index) => {
      assertEquals(headOf(reader), [SET, index, index * 3]);
      const expected = value instanceof JsonText ? JSON.parse(value.text) : value;
      assertEquals(reader.value(), expected);
    });
    assert(!reader.hasMore());
  }
});

Deno.test("texts in a row have one head, across operations", () => {
  const writer = new PatchWriter();
  for (let row = 0; row < 1_000; row++) writer.set(row, 0, "x");
  // A word and a difference each, and two bytes of one head.
  assertEquals(writer.take().ops.length, 2_002);
});

Deno.test("every operation comes back, and instances count from the one before", () => {
  const reader = readerOf((writer) => {
    writer.insert(900, 20, 3, 2);
    writer.remove(5, 0, 300, 1);
    writer.branch(5, 1, 2);
    writer.move(2_000, 3, [{ from: 1, to: 998, count: 1 }, { from: 300, to: 0, count: 12 }]);
    writer.setText(1, 2, "hello brave world", "hello new world");
    writer.setText(1, 2, "abc", "xyz");
  });
  assertEquals([headOf(reader), reader.uint(), reader.uint()], [[INSERT, 20, 900], 3, 2]);
  assertEquals([headOf(reader), reader.uint(), reader.uint()], [[REMOVE, 0, 5], 300, 1]);
  assertEquals([headOf(reader), reader.uint()], [[BRANCH, 1, 5], 2]);
  assertEquals([headOf(reader), reader.uint()], [[MOVE, 3, 2_000], 2]);
  assertEquals([reader.uint(), reader.uint()], [2, 998]);
  assertEquals([reader.uint(), reader.uint(), reader.uint()], [601, 12, 0]);
  assertEquals([headOf(reader), reader.uint(), reader.uint()], [[SPLICE, 2, 1], 6, 5]);
  assertEquals(reader.value(), "new");
  assertEquals([headOf(reader), reader.value()], [[SET, 2, 1], "xyz"]);
  assert(!reader.hasMore());
});

Deno.test("a splice never cuts a character of two units", () => {
  const prng = new Prng(8);
  const letters = ["a", "b", "🙂", "🙃", "𝕏"] as const;
  const word = () => Array.from({ length: prng.between(0, 12) }, () => prng.pick(letters)).join("");
  for (let round = 0; round < 5_000; round++) {
    const [before, after] = [`start ${word()} end`, `start ${word()} end`];
    const reader = readerOf((writer) => writer.setText(0, 0, before, after));
    const [code] = headOf(reader);
    if (code === SET) assertEquals(reader.value(), after);
    else {
      const at = reader.uint();
      const removed = reader.uint();
      const inserted = reader.value() as string;
      assert(inserted.isWellFormed() && before.slice(at, at + removed).isWellFormed());
      assertEquals(before.slice(0, at) + inserted + before.slice(at + removed), after);
    }
  }
});

Deno.test("orders of every size come back, in as many bits as they need", () => {
  const prng = new Prng(5);
  for (const count of [0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 255, 256, 257, 1_000, 5_000]) {
    const order = Array.from({ length: count }, (_, index) => index);
    for (let at = count - 1; at > 0; at--) {
      const other = prng.between(0, at);
      [order[at], order[other]] = [order[other] as number, order[at] as number];
    }
    const reader = readerOf((writer) => {
      writer.permute(7, 1, 30, order);
      writer.set(7, 2, "behind");
    });
    assertEquals([headOf(reader), reader.uint(), reader.uint()], [[PERMUTE, 1, 7], 30, count]);
    assertEquals(reader.order(count), order);
    assertEquals([headOf(reader), reader.value()], [[SET, 2, 7], "behind"]);
  }
  assertEquals([0, 1, 2, 3, 4, 255, 256].map(bitsFor), [0, 1, 2, 2, 3, 8, 9]);
});

Deno.test("values of bound inputs go on behind the operations of a patch", () => {
  const writer = new PatchWriter();
  writer.set(40, 1, "a");
  writer.setBound(41, 2, "typed");
  writer.setBound(7, 0, true);
  const patch = writer.take();
  assert(withValues(patch, []) === patch);
  const { ops, texts } = withValues(patch, patch.bound);
  const reader = new PatchReader(ops, texts);
  assertEquals([headOf(reader), reader.value()], [[SET, 1, 40], "a"]);
  assertEquals([headOf(reader), reader.value()], [[SET, 2, 41], "typed"]);
  assertEquals([headOf(reader), reader.value()], [[SET, 0, 7], true]);
  assert(!reader.hasMore());
});

Deno.test("a patch that is cut off, or lacks a text, is refused", () => {
  const writer = new PatchWriter();
  writer.set(1_000, 0, "text");
  const { ops } = writer.take();
  assertThrows(() => new PatchReader(new Uint8Array([200]), []).uint(), TypeError, "cut off");
  const reader = new PatchReader(ops, []);
  headOf(reader);
  assertThrows(() => reader.value(), TypeError, "a text is missing");
});

Deno.test("patches that share memory keep what they hold, whatever comes after them", () => {
  const prng = new Prng(5);
  const lengths = [
    ...Array.from({ length: 400 }, () => prng.between(1, 150)),
    127,
    128,
    129,
    1_100,
  ];
  const taken = lengths.map((length) => {
    const writer = new PatchWriter();
    for (let at = 0; at < length; at++) writer.count((at * 7 + length) % 128);
    return { length, ...writer.take() };
  });
  for (const { length, ops } of taken) {
    assertEquals([...ops], Array.from({ length }, (_, at) => (at * 7 + length) % 128));
  }
});
