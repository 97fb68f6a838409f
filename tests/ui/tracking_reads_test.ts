/** Reads wait until somebody writes: none is lost by that, and nobody who is gone is held on to. */
import { assertEquals } from "@std/assert";
import {
  noteRead,
  noteWrite,
  PENDING_READS_MAX,
  type Reader,
  sortInReads,
} from "../../ui/tracking.ts";

function readerOf(told: string[], name: string, isCheap = true): Reader & { isDead: boolean } {
  return {
    source: null,
    isDead: false,
    isCheap,
    markDirty: () => told.push(name),
    markAll: () => told.push(`${name} all`),
  };
}

Deno.test("every read is told of writes, as many as may wait and one more or less", () => {
  for (const count of [PENDING_READS_MAX - 1, PENDING_READS_MAX, PENDING_READS_MAX + 1]) {
    sortInReads();
    const told: string[] = [];
    const objects = Array.from({ length: count }, () => ({}));
    const reader = readerOf(told, "reader", false);
    for (const object of objects) noteRead(reader, object, "field");
    for (const at of [0, count - 2, count - 1]) noteWrite(objects[at] as object, "field");
    noteWrite(objects[0] as object, "other");
    assertEquals(told, ["reader", "reader", "reader"]);
  }
});

Deno.test("who reads an object first may have it as its source, and others hear of it all the same", () => {
  const told: string[] = [];
  const row = { a: 1, b: 2 };
  const [first, second] = [readerOf(told, "first"), readerOf(told, "second")];
  noteRead(first, row, "a");
  noteRead(second, row, "a");
  assertEquals([first.source === row, second.source === row], [true, true]);
  noteRead(second, row, "b");
  noteWrite(row, "b");
  assertEquals(told.sort(), ["first", "second"]);
});

Deno.test("reads of who has ended are forgotten, before and after they are sorted in", () => {
  const told: string[] = [];
  const row = {};
  const [early, late, other] = ["early", "late", "other"].map((name) => readerOf(told, name));
  noteRead(early as Reader, row, "a");
  Object.assign(early as Reader, { isDead: true });
  noteRead(late as Reader, row, "a");
  sortInReads();
  Object.assign(late as Reader, { isDead: true });
  noteRead(other as Reader, row, "a");
  noteWrite(row, "a");
  assertEquals(told.includes("other"), true);
  assertEquals(told.includes("early"), false);
});
