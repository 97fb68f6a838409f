/** Islands behind the doors: pages, connections, who may, what is too much, files, and what stays. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { LIVE_MESSAGE_BYTES_MAX } from "../../core/limits.ts";
import { CALLER_CONNECTIONS_MAX, CONNECTIONS_MAX, LiveHub } from "../../edge/live.ts";
import { UI_CHANNEL } from "../../edge/live_connection.ts";
import { decodeDown } from "../../core/wire/messages.ts";
import { ServerMessage } from "../../core/wire/ui_gen.ts";
import { PAGE_RATE } from "../../edge/live_ui.ts";
import { UI_PART_BYTES_MAX } from "../../edge/ui_parts.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { UPLOAD_HEADER, UPLOAD_PART_BYTES_MAX } from "../../edge/ui_uploads.ts";
import {
  type FoundIsland,
  islandApp,
  IslandPeer,
  islandsIn,
  KIND,
  uiBytes,
} from "./live_ui_app.ts";
import { frame, handshake, inTime, OPCODE, pause, RawPeer } from "./raw_peer.ts";
import {
  assertRefused,
  bearer,
  type DoorOptions,
  type Doors,
  type ListeningDoors,
  ORIGIN,
  tokenOf,
  withDoors,
  withListeningDoors,
} from "./served_app.ts";

/** The slots of the counters' template. */
const ADD = 1;
const FAIL = 2;

const HTML = "text/html; charset=utf-8";

function page(...names: string[]): string {
  const elements = names.map((name) => `<div g-island="${name}"></div>`).join("");
  return `<!doctype html><html><head><title>a</title></head><body>${elements}</body></html>`;
}

function pages(options: DoorOptions = {}, ...names: string[]): DoorOptions {
  const body = page(...names);
  return {
    app: islandApp(),
    assets: { "/": { type: HTML, body, etag: `"1"` } },
    ...options,
  };
}

async function shownBy(doors: Doors, init: RequestInit = {}): Promise<readonly FoundIsland[]> {
  return islandsIn(await (await doors.get("/", init)).text());
}

Deno.test("a page shows what islands hold, and is nobody else's [defect 14]", () =>
  withDoors(pages({}, "counter", "outer"), async (doors) => {
    const response = await doors.get("/");
    const html = await response.text();
    assertStringIncludes(html, "<p>5<button>+</button>");
    assertStringIncludes(html, `<script type="module" src="/_driftless/live.js"></script></head>`);
    assertEquals(html.includes("{{"), false);
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.headers.get("etag"), null);
    assertMatch(response.headers.get("content-security-policy") ?? "", /script-src 'self' /);
    const found = islandsIn(html);
    assertEquals(found.map(({ name }) => name), ["counter", "outer", "counter"]);
    const again = await shownBy(doors);
    for (const [index, { session, table }] of found.entries()) {
      assertMatch(session, /^[0-9a-f]{32}\./);
      assertNotEquals(again[index]?.session, session);
      assertEquals(again[index]?.table, table);
    }
  }));

Deno.test("islands of one page belong to one tab", () =>
  withDoors(pages({}, "counter", "ours", "outer"), async (doors) => {
    const tabs = (await shownBy(doors)).map(({ session }) => session.split(".")[0]);
    assertEquals(new Set(tabs).size, 1);
  }));

Deno.test("a page without islands is as it was, and HEAD makes no state", async () => {
  for (const [method, name] of [["GET", ""], ["HEAD", ""], ["HEAD", "counter"]] as const) {
    await withDoors(pages({}, ...name === "" ? [] : [name]), async (doors) => {
      const response = await doors.get("/", { method });
      assertEquals(response.headers.get("etag"), `"1"`);
      const body = await response.text();
      if (method === "GET") assertEquals(body, page());
    });
  }
});

Deno.test('an app with an island "root" has a page', async () => {
  const { counter = {} } = islandApp().islands;
  const app = { ...islandApp(), islands: { root: counter } };
  await withDoors({ app }, async (doors) => {
    const html = await (await doors.get("/")).text();
    assertStringIncludes(html, "<title>islands</title>");
    assertEquals(islandsIn(html).map(({ name }) => name), ["root"]);
  });
});

