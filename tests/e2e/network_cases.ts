/** Networks that let no WebSocket through or break, and servers that crash, on every platform. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { EndToEndCase } from "./cases.ts";
import { RoughProxy } from "./rough_proxy.ts";
import type { PushResult, World } from "./world.ts";

/** How often clients ask that have no WebSocket, in milliseconds. */
const INTERVALS = { pushIntervalMs: 50, pullIntervalMs: 50 };
/** Entries of each of two clients, and how often their connections are cut meanwhile. */
const ENTRIES = 30;
const CUTS = 4;
/** Callers that push while the server crashes, and the acknowledgements that it comes after. */
const WRITERS = 4;
const ACKNOWLEDGED = 40;

export const NETWORK_CASES: readonly EndToEndCase[] = [
  {
    name: "where no WebSocket gets through, clients sync over HTTP alone",
    async run(world) {
      await using proxy = proxyOf(world);
      proxy.hasSockets = false;
      const { url } = proxy;
      const anna = world.client({ url, storageName: "a", ...INTERVALS });
      const ben = world.client({ url, storageName: "b", ...INTERVALS });
      await Promise.all([anna.start(), ben.start()]);
      await anna.mutate("journal.append", { id: "j", entry: "anna" });
      await world.until(() => ben.collection("journal").has("j"), "the entry");
      await ben.mutate("journal.append", { id: "j", entry: "ben" });
      const count = () => anna.collection("journal").get("j")?.count;
      await world.until(() => count() === 2 && ben.pending.length === 0, "the answer");
      assertEquals(await world.rows(), { journal: { j: { entries: ["anna", "ben"], count: 2 } } });
      assert(proxy.refusals > 0);
      // As soon as there is one, it is taken.
      proxy.hasSockets = true;
      await world.connected(anna, ben);
    },
  },
  {
    name: "a push whose answer never came is sent again and counts once",
    async run(world) {
      for (const hasSockets of [true, false]) {
        await using proxy = proxyOf(world);
        proxy.hasSockets = hasSockets;
        const id = hasSockets ? "over a socket" : "over HTTP";
        const { url } = proxy;
        const client = world.client({ url, storageName: id, ...INTERVALS });
        await client.start();
        await client.sync();
        if (hasSockets) await world.connected(client);
        proxy.manners = "cuts the answer";
        await client.mutate("journal.append", { id, entry: "once" });
        await world.until(() => proxy.manners === "closed", "the cut");
        const stored = { entries: ["once"], count: 1 };
        const isStored = async () => (await world.rows()).journal?.[id] !== undefined;
        await world.until(isStored, "the row");
        assertEquals(client.pending.length, 1, id);
        proxy.manners = "passes";
        await world.until(() => client.pending.length === 0, "the acknowledgement");
        assertEquals((await world.rows()).journal?.[id], stored);
        assertEquals(client.collection("journal").get(id), stored);
        await world.stop(client);
      }
    },
  },
  {
    name: "connections that break while both sides write lose nothing and double nothing",
    async run(world) {
      await using proxy = proxyOf(world);
      const { url } = proxy;
      const names = ["a", "b"];
      const clients = names.map((storageName) => world.client({ url, storageName }));
      await Promise.all(clients.map((client) => client.start()));
      for (let cut = 0; cut < CUTS; cut++) {
        await world.connected(...clients);
        for (let at = 0; at < ENTRIES; at++) {
          if (at === ENTRIES / 2) proxy.cut();
          for (const [index, client] of clients.entries()) {
            await client.mutate("journal.append", {
              id: `${cut}`,
              entry: `${names[index]}${at}`,
            });
          }
        }
      }
      await world.until(() => clients.every(({ pending }) => pending.length === 0), "the rest");
      const { journal = {} } = await world.rows();
      for (const one of Object.values(journal)) {
        const { entries } = one as { readonly entries: readonly string[] };
        for (const name of names) {
          const own = entries.filter((entry) => entry.startsWith(name));
          assertEquals(own, Array.from({ length: ENTRIES }, (_, at) => `${name}${at}`));
        }
      }
      assertEquals(Object.keys(journal).length, CUTS);
      for (const client of clients) {
        await world.connected(client);
        await client.sync();
        assertEquals(Object.fromEntries(client.collection("journal").all()), journal as never);
        assertEquals((await client.audit()).server, "equal");
      }
    },
  },
  {
    name: "of pushes that a crash interrupts all are there that were acknowledged, and each once",
    async run(world) {
      let acknowledged = 0;
      let isOver = false;
      const push = async (writer: number, seq: number): Promise<PushResult | undefined> => {
        const [result] = await world.push([{
          ...{ id: `w${writer}-${seq}`, client: `w${writer}`, seq, name: "journal.append" },
          args: { id: `w${writer}`, entry: `${seq}` },
        }]);
        return result;
      };
      /** Returns the number of the first push of which nobody knows. */
      const write = async (writer: number): Promise<number> => {
        for (let seq = 1;; seq++) {
          try {
            assertEquals((await push(writer, seq))?.ok, true);
          } catch (error) {
            // Only a network may fail: what a server answers is an answer.
            if (error instanceof TypeError) return seq;
            throw error;
          }
          acknowledged++;
          if (isOver) return seq + 1;
        }
      };
      const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
      await world.until(() => acknowledged >= ACKNOWLEDGED, "the acknowledgements");
      await world.stage.restart();
      isOver = true;
      for (const [writer, seq] of (await Promise.all(writers)).entries()) {
        const { journal = {} } = await world.rows();
        const { entries } = journal[`w${writer}`] as { readonly entries: readonly string[] };
        const all = Array.from({ length: seq }, (_, at) => `${at + 1}`);
        const isThere = entries.length === seq;
        assertEquals(entries, isThere ? all : all.slice(0, -1));
        assertEquals((await push(writer, seq))?.ok, true);
        const after = (await world.rows()).journal?.[`w${writer}`];
        assertEquals(after, { entries: all, count: seq });
      }
    },
  },
  {
    name: "a client that finds no server keeps its queue, and says so",
    async run(world) {
      await using proxy = proxyOf(world);
      proxy.manners = "closed";
      let offline = 0;
      const onOffline = () => void offline++;
      const client = world.client({ url: proxy.url, ...INTERVALS, onOffline });
      await client.start();
      await client.mutate("note.create", { id: "kept", data: { text: "Kept" } });
      await assertRejects(() => client.sync());
      assertEquals(client.isOnline, false);
      assertEquals([client.pending.length, client.collection("note").has("kept")], [1, true]);
      proxy.manners = "passes";
      await world.until(() => client.pending.length === 0, "the acknowledgement");
      assertEquals(await world.rows(), { note: { kept: { text: "Kept" } } });
      proxy.manners = "closed";
      proxy.cut();
      await world.until(() => offline > 0, "the news that the server is gone");
    },
  },
];

function proxyOf(world: World): RoughProxy {
  return new RoughProxy(() => world.port);
}
