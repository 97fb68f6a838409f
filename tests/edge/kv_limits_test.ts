/** Every bound of KV and of the store on it, one below, at it, and one above. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import {
  keyBytes,
  KV_COMMIT_BYTES_MAX,
  KV_KEY_BYTES_MAX,
  KV_KEYS_BYTES_MAX,
  KV_MUTATIONS_MAX,
  KV_VALUE_BYTES_MAX,
} from "../../edge/kv/connection.ts";
import { CONFLICTS_MAX, MISS_RUNS_MAX } from "../../edge/kv/kv_store.ts";
import { RING_COMMITS } from "../../edge/kv/loader.ts";
import { KV_CACHE_BYTES_MAX, type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { SCOPES_AT_ONCE_MAX } from "../../edge/kv/redo.ts";
import { KvCache } from "../../edge/kv/scope_cache.ts";
import { fitsOneCommit } from "../../edge/kv/stage.ts";
import { TRIM_REMOVED_MAX } from "../../edge/kv/trimming.ts";
import type { KvWrite } from "../../edge/kv/values.ts";
import { change, client, outcome, row } from "../conformance/store_suite.ts";
import { faulty, type KvFaults, noFaults } from "./kv_faults.ts";

Deno.test("a value that is too large for a key is cut, and put together again", () =>
  withKv(async (kv) => {
    const store = await openKvStore(kv);
    const key = ["driftless", "row", "s", "todo", "a"];
    const head = '[1,1,"s"]\n'.length;
    const sizes = [1, 2].flatMap((times) =>
      [-1, 0, 1].map((more) => times * KV_VALUE_BYTES_MAX + more)
    );
    for (const size of [...sizes, KV_VALUE_BYTES_MAX - 1]) {
      const written = row("a", { json: "x".repeat(size - head) });
      await put(store, written);
      const { value } = await kv.get(key);
      const pieces = Math.ceil(size / KV_VALUE_BYTES_MAX);
      assertEquals(
        pieces === 1 ? (value as Uint8Array).length : value,
        pieces === 1 ? size : pieces,
      );
      const stored = await Array.fromAsync(kv.list({ prefix: ["driftless", "chunk"] }));
      assertEquals(stored.length, pieces === 1 ? 0 : pieces, "no piece is left over");
      const other = await openKvStore(kv);
      assertEquals(await other.settle(() => other.row("s", "todo", "a")), written);
    }
  }));

Deno.test("names that make a key too long for KV are refused, and the longest is not", () =>
  withKv(async (kv) => {
    const store = await openKvStore(kv);
    const around = keyBytes(["driftless", "at", "s", 1, 1, "todo", ""]);
    for (const [more, isTaken] of [[-1, true], [0, true], [1, false]] as const) {
      const long = row("x".repeat(KV_KEY_BYTES_MAX - around + more), { json: "1".repeat(70_000) });
      if (isTaken) {
        await put(store, long);
        const other = await openKvStore(kv);
        assertEquals(await other.settle(() => other.rows("s", "todo").at(-1)), long);
      } else {
        const error = await assertRejects(() => put(store, long), DriftlessError, "long names");
        assertEquals(error.code, "too_large");
      }
    }
    for (const text of ["", "a", "\u00e9", "\ufffd", "\u{1f600}", "\0"]) {
      const key = [text.repeat(8), 7, "end"];
      // KV itself says where the limit is: with so many bytes more it is one too long.
      const filled = (
        more: number,
      ) => [...key, "x".repeat(KV_KEY_BYTES_MAX - keyBytes(key) - 2 + more)];
      await kv.set(filled(0), 1);
      await assertRejects(() => kv.set(filled(1), 1), TypeError, "too large");
    }
  }));

Deno.test("a commit is one of KV's as long as it fits, and is staged from there on", () =>
  withKv(async (kv) => {
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    await put(store, row("a"));
    const beside = ["head", "ring"].length;
    for (const more of [-1, 0, 1]) {
      let commits = 0;
      faults.before = (name) => void (commits += name === "commit" ? 1 : 0);
      const clients = KV_MUTATIONS_MAX - beside + more;
      await store.settle(() =>
        store.transaction(() => {
          for (let i = 0; i < clients; i++) {
            store.putClient("s", client(`c${i}`, { lastSeq: more + 2 }));
          }
        })
      );
      assertEquals(commits === 1, more <= 0, `${commits} commits`);
      const other = await openKvStore(kv);
      const last = `c${clients - 1}`;
      assertEquals((await other.settle(() => other.client("s", last)))?.lastSeq, more + 2);
    }
  }));

Deno.test("KV takes the largest commit that the store makes at once", () =>
  withKv(async (kv) => {
    const commit = async (writes: readonly KvWrite[]) => {
      const atomic = kv.atomic();
      for (const { key, value } of writes) atomic.set(key, value);
      return (await atomic.commit()).ok;
    };
    const ofBytes = (total: number): KvWrite[] => {
      const writes: KvWrite[] = [];
      for (let left = total; left > 0;) {
        const key = [`k${writes.length.toString().padStart(3, "0")}`];
        const around = keyBytes(key) + 32;
        const size = Math.min(left - around, 60_000);
        // The last one must not be smaller than what is around a value.
        const length = left - around - size > 0 && left - around - size < 100 ? size - 200 : size;
        writes.push({ key, value: new Uint8Array(length) });
        left -= around + length;
      }
      return writes;
    };
    const ofKeys = (total: number): KvWrite[] => {
      const writes: KvWrite[] = [];
      for (let left = total; left > 0;) {
        const size = left > 2_000 ? 1_000 : left;
        const name = `${writes.length}`.padEnd(Math.min(size, left) - 2, "k");
        writes.push({ key: [name], value: new Uint8Array() });
        left -= size;
      }
      return writes;
    };
    for (const more of [-1, 0, 1]) {
      for (
        const writes of [ofBytes(KV_COMMIT_BYTES_MAX + more), ofKeys(KV_KEYS_BYTES_MAX + more)]
      ) {
        assertEquals(fitsOneCommit(writes, []), more <= 0);
        if (more <= 0) assert(await commit(writes));
      }
    }
  }));

Deno.test("a commit of any number of scopes is one, and is staged where KV cannot check them at once", () =>
  withKv(async (kv) => {
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    const counts = [
      ...[-1, 0, 1].map((more) => SCOPES_AT_ONCE_MAX + more),
      2 * SCOPES_AT_ONCE_MAX + 5,
    ];
    const all: string[] = [];
    for (const count of counts) {
      const names = Array.from({ length: count }, (_, i) => `${count} ${i}`);
      all.push(...names);
      let commits = 0;
      faults.before = (name) => void (commits += name === "commit" ? 1 : 0);
      await store.settle(() => {
        store.head("read and not there");
        store.transaction(() => names.slice(1).forEach((scope) => store.putRow(scope, row("a"))));
        store.head(names[0] as string);
      });
      assertEquals(commits === 1, count < SCOPES_AT_ONCE_MAX, `${commits} commits`);
      await store.settle(() =>
        store.transaction(() => names.forEach((scope) => store.putRow(scope, row("b"))))
      );
      const other = await openKvStore(kv);
      for (const reader of [store, other]) {
        const known = await reader.settle(() => reader.scopes());
        assertEquals(known, all.toSorted());
        for (const [index, scope] of names.entries()) {
          const ids = await reader.settle(() => reader.rows(scope, "todo").map(({ id }) => id));
          assertEquals(ids, index === 0 ? ["b"] : ["a", "b"]);
        }
      }
      assertEquals(await Array.fromAsync(kv.list({ prefix: ["driftless", "stage"] })), []);
    }
  }));

Deno.test("work that misses something again and again ends", () =>
  withKv(async (kv) => {
    const store = await openKvStore(kv);
    await put(store, row("a"));
    const other = await openKvStore(kv);
    for (const [runs, isTaken] of [[MISS_RUNS_MAX, true], [MISS_RUNS_MAX + 1, false]] as const) {
      let run = 0;
      // Another row each time, until so many runs have missed one.
      const work = () => run++ < runs ? other.row("s", "todo", `${runs} ${run}`) : "done";
      if (isTaken) {
        assertEquals(await other.settle(work) as unknown, "done");
      } else {
        const error = await assertRejects(() => other.settle(work), DriftlessError);
        assertMatch(error.message, /misses something/);
        assertEquals(error.code, "store_failed");
      }
    }
  }));

Deno.test("a commit that others make void is tried again, so often", () =>
  withKv(async (kv) => {
    const rival = await openKvStore(kv);
    for (
      const [conflicts, isTaken] of [[CONFLICTS_MAX, true], [CONFLICTS_MAX + 1, false]] as const
    ) {
      const faults = noFaults();
      const store = await openKvStore(faulty(kv, faults));
      let left = conflicts;
      faults.before = async (name) => {
        if (name === "commit" && left-- > 0) await put(rival, row("rival", { cursor: left }));
      };
      const write = () => put(store, row(`${conflicts}`));
      if (isTaken) {
        await write();
      } else {
        const error = await assertRejects(write, DriftlessError, "others have written");
        assertEquals(error.code, "unavailable");
      }
      const there = await rival.settle(() => rival.row("s", "todo", `${conflicts}`));
      assertEquals(there !== undefined, isTaken);
    }
  }));

Deno.test("what others have touched alone is read again, as long as the ring tells of it", () =>
  withKv(async (kv) => {
    const faults: KvFaults = noFaults();
    const [store, rival] = [await openKvStore(faulty(kv, faults)), await openKvStore(kv)];
    await rival.settle(() =>
      rival.transaction(() => {
        for (let i = 0; i < 50; i++) rival.putRow("s", row(`r${i}`));
      })
    );
    const rows = () => store.settle(() => store.rows("s", "todo"));
    await rows();
    for (const commits of [1, RING_COMMITS - 1, RING_COMMITS, RING_COMMITS + 1]) {
      for (let n = 1; n <= commits; n++) {
        await put(rival, row(`r${n % 60}`, { json: `${commits} ${n}`, live: n % 7 !== 0 }));
      }
      let lists = 0;
      faults.before = (name) => void (lists += name === "list" ? 1 : 0);
      assertEquals(await rows(), await rival.settle(() => rival.rows("s", "todo")));
      assertEquals(lists, commits > RING_COMMITS ? 1 : 0, `${commits} commits`);
    }
  }));

Deno.test("memory is bounded, and what is in use stays", () => {
  const fill = (cache: KvCache, scope: string) =>
    cache.of(scope).set("client", "c", { value: new Uint8Array(1_000), chunks: 0 });
  const kept = (max: number) => {
    const cache = new KvCache(max);
    for (const scope of ["a", "b", "c"]) fill(cache, scope);
    cache.of("a").users = 1;
    cache.of("b");
    cache.evict();
    return ["a", "b", "c"].filter((scope) => cache.of(scope).bytes > 0);
  };
  const each = new KvCache(0);
  fill(each, "a");
  const all = each.bytes * 3;
  assertEquals(kept(all), ["a", "b", "c"]);
  assertEquals(kept(all - 1), ["a", "b"], "the one that was used longest ago goes");
  assertEquals(kept(0), ["a"]);
  assert(KV_CACHE_BYTES_MAX > all);
});

Deno.test("a trim removes so many tombstones and outcomes, and the next one the rest", () =>
  withKv(async (kv) => {
    const store = await openKvStore(kv);
    const count = TRIM_REMOVED_MAX + 1;
    await store.settle(() =>
      store.transaction(() => {
        for (let i = 1; i <= count; i++) {
          store.append("s", change(i, { id: `r${i}`, op: "delete", json: null }));
          store.putRow("s", row(`r${i}`, { live: false, cursor: i }));
          store.putOutcome("s", outcome(`m${i}`, { client: "", seq: 0, time: 1 }));
        }
        store.putOutcome("s", outcome("kept", { client: "c", seq: 9, time: 1 }));
      })
    );
    const trim = () => store.settle(() => store.trim("s", { changes: 0, before: 5, outcomes: 9 }));
    const left = async () => {
      const other = await openKvStore(kv);
      const outcomes = await Array.fromAsync(kv.list({ prefix: ["driftless", "outcome", "s"] }));
      return [(await other.settle(() => [...other.everyRow("s")])).length, outcomes.length - 1];
    };
    assertEquals(await trim(), count);
    assertEquals(await left(), [1, 1]);
    assertEquals(await Array.fromAsync(kv.list({ prefix: ["driftless", "log"] })), []);
    assertEquals(await trim(), 0);
    assertEquals(await left(), [0, 0]);
    assertEquals(await Array.fromAsync(kv.list({ prefix: ["driftless", "at"] })), []);
  }));

function put(store: KvStore, written: ReturnType<typeof row>): Promise<void> {
  return store.settle(() => (store as Store).transaction(() => store.putRow("s", written)));
}

async function withKv(work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await work(kv);
  } finally {
    kv.close();
  }
}