Deno.test("a table stays as it is, under its hash", () =>
  withDoors(pages({}, "counter"), async (doors) => {
    const [{ table } = { table: "" }] = await shownBy(doors);
    const response = await doors.get(`/_live/table/${table}`, { headers: { origin: ORIGIN } });
    const { hash, blocks } = await response.json();
    assertEquals(hash, table);
    assertEquals(blocks.length, 1);
    assertStringIncludes(response.headers.get("cache-control") ?? "", "immutable");
    assertEquals(response.headers.get("access-control-allow-origin"), ORIGIN);
    assertEquals(JSON.stringify(blocks).includes("add"), false, "methods stay on the server");
    await assertRefused(await doors.get("/_live/table/none"), 404, "not_found");
  }));

Deno.test("a tab goes on with the page that it was given, and nobody else does", () =>
  withListeningDoors(pages({}, "counter"), async (doors) => {
    const [found] = await shownBy(doors);
    const peer = await IslandPeer.open(doors.port);
    peer.show(1, "counter", found);
    peer.click(1, ADD);
    await peer.init(1);
    const { seq } = await peer.patch(1);
    assertEquals(seq, 1);
    await peer.close();
    const back = await IslandPeer.open(doors.port);
    back.show(7, "counter", { ...found, table: "" });
    assertStringIncludes((await back.init(7)).html, "<p>6<button>");
    back.show(8, "counter", { session: `${"0".repeat(32)}.0` });
    assertStringIncludes((await back.init(8)).html, "<p>5<button>");
    await back.close();
  }));

Deno.test("everyone sees the island of all, and a fault in a handler hurts nobody", () =>
  withListeningDoors(pages(), async ({ port, lines }) => {
    const [one, two] = [await IslandPeer.open(port), await IslandPeer.open(port)];
    for (const peer of [one, two]) {
      peer.show(1, "ours");
      await peer.init(1);
    }
    one.click(1, FAIL);
    const { code, error } = await one.hear();
    assertEquals([code, error], ["internal_error", "The server failed"]);
    one.click(1, ADD);
    for (const peer of [one, two]) assertEquals((await peer.patch(1)).seq, 1);
    const late = await IslandPeer.open(port);
    late.show(1, "ours");
    assertStringIncludes((await late.init(1)).html, "<p>6<button>");
    for (const peer of [one, two, late]) await peer.close();
    assert(lines.some((line) => line.includes("a fault in the app")), lines.join("\n"));
  }));

Deno.test("an island mutates as its user, and shows what others commit", () => {
  const authorize = ({ principal }: { principal: { id: string } | null }) => principal !== null;
  const options = pages({ signed: true, app: islandApp(authorize) }, "board");
  return withListeningDoors(options, async (doors) => {
    const headers = await bearer("ada");
    const peer = await IslandPeer.open(doors.port, headers);
    peer.show(1, "board");
    await peer.init(1);
    peer.say({ kind: KIND.input, target: 1, slot: 0, input: 1, value: "From the island" });
    peer.click(1, 1);
    let texts: readonly string[] = [];
    while (!texts.includes("From the island")) ({ texts } = await peer.patch(1));
    assertEquals(doors.store.row("_default", "task", "t1")?.json, `{"title":"From the island"}`);
    const mutation = {
      id: "m1",
      name: "task.create",
      args: { id: "t2", data: { title: "By HTTP" } },
    };
    await doors.post("/_sync/push", { mutations: [mutation] }, headers);
    while (!texts.includes("By HTTP")) ({ texts } = await peer.patch(1));
    peer.click(1, 1);
    for (;;) {
      const { code, error } = await peer.hear();
      if (code === "") continue;
      assertEquals([code, error], ["conflict", `Cannot create task "t1": it exists`]);
      break;
    }
    await peer.close();
  });
});

Deno.test("who may not, sees no island, in a page or on a connection", () => {
  const asked: string[] = [];
  const authorize = (
    { principal, island }: { principal: { id: string } | null; island?: string },
  ) => {
    asked.push(`${island}`);
    return island === "who" || principal?.id === "ada";
  };
  const options = pages({ signed: true, app: islandApp(authorize) }, "counter", "who", "mine");
  return withListeningDoors(options, async (doors) => {
    assertEquals((await shownBy(doors)).map(({ name }) => name), ["who"]);
    const cookie = { cookie: `__Host-driftless=${await tokenOf("ada")}` };
    const signed = await shownBy(doors, { headers: cookie });
    assertEquals(signed.map(({ name }) => name), ["counter", "who", "mine"]);
    assertStringIncludes(signed[1]?.html ?? "", "<p>ada</p>");
    const image = await shownBy(doors, { headers: { ...cookie, "sec-fetch-dest": "image" } });
    assertStringIncludes(image[0]?.html ?? "", "<p>nobody</p>");
    const bad = await shownBy(doors, { headers: { cookie: "__Host-driftless=old" } });
    assertEquals(bad.map(({ name }) => name), ["who"]);
    const peer = await IslandPeer.open(doors.port, await bearer("eve"));
    peer.show(1, "counter", signed[0]);
    assertEquals((await peer.hear()).code, "forbidden");
    peer.show(2, "who", signed[1]);
    assertStringIncludes((await peer.init(2)).html, "<p>eve</p>");
    await peer.close();
    assert(asked.includes("counter"));
  });
});

