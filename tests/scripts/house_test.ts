/** The house as it stands: names and places of all files, what each program loads, the lock files. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { importProblem, pathProblem, roomOf } from "../../scripts/house.ts";
import { presentOf, ROOT } from "../../scripts/steps.ts";

/** Folders that no one commits; of those with a dot in front, `.ci` and `.github` belong here. */
const SKIPPED = /^(?:\.(?!ci$|github$).*|node_modules|coverage|build)$/;

/** The top level, fixed: a new folder is a decision, not an accident. */
const TOP_FOLDERS: readonly string[] = [
  ...[".ci", ".github", "core", "edge", "scripts", "tests", "ui", "wasm"],
];

async function filesUnder(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${folder}`)) {
    if (isDirectory && SKIPPED.test(name)) continue;
    const path = folder === "" ? name : `${folder}/${name}`;
    files.push(...(isDirectory ? await filesUnder(path) : [path]));
  }
  return files;
}

/** One module in the answer of `deno info`. */
interface InfoModule {
  readonly specifier: string;
  readonly dependencies?: ReadonlyArray<{ readonly code?: { readonly specifier?: string } }>;
}

/** What `main.ts` has for app files that import it. */
const APP_MODULES = ["mod.ts", "ui/client/sync_client.ts"];

/**
 * The modules that a program loads: paths of files, or specifiers of packages. Without those that
 * `main.ts` loads for an app file alone: the public modules are what apps import.
 */
async function graphOf(entry: string): Promise<string[]> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    stderr: "null",
  }).output();
  assert(success, `deno info ${entry} failed`);
  const { modules, redirects } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: readonly InfoModule[];
    redirects: Readonly<Record<string, string>>;
  };
  const known = new Map(modules.map((module) => [module.specifier, module]));
  const seen = new Set([`file://${ROOT}/${entry}`]);
  for (const specifier of seen) {
    for (const { code } of known.get(specifier)?.dependencies ?? []) {
      const target = redirects[code?.specifier ?? ""] ?? code?.specifier;
      const isForApps = specifier.endsWith("/main.ts") &&
        APP_MODULES.some((path) => target === `file://${ROOT}/${path}`);
      if (target !== undefined && !isForApps) seen.add(target);
    }
  }
  return [...seen].map((specifier) => decodeURIComponent(specifier).replace(`file://${ROOT}/`, ""));
}

Deno.test("every file has a place and a name that the house allows", async () => {
  const files = await filesUnder("");
  assert(files.includes("deno.json"));
  assertEquals(files.map(pathProblem).filter((problem) => problem !== null), []);
});

Deno.test("every folder of the top level is one of the house", async () => {
  const folders = (await filesUnder("")).filter((path) => path.includes("/"))
    .map((path) => path.split("/")[0] ?? "");
  assertEquals([...new Set(folders)].filter((folder) => !TOP_FOLDERS.includes(folder)), []);
});

Deno.test("the lock file names no host", async () => {
  assertFalse((await Deno.readTextFile(`${ROOT}/deno.lock`)).includes("://"));
});

Deno.test("the server loads nothing of the browser's half and no package for tests", async () => {
  for (const entry of await presentOf(["main.ts", "edge/server.ts"])) {
    const graph = await graphOf(entry);
    assert(graph.includes(entry));
    assertEquals(graph.filter((module) => roomOf(module) === "client"), [], entry);
    assertEquals(
      graph.filter((module) => /fast-check|playwright|miniflare|binaryen/.test(module)),
      [],
    );
  }
});

Deno.test("the public module loads nothing of the server", async () => {
  for (const entry of await presentOf(APP_MODULES)) {
    const graph = await graphOf(entry);
    assert(graph.includes(entry));
    assertEquals(graph.filter((module) => roomOf(module) === "edge"), []);
    assertEquals(graph.filter((module) => module.startsWith("node:")), []);
  }
});

Deno.test("the sync client loads no package, and nothing of tabs, queries, undo or presence", async () => {
  const graph = await graphOf("ui/client/sync_client.ts");
  assertEquals(graph.filter((module) => !/^(?:core|ui\/client)\//.test(module)), []);
  assertEquals(graph.filter((module) => /\/(?:tab_|query|undo|history|signals)/.test(module)), []);
  assertFalse(graph.includes("ui/client/presence.ts"));
});

Deno.test("roomOf knows the rooms of the design", () => {
  assertEquals(
    [
      "core/app.ts",
      "core/wire/messages.ts",
      "wasm/kernel.wat",
      "ui/island.ts",
      "ui/client/bridge.ts",
      "ui/demo/demo.ts",
      "ui/extension/content.ts",
      "edge/host.ts",
      "main.ts",
      "README.md",
    ].map(roomOf),
    ["core", "wire", "wasm", "ui", "client", "demo", "extension", "edge", "entry", null],
  );
});

Deno.test("importProblem follows a path that leaves the folder and comes back", () => {
  const edge = { from: "edge/host.ts", isTypeOnly: false };
  assertEquals(importProblem({ ...edge, specifier: "../core/../edge/room.ts" }), null);
  assert(importProblem({ ...edge, specifier: "./../edge/../ui/./client/boot.ts" }) !== null);
});

Deno.test("importProblem lets each binding have its own framework, and nobody else", () => {
  const frameworks = { react: "react", preact: "preact/hooks", solid: "solid-js", vue: "vue" };
  for (const [name, specifier] of Object.entries(frameworks)) {
    const may = (from: string) => importProblem({ from, specifier, isTypeOnly: false }) === null;
    const names = ["react", "preact", "solid", "svelte", "vue", "query"];
    assertEquals(names.filter((name) => may(`ui/client/${name}.ts`)), [name]);
    assertFalse(may(`ui/demo/${name}.ts`));
  }
});

Deno.test("the public module loads no framework", async () => {
  const graph = await graphOf("mod.ts");
  assertEquals(
    graph.filter((module) => /\/(?:react|preact|solid-js|svelte|vue)@/.test(module)),
    [],
  );
});

Deno.test("importProblem lets the client's file storage use the modules of a server, and no other file", () => {
  const edge = { specifier: "node:fs/promises", isTypeOnly: false };
  assertEquals(importProblem({ ...edge, from: "ui/client/file_persistence.ts" }), null);
  assert(importProblem({ ...edge, from: "ui/client/idb_persistence.ts" }) !== null);
});
