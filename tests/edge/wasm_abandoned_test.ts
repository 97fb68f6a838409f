/** Callers that leave whenever they like, and worlds that hang: no instance is lost to them. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { createLog } from "../../edge/log.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";
import { DONE, handler, set } from "./wasm_modules.ts";

/** Requests of one seed to each mount; by hand also thousands. */
const REQUESTS = Number(Deno.env.get("DRIFTLESS_WASM_ABANDONED") ?? 60);
const INSTANCES = 3;
const PATHS = ["/replay", "/suspended", "/stream", "/files"] as const;
const BODY = "https://one.org/";

type Random = (below: number) => number;
type Fate = "answer" | "hang" | "deaf" | "fail" | "leave";

/** What modules ask for, and what becomes of it. */
class World {
  readonly mounts: WasmMounts;
  /** What the next question meets. */
  fate: () => Fate = () => "answer";
  /** Who asks just now. */
  readonly callers = new Set<AbortController>();

  constructor() {
    const ask = async <T>(answer: T, signal?: AbortSignal): Promise<T> => {
      const fate = this.fate();
      if (fate === "fail") throw new TypeError("No connection");
      if (fate === "leave") { for (const caller of this.callers) caller.abort(); }
      if (fate === "deaf") await new Promise(() => {});
      if (fate === "hang") {
        await new Promise((_, reject) => {
          if (signal === undefined) return;
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      }
      return answer;
    };
    const files = {
      list: () => ask([]),
      get: () => ask(undefined),
      put: () => ask(undefined),
      delete: () => ask(undefined),
    };
    const fetch = (_: unknown, init?: RequestInit) =>
      ask(new Response("here"), init?.signal ?? undefined);
    const limits = { instances: INSTANCES, queue: 1_000, queueMs: 60_000, fetchMs: 40 };
    const options = { limits, bindings: { fetch: { allow: ["*"], fetch } } };
    const app = defineApp({ name: "a", collections: {} })
      .wasm("/replay", assemble(FETCH_MODULES["relay"] ?? ""), options)
      .wasm("/suspended", assemble(FETCH_MODULES["asking"] ?? ""), options)
      .wasm("/stream", assemble(FETCH_MODULES["stream"] ?? ""), options)
      .wasm("/files", readsFiles(), { limits, bindings: { files } });
    this.mounts = new WasmMounts(app.mounts, { log: createLog("error", () => {}) });
  }

  /** One request, whose caller may leave at any time; gives the status that it saw. */
  async request(path: string, random: Random): Promise<number> {
    const caller = new AbortController();
    const init = { method: "POST", body: BODY, signal: caller.signal };
    const request = new Request(`http://app.example${path}`, init);
    const leaves = random(3);
    const timer = leaves === 1 ? setTimeout(() => caller.abort(), random(50)) : undefined;
    if (leaves === 2 && random(4) === 0) caller.abort();
    this.callers.add(caller);
    try {
      const response = await this.mounts.fetch(request);
      const reader = response.body?.getReader();
      // Some take all of it, some only a part, and say so.
      for (let parts = random(20); parts > 0; parts--) {
        if ((await reader?.read())?.done !== false) return response.status;
      }
      await reader?.cancel();
      return response.status;
    } catch (error) {
      // A body that its caller cut short has no code.
      return error instanceof DriftlessError ? 0 : -1;
    } finally {
      clearTimeout(timer);
      this.callers.delete(caller);
    }
  }
}

Deno.test("whoever leaves, and whatever hangs, every instance comes back", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const random = randomOf(seed);
    const world = new World();
    const fates: readonly Fate[] = ["answer", "answer", "hang", "deaf", "fail", "leave"];
    world.fate = () => fates[random(fates.length)] ?? "answer";
    const asked = PATHS.flatMap((path) =>
      Array.from({ length: REQUESTS }, async () => {
        await new Promise((resolve) => setTimeout(resolve, random(60)));
        return await world.request(path, random);
      })
    );
    const statuses = new Set(await Promise.all(asked));
    assert(statuses.has(200) && statuses.has(0), `seed ${seed}: ${[...statuses]}`);
    world.fate = () => "answer";
    for (const path of PATHS) {
      const request = new Request(`http://app.example${path}`, { method: "POST", body: BODY });
      const response = await world.mounts.fetch(request);
      assertStrictEquals(response.status, 200);
      await response.body?.cancel();
    }
    await allBack(world);
  }
});

/** Waits until nothing is at work; the pool is closed, so that nothing is idle either. */
async function allBack({ mounts }: World): Promise<void> {
  mounts.close();
  const deadline = performance.now() + 10_000;
  const left = () => PATHS.map((path) => mounts.instances(path));
  while (left().some((count) => count > 0) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assertEquals(left(), PATHS.map(() => 0));
}

/** A handler with a system, and so with files. */
function readsFiles(): Uint8Array<ArrayBuffer> {
  return handler({
    imports: `(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))`,
    body: `(drop (call $yield)) ${set(0, 2, "(i32.const 200)")} ${DONE}`,
  });
}

function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}