Deno.test("the doors of islands let in whom the doors of sync let in [defects 9, 11, 12]", () =>
  withListeningDoors(pages({ signed: true }, "counter"), async (doors) => {
    for (const path of ["/", "/_live/table/a", "/_live/upload", "/_live/ticket"]) {
      for (const origin of ["http://evil.example", "http://localhost:9999", "null"]) {
        const method = path === "/" || path.includes("table") ? "GET" : "POST";
        const answer = await doors.get(path, { method, headers: { origin } });
        await assertRefused(answer, 403, "forbidden", `${path} ${origin}`);
      }
    }
    const ticket = async () => {
      const answer = await doors.post("/_live/ticket", "", await bearer("ada"));
      return (await answer.json()).ticket as string;
    };
    const status = async (path: string, headers = "") => {
      const peer = await RawPeer.connect(doors.port);
      peer.write(handshake(headers, path));
      const line = await peer.head();
      peer.vanish();
      return line;
    };
    const evil = "Origin: http://evil.example\r\n";
    assertMatch(await status(`/_live?ticket=${await ticket()}`, evil), / 403 /);
    const good = await ticket();
    assertMatch(await status(`/_live?ticket=${good}`, `Origin: ${ORIGIN}\r\n`), / 101 /);
    assertMatch(await status(`/_live?ticket=${good}`), / 401 /);
    assertMatch(await status("/_live"), / 401 /);
  }));

Deno.test("a message that is too large, or none, ends its own connection alone [defect 10, S6]", () =>
  withListeningDoors(pages({}, "ours"), async ({ port }) => {
    const other = await IslandPeer.open(port);
    other.show(1, "ours");
    await other.init(1);
    const large = await IslandPeer.open(port);
    large.peer.sayBytes(new Uint8Array(LIVE_MESSAGE_BYTES_MAX + 1));
    assertEquals((await inTime(large.peer.ended, "the end")).code, 1009);
    const huge = await IslandPeer.open(port);
    huge.say({ kind: KIND.input, input: 1, value: "x".repeat(62 * 1024) });
    const { code, reason } = await inTime(huge.peer.ended, "the end");
    assertEquals([code, reason], [1008, "too_large"]);
    const nonsense = await IslandPeer.open(port);
    nonsense.peer.say({ kind: "ui", body: new Uint8Array([255, 255]) });
    assertEquals((await inTime(nonsense.peer.ended, "the end")).reason, "malformed");
    other.click(1, ADD);
    await other.patch(1);
    await other.close();
  }));

Deno.test("a call by a name that the island does not export is refused [defect 8, S3]", () =>
  withListeningDoors(pages(), async ({ port }) => {
    const peer = await IslandPeer.open(port);
    peer.show(1, "ours");
    await peer.init(1);
    for (const name of ["markRefresh", "add", "constructor", "__proto__", "toString"]) {
      peer.say({ kind: KIND.method, target: 1, name, data: `["count"]` });
      const { code } = await peer.hear();
      assert(["forbidden", "not_found"].includes(code), `${name} ${code}`);
    }
    for (const [instance, slot] of [[0, 0], [0, 9], [9, ADD]] as const) {
      peer.click(1, slot, instance);
      peer.say({ kind: KIND.input, target: 1, instance, slot, input: 1, value: "7" });
    }
    peer.click(1, ADD);
    let message = await peer.hear();
    while (message.code !== "") message = await peer.hear();
    assertEquals(message.seq, 1);
    await peer.close();
  }));

