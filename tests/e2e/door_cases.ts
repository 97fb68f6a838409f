/** Who comes in, what is served, modules, and a server that crashes, on every platform. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LivePeer } from "../edge/live_peer.ts";
import { pause } from "../edge/raw_peer.ts";
import type { EndToEndCase } from "./cases.ts";
import { countOf } from "./ui_cases.ts";
import { creation } from "./sync_cases.ts";

const SOCKET_HEADERS = {
  upgrade: "websocket",
  connection: "upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
};
/** How long an island is given to be saved, in milliseconds. */
const SAVED_MS = 500;
const CRASHES_MAX = 5;
const DOORS = ["/_sync/pull", "/_sync/snapshot", "/_sync/push", "/_live/ticket"];

export const DOOR_CASES: readonly EndToEndCase[] = [
  {
    name: "who has no token, or may not, or comes from elsewhere, is refused at every door",
    async run(world) {
      const callers: readonly (readonly [Record<string, string>, string, number])[] = [
        [{}, world.scope, 401],
        [{ authorization: "Bearer no.such.token" }, world.scope, 401],
        [{ ...world.headers, origin: "https://evil.example" }, world.scope, 403],
        [world.headers, "closed", 403],
      ];
      for (const [headers, scope, status] of callers) {
        for (const path of DOORS) {
          const mutations = [creation("a", { scope })];
          const response = await world.post(path, { scope, mutations }, headers);
          const context = `${path} ${scope} ${JSON.stringify(headers)}`;
          // A ticket is for islands as well, which are for everybody here.
          const isOpen = path === "/_live/ticket" &&
            (headers === callers[0]?.[0] || scope === "closed");
          const answer = await response.json();
          if (isOpen) assertEquals(typeof answer.ticket, "string", context);
          else if (path === "/_sync/push" && response.status === 200) {
            assertEquals(answer.results[0].ok, false, context);
          } else assertEquals(response.status, status, context);
        }
      }
      const own = { ...world.headers, origin: world.url };
      assertEquals((await world.post("/_sync/pull", { scope: world.scope }, own)).status, 200);
      assertEquals(await world.rows(), {});
    },
  },
  {
    name: "a scope is not to be had by naming it elsewhere, and a ticket opens one connection",
    async run(world) {
      await world.push([creation("secret")]);
      const forged = { ...world.headers, "x-driftless-scope": world.scope };
      const other = await world.post("/_sync/pull", { scope: `${world.scope}-other` }, forged);
      assertEquals((await other.json()).changes, []);
      const nobody = await world.peer(world.scope, {});
      const { scope } = world;
      nobody.say({ kind: "hello", protocol: 1, client: "c", scope, cursor: 0, epoch: "" });
      assertMatch((await nobody.hear("failure")).code, /^(forbidden|unauthenticated)$/);
      await nobody.close();
      const ticket = await world.ticket();
      const status = async (ticket: string, headers = {}) => {
        const url = world.live(ticket).replace("ws", "http");
        const response = await fetch(url, { headers: { ...SOCKET_HEADERS, ...headers } });
        await response.body?.cancel();
        return response.status;
      };
      assertEquals(await status(ticket, { origin: "https://evil.example" }), 403);
      for (const bad of ["", "x", `${ticket}0`, ticket.slice(1)]) {
        assertMatch(`${await status(bad)}`, /^4(01|26)$/, bad);
      }
      const peer = await LivePeer.connect(world.live(ticket));
      await peer.assertQuiet();
      assertMatch(`${await status(ticket)}`, /^4(01|26)$/);
      await peer.close();
    },
  },
  {
    name: "pages, the app without its types and the client are served, and are as they are",
    async run(world) {
      const get = (path: string, init?: RequestInit) => fetch(world.url + path, init);
      const page = await get("/");
      assertMatch(page.headers.get("content-security-policy") ?? "", /script-src 'self' /);
      assertMatch(await page.text(), /<title>Everywhere<\/title>/);
      const app = await get("/app.ts");
      assertEquals(app.headers.get("content-type"), "text/javascript; charset=utf-8");
      const text = await app.text();
      assert(text.includes(`"/_driftless/client.js"`) && !text.includes(": number"), text);
      const client = await get("/_driftless/client.js");
      assert((await client.text()).length > 50_000);
      const etag = client.headers.get("etag") ?? "";
      assertMatch(etag, /"/);
      const known = await get("/_driftless/client.js", { headers: { "if-none-match": etag } });
      assertEquals([known.status, await known.text()], [304, ""]);
      const dot = await get("/dot.webp");
      assertEquals(await dot.bytes(), Uint8Array.of(0, 255, 254, 128));
      for (const path of ["/data.db", "/kv.db", "/deno.json", "/stats.wasm", "/none"]) {
        await world.refused(await get(path), 404, "not_found");
      }
      const { status } = await (await get("/healthz")).json();
      assertEquals(status, "ok");
    },
  },
  {
    name: "a module answers requests, and one that keeps state has sockets",
    async run(world) {
      const stats = (body: string) => fetch(`${world.url}/stats`, { method: "POST", body });
      const { count, sum, variance } = await (await stats("[4, 7, 13, 16]")).json();
      assertEquals([count, sum, variance], [4, 40, 22.5]);
      assertEquals([(await stats("[x]")).status, (await stats("1 2")).status], [400, 200]);
      const tell = async () => Number(await (await fetch(`${world.url}/durable/count`)).text());
      const first = await tell();
      assertEquals(await tell(), first + 1);
      const socket = new WebSocket(`${world.url.replace("http", "ws")}/durable/chat`);
      const heard: unknown[] = [];
      socket.onmessage = ({ data }) => heard.push(data);
      await new Promise((resolve) => socket.onopen = resolve);
      for (const text of ["one", "two"]) socket.send(text);
      await world.until(() => heard.length === 2, "the echoes");
      assertEquals(heard, ["echo: one", "echo: two"]);
      const ended = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await ended;
    },
  },
  {
    name:
      "a module that fails costs its own request and its own instance, and none goes out unasked",
    async run(world) {
      const ask = async (path: string) => {
        const response = await fetch(world.url + path);
        return [response.status, await response.text()] as const;
      };
      for (const mount of ["closed", "once", "durable"]) {
        const [status, text] = await ask(`/${mount}/panic`);
        assertEquals([status, JSON.parse(text).code], [500, "wasm_failed"], mount);
        // What it had made of its state went with it.
        const [after, count] = await ask(`/${mount}/count`);
        assert(after === 200 && Number(count) > 0, `${mount} ${after} ${count}`);
      }
      assertEquals([await ask("/once/count"), await ask("/once/count")], [[200, "1"], [200, "1"]]);
      const url = `url=${world.url}/healthz`;
      assertMatch((await ask(`/once/fetch?${url}`))[1], /^200 application\/json .*"ok"/);
      assertMatch((await ask(`/closed/fetch?${url}`))[1], /^403 /);
    },
  },
  {
    name: "a crash loses nothing that was acknowledged, and who was there comes back by itself",
    async run(world) {
      const [anna, ben] = await world.pair();
      await anna.mutate("journal.append", { id: "j", entry: "before" });
      await world.until(() => anna.pending.length === 0, "the acknowledgement");
      await world.stage.restart();
      await anna.mutate("journal.append", { id: "j", entry: "after" });
      const entries = ["before", "after"];
      const isThere = () =>
        [anna, ben].every((client) => client.collection("journal").get("j")?.count === 2);
      await world.until(() => isThere() && anna.pending.length === 0, "both clients");
      const { journal } = await world.rows();
      assertEquals(journal, { j: { entries, count: 2 } });
      await world.connected(anna, ben);
      const { server } = await ben.audit();
      assertEquals(server, "equal");
    },
  },
  {
    name: "the state of an island outlives a crash, once it has had a moment to be saved",
    async run(world) {
      let known: { readonly session?: string; readonly seq?: number } = {};
      for (let clicks = 1;; clicks++) {
        const peer = await world.islands();
        peer.show(1, "counter", known);
        const { session, seq, html: before } = await peer.init(1);
        known = { session, seq };
        peer.click(1, 1);
        await peer.patch(1);
        await peer.close();
        await pause(SAVED_MS);
        await world.stage.restart();
        const back = await world.islands();
        back.show(1, "counter", known);
        const { html } = await back.init(1);
        await back.close();
        if (countOf(html) === countOf(before) + 1) break;
        // It was not saved in time, which a busy machine may be excused for, now and then.
        assert(clicks < CRASHES_MAX, `${before} has become ${html}`);
      }
    },
  },
];
