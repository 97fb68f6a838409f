/** The handler's routes: what each path answers to each method, and with which headers. */
import { brotliDecompressSync } from "node:zlib";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { LOG_AGE_MS_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { MUTATION_RATE } from "../../edge/handler.ts";
import { TICKET_RATE } from "../../edge/routes.ts";
import { COOKIE_NAME } from "../../edge/identity.ts";
import { CONNECTIONS_MAX } from "../../edge/live.ts";
import type { Socket } from "../../edge/socket.ts";
import {
  assertRefused,
  assertServes,
  bearer,
  creation,
  type Doors,
  EPOCH,
  ORIGIN,
  tokenOf,
  withDoors,
  withOwnTime,
} from "./served_app.ts";

const ASSETS = {
  "/": { type: "text/html; charset=utf-8", body: "<!doctype html>Hello", etag: `"page"` },
  "/app.js": { type: "text/javascript", body: "export {}".padEnd(5_000, "\n"), etag: `"code"` },
};

/** What each path takes; everything else is refused with the list. */
const METHODS: Readonly<Record<string, readonly string[]>> = {
  "/": ["GET", "HEAD"],
  "/healthz": ["GET", "HEAD"],
  "/_sync/push": ["POST"],
  "/_sync/pull": ["POST"],
  "/_sync/snapshot": ["POST"],
  "/_sync/reconcile": ["POST"],
  "/_live/ticket": ["POST"],
  "/_session": ["POST", "DELETE"],
};

for (const [path, allowed] of Object.entries(METHODS)) {
  const others = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]
    .filter((method) => !allowed.includes(method));
  Deno.test(`${path} takes ${allowed.join(" and ")} and no other method`, () =>
    withDoors({ assets: ASSETS }, async (doors) => {
      for (const method of others) {
        const response = await doors.get(path, { method });
        assertEquals(response.headers.get("allow"), allowed.join(", "), method);
        assertEquals(response.status, 405, method);
        if (method === "HEAD") assertEquals(await response.text(), "");
        else await assertRefused(response, 405, "method_not_allowed", method);
      }
    }));
}

Deno.test("a path where nothing is, is 404 whatever the method", () =>
  withDoors({ assets: ASSETS }, async (doors) => {
    const paths = [
      "/nothing",
      "/_sync",
      "/_sync/",
      "/_sync/push/",
      "/_sync/push/more",
      "/_sync//push",
      "/_SYNC/push",
      "/../etc/passwd",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/..%2f..%2fetc%2fpasswd",
      "/app.js/..%2f",
      "/app.js%00",
      "/%ff%fe",
      "/__proto__",
      "/constructor",
      "/toString",
      "//evil.example/",
    ];
    for (const path of paths) {
      for (const method of ["GET", "POST"]) {
        const response = await doors.get(`http://127.0.0.1:8000${path}`, { method });
        await assertRefused(response, 404, "not_found", `${method} ${path}`);
      }
    }
  }));

Deno.test("GET /_live without an upgrade says to open a WebSocket", () =>
  withDoors({}, async (doors) => {
    const response = await doors.get("/_live");
    assertEquals(response.headers.get("upgrade"), "websocket");
    await assertRefused(response, 426, "upgrade_required");
    const posted = await doors.post("/_live", {});
    assertEquals(posted.headers.get("allow"), "GET");
    await assertRefused(posted, 405, "method_not_allowed");
  }));

