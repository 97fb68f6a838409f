/** Bytes of a message for each scenario of the comparison: upper bounds, and that pages get it right. */
import { assert, assertEquals } from "@std/assert";
import { ServerMessage } from "../../core/wire/ui_gen.ts";
import { IslandInstance } from "../../ui/island_instance.ts";
import { type BoundValue, type Ops, type Patch, withValues } from "../../ui/patch_writer.ts";
import { el, programOf, text } from "./engine_programs.ts";
import { TABLE, Table } from "./engine_table.ts";
import { ModelClient } from "./model_client.ts";

const PATCH = 0;

/** A message as it is the payload of a frame, one of the first 127 of the first island of a page. */
function bytesOf({ ops, texts }: Ops, ack = 0): number {
  return ServerMessage.encode({
    kind: PATCH,
    target: 0,
    seq: 100,
    ops,
    texts,
    ack,
    table: "",
    session: "",
    html: "",
    call: 0,
    name: "",
    args: "",
    code: "",
    error: "",
    numbers: new Uint8Array(),
    part: new Uint8Array(),
    more: false,
  }).length;
}

/** The bytes of what a call changes in a table of so many rows. */
function bytesOfCall(size: number, method: string, ...args: readonly unknown[]): number {
  const state = new Table(size);
  const island = new IslandInstance(TABLE, state);
  const client = new ModelClient(TABLE.table, island.snapshot());
  island.call(method, args);
  const patch = island.takePatch();
  assert(patch !== null);
  client.apply(patch);
  const fresh = new ModelClient(TABLE.table, new IslandInstance(TABLE, state).snapshot());
  assertEquals(client.html(), fresh.html());
  island.close();
  return bytesOf(patch);
}

Deno.test("a click that counts is sent in 10 bytes", () => {
  const bytes = bytesOfCall(1_000, "increase");
  assert(bytes <= 10, `${bytes}`);
});

Deno.test("one cell of a table is sent in 27 bytes", () => {
  // A text of 15 bytes, that has nothing in common with the one before.
  for (const size of [1_000, 10_000]) {
    const bytes = bytesOfCall(size, "edit", 500, "changed: row 50");
    assert(bytes <= 27, `${bytes}`);
  }
});

Deno.test("two rows that change places are sent in 15 bytes", () => {
  for (const size of [1_000, 10_000]) {
    const bytes = bytesOfCall(size, "swap", 1, 998);
    assert(bytes <= 15, `${bytes}`);
  }
});

Deno.test("a row that is inserted at the top is sent in 34 bytes", () => {
  // With texts of 16 bytes together.
  const row = { id: "new", name: "Name", city: "City", amount: "12.00" };
  for (const size of [1_000, 10_000]) {
    const bytes = bytesOfCall(size, "insertAtTop", row);
    assert(bytes <= 34, `${bytes}`);
  }
});

Deno.test("a row that is removed is sent in 11 bytes", () => {
  for (const size of [1_000, 10_000]) {
    const bytes = bytesOfCall(size, "remove", 500);
    assert(bytes <= 11, `${bytes}`);
  }
});

Deno.test("1,000 rows that are sorted are sent in 1,257 bytes, 10,000 in 19,884", () => {
  const thousand = bytesOfCall(1_000, "sort");
  assert(thousand <= 1_257, `${thousand}`);
  const tenThousand = bytesOfCall(10_000, "sort");
  assert(tenThousand <= 19_884, `${tenThousand}`);
});

Deno.test("every tenth of 1,000 rows is sent in 2,599 bytes", () => {
  // Texts of 19 to 21 bytes.
  const bytes = bytesOfCall(1_000, "editEveryTenth", "every tenth of them");
  assert(bytes <= 2_599, `${bytes}`);
});

Deno.test("a page that has its markup gets 1,000 rows for nothing", () => {
  const { ops, texts, numbers, html } = new IslandInstance(TABLE, new Table(1_000)).snapshot();
  assertEquals([ops.length, texts.length, numbers.length], [0, 0, 0]);
  // 45 bytes of tags for each row, and its texts; and 58 around them.
  const texted = new Table(1_000).rows.map((row) => Object.values(row).join("")).join("");
  assertEquals(html.length, texted.length + 1_000 * 45 + 58);
});

Deno.test("what is typed costs other pages 16 bytes a key, and who types it nothing", () => {
  class Greeting {
    name = "";
  }
  const program = programOf(
    el("div", {}, el("input", { "bind text": "name" }), el("p", {}, text("'Hello, ' + name"))),
  );
  const island = new IslandInstance(program, new Greeting());
  const client = new ModelClient(program.table, island.snapshot());
  const [input] = client.addresses("bind");
  assert(input !== undefined);
  let bytes = 0;
  let toOthers = 0;
  for (let length = 1; length <= "Hello world".length; length++) {
    const typed = "Hello world".slice(0, length);
    island.input(input.instance, input.slot, typed);
    const patch = island.takePatch() as Patch;
    assert(island.agrees(input.instance, input.slot, typed));
    bytes += bytesOf(patch, length);
    const toShow = patch.bound.filter(({ value }) => value !== "") as BoundValue[];
    const whole = withValues(patch, toShow);
    toOthers += bytesOf(whole);
    client.apply(whole);
  }
  assert(bytes <= 176, `${bytes}`);
  assert(toOthers <= 11 * 30, `${toOthers}`);
  assertEquals(client.html(), new ModelClient(program.table, island.snapshot()).html());
});
