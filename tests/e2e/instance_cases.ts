/** Several servers on the same data, where a platform has that: what each tells of the others. */
import { assertEquals } from "@std/assert";
import { UPLOAD_HEADER } from "../../edge/ui_uploads.ts";
import { LivePeer } from "../edge/live_peer.ts";
import { KIND } from "../edge/live_ui_app.ts";
import type { EndToEndCase } from "./cases.ts";
import { countOf } from "./ui_cases.ts";
import type { SiteClient } from "./world.ts";

/** Entries of each client. */
const ENTRIES = 20;
/** A program has its data file, and an object its scope, to itself. */
const EXCEPTIONS: EndToEndCase["exceptions"] = {
  deno: "one process has its file to itself",
  bun: "one process has its file to itself",
  workers: "a scope is in one object, whichever machine is asked",
};

export const INSTANCE_CASES: readonly EndToEndCase[] = [
  {
    name: "two instances see each other's writes, in one order, and know each other's tickets",
    exceptions: EXCEPTIONS,
    async run(here) {
      const there = await here.another();
      const [anna, ben] = [here.client(), there.client()];
      try {
        await Promise.all([anna.start(), ben.start()]);
        await here.connected(anna, ben);
        await anna.mutate("note.create", { id: "n", data: { text: "Seen" } });
        await here.until(() => ben.collection("note").has("n"), "the poke of the other instance");
        for (let at = 0; at < ENTRIES; at++) {
          await anna.mutate("journal.append", { id: "j", entry: `anna ${at}` });
          await ben.mutate("journal.append", { id: "j", entry: `ben ${at}` });
        }
        const isDone = (client: SiteClient) =>
          client.pending.length === 0 &&
          client.collection("journal").get("j")?.count === 2 * ENTRIES;
        await here.until(() => isDone(anna) && isDone(ben), "all entries on both sides");
        const entries = anna.collection("journal").get("j")?.entries;
        assertEquals(ben.collection("journal").get("j")?.entries, entries);
        for (const client of [anna, ben]) assertEquals((await client.audit()).server, "equal");
        const peer = await LivePeer.connect(there.live(await here.ticket()));
        await peer.assertQuiet();
        await peer.close();
      } finally {
        await there.end();
      }
    },
  },
  {
    name: "an island goes on at another instance, and follows what is written there",
    exceptions: EXCEPTIONS,
    async run(here) {
      const there = await here.another();
      const peer = await here.islands();
      peer.show(1, "counter");
      const { session, seq, html } = await peer.init(1);
      peer.click(1, 1);
      await peer.patch(1);
      await peer.close();
      // It is saved a moment later.
      await here.until(async () => {
        const other = await there.islands();
        other.show(2, "counter", { session, seq });
        const back = await other.init(2);
        await other.close();
        return countOf(back.html) === countOf(html) + 1;
      }, "the island at the other instance");
      const board = await here.islands();
      board.show(1, "board");
      await board.init(1);
      const client = there.client({ scope: "_default" });
      try {
        await client.start();
        await client.mutate("note.create", { id: "elsewhere", data: { text: "From there" } });
        while (!(await board.hear()).texts.includes("From there"));
      } finally {
        await there.end();
      }
      await board.close();
    },
  },
  {
    name: "what is nowhere stored stays with its instance: presence, topics and files on their way",
    exceptions: EXCEPTIONS,
    async run(here) {
      const there = await here.another();
      const [anna, near] = await here.pair();
      const far = there.client();
      try {
        await far.start();
        await here.connected(far);
        const heard: unknown[] = [];
        for (const client of [near, far]) client.presence.subscribe(() => {});
        far.subscribeTopic("chat", (data) => heard.push(data));
        anna.presence.set({ name: "Anna" });
        anna.publish("chat", "Hello");
        await here.until(() => near.presence.peers.size === 1, "the client of the same instance");
        await anna.mutate("note.create", { id: "later", data: { text: "Later" } });
        await here.until(() => far.collection("note").has("later"), "what came after");
        assertEquals([far.presence.peers.size, heard], [0, []]);
      } finally {
        await there.end();
      }
      const peer = await here.islands();
      peer.show(1, "files");
      await peer.init(1);
      const file = { name: "a.txt", type: "text/plain", size: 5 };
      peer.say({ kind: KIND.method, target: 1, slot: 0, data: JSON.stringify({ files: [file] }) });
      const [, , [ticket = ""] = []] = JSON.parse((await peer.hear()).args) as [0, 0, string[]];
      const send = (url: string) => {
        const headers = { [UPLOAD_HEADER]: ticket };
        return fetch(`${url}/_live/upload?offset=0`, { method: "POST", body: "hello", headers });
      };
      const { status, code } = await answerOf(await send(there.url));
      assertEquals([status, typeof code], [401, "string"]);
      assertEquals((await answerOf(await send(here.url))).status, 200);
      await peer.close();
    },
  },
];

async function answerOf(response: Response): Promise<{ status: number; code?: string }> {
  return { ...await response.json(), status: response.status };
}
