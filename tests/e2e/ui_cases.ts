/** The live UI on every platform: pages, clicks, input, tabs, files, and coming back. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { assertUpload, type FoundIsland, islandsIn, KIND } from "../edge/live_ui_app.ts";
import type { EndToEndCase } from "./cases.ts";
import type { World } from "./world.ts";

/** Slots of the counter's button, and of the board's field and button. */
const ADD = 1;
const FIELD = 0;
const MAKE = 1;

export const UI_CASES: readonly EndToEndCase[] = [
  {
    name: "a page has its island in it, and a tab goes on with that",
    async run(world) {
      const found = await shown(world);
      assertEquals(found.name, "ours");
      assertStringIncludes(found.html, `<p><span class="count">`);
      const table = await (await fetch(`${world.url}/_live/table/${found.table}`)).json();
      assertEquals(table.hash, found.table);
      assertEquals(JSON.stringify(table).includes("add"), false, "methods stay on the server");
      const peer = await world.islands();
      peer.show(1, "ours", found);
      await peer.init(1);
      const before = countOf(found.html);
      peer.click(1, ADD);
      await peer.patch(1);
      await peer.close();
      assertEquals(countOf((await shown(world)).html), before + 1);
    },
  },
  {
    name: "tabs of one island see each other's clicks, in order",
    async run(world) {
      const [one, two] = await Promise.all([world.islands(), world.islands()]);
      const before: number[] = [];
      for (const peer of [one, two]) {
        peer.show(1, "ours");
        before.push(countOf((await peer.init(1)).html));
      }
      assertEquals(before[0], before[1]);
      for (const peer of [one, two, one]) {
        peer.click(1, ADD);
        const [a, b] = [await one.patch(1), await two.patch(1)];
        assertEquals([a.texts, a.seq], [b.texts, b.seq]);
      }
      assertEquals(countOf((await shown(world)).html), (before[0] ?? 0) + 3);
      await Promise.all([one.close(), two.close()]);
    },
  },
  {
    name: "an island of a tab is that tab's, and comes back to it on another connection",
    async run(world) {
      const peer = await world.islands();
      peer.show(1, "counter");
      const { session, seq, html } = await peer.init(1);
      assertEquals(countOf(html), 5);
      peer.click(1, ADD);
      await peer.patch(1);
      await peer.close();
      const back = await world.islands();
      back.show(7, "counter", { session, seq });
      assertEquals(countOf((await back.init(7)).html), 6);
      back.show(8, "counter");
      assertEquals(countOf((await back.init(8)).html), 5);
      await back.close();
    },
  },
  {
    name: "input is taken in order, a handler mutates as its user, and clients sync what it wrote",
    async run(world) {
      const client = world.client({ scope: "_default" });
      await client.start();
      await world.connected(client);
      const peer = await world.islands();
      peer.show(1, "board");
      const { html } = await peer.init(1);
      assertStringIncludes(html, "<section>");
      for (const [index, value] of ["d", "dr", "drift"].entries()) {
        peer.say({ kind: KIND.input, target: 1, slot: FIELD, input: index + 1, value });
      }
      peer.click(1, MAKE);
      await world.until(() => client.collection("note").has("b-drift"), "the note of the island");
      assertEquals(client.collection("note").get("b-drift")?.text, "drift");
      // The other way round: what a client writes is in the island.
      await client.mutate("note.create", { id: "of-client", data: { text: "From a client" } });
      while (!(await peer.hear()).texts.includes("From a client"));
      await peer.close();
    },
  },
  {
    name: "a file arrives in parts, for its ticket",
    async run(world) {
      const peer = await world.islands();
      await assertUpload(peer, world.url);
      await peer.close();
    },
  },
  {
    name: "who may not see an island does not",
    async run(world) {
      const peer = await world.islands({});
      peer.show(1, "board");
      assertEquals((await peer.hear()).code, "forbidden");
      peer.show(2, "counter");
      assertEquals(countOf((await peer.init(2)).html), 5);
      await peer.close();
    },
  },
];

/** The island of the page. */
async function shown(world: World): Promise<FoundIsland> {
  const response = await fetch(world.url);
  const [found] = islandsIn(await response.text());
  assert(found !== undefined);
  return found;
}

/** What a counter shows. */
export function countOf(html: string): number {
  const found = /class="?count"?>(\d+)</.exec(html)?.[1];
  assert(found !== undefined, html);
  return Number(found);
}