Deno.test("what an island has to say is sent in parts, and not at all when it is too much", () =>
  withListeningDoors(pages(), async ({ port, lines }) => {
    const peer = await IslandPeer.open(port);
    peer.show(1, "text");
    await peer.init(1);
    peer.click(1, 2);
    const message = await peer.hear();
    const text = message.texts[0] ?? message.html;
    assert(text.length > UI_PART_BYTES_MAX * 9, `${text.length}`);
    peer.click(1, 3);
    const { code, reason } = await inTime(peer.peer.ended, "the end");
    assertEquals([code, reason], [1008, "too_large"]);
    assert(lines.some((line) => line.includes("island too large")), lines.join("\n"));
  }));

Deno.test("a tab that does not read keeps nobody waiting, and has the newest in the end", () =>
  withListeningDoors(pages(), async ({ port, lines }) => {
    const rounds = 300;
    const stuck = await rawPeer(port);
    const ask = { kind: KIND.initRequest, target: 1, island: "text", url: "/" };
    stuck.write(frame(OPCODE.binary, uiBytes(ask)));
    await stuck.frame();
    stuck.stopReading();
    const peer = await IslandPeer.open(port);
    peer.show(1, "text");
    await peer.init(1);
    for (let round = 0; round < rounds; round++) {
      peer.click(1, 1);
      assertEquals((await peer.patch(1)).texts[0]?.length, 50_000);
    }
    stuck.readAgain();
    let seq = 0;
    let bytes = 0;
    while (seq < rounds) {
      const { payload } = await stuck.frame();
      const { message } = decodeDown(new Uint8Array(payload));
      assert(message.kind === "ui");
      ({ seq } = ServerMessage.decode(message.body));
      bytes += payload.length;
    }
    assert(bytes < rounds * 50_000, `${bytes} bytes for a tab that did not read`);
    assertEquals(lines.filter((line) => line.includes("slow peer")), []);
    stuck.vanish();
    await stuck.gone;
    await peer.close();
  }));

Deno.test("an app without islands says so", () =>
  withListeningDoors({}, async (doors) => {
    const peer = await IslandPeer.open(doors.port);
    peer.show(1, "counter");
    const failure = await peer.peer.hear("failure", UI_CHANNEL);
    assertEquals(failure.code, "not_found");
    await peer.close();
    await assertRefused(await doors.post("/_live/upload", ""), 404, "not_found");
  }));

Deno.test("a caller that asks for many pages gets them without islands", () =>
  withDoors(pages({}, "counter"), async (doors) => {
    let filled = 0;
    for (let i = 0; i < PAGE_RATE.burst + 50; i++) filled += (await shownBy(doors)).length;
    assert(filled >= PAGE_RATE.burst && filled < PAGE_RATE.burst + 50, `${filled}`);
    const html = await (await doors.get("/")).text();
    assertStringIncludes(html, `<div g-island="counter"></div>`);
    assertStringIncludes(html, "live.js", "the bridge asks for the island then");
  }));

Deno.test("a caller has its share of the connections, and no more", () => {
  const socket = (remoteAddress: string) => ({
    remoteAddress,
    bufferedBytes: 0,
    send() {},
    sendText() {},
    close() {},
    terminate() {},
  });
  const identity = (id: string) => ({
    principal: id === "" ? null : { id },
    expires: Infinity,
    explicit: true,
  });
  const unused = undefined as never;
  const hub = new LiveHub({
    server: unused,
    store: unused,
    committer: unused,
    log: unused,
    now: () => 0,
    spend: () => 0,
    spendWork: () => 0,
    ui: undefined,
  });
  assertEquals(CALLER_CONNECTIONS_MAX * 2, CONNECTIONS_MAX);
  const ends = Array.from(
    { length: CALLER_CONNECTIONS_MAX - 1 },
    () => hub.accept(socket("10.0.0.1"), identity("")),
  );
  assertEquals(hub.hasRoomFor(identity(""), "10.0.0.1"), true);
  ends.push(hub.accept(socket("10.0.0.1"), identity("")));
  assertEquals(hub.hasRoomFor(identity(""), "10.0.0.1"), false);
  assertEquals(hub.hasRoomFor(identity(""), "10.0.0.2"), true);
  assertEquals(hub.hasRoomFor(identity("ada"), "10.0.0.1"), true);
  ends[0]?.closed(1000);
  ends[0]?.closed(1000);
  assertEquals(hub.hasRoomFor(identity(""), "10.0.0.1"), true);
  for (const end of ends) end.closed(1000);
  assertEquals(hub.size, 0);
  hub.close();
});

