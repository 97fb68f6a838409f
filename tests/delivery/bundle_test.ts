/** The one bundled file, and what `deno task compile` makes of it. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import {
  basePath,
  binaryName,
  chosenTargets,
  compile,
  howToPlace,
  TARGETS,
} from "../../scripts/compile.ts";
import {
  bundleCommand,
  CHECKSUMS_NAME,
  PERMISSIONS,
  prove,
  runToEnd,
  writeChecksums,
} from "../../scripts/compile_bundle.ts";
import { inFolder, runProgram } from "../edge/program.ts";
import { programCommand } from "./programs.ts";

/** For an app that wants more than the program may do: what it got. */
const GREEDY_APP = `
import { collection, defineApp } from "@driftless/driftless";
import * as v from "valibot";
const tries = {
  home: () => Deno.env.get("HOME"),
  run: () => new Deno.Command("true").outputSync(),
  library: () => Deno.dlopen("libc.so.6", {}),
  machine: () => Deno.hostname(),
  file: () => Deno.readTextFileSync("app.ts"),
};
const got = Object.entries(tries).filter(([, attempt]) => {
  try {
    attempt();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
});
throw new Error("got " + got.map(([name]) => name).join(" and "));
`;

async function bundlePath(): Promise<string> {
  return (await programCommand("bundle")).at(-1) ?? "";
}

Deno.test("the bundle serves in an empty folder, with no configuration and an empty cache", () =>
  inFolder({}, async (folder) => {
    const command = bundleCommand(await bundlePath());
    const cacheless = ["env", `DENO_DIR=${join(folder, "cache")}`, ...command];
    assert(await prove(cacheless) > 0);
  }));

Deno.test("the bundle imports nothing but what the runtime brings", async () => {
  const { isSuccess, output } = await runToEnd(Deno.execPath(), [
    ...["info", "--json", "--no-config", "--no-lock", await bundlePath()],
  ]);
  assert(isSuccess, output);
  const { modules } = JSON.parse(output.slice(output.indexOf("{")));
  const specifiers: string[] = modules.map(({ specifier }: { specifier: string }) => specifier);
  assertEquals(
    specifiers.filter((it) => !it.startsWith("node:") && !it.endsWith("driftless.js")),
    [],
  );
});

Deno.test("the program may do what it needs, and nothing else", () =>
  inFolder({ "app.ts": GREEDY_APP }, async (folder) => {
    const program = await programCommand("bundle");
    const run = await runProgram(["serve", "app.ts", "--port", "0"], { folder, program });
    assertEquals(run.code, 1);
    assertStringIncludes(run.stderr, `Cannot load the app file "app.ts": got file`);
  }));

Deno.test("prove says what a program did that does not serve", async () => {
  const { message } = await assertRejects(() => prove(["sh", "-c", "echo no >&2; exit 3"]), Error);
  assertStringIncludes(message, "it ended before it served: no");
  await assertRejects(
    () => prove(["sh", "-c", "echo hello; exec sleep 60"]),
    Error,
    `it said "hello"`,
  );
});

Deno.test("deno compile embeds the bundle, with its permissions, in a base from either place", () =>
  inFolder({ "base": smallestElf() }, async (folder) => {
    const bundle = await bundlePath();
    const target = "x86_64-unknown-linux-gnu";
    const out = join(folder, "driftless");
    const cache = join(folder, "cache");
    const archive = basePath(target, Deno.version.deno, cache);
    await Deno.mkdir(dirname(archive), { recursive: true });
    await Deno.writeFile(archive, zipOf("denort", smallestElf()));
    // Nothing has to be downloaded, whether a network is there or not.
    for (const env of [{ DENO_DIR: cache }, { DENORT_BIN: join(folder, "base") }]) {
      assertEquals(await compile(target, { bundle, out }, env), "made");
      const embedded = await Deno.readTextFile(out);
      assertStringIncludes(embedded, await Deno.readTextFile(bundle));
      const granted = JSON.parse(/"permissions":(\{.*?\})/.exec(embedded)?.[1] ?? "{}");
      assertEquals(granted.prompt, false);
      assertEquals(Object.keys(granted).filter((it) => /^allow_/.test(it) && granted[it]).sort(), [
        ...["allow_env", "allow_import", "allow_net", "allow_read", "allow_sys", "allow_write"],
      ]);
      const named = PERMISSIONS.find((it) => it.startsWith("--allow-env="))?.split("=")[1];
      assertEquals(granted.allow_env.join(","), named);
      await Deno.remove(out);
    }
  }));

