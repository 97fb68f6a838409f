/** The bundle loads `jsr:@db/sqlite` when it is chosen, here from a small JSR of the test's own. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { inFolder, RunningProgram, TODO_APP } from "../edge/program.ts";
import { creation } from "../edge/served_app.ts";
import { programCommand } from "./programs.ts";

/** Speaks as `@db/sqlite` does, and says that it was there. */
const STAND_IN = `
import { DatabaseSync } from "node:sqlite";
console.error("the stand-in was loaded");
export class Database {
  #db;
  constructor(path) { this.#db = new DatabaseSync(path); }
  get inTransaction() { return this.#db.isTransaction; }
  exec(sql) { this.#db.exec(sql); return 0; }
  prepare(sql) {
    const statement = this.#db.prepare(sql);
    return {
      run: (...values) => Number(statement.run(...values).changes),
      get: (...values) => statement.get(...values),
      all: (...values) => statement.all(...values),
    };
  }
  close() { this.#db.close(); }
}
`;

const VERSION = "0.13.0";

/** The four answers of JSR that loading one module takes. */
async function answers(): Promise<Readonly<Record<string, string>>> {
  const bytes = new TextEncoder().encode(STAND_IN);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const manifest = { "/mod.js": { size: bytes.length, checksum: `sha256-${hash}` } };
  const exports = { ".": "./mod.js" };
  return {
    "/@db/sqlite/meta.json": JSON.stringify({
      ...{ scope: "db", name: "sqlite", latest: VERSION, versions: { [VERSION]: {} } },
    }),
    [`/@db/sqlite/${VERSION}_meta.json`]: JSON.stringify({ manifest, moduleGraph2: {}, exports }),
    [`/@db/sqlite/${VERSION}/mod.js`]: STAND_IN,
  };
}

Deno.test("the bundle, with no configuration, serves on a driver that it loads from JSR", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const files = await answers();
    await using jsr = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const { pathname } = new URL(request.url);
        const type = pathname.endsWith(".js") ? "text/javascript" : "application/json";
        const body = files[pathname];
        return new Response(body ?? "", {
          status: body === undefined ? 404 : 200,
          headers: { "content-type": type },
        });
      },
    );
    const host = `127.0.0.1:${jsr.addr.port}`;
    const command = [...await programCommand("bundle")];
    const bundle = command.pop() ?? "";
    const program = [
      ...["env", `JSR_URL=http://${host}/`, `DENO_DIR=${join(folder, "cache")}`],
      ...[...command, `--allow-import=${host}`, bundle],
    ];
    const args = ["app.ts", "--port", "0", "--sqlite-driver", "db"];
    const server = await RunningProgram.serve(args, { folder, program });
    const body = JSON.stringify(creation("1"));
    const response = await fetch(`${server.url}/_sync/push`, { method: "POST", body });
    assertEquals((await response.json()).results[0].ok, true);
    assertEquals(await server.stop(), 0, server.stderr);
    assertStringIncludes(server.stderr, "the stand-in was loaded");
  }));
