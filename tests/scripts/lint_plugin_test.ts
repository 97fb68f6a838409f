/** The lint plugin, run by Deno's own linter on sources that break and keep the rules of the house. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import plugin from "../../scripts/lint_plugin.ts";

const HEADER = "/** A file with a subject. */\n";

/** The rules that a source breaks, in the order of the findings. */
function broken(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, HEADER + source).map(({ id }) =>
    id.replace("driftless/", "")
  );
}

function messages(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, HEADER + source).map(({ message }) => message);
}

const ALLOWED: ReadonlyArray<[path: string, source: string]> = [
  ["core/app.ts", `import { a } from "./json.ts"; import { b } from "./wire/messages.ts";`],
  ["core/app.ts", `import type { S } from "@standard-schema/spec";`],
  ["core/app.ts", `import { type S } from "@standard-schema/spec";`],
  ["core/wire/messages.ts", `import { a } from "../json.ts"; import b from "./messages_gen.ts";`],
  ["wasm/kernel.ts", `import { a } from "./scalar.ts";`],
  ["ui/island.ts", `import { a } from "../core/app.ts"; import { parse } from "parse5";`],
  [
    "ui/client/bridge.ts",
    `import { a } from "../wire.ts"; import { b } from "../../wasm/kernel.ts";`,
  ],
  [
    "ui/client/store.ts",
    `import { signal } from "@preact/signals-core"; import { a } from "../../core/json.ts";`,
  ],
  ["ui/client/bind.ts", `import { signal } from "@preact/signals-core";`],
  ["ui/demo/demo.ts", `import { a } from "../client/bridge.ts"; import { b } from "../island.ts";`],
  ["edge/host.ts", `import { a } from "../ui/island.ts"; import { Hono } from "hono";`],
  ["edge/sqlite_store.ts", `import { DatabaseSync } from "node:sqlite";`],
  ["main.ts", `import { a } from "./edge/server.ts"; import { b } from "./wasm/kernel.ts";`],
  ["mod.ts", `export { a } from "./core/app.ts"; export * from "./ui/client/bridge.ts";`],
  ["edge/server.ts", `export { a } from "./host.ts";`],
  ["tests/core/app_test.ts", `import * as all from "../../mod.ts"; import fc from "fast-check";`],
  ["scripts/check.ts", `import { a } from "../main.ts";`],
];

const REFUSED: ReadonlyArray<[path: string, source: string]> = [
  ["core/app.ts", `import { a } from "../edge/host.ts";`],
  ["core/app.ts", `import type { A } from "../ui/island.ts";`],
  ["core/app.ts", `type A = import("../edge/host.ts").A;`],
  ["core/app.ts", `import * as v from "valibot";`],
  ["core/app.ts", `import { type A, b } from "@standard-schema/spec";`],
  ["core/app.ts", `import protobuf from "protobufjs";`],
  ["core/app.ts", `import type { A } from "node:fs";`],
  ["core/app.ts", `const a = await import("./json.ts");`],
  ["core/wire/messages.ts", `import protobuf from "protobufjs";`],
  ["core/wire/messages.ts", `import a from "../../wasm/kernel.ts";`],
  ["wasm/kernel.ts", `import type { Kernel } from "../core/ports.ts";`],
  ["wasm/kernel.ts", `import binaryen from "binaryen";`],
  ["ui/island.ts", `import { a } from "./client/bridge.ts";`],
  ["ui/island.ts", `import { a } from "../wasm/kernel.ts";`],
  ["ui/island.ts", `import { readFileSync } from "node:fs";`],
  ["ui/client/bridge.ts", `import { a } from "../island.ts";`],
  ["ui/client/bridge.ts", `import { a } from "../../edge/host.ts";`],
  ["ui/client/bridge.ts", `import { parse } from "parse5";`],
  ["ui/demo/demo.ts", `import { a } from "../../edge/host.ts";`],
  ["edge/host.ts", `import { a } from "../ui/client/bridge.ts";`],
  ["edge/host.ts", `const a = await import("../ui/client/bridge.ts");`],
  ["edge/host.ts", `import fc from "fast-check";`],
  ["edge/host.ts", `import { a } from "https://example.com/a.ts";`],
  ["edge/host.ts", `import { a } from "../mod.ts";`],
  ["ui/demo/demo.ts", `import { a } from "../../mod.ts";`],
  ["mod.ts", `import { a } from "./main.ts";`],
  ["main.ts", `import { a } from "./scripts/build.ts";`],
  ["edge/host.ts", `import { a } from "../tests/edge/host_test.ts";`],
];