Deno.test("/healthz tells that all is well, to anybody", () =>
  withDoors({ signed: true }, async (doors) => {
    const response = await doors.get("/healthz");
    assertEquals(await response.json(), { status: "ok", version: "0.0.0-test", connections: 0 });
    assertEquals(response.headers.get("cache-control"), "no-store");
    const head = await doors.get("/healthz", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  }));

Deno.test("a store that fails is 503 and in the log, and is back as soon as the store is", async () => {
  const store = new FailingStore(EPOCH);
  await withDoors({ store }, async (doors) => {
    store.failure = new DriftlessError("store_failed", "Cannot use the store: the disk is full");
    await assertRefused(await doors.get("/healthz"), 503, "store_failed");
    for (const door of ["push", "pull", "snapshot"]) {
      const response = await doors.post(`/_sync/${door}`, creation("1"));
      await assertRefused(response, 503, "store_failed", door);
    }
    assertEquals(doors.lines.filter((line) => line.includes("the disk is full")).length, 4);
    store.failure = undefined;
    const response = await doors.post("/_sync/push", creation("1"));
    assertEquals((await response.json()).results[0].ok, true);
  });
});

Deno.test("what nobody foresaw is 500, with the details in the log alone", async () => {
  const store = new FailingStore(EPOCH);
  await withDoors({ store }, async (doors) => {
    store.failure = new TypeError("a detail that is nobody's business");
    const responses = [
      await doors.get("/healthz"),
      await doors.post("/_sync/push", creation("1")),
      await doors.post("/_sync/pull", {}),
      await doors.post("/_sync/snapshot", {}),
    ];
    for (const response of responses) {
      const { error } = await assertRefused(response, 500, "internal_error");
      assertEquals(error, "The server failed");
    }
    const logged = doors.lines.filter((line) =>
      line.includes("a detail that is nobody's business")
    );
    assertEquals(logged.length, responses.length);
    store.failure = undefined;
    await assertServes(doors);
  });
});

Deno.test("a handler trims the log once an hour, and outlives a store that cannot", async () => {
  const store = new FailingStore(EPOCH);
  await withOwnTime((intervals, setTime) =>
    withDoors({ store }, async (doors) => {
      const trim = intervals.find(({ ms }) => ms === 60 * 60 * 1000);
      await (await doors.post("/_sync/push", creation("1"))).body?.cancel();
      trim?.work();
      assertEquals(store.head("_default").floor, 0);
      setTime(Date.now() + LOG_AGE_MS_MAX + 1);
      store.failure = new TypeError("a fault in the store");
      trim?.work();
      store.failure = undefined;
      assert(doors.lines.some((line) => line.includes("a fault in the store")));
      assertEquals(store.head("_default").floor, 0);
      trim?.work();
      assertEquals(store.head("_default"), { ...store.head("_default"), cursor: 1, floor: 1 });
      assert(doors.lines.some((line) => line.includes(`"event":"log trimmed","changes":1`)));
    })
  );
});

Deno.test("an app that throws while it authorises says no, and only to the one who asked", () => {
  const authorize = ({ scope }: { scope: string }) => {
    if (scope === "broken") throw new TypeError("a fault in the app");
    return true;
  };
  return withDoors({ authorize }, async (doors) => {
    await assertRefused(await doors.post("/_sync/pull", { scope: "broken" }), 403, "forbidden");
    assert(doors.lines.some((line) => line.includes("a fault in the app")));
    await assertServes(doors);
  });
});

Deno.test("a page is served with its type, its tag and a strict policy", () =>
  withDoors({ assets: ASSETS }, async (doors) => {
    const response = await doors.get("/");
    assertEquals(await response.text(), ASSETS["/"].body);
    const header = (name: string) => response.headers.get(name);
    assertEquals(header("content-type"), ASSETS["/"].type);
    assertEquals(header("etag"), `"page"`);
    assertEquals(header("cache-control"), "no-cache");
    assertEquals(header("x-content-type-options"), "nosniff");
    assertStringIncludes(header("content-security-policy") ?? "", "default-src 'self'");
    const scripts = "script-src 'self' 'wasm-unsafe-eval';";
    assertStringIncludes(header("content-security-policy") ?? "", scripts);
    assertStringIncludes(header("content-security-policy") ?? "", "frame-ancestors 'none'");
    assertMatch(header("referrer-policy") ?? "", /no-referrer/);
    const head = await doors.get("/", { method: "HEAD" });
    assertEquals([head.status, head.headers.get("etag"), await head.text()], [200, `"page"`, ""]);
  }));

Deno.test("a page that the caller holds is 304", () =>
  withDoors({ assets: ASSETS }, async (doors) => {
    const held = [`"page"`, `W/"page"`, `"old", "page"`, `"old",W/"page"`, "*"];
    const other = [`"old"`, "page", "", `"code"`];
    for (const tag of [...held, ...other]) {
      const response = await doors.get("/", { headers: { "if-none-match": tag } });
      assertEquals(response.status, held.includes(tag) ? 304 : 200, tag);
      assertEquals((await response.text()).length > 0, !held.includes(tag), tag);
    }
  }));

Deno.test("answers are compressed for those who accept it, and caches are told", () =>
  withDoors({ assets: ASSETS }, async (doors) => {
    const packed = ["gzip", "deflate, gzip", "br;q=0, gzip;q=0.5", "GZIP", "gzip ;q=1.0"];
    const plain = ["", "gzip;q=0", "gzip; q=0.000", "x-gzipped", "identity", "brr"];
    for (const accepted of [...packed, ...plain]) {
      const headers = { "accept-encoding": accepted };
      const code = await doors.get("/app.js", { headers });
      const pulled = await doors.post("/_sync/pull", {}, headers);
      for (const response of [code, pulled]) {
        const encoding = packed.includes(accepted) ? "gzip" : null;
        assertEquals(response.headers.get("content-encoding"), encoding, accepted);
        assertStringIncludes(response.headers.get("vary")?.toLowerCase() ?? "", "accept-encoding");
      }
      const text = packed.includes(accepted) ? await unzipped(code) : await code.text();
      assertEquals(text, ASSETS["/app.js"].body, accepted);
      const page = packed.includes(accepted) ? await unzipped(pulled) : await pulled.text();
      assertEquals(JSON.parse(page).changes, [], accepted);
    }
  }));

Deno.test("answers are compressed with Brotli for those who prefer it", () =>
  withDoors({ assets: ASSETS }, async (doors) => {
    for (const accepted of ["br", "gzip, br", "BR;q=1", "gzip;q=0.5, br;q=0.1"]) {
      const response = await doors.get("/app.js", { headers: { "accept-encoding": accepted } });
      assertEquals(response.headers.get("content-encoding"), "br", accepted);
      const bytes = new Uint8Array(await response.arrayBuffer());
      assertEquals(brotliDecompressSync(bytes).toString(), ASSETS["/app.js"].body);
    }
  }));

Deno.test("a page of a listed origin may read every answer, refusals too", () =>
  withDoors({ signed: true }, async (doors) => {
    const answers = [
      await doors.post("/_sync/pull", {}, { origin: ORIGIN, ...await bearer("anna") }),
      await doors.post("/_sync/pull", {}, { origin: ORIGIN }),
      await doors.get("/nothing", { headers: { origin: ORIGIN } }),
    ];
    assertEquals(answers.map(({ status }) => status), [200, 401, 404]);
    for (const response of answers) {
      assertEquals(response.headers.get("access-control-allow-origin"), ORIGIN);
      assertEquals(response.headers.get("access-control-allow-credentials"), "true");
      assertStringIncludes(response.headers.get("vary")?.toLowerCase() ?? "", "origin");
      await response.text();
    }
  }));

Deno.test("a preflight of a listed origin is granted what the client needs, and no more", () =>
  withDoors({ signed: true }, async (doors) => {
    const headers = {
      origin: ORIGIN,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, content-type, x-other",
    };
    const response = await doors.get("/_sync/push", { method: "OPTIONS", headers });
    assertEquals([response.status, await response.text()], [204, ""]);
    const list = (name: string) => response.headers.get(name)?.toLowerCase().split(/,\s*/).sort();
    assertEquals(list("access-control-allow-origin"), [ORIGIN]);
    assertEquals(list("access-control-allow-headers"), [
      "authorization",
      "content-type",
      "x-upload-ticket",
    ]);
    assertEquals(list("access-control-allow-methods"), ["delete", "get", "post"]);
  }));

Deno.test("a program that is no page gets no permission for pages", () =>
  withDoors({}, async (doors) => {
    const response = await doors.post("/_sync/pull", {});
    await response.text();
    assertEquals(response.headers.get("access-control-allow-origin"), null);
  }));

Deno.test("a token becomes a cookie that counts, and goes again", () =>
  withDoors({ signed: true }, async (doors) => {
    const token = await tokenOf("anna", 100);
    const signIn = { origin: ORIGIN, authorization: `Bearer ${token}` };
    const response = await doors.post("/_session", "", signIn);
    assertEquals([response.status, await response.text()], [204, ""]);
    const cookie = response.headers.get("set-cookie") ?? "";
    const [pair = "", ...attributes] = cookie.split("; ");
    assertEquals(pair, `${COOKIE_NAME}=${token}`);
    assertEquals(attributes.filter((part) => !part.startsWith("Max-Age")).sort(), [
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]);
    const seconds = Number(/Max-Age=(\d+)/.exec(cookie)?.[1]);
    assert(seconds > 90 && seconds <= 100, cookie);
    await assertServes(doors, { origin: ORIGIN, cookie: pair });

    const out = await doors.get("/_session", {
      method: "DELETE",
      headers: { origin: ORIGIN, cookie: pair },
    });
    assertEquals([out.status, await out.text()], [204, ""]);
    assertMatch(out.headers.get("set-cookie") ?? "", /^__Host-driftless=; .*Max-Age=0/);
  }));

Deno.test("signing in takes a bearer token, and a cookie does not renew itself", () =>
  withDoors({ signed: true }, async (doors) => {
    const cookie = `${COOKIE_NAME}=${await tokenOf("anna")}`;
    for (const headers of [{ origin: ORIGIN }, { origin: ORIGIN, cookie }]) {
      await assertRefused(await doors.post("/_session", "", headers), 401, "unauthenticated");
    }
  }));

Deno.test("signing out works with a cookie that has expired", () =>
  withDoors({ signed: true }, async (doors) => {
    const cookie = `${COOKIE_NAME}=${await tokenOf("anna", -1)}`;
    const headers = { origin: ORIGIN, cookie };
    const response = await doors.get("/_session", { method: "DELETE", headers });
    assertEquals(response.status, 204);
    assertMatch(response.headers.get("set-cookie") ?? "", /Max-Age=0/);
  }));

Deno.test("a WebSocket takes a ticket, once, at one path", () =>
  withDoors({}, async (doors) => {
    const ticket = await ticketOf(doors);
    const decide = (target: string) =>
      doors.handler.upgrade(new Request(`http://127.0.0.1:8000${target}`), { remoteAddress: "" });
    const refused: readonly (readonly [string, number, string])[] = [
      [`/?ticket=${ticket}`, 404, "not_found"],
      [`/_live/?ticket=${ticket}`, 404, "not_found"],
      [`/_live/ticket?ticket=${ticket}`, 404, "not_found"],
      ["/_live", 401, "unauthenticated"],
      ["/_live?ticket=", 401, "unauthenticated"],
      [`/_live?ticket=${ticket.slice(1)}`, 401, "unauthenticated"],
      [`/_live?token=${ticket}`, 401, "unauthenticated"],
    ];
    for (const [target, status, code] of refused) {
      const response = await decide(target);
      assert(response instanceof Response, target);
      await assertRefused(response, status, code, target);
    }
    assert("accept" in await decide(`/_live?ticket=${ticket}`));
    const again = await decide(`/_live?ticket=${ticket}`);
    assert(again instanceof Response);
    await assertRefused(again, 401, "unauthenticated");
  }));

Deno.test("tickets are limited for each address, and for each principal behind one", () =>
  withDoors({ signed: true }, async (doors) => {
    const ask = (remoteAddress: string, headers = {}) =>
      doors.handler.fetch(
        new Request("http://127.0.0.1:8000/_live/ticket", { method: "POST", headers }),
        { remoteAddress },
      );
    const exhaust = async (headers = {}, given = 0) => {
      let response = await ask("a", headers);
      for (; response.status === 200; given++) response = await ask("a", headers);
      assert(given >= TICKET_RATE.burst, `after ${given}`);
      return response;
    };
    const response = await exhaust();
    assertEquals(response.headers.get("retry-after"), "1");
    const { retry_after_ms = 0 } = await assertRefused(response, 429, "rate_limited");
    assert(retry_after_ms > 0 && retry_after_ms <= 1_000, `${retry_after_ms}`);
    assertEquals((await ask("b")).status, 200, "another address");
    const anna = await bearer("anna");
    assertEquals((await ask("a", anna)).status, 200, "somebody with a name");
    await assertRefused(await exhaust(anna, 1), 429, "rate_limited");
    assertEquals((await ask("a", await bearer("ben"))).status, 200, "somebody else");
  }));

Deno.test("mutations are limited for each principal", () =>
  withDoors({ signed: true }, async (doors) => {
    const [anna, ben] = [await bearer("anna"), await bearer("ben")];
    const mutations = Array.from({ length: 100 }, (_, i) => ({ id: `m${i}`, name: "none" }));
    const push = (headers: Record<string, string>) =>
      doors.post("/_sync/push", { mutations }, headers);
    let response = await push(anna);
    for (let sent = 100; response.status === 200; sent += 100) {
      assert(sent < 10 * MUTATION_RATE.burst, "the limit is never reached");
      await response.body?.cancel();
      response = await push(anna);
    }
    const { retry_after_ms = 0 } = await assertRefused(response, 429, "rate_limited");
    assert(retry_after_ms > 0);
    assertEquals((await push(ben)).status, 200);
    assertEquals((await doors.post("/_sync/pull", {}, anna)).status, 200, "reading goes on");
  }));

Deno.test("a full server refuses further WebSockets and takes them again when one leaves", () =>
  withDoors({}, async (doors) => {
    const leave: (() => void)[] = [];
    const connect = async (address: string) => {
      const peer = { remoteAddress: address };
      const ask = new Request("http://127.0.0.1:8000/_live/ticket", { method: "POST" });
      const { ticket } = await (await doors.handler.fetch(ask, peer)).json();
      const request = new Request(`http://127.0.0.1:8000/_live?ticket=${ticket}`);
      const decision = await doors.handler.upgrade(request, peer);
      if (decision instanceof Response) return decision;
      const handlers = decision.accept(new SilentSocket());
      leave.push(() => handlers.closed(1000));
      return undefined;
    };
    for (let i = 0; i < CONNECTIONS_MAX; i++) assertEquals(await connect(`${i % 100}`), undefined);
    const refused = await connect("one more");
    assert(refused !== undefined);
    await assertRefused(refused, 503, "unavailable");
    leave.pop()?.();
    assertEquals(await connect("one more"), undefined);
    for (const go of leave) go();
    assertEquals((await (await doors.get("/healthz")).json()).connections, 0);
  }));

async function ticketOf(doors: Doors): Promise<string> {
  return (await (await doors.post("/_live/ticket", {})).json()).ticket;
}

async function unzipped(response: Response): Promise<string> {
  const body = response.body?.pipeThrough(new DecompressionStream("gzip"));
  return await new Response(body).text();
}

/** Fails every call while a failure is set. */
class FailingStore extends MemoryStore {
  failure: Error | undefined;

  override transaction<T>(work: () => T): T {
    this.#fail();
    return super.transaction(work);
  }

  override head(...args: Parameters<MemoryStore["head"]>): ReturnType<MemoryStore["head"]> {
    this.#fail();
    return super.head(...args);
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

class SilentSocket implements Socket {
  readonly remoteAddress = "";
  readonly bufferedBytes = 0;
  send(): void {}
  sendText(): void {}
  close(): void {}
  terminate(): void {}
}
