/** Islands on a store whose data is elsewhere: they are shown with their rows, and follow them. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { type AsyncIslandStates, FetchedIslands } from "../../edge/fetched_islands.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { ALWAYS, sometimes, SuspendingMemory } from "../core/suspending_memory.ts";
import { Prng } from "../sim/prng.ts";
import { islandApp, IslandPeer, islandsIn, KIND } from "./live_ui_app.ts";
import { inTime, pause } from "./raw_peer.ts";
import { EPOCH, type ListeningDoors, withListeningDoors } from "./served_app.ts";

const HTML = "text/html; charset=utf-8";
const SCOPE = "_default";

/** Doors on a store that misses, with one task in it. */
async function withBoard(
  test: (doors: ListeningDoors, away: SuspendingMemory) => Promise<void>,
  away = new SuspendingMemory(EPOCH, ALWAYS, kernelSync()),
): Promise<void> {
  write(away, "t0", "Of before", 1);
  const body = `<!doctype html><html><head></head><body><div g-island="board"></div>` +
    `<div g-island="counter"></div></body></html>`;
  const assets = { "/": { type: HTML, body, etag: `"1"` } };
  await withListeningDoors({ store: away, app: islandApp(), assets }, (doors) => test(doors, away));
}

/** Writes a task as another process does. */
function write(away: SuspendingMemory, id: string, title: string, cursor: number): void {
  const json = JSON.stringify({ title });
  away.elsewhere(SCOPE, (store) =>
    store.transaction(() => {
      store.append(SCOPE, { cursor, entity: "task", id, op: "create", json, time: 1 });
      store.putRow(SCOPE, { entity: "task", id, json, stamps: "[]", live: true, cursor });
    }));
}

Deno.test("the first paint of a page waits for the rows that its islands read", () =>
  withBoard(async (doors) => {
    const html = await (await doors.get("/")).text();
    assertStringIncludes(html, ">Of before</li>");
    assertEquals(islandsIn(html).map(({ name }) => name), ["board", "counter"]);
  }));

Deno.test("an island that is asked for comes with its rows, before what is said to it then", () =>
  withBoard(async (doors, away) => {
    const peer = await IslandPeer.open(doors.port);
    peer.show(1, "board");
    peer.say({ kind: KIND.input, target: 1, slot: 0, input: 1, value: "Said at once" });
    peer.click(1, 1);
    assertStringIncludes(JSON.stringify(await peer.init(1)), "Of before");
    let texts: readonly string[] = [];
    while (!texts.includes("Said at once")) ({ texts } = await inTime(peer.patch(1), "the row"));
    assertEquals(away.inner.row(SCOPE, "task", "t1")?.json, `{"title":"Said at once"}`);
    await peer.close();
  }));

Deno.test("an island shows what another process commits", () =>
  withBoard(async (doors, away) => {
    const peer = await IslandPeer.open(doors.port);
    peer.show(1, "board");
    await peer.init(1);
    write(away, "t9", "From elsewhere", 2);
    let texts: readonly string[] = [];
    while (!texts.includes("From elsewhere")) ({ texts } = await inTime(peer.patch(1), "the row"));
    await peer.close();
  }));

Deno.test("whatever is committed while rows are on their way is shown in the end", async () => {
  for (let seed = 0; seed < 3; seed++) {
    const chance = new Prng(seed);
    const absence = sometimes(() => chance.float());
    await withBoard(async (doors) => {
      const peer = await IslandPeer.open(doors.port);
      const posts = Array.from({ length: 10 }, (_, i) =>
        doors.post("/_sync/push", {
          mutations: [{
            id: `m${i}`,
            name: "task.create",
            args: { id: `p${i}`, data: { title: "P" } },
          }],
        }));
      peer.show(1, "board");
      for (const post of posts) await (await post).body?.cancel();
      // A page of another tab shows what all know by now.
      const html = await (await doors.get("/")).text();
      assertEquals(html.match(/>P<\/li>/g)?.length, 10, `seed ${seed}`);
      await peer.close();
    }, new SuspendingMemory(EPOCH, absence, kernelSync()));
  }
});

Deno.test("a store that cannot fetch fails the page, or the island that is asked for, and then goes on", () =>
  withBoard(async (doors, away) => {
    const failure = new DriftlessError("store_failed", "The network is gone");
    away.failure = failure;
    assertEquals((await (await doors.get("/healthz")).json()).code, "store_failed");
    await (await doors.get("/healthz")).body?.cancel();
    away.failure = failure;
    assertEquals((await (await doors.get("/")).json()).code, "store_failed");
    const peer = await IslandPeer.open(doors.port);
    away.failure = failure;
    peer.show(1, "board");
    const { code } = await inTime(peer.hear(), "the failure");
    assertEquals(code, "store_failed");
    peer.show(2, "board");
    await peer.init(2);
    assertStringIncludes(await (await doors.get("/")).text(), ">Of before</li>");
    await peer.close();
  }));

/** Saved state that takes a while, and says what was written. */
class SlowStates implements AsyncIslandStates {
  readonly texts = new Map<string, string>();
  readonly writes: string[] = [];
  failure: Error | undefined;
  #wait = Promise.withResolvers<void>();

  constructor() {
    this.#wait.resolve();
  }

  /** Nothing is written until the next call. */
  hold(): void {
    this.#wait = Promise.withResolvers();
  }

  release(): void {
    this.#wait.resolve();
  }

  async load(key: string): Promise<string | undefined> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return this.texts.get(key);
  }

  async save(key: string, text: string): Promise<void> {
    await this.#wait.promise;
    if (this.failure !== undefined) throw this.failure;
    this.writes.push(`${key} ${text}`);
    this.texts.set(key, text);
  }

  async remove(key: string): Promise<void> {
    await this.#wait.promise;
    this.writes.push(`${key} removed`);
    this.texts.delete(key);
  }

  trim(): Promise<void> {
    return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
  }
}

Deno.test("state of islands that is saved elsewhere is there in the next server", async () => {
  const states = new SlowStates();
  for (const count of [5, 6]) {
    const store = new SuspendingMemory(EPOCH, ALWAYS, kernelSync());
    const options = { store, app: islandApp(), islandStates: states };
    await withListeningDoors(options, async (doors) => {
      const peer = await IslandPeer.open(doors.port);
      peer.show(1, "ours");
      assertStringIncludes(JSON.stringify(await peer.init(1)), `${count}`);
      peer.click(1, 1);
      await peer.patch(1);
      await doors.handler.trim();
      await peer.close();
    });
    while (!(states.texts.get("global") ?? "").includes(`${count + 1}`)) await pause(5);
  }
});

Deno.test("of saved state the newest change is written, also where an earlier one fails", async () => {
  const states = new SlowStates();
  const failures: unknown[] = [];
  const islands = new FetchedIslands(states, (error) => failures.push(error));
  states.hold();
  for (const text of ["a", "b", "c"]) islands.save("k", text, 1);
  assertEquals(islands.load("k"), "c", "what is not written yet");
  states.release();
  await pause(5);
  assertEquals([states.writes, islands.load("k")], [["k a", "k c"], undefined]);
  const within = await islands.fetch(["k", "none"]);
  within(() => assertEquals([islands.load("k"), islands.load("none")], ["c", undefined]));
  assertEquals(islands.load("k"), undefined);
  const gone = states.failure = new Error("The network is gone");
  islands.save("k", "d", 1);
  await pause(5);
  states.failure = undefined;
  islands.remove("k");
  await pause(5);
  assertEquals([failures, states.texts.size], [[gone], 0]);
});