for (const [path, source] of ALLOWED) {
  Deno.test(`imports allows ${path}: ${source}`, () => {
    assertEquals(broken(path, source), []);
  });
}

for (const [path, source] of REFUSED) {
  Deno.test(`imports refuses ${path}: ${source}`, () => {
    assertEquals(broken(path, source), ["imports"]);
  });
}

Deno.test("imports names the file and the rooms that are open when it refuses", () => {
  const [message] = messages("edge/host.ts", `import { a } from "../ui/client/bridge.ts";`);
  assertStringIncludes(message ?? "", "Cannot import ui/client/bridge.ts from edge");
});

Deno.test("reexports refuses a barrel anywhere but at a door", () => {
  assertEquals(broken("core/all.ts", `export * from "./json.ts";`), ["reexports"]);
  assertEquals(broken("edge/all.ts", `export { a } from "./host.ts";`), ["reexports"]);
  assertEquals(broken("core/json.ts", `const a = 1; export { a };`), []);
});

for (
  const source of [
    "Date.now();",
    "new Date();",
    "Date();",
    "Math.random();",
    "const now = Date.now;",
    `Date["now"]();`,
    "crypto.randomUUID();",
    "setTimeout(() => 1, 2);",
    "setInterval(() => 1, 2);",
    "queueMicrotask(() => 1);",
    "performance.now();",
    "Deno.cwd();",
    "process.cwd();",
    "fetch(1);",
    "window.x;",
    "document.title;",
    "navigator.locks;",
    "console.log(1);",
    "const o = { fetch };",
    "const o = { [fetch]: 1 };",
    "function f(a = fetch) { return a; }",
    "const f = (x: unknown) => x as typeof fetch | (typeof console); fetch;",
    "{ const fetch = 1; } fetch;",
    "(function (crypto) {})(1); crypto.subtle;",
  ]
) {
  Deno.test(`ambient refuses in core: ${source}`, () => {
    const found = broken("core/clock.ts", source);
    assertEquals([...new Set(found)], ["ambient"]);
    assertEquals(broken("core/wire/frame.ts", source), found);
    assertEquals(broken("scripts/clock.ts", source), []);
  });
}

for (
  const source of [
    "new Date(5);",
    "Date.UTC(1, 2);",
    "Math.max(1, 2);",
    "clock.now(); row.document; store.fetch();",
    "const o = { fetch: 1, crypto() {}, get window() { return 1; } };",
    "class A { console = 1; process() {} }",
    "interface A { fetch(): void; crypto: number }",
    "type F = (document: string) => void;",
    "function f(document: string) { return document; }",
    "const f = ({ process, a: [navigator], ...window }: P) => [process, navigator, window];",
    "for (const location of []) { location; }",
    "try { f(); } catch (performance) { performance; }",
    `import { fetch } from "./ports.ts"; fetch();`,
    "function fetch() { return fetch; }",
    "const Date = { now: () => 1 }; Date.now();",
    "fetch: for (;;) { break fetch; }",
  ]
) {
  Deno.test(`ambient allows in core: ${source}`, () => {
    assertEquals(broken("core/clock.ts", source), []);
  });
}

Deno.test("ambient keeps the page out of the server and the server out of the page", () => {
  assertEquals(broken("edge/host.ts", "document.title;"), ["ambient"]);
  assertEquals(broken("edge/host.ts", "globalThis.localStorage;"), ["ambient"]);
  assertEquals(broken("edge/host.ts", "Deno.cwd(); Date.now(); fetch(a);"), []);
  assertEquals(broken("ui/client/bridge.ts", "globalThis.Deno;"), ["ambient"]);
  assertEquals(broken("ui/client/bridge.ts", "document.title; Date.now();"), []);
  assertEquals(broken("ui/island.ts", "Deno.cwd(); window.x;"), ["ambient", "ambient"]);
  assertEquals(broken("wasm/kernel.ts", "process.cwd();"), ["ambient"]);
});

/** A function of the given number of lines, with text that takes more bytes than characters. */
function longFunction(lines: number): string {
  return `function f() {\n${"  // “ünïcödé”\n".repeat(lines - 2)}}\n`;
}