Deno.test("deno compile without a base is told from other failures", () =>
  inFolder({ "broken.js": "import './none.js'" }, async (folder) => {
    const [target = ""] = TARGETS;
    const paths = { bundle: await bundlePath(), out: join(folder, "driftless") };
    const env = { DENORT_BIN: join(folder, "none") };
    assertEquals(await compile(target, paths, env), "base missing");
    const broken = await compile(target, { ...paths, bundle: join(folder, "broken.js") }, env);
    assertStringIncludes(typeof broken === "string" ? broken : broken.problem, "none.js");
    const told = howToPlace([target, "other"], "2.9.6", "/cache");
    assertStringIncludes(told, `  /cache/dl/release/v2.9.6/denort-${target}.zip\n`);
    assertStringIncludes(told, "DENORT_BIN=/path/to/denort deno task compile x86_64");
  }));

Deno.test("targets are five, a name each, and one alone where the base is given", () => {
  assertEquals(chosenTargets([], false), TARGETS);
  assertEquals(new Set(TARGETS.map(binaryName)).size, 5);
  assertEquals(chosenTargets(["aarch64-apple-darwin"], true), ["aarch64-apple-darwin"]);
  assertThrows(() => chosenTargets([], true), TypeError, "name the one");
  assertThrows(() => chosenTargets(TARGETS.slice(0, 2), true), TypeError, "name the one");
  assertThrows(() => chosenTargets(["amiga"], false), TypeError, "Cannot compile for amiga");
});

Deno.test("checksums are what sha256sum checks, and name every other file", () =>
  inFolder({ b: "two", a: "one", [CHECKSUMS_NAME]: "old" }, async (folder) => {
    await writeChecksums(folder);
    const text = await Deno.readTextFile(join(folder, CHECKSUMS_NAME));
    assertEquals(text.split("\n").map((line) => line.slice(64)), ["  a", "  b", ""]);
    const check = () =>
      new Deno.Command("sha256sum", {
        args: ["--check", CHECKSUMS_NAME],
        cwd: folder,
        stderr: "null",
      })
        .output();
    assertEquals((await check()).code, 0);
    await Deno.writeTextFile(join(folder, "a"), "other");
    assertEquals((await check()).code, 1);
  }));

/** The least that is taken for an executable: a header and one segment. */
function smallestElf(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(120);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const words = [[16, 2], [18, 62], [52, 64], [54, 56], [56, 1], [58, 64]] as const;
  for (const [at, value] of words) view.setUint16(at, value, true);
  for (const [at, value] of [[20, 1], [64, 1], [68, 5]] as const) view.setUint32(at, value, true);
  for (const [at, value] of [[32, 64n], [96, 120n], [104, 120n], [112, 4096n]] as const) {
    view.setBigUint64(at, value, true);
  }
  return bytes;
}

/** A zip archive of one file, stored as it is. */
function zipOf(name: string, content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const title = new TextEncoder().encode(name);
  const size = content.length;
  const entry = [10, 0, 0, 0, 0x21, crc32(content), size, size, title.length, 0];
  const local = record("42222244422", [0x04034b50, ...entry]);
  const directory = record("42222224442222244", [
    ...[0x02014b50, 0x031e, ...entry, 0, 0, 0, 0o100755 * 0x10000, 0],
  ]);
  const start = local.length + title.length + size;
  const end = record("42222442", [
    ...[0x06054b50, 0, 0, 1, 1, directory.length + title.length, start, 0],
  ]);
  const parts = [local, title, content, directory, title, end];
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** Numbers one after the other, little-endian, each of as many bytes as its digit says. */
function record(widths: string, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = values.flatMap((value, i) =>
    Array.from({ length: Number(widths[i]) }, (_, at) => Math.floor(value / 256 ** at) % 256)
  );
  return new Uint8Array(bytes);
}
