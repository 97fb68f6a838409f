/** The state of islands in KV. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { KV_VALUE_BYTES_MAX } from "../../edge/kv/connection.ts";
import { KvIslands, WHOLE_TEXT_BYTES_MAX } from "../../edge/kv/islands.ts";
import { KvLayout } from "../../edge/kv/layout.ts";
import { openKvStore } from "../../edge/kv/open.ts";
import { faulty, noFaults } from "./kv_faults.ts";

const LAYOUT = new KvLayout(["driftless"]);
const LONG = "\u{1f600}x\ufffd".repeat(40_000);

Deno.test("saved state in KV comes back until its time is over, and leaves with a trim", () =>
  withKv(async (kv) => {
    let now = 1_000_000;
    const islands = new KvIslands(kv, LAYOUT, () => now, 1e9);
    await islands.save("tab:1", "{}", 10);
    await islands.save("tab:1", `{"a":1}`, 10);
    await islands.save("tab:2", LONG, 20);
    now += 9;
    assertEquals(await islands.load("tab:1"), `{"a":1}`);
    now += 1;
    assertEquals(await islands.load("tab:1"), undefined);
    assertEquals(await islands.load("tab:2"), LONG);
    assertEquals(await islands.load("tab:3"), undefined);
    await islands.trim();
    assertEquals(await names(kv), ["tab:2"]);
    await islands.remove("tab:2");
    await islands.remove("tab:3");
    assertEquals(await entries(kv), 0);
  }));

Deno.test("saved state of any length is whole, and nothing is left of what it replaced", () =>
  withKv(async (kv) => {
    const islands = new KvIslands(kv, LAYOUT, () => 1_000_000);
    const sizes = [WHOLE_TEXT_BYTES_MAX, KV_VALUE_BYTES_MAX, 2 * KV_VALUE_BYTES_MAX, 1024 * 1024];
    for (const size of [...sizes, 10].flatMap((size) => [size - 1, size, size + 1])) {
      // What JSON would write as two bytes each.
      const text = '"'.repeat(size);
      await islands.save("a", text, 1_000);
      assertEquals(await islands.load("a"), text);
      const pieces = size <= WHOLE_TEXT_BYTES_MAX ? 0 : Math.ceil(size / KV_VALUE_BYTES_MAX);
      assertEquals(await entries(kv), 1 + pieces);
    }
  }));

Deno.test("state that was saved longest ago goes when there are too many bytes", () =>
  withKv(async (kv) => {
    let now = 1_000_000;
    const islands = new KvIslands(kv, LAYOUT, () => now++, 10);
    for (const [key, text] of [["a", "xxxx"], ["b", "xxxx"], ["a", "xxxx"], ["c", "xx"]] as const) {
      await islands.save(key, text, 1_000);
    }
    await islands.trim();
    assertEquals(await names(kv), ["a", "b", "c"]);
    await islands.save("c", "x\u00e9", 1_000);
    await islands.trim();
    assertEquals(await names(kv), ["a", "c"]);
  }));

Deno.test("a save that dies at any call leaves the earlier state, and no piece for ever", () =>
  withKv(async (kv) => {
    let now = 1_000_000;
    const sound = new KvIslands(kv, LAYOUT, () => now);
    await sound.save("a", LONG, 1e9);
    const before = await entries(kv);
    let isOver = false;
    for (let calls = 0; !isOver; calls++) {
      const faults = noFaults();
      faults.left = calls;
      const dying = new KvIslands(faulty(kv, faults), LAYOUT, () => now);
      const saving = dying.save("a", `${LONG}${calls}`, 1e9);
      isOver = await saving.then(() => true, (error) => {
        assertEquals((error as DriftlessError).code, "store_failed");
        return false;
      });
      const text = await sound.load("a");
      assert(text === LONG || text === `${LONG}${calls}`, `call ${calls}`);
      if (text !== LONG) await sound.save("a", LONG, 1e9);
    }
    assert(await entries(kv) > before, "pieces are left over");
    await sound.trim();
    assert(await entries(kv) > before, "somebody may still be writing them");
    now += 11 * 60 * 1_000;
    await sound.trim();
    assertEquals(await entries(kv), before);
    assertEquals(await sound.load("a"), LONG);
  }));

Deno.test("a store on KV has the state of islands beside its rows", () =>
  withKv(async (kv) => {
    const store = await openKvStore(kv);
    await store.islands.save("global", "1", 1_000);
    assertEquals(await (await openKvStore(kv)).islands.load("global"), "1");
    assertEquals(
      await (await openKvStore(kv, { prefix: "other" })).islands.load("global"),
      undefined,
    );
    const key = "x".repeat(3_000);
    await assertRejects(() => store.islands.save(key, "1", 1), DriftlessError, "long names");
  }));

async function names(kv: Deno.Kv): Promise<readonly unknown[]> {
  const all = await Array.fromAsync(kv.list({ prefix: ["driftless", "island"] }));
  return [...new Set(all.map(({ key }) => key[2]))];
}

async function entries(kv: Deno.Kv): Promise<number> {
  return (await Array.fromAsync(kv.list({ prefix: ["driftless"] }))).length;
}

async function withKv(work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await work(kv);
  } finally {
    kv.close();
  }
}
