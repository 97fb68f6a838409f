/**
 * Whoever follows scopes hears of every commit from elsewhere, through streams that end and
 * fail.
 */
import { assert, assertEquals } from "@std/assert";
import { KV_KEYS_MAX } from "../../edge/kv/connection.ts";
import type { KvConnection } from "../../edge/kv/connection.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { change } from "../conformance/store_suite.ts";
import { faulty, noFaults } from "./kv_faults.ts";

const WATCH_ONLY = { pollMs: 0 };

Deno.test("a second store hears of each scope once at first, and then of commits of others alone", () =>
  withKv(async (kv) => {
    const [store, other] = [await openKvStore(kv, WATCH_ONLY), await openKvStore(kv, WATCH_ONLY)];
    const ear = new Ear();
    store.follow(new Set(["s", "t"]), ear.grown, ear.signal);
    await ear.hears("s", 1);
    await ear.hears("t", 1);
    await append(other, "s");
    await ear.hears("s", 2);
    await append(store, "t");
    await append(other, "s");
    await ear.hears("s", 3);
    assertEquals(ear.heard.get("t"), 1, "its own commit is no news");
    await append(other, "t");
    await append(store, "t");
    await ear.hears("t", 2);
    ear.end();
  }));

for (const count of [KV_KEYS_MAX - 1, KV_KEYS_MAX, KV_KEYS_MAX + 1, 3 * KV_KEYS_MAX]) {
  Deno.test(`${count} scopes are followed, together and one by one, and left one by one`, () =>
    withKv(async (kv) => {
      const [store, other] = [await openKvStore(kv, WATCH_ONLY), await openKvStore(kv)];
      const names = Array.from({ length: count }, (_, i) => `scope ${i}`);
      const together = new Ear();
      store.follow(new Set(names), together.grown, together.signal);
      const alone = names.map((name) => {
        const ear = new Ear();
        store.follow(new Set([name]), ear.grown, ear.signal);
        return ear;
      });
      for (const name of names) await together.hears(name, 1);
      for (const name of names) await append(other, name);
      await Promise.all(alone.map((ear, i) => ear.hears(names[i] as string, 2)));
      for (const ear of alone.slice(1)) ear.end();
      const before = alone[1]?.heard.get("scope 1");
      for (const name of names) {
        const heard = together.heard.get(name) ?? 0;
        await append(other, name);
        await together.hears(name, heard + 1);
      }
      assertEquals(alone[1]?.heard.get("scope 1"), before, "who has left hears nothing");
      together.end();
      await append(other, "scope 0");
      await alone[0]?.hears("scope 0", 3);
      alone[0]?.end();
    }));
}

Deno.test("a stream that fails or ends is opened again, and tells what came meanwhile", () =>
  withKv(async (kv) => {
    const other = await openKvStore(kv);
    let opened = 0;
    const broken: KvConnection = {
      ...faulty(kv, noFaults()),
      watch(keys) {
        // Fails at once, then breaks, then ends, and is well from then on.
        opened++;
        if (opened === 1) throw new TypeError("the connection is gone");
        if (opened === 2) {
          return new ReadableStream({
            start: (it) => it.error(new TypeError("the stream is gone")),
          });
        }
        if (opened === 3) return new ReadableStream({ start: (it) => it.close() });
        return kv.watch([...keys]);
      },
    };
    const store = await openKvStore(broken, WATCH_ONLY);
    const ear = new Ear();
    store.follow(new Set(["s"]), ear.grown, ear.signal);
    await append(other, "s");
    await ear.hears("s", 1);
    assert(opened >= 4, `opened ${opened} times`);
    await append(other, "s");
    await ear.hears("s", 2);
    ear.end();
  }));

Deno.test("where watching tells nothing, heads are looked at", () =>
  withKv(async (kv) => {
    const other = await openKvStore(kv);
    const deaf: KvConnection = { ...faulty(kv, noFaults()), watch: () => new ReadableStream() };
    const store = await openKvStore(deaf, { pollMs: 5 });
    const ear = new Ear();
    store.follow(new Set(["s"]), ear.grown, ear.signal);
    await ear.hears("s", 1);
    await append(other, "s");
    await ear.hears("s", 2);
    ear.end();
    store.follow(new Set(["s"]), ear.grown, ear.signal);
    const again = new Ear();
    store.follow(new Set(["s"]), again.grown, again.signal);
    await again.hears("s", 1);
    store.close();
  }));

/** Counts what is heard of each scope. */
class Ear {
  readonly heard = new Map<string, number>();
  readonly #ending = new AbortController();
  #news = Promise.withResolvers<void>();

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  readonly grown = (scope: string): void => {
    this.heard.set(scope, (this.heard.get(scope) ?? 0) + 1);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  };

  async hears(scope: string, times: number): Promise<void> {
    while ((this.heard.get(scope) ?? 0) < times) await this.#news.promise;
  }

  end(): void {
    this.#ending.abort();
  }
}

function append(store: KvStore, scope: string): Promise<void> {
  return store.settle(() =>
    store.transaction(() => {
      const { cursor } = store.head(scope);
      store.append(scope, change(cursor + 1));
    })
  );
}

async function withKv(work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await work(kv);
  } finally {
    kv.close();
  }
}
