/** New apps: what is written, that it runs and passes its own tests, and that nothing is overwritten. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { assets } from "../../edge/assets_gen.ts";
import { init, type InitOptions } from "../../edge/init.ts";
import { assertFailed, inFolder, MAIN, RunningProgram, runProgram } from "./program.ts";
import { eventually } from "./raw_peer.ts";

const TODO_FILES = [
  ".gitignore",
  "README.md",
  "app.ts",
  "app_test.ts",
  "deno.json",
  "public/icon.svg",
  "public/index.html",
  "public/page.ts",
  "public/style.css",
];

Deno.test("an app from a checkout passes a type check and its own tests", () =>
  inFolder({}, async (folder) => {
    const report = await init(optionsFor(join(folder, "my app")));
    assertEquals([report.written.toSorted(), report.kept], [TODO_FILES, []]);
    const home = report.folder;
    await deno(home, "check", "app.ts", "app_test.ts", "public/page.ts");
    await deno(home, "lint", "--rules-exclude=no-import-prefix");
    const tests = await deno(home, "task", "test");
    assertMatch(tests, /3 passed \| 0 failed/);
    const readme = await Deno.readTextFile(join(home, "README.md"));
    assertMatch(readme, /^# my app\n[^]+deno task start .+\ndeno task test\n/);
  }));

Deno.test("an app from an executable passes its own tests without any network", () =>
  inFolder({}, async (folder) => {
    const url = "file:///opt/driftless/driftless.js";
    const report = await init({ ...optionsFor(join(folder, "app")), url });
    assertEquals(report.written.toSorted(), [
      ...TODO_FILES,
      "vendor/client.js",
      "vendor/reconcile.js",
      "vendor/ui.js",
      "vendor/valibot.js",
    ]);
    const { imports, links } = await configOf(report.folder);
    assertEquals(links, undefined);
    assertEquals(imports, {
      "@driftless/driftless": "./vendor/client.js",
      "@driftless/driftless/ui": "./vendor/ui.js",
      "valibot": "./vendor/valibot.js",
    });
    const tests = await deno(report.folder, "test", "--no-check", "--no-remote", "--no-npm", "-A");
    assertMatch(tests, /3 passed \| 0 failed/);
  }));

Deno.test("an app from JSR takes the module of the same version", () =>
  inFolder({}, async (folder) => {
    const url = "https://jsr.example/@driftless/driftless/1.2.3/main.ts";
    const options = { ...optionsFor(join(folder, "app")), url, version: "1.2.3" };
    const { start, written } = await init(options);
    assertMatch(
      start,
      /^deno run [^"]+ jsr:@driftless\/driftless@\^1\.2\.3\/cli serve app\.ts --watch$/,
    );
    assertEquals(written.toSorted(), TODO_FILES);
    const { imports, tasks } = await configOf(join(folder, "app"));
    assertEquals(imports["@driftless/driftless"], "jsr:@driftless/driftless@^1.2.3");
    assertEquals(tasks.start, start);
  }));

Deno.test("a folder that has files is refused, and no file that is there is ever touched", () =>
  inFolder({ "app.ts": "mine", ".git": "hidden" }, async (folder) => {
    const refused = await runProgram(["init"], { folder });
    assertFailed(refused, /Cannot begin in "\.": there are files in it; .+--force/);
    assertEquals([...Deno.readDirSync(folder)].length, 2, "nothing was written");
    const forced = await runProgram(["init", "--force"], { folder });
    assertEquals([forced.code, forced.stderr], [0, ""]);
    assertMatch(forced.stdout, /\n {2}kept {2}app\.ts {2}\(it was there\)\n/);
    assertEquals(await Deno.readTextFile(join(folder, "app.ts")), "mine");
    assert((await Deno.readTextFile(join(folder, "public/page.ts"))).includes("createClient"));
    const again = await init({ ...optionsFor(folder), isForced: true });
    assertEquals(again.written, []);
    await assertRejects(() => init(optionsFor(join(folder, "app.ts"))), Error);
    await Deno.mkdir(join(folder, "fresh/.git"), { recursive: true });
    assertEquals((await runProgram(["init", "fresh"], { folder })).code, 0, "a new repository");
  }));

Deno.test("a server without a page does what its README says, and follows an edit with its data", () =>
  inFolder({}, async (folder) => {
    const made = await runProgram(["init", "api", "--template", "server"], { folder });
    assertEquals(made.code, 0, made.stderr);
    const home = join(folder, "api");
    const server = await RunningProgram.serve(["app.ts", "--port", "0", "--watch"], {
      folder: home,
    });
    const { url, port } = server;
    const readme = await Deno.readTextFile(join(home, "README.md"));
    const curl = async (path: string) => {
      const body = new RegExp(`${path} -d '(.+)'`).exec(readme)?.[1] ?? "";
      return await (await fetch(url + path, { method: "POST", body })).json();
    };
    const [result] = (await curl("/_sync/push")).results;
    assertEquals(result.ok, true);
    const { data } = await curl("/_sync/snapshot");
    assertEquals(Object.values(data.todo), [{ title: "Tea", done: false }]);

    const rule = join(home, "app.ts");
    const text = await Deno.readTextFile(rule);
    // What the app file imports is followed as well.
    await Deno.writeTextFile(join(home, "limit.ts"), "export const TITLE_LENGTH_MAX = 2;\n");
    const imported = text.replace(/export const TITLE_LENGTH_MAX = 40;/, "")
      .replace("import * as v", `import { TITLE_LENGTH_MAX } from "./limit.ts";\nimport * as v`);
    await Deno.writeTextFile(rule, imported);
    await eventually(() => /\n {2}new {4}.*app\.ts\n/.test(server.stdout), "the new app");
    const add = async (title: string) => {
      const mutation = { id: crypto.randomUUID(), name: "todo.add", args: { title } };
      const body = JSON.stringify({ mutations: [mutation] });
      const { results } = await (await fetch(`${url}/_sync/push`, { method: "POST", body })).json();
      return results[0].ok;
    };
    assertEquals([await add("xx"), await add("xxx")], [true, false]);
    const { length } = server.stdout;
    await Deno.writeTextFile(join(home, "limit.ts"), "export const TITLE_LENGTH_MAX = 3;\n");
    await eventually(() => server.stdout.slice(length).includes("limit.ts\n"), "the new limit");
    assertEquals(await add("xxx"), true);
    assertEquals(await add("xxxx"), false);
    assertEquals(server.port, port);
    const rows = Object.values((await curl("/_sync/snapshot")).data.todo);
    assertEquals(rows.length, 3, "the data stayed");

    // Rows that were migrated cannot go back: the newer app stays in service.
    const before = server.stdout.length;
    await Deno.writeTextFile(rule, imported.replace("name:", "version: 2,\n  name:"));
    await eventually(() => server.stdout.slice(before).includes("app.ts\n"), "version 2");
    await Deno.writeTextFile(rule, imported);
    await eventually(() => server.stderr.includes("as it was\n"), "the refusal");
    assertMatch(server.stderr, /rows are of version 2 of the app.+; the server goes on/);
    assertEquals(await add("xx"), true);
    assertEquals(await server.stop("SIGINT"), 0, server.stderr);
  }));

Deno.test("pages can lie elsewhere, and are followed there while the server stays as it is", () =>
  inFolder({}, async (folder) => {
    const at = (path: string) => join(folder, path);
    for (const path of ["app", "site"]) await Deno.mkdir(at(path));
    await init({ ...optionsFor(at("app")), template: "server" });
    await Deno.writeTextFile(at("site/index.html"), "<p>one");
    const args = ["app/app.ts", "--static", "site", "--watch", "--port", "0"];
    const server = await RunningProgram.serve(args, { folder });
    await eventually(() => server.stdout.includes("  pages  site\n"), "where the pages are");
    const edition = () => fetch(`${server.url}/_driftless/edition`).then((it) => it.text());
    const first = await edition();
    await Deno.writeTextFile(at("site/index.html"), "<p>two");
    let now = first;
    const asking = (async () => {
      while (now === first && !server.isOver) now = await edition();
    })();
    await eventually(() => now !== first, "another edition");
    await asking;
    assertMatch(await (await fetch(server.url)).text(), /^<p>two<script/);
    assert(!server.stdout.includes("  new "), server.stdout);
    assertEquals(await server.stop(), 0, server.stderr);
  }));

function optionsFor(folder: string): InitOptions {
  const url = new URL(`file://${MAIN}`).href;
  return { folder, template: "todo", isForced: false, version: "0.1.0", url, assets };
}

interface Config {
  readonly imports: Readonly<Record<string, string>>;
  readonly tasks: Readonly<Record<string, string>>;
  readonly links?: readonly string[];
}

async function configOf(folder: string): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(join(folder, "deno.json")));
}

/** Runs Deno to its end, which is a good one. */
async function deno(cwd: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  const text = decoder.decode(stdout) + decoder.decode(stderr);
  assertEquals(code, 0, text);
  return text;
}