Deno.test("state of a tab, a user and everyone is there in the next server", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless_islands_" });
  const path = join(folder, "data.db");
  const names = ["counter", "mine", "ours"];
  const withStore = async (work: (doors: ListeningDoors) => Promise<void>) => {
    const store = openSqliteStore(path);
    try {
      const options = { signed: true, app: islandApp(() => true), store };
      await withListeningDoors(pages({ ...options, islandStates: store.islands }, ...names), work);
    } finally {
      store.close();
    }
  };
  const shows = async (peer: IslandPeer, found: readonly FoundIsland[]) => {
    const shown: string[] = [];
    for (const [target, name] of names.entries()) {
      peer.show(target, name, found[target]);
      shown.push((await peer.init(target)).html);
    }
    return shown;
  };
  try {
    let found: readonly FoundIsland[] = [];
    await withStore(async (doors) => {
      found = await shownBy(doors, { headers: await bearer("ada") });
      const peer = await IslandPeer.open(doors.port, await bearer("ada"));
      await shows(peer, found);
      for (const target of names.keys()) {
        peer.click(target, ADD);
        await peer.patch(target);
      }
      await peer.close();
    });
    found = found.map((island) => ({ ...island, table: "" }));
    await withStore(async ({ port }) => {
      const ada = await IslandPeer.open(port, await bearer("ada"));
      for (const html of await shows(ada, found)) assertStringIncludes(html, "<p>6<");
      const eve = await IslandPeer.open(port, await bearer("eve"));
      const [counter = "", mine = "", ours = ""] = await shows(eve, found);
      assertStringIncludes(counter, "<p>5<", "a tab's session is no use to another user");
      assertStringIncludes(mine, "<p>5<");
      assertStringIncludes(ours, "<p>6<");
      for (const peer of [ada, eve]) await peer.close();
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function rawPeer(port: number): Promise<RawPeer> {
  const url = `http://127.0.0.1:${port}/_live/ticket`;
  const { ticket } = await (await fetch(url, { method: "POST" })).json();
  const peer = await RawPeer.connect(port);
  peer.write(handshake("", `/_live?ticket=${ticket}`));
  assertMatch(await peer.head(), / 101 /);
  return peer;
}

/** Asks for a ticket for a file of so many bytes. */
async function ticketFor(peer: IslandPeer, size: number): Promise<string> {
  const data = JSON.stringify({ files: [{ name: "a.txt", type: "text/plain", size }] });
  peer.say({ kind: KIND.method, target: 1, slot: 0, data });
  const { kind, name, args, code } = await peer.hear();
  assertEquals([kind, name, code], [KIND.jscall, "driftless:upload", ""]);
  return JSON.parse(args)[2][0];
}

Deno.test("a file arrives in parts, for its ticket, and the island has it", () =>
  withListeningDoors(pages(), async (doors) => {
    const peer = await IslandPeer.open(doors.port);
    peer.show(1, "files");
    await peer.init(1);
    const part = (ticket: string, offset: number, bytes: string) =>
      doors.get(`/_live/upload?offset=${offset}`, {
        method: "POST",
        body: bytes,
        headers: { [UPLOAD_HEADER]: ticket },
      });
    await assertRefused(await part("none", 0, "a"), 401, "unauthenticated");
    const ticket = await ticketFor(peer, 10);
    assertEquals(await (await part(ticket, 0, "hello")).json(), { received: 5, done: false });
    await assertRefused(await part(ticket, 0, "hello"), 409, "sequence_gap");
    await assertRefused(await part(ticket, 5, "worlds"), 413, "too_large");
    assertEquals(await (await part(ticket, 5, "world")).json(), { received: 10, done: true });
    assertEquals((await peer.patch(1)).texts, ["a.txt 10 10"]);
    await assertRefused(await part(ticket, 10, ""), 401, "unauthenticated");
    const data = JSON.stringify({ files: [{ name: "a.txt", type: "text/plain", size: 11 }] });
    peer.say({ kind: KIND.method, target: 1, slot: 0, data });
    assertEquals((await peer.hear()).code, "too_large");
    const large = await ticketFor(peer, 10);
    const over = await part(large, 0, "x".repeat(UPLOAD_PART_BYTES_MAX + 1));
    await assertRefused(over, 413, "too_large");
    const gone = await ticketFor(peer, 10);
    await peer.close();
    while ((await (await doors.get("/healthz")).json()).connections > 0) await pause(10);
    await assertRefused(await part(gone, 0, "hello"), 401, "unauthenticated");
  }));