Deno.test("size allows a function of 70 lines and refuses one of 71", () => {
  assertEquals(broken("core/a.ts", longFunction(70)), []);
  assertEquals(broken("core/a.ts", longFunction(71)), ["size"]);
  assertEquals(messages("edge/a.ts", longFunction(71)), [
    "Function has 71 lines: at most 70 are allowed",
  ]);
});

Deno.test("size measures methods and arrow functions as well", () => {
  const body = "{\n" + "  f();\n".repeat(69) + "}";
  assertEquals(broken("ui/a.ts", `class A { m() ${body} }`), ["size"]);
  assertEquals(broken("ui/a.ts", `const m = () => ${body};`), ["size"]);
  assertEquals(broken("ui/a.ts", `const o = { m() ${body} };`), ["size"]);
});

Deno.test("size allows a file of 400 lines and refuses one of 401", () => {
  const lines = (count: number) => "f();\n".repeat(count - 1);
  assertEquals(broken("wasm/a.ts", lines(400)), []);
  assertEquals(broken("wasm/a.ts", lines(401)), ["size"]);
  assertEquals(broken("main.ts", lines(401)), ["size"]);
});

Deno.test("size leaves generated files, scripts and tests alone", () => {
  const long = longFunction(500);
  assertEquals(broken("core/wire/messages_gen.ts", long), []);
  assertEquals(broken("scripts/a.ts", long), []);
  assertEquals(broken("tests/core/a_test.ts", long), []);
});

Deno.test("path refuses deep folders and names that say nothing", () => {
  assertEquals(broken("core/wire/deep/a.ts", ""), ["path"]);
  assertEquals(broken("tests/ui/client/deep/a_test.ts", ""), ["path"]);
  assertEquals(broken("core/index.ts", ""), ["path"]);
  assertEquals(broken("core/utils.ts", ""), ["path"]);
  assertEquals(broken("edge/http_helpers.ts", ""), ["path"]);
  assertEquals(broken("edge/common/a.ts", ""), ["path"]);
  assertEquals(broken("edge/sqliteStore.ts", ""), ["path"]);
});

Deno.test("path allows the folders and names of the house", () => {
  assertEquals(broken("core/wire/messages.ts", ""), []);
  assertEquals(broken("tests/ui/client/bridge_test.ts", ""), []);
  assertEquals(broken("core/uncommon.ts", ""), []);
});

Deno.test("header refuses a file that does not open with its subject", () => {
  const rules = (source: string) =>
    Deno.lint.runPlugin(plugin, "core/a.ts", source).map(({ id }) => id);
  assertEquals(rules("const a = 1;\n"), ["driftless/header"]);
  assertEquals(rules("// a\nconst a = 1;\n"), ["driftless/header"]);
  assertEquals(rules("/**\n * A subject.\n */\nconst a = 1;\n"), []);
  assertEquals(rules("#!/usr/bin/env deno\n/** A subject. */\nconst a = 1;\n"), []);
});

Deno.test("erasable refuses syntax that types alone do not need", () => {
  assertEquals(broken("core/a.ts", "enum E { a }"), ["erasable"]);
  assertEquals(broken("core/a.ts", "class A { constructor(private a: number) {} }"), ["erasable"]);
});

Deno.test("unfinished refuses a mark left in a comment", () => {
  // In pieces, so that a search for the marks does not stop here.
  const [todo, fixme] = ["TO" + "DO", "FIX" + "ME"];
  assertEquals(broken("core/a.ts", `// ${todo}: later`), ["unfinished"]);
  assertEquals(broken("core/a.ts", `/* a ${fixme} */`), ["unfinished"]);
  assertEquals(broken("core/a.ts", `const mark = "${todo}"; // a todo list`), []);
});

Deno.test("error-text refuses a full stop and a contraction", () => {
  assertEquals(broken("core/a.ts", `throw new TypeError("Cannot parse x.");`), ["error-text"]);
  assertEquals(broken("core/a.ts", "throw new TypeError(`Cannot parse ${x}.`);"), ["error-text"]);
  assertEquals(broken("core/a.ts", `new DriftlessError("code", "x isn't y");`), ["error-text"]);
  assertEquals(broken("core/a.ts", "throw new TypeError(`Cannot parse x: ${y}`);"), []);
});

Deno.test("rules find the path of a file under the repository's own folder", () => {
  const path = new URL("../../core/a.ts", import.meta.url).pathname;
  assertEquals(broken(path, "Date.now();"), ["ambient"]);
});
