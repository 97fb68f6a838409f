/** A running server inside a program: its names, its start, and its end. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { createLog } from "../../edge/log.ts";
import { hostNames, serve, type ServeOptions } from "../../edge/serve.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { inFolder } from "./program.ts";
import { creation, SECRET, todoApp } from "./served_app.ts";

const LOOPBACK = ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"];

Deno.test("a server on loopback goes by every loopback name, others by their own", () => {
  const names = (host: string, port = 8000) => hostNames(host, port);
  assertEquals(names("localhost"), LOOPBACK);
  assertEquals(names("127.0.0.1"), ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"]);
  assertEquals(names("::1"), ["[::1]:8000", "localhost:8000", "127.0.0.1:8000"]);
  assertEquals(names("[::1]"), names("::1"));
  assertEquals(names("127.0.0.2")[0], "127.0.0.2:8000");
  assertEquals(names("app.example"), ["app.example:8000"]);
  assertEquals(names("APP.example"), ["app.example:8000"]);
  assertEquals(names("0.0.0.0"), ["0.0.0.0:8000"]);
});

Deno.test("the port that goes without saying is not said, as in a browser's headers", () => {
  assertEquals(hostNames("localhost", 80), ["localhost", "127.0.0.1", "[::1]"]);
  assertEquals(hostNames("app.example", 80), ["app.example"]);
});

Deno.test("a server serves until it is stopped, and its store is free then", () =>
  inFolder({}, async (folder) => {
    const data = join(folder, "data.db");
    const server = await serve(options(data));
    assertMatch(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assertEquals(server.open, true);
    const body = JSON.stringify(creation("1"));
    const response = await fetch(`${server.url}/_sync/push`, { method: "POST", body });
    assertEquals((await response.json()).results[0].ok, true);
    const stopping = server.stop();
    assertEquals(server.stop(), stopping, "the second call waits for the first");
    await stopping;
    await assertRejects(() => fetch(server.url));
    const store = openSqliteStore(data);
    assertEquals(store.head("_default").cursor, 1);
    store.close();
  }));

Deno.test("a server that cannot start leaves nothing open", () =>
  inFolder({}, async (folder) => {
    const data = join(folder, "data.db");
    const first = await serve(options(join(folder, "first.db")));
    const port = Number(new URL(first.url).port);
    await assertRejects(() => serve({ ...options(data), port }), Error, "the port is taken");
    await assertRejects(
      () => serve({ ...options(data), hostname: "0.0.0.0" }),
      TypeError,
      "secret",
    );
    await assertRejects(
      () => serve({ ...options(data), secret: "short" }),
      TypeError,
      "fewer than",
    );
    const second = await serve({ ...options(data), secret: SECRET });
    assertEquals(second.open, false);
    await first.stop();
    await second.stop();
  }));

function options(data: string): ServeOptions {
  return {
    app: todoApp(),
    hostname: "127.0.0.1",
    port: 0,
    data,
    log: createLog("error"),
    version: "0.0.0-test",
  };
}
