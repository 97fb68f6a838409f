/** Storage in a file keeps every promise of the port, on Deno and Bun, whatever becomes of the file. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { DriftlessError } from "../../core/errors.ts";
import type { PersistedClient } from "../../core/persistence.ts";
import { FilePersistence, REWRITE_BYTES_MIN } from "../../ui/client/file_persistence.ts";
import {
  changes,
  identity,
  persistenceCases,
  queued,
  row,
  snapshot,
  step,
} from "../conformance/persistence_suite.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");

for (const { name, run } of persistenceCases) {
  Deno.test(`FilePersistence: ${name}`, () =>
    inFolder((folder) => run(() => new FilePersistence(join(folder, "client.log")))));
}

Deno.test("FilePersistence keeps every promise on Bun", async (t) => {
  const { code, stdout, stderr } = await output("npx", [
    ...["-y", "bun@1.4.5"],
    join(ROOT, "tests", "client", "file_persistence_bun.ts"),
  ]);
  assertEquals(code, 0, stderr);
  const results = stdout.trim().split("\n")
    .map((line) => JSON.parse(line) as { name: string; error: string | null });
  assertEquals(results.map(({ name }) => name), persistenceCases.map(({ name }) => name));
  for (const { name, error } of results) {
    await t.step(name, () => assertEquals(error, null, error ?? ""));
  }
});

Deno.test("FilePersistence finds a whole state wherever its file is cut off", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const { bytes, sizes, states } = await writtenLog(path);
    const [start = 0] = sizes;
    for (let cut = 1; cut <= bytes.length; cut++) {
      await Deno.writeFile(path, bytes.subarray(0, cut));
      if (cut < start) {
        // No crash does this: the file was whole before it had its name.
        await assertRefused(path, /damaged at byte|no client's file/);
        continue;
      }
      const whole = sizes.findLastIndex((size) => size <= cut);
      assertEquals(await loaded(path), states[whole], `cut at ${cut}`);
      // What was cut must not come back behind the next step.
      assertEquals((await Deno.stat(path)).size, sizes[whole], `cut at ${cut}`);
    }
  }));

Deno.test("FilePersistence takes an empty file for a new one", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    await Deno.writeFile(path, new Uint8Array());
    assertEquals(await loaded(path), null);
  }));

Deno.test("FilePersistence passes over a last step in which any bit is wrong", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const { bytes, sizes, states } = await writtenLog(path);
    const last = sizes.at(-2) ?? 0;
    for (let bit = last * 8; bit < bytes.length * 8; bit++) {
      await Deno.writeFile(path, flipped(bytes, bit));
      assertEquals(await loaded(path), states.at(-2), `bit ${bit}`);
    }
  }));

Deno.test("FilePersistence refuses, and leaves alone, a file with a wrong bit before its last step", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const { bytes, sizes } = await writtenLog(path);
    const last = sizes.at(-2) ?? 0;
    for (let bit = 0; bit < last * 8; bit++) {
      const damaged = flipped(bytes, bit);
      await Deno.writeFile(path, damaged);
      await assertRefused(path, /damaged at byte|no client's file/);
      assertEquals(await Deno.readFile(path), damaged);
    }
  }));

Deno.test("FilePersistence refuses, and leaves alone, a file that is no client's", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    await Deno.writeTextFile(path, "Dear diary, today I learned about checksums");
    await assertRefused(path, /no client's file/);
    assertEquals(await Deno.readTextFile(path), "Dear diary, today I learned about checksums");
  }));

Deno.test("FilePersistence says what is wrong with a folder that is not there", () =>
  inFolder((folder) => assertRefused(join(folder, "none", "client.log"), /Cannot open/)));

Deno.test("FilePersistence is for one client at a time, in one process and across them", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const first = new FilePersistence(path);
    await first.load();
    await first.saveQueue([step({ put: [queued(1)] })]);
    await assertRefused(path, /another client uses it/);
    await assertRejects(() => first.load(), DriftlessError, "open already");
    const child = join(ROOT, "tests", "client", "file_persistence_child.ts");
    const deno = [Deno.execPath(), "run", "-A", "--no-check", child, path];
    const programs = [deno, ["npx", "-y", "bun@1.4.5", child, path]];
    for (const [program = "", ...args] of programs) {
      const { stdout, stderr } = await output(program, args);
      assertStringIncludes(stdout, "store_failed", stderr);
      assertStringIncludes(stdout, "another client uses it");
    }
    await first.saveQueue([step({ put: [queued(2)] })]);
    await first.close();
    for (const [program = "", ...args] of programs) {
      const { stdout, stderr } = await output(program, args);
      assertEquals(stdout.trim(), "m1 m2", stderr);
    }
  }));

Deno.test("FilePersistence writes nothing before load and after close", () =>
  inFolder(async (folder) => {
    const storage = new FilePersistence(join(folder, "client.log"));
    await assertRejects(() => storage.saveQueue([step()]), DriftlessError, "closed");
    await storage.load();
    await storage.close();
    await assertRejects(() => storage.saveRows([snapshot(1, [])]), DriftlessError, "closed");
    await storage.close();
  }));

Deno.test("FilePersistence gets rid of the past when its file has grown, and not before", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const storage = new FilePersistence(path);
    await storage.load();
    const start = await sizeOf(path);
    const limit = 2 * start + REWRITE_BYTES_MIN;
    await storage.saveQueue([step({ put: [queued(1, { args: "" })] })]);
    const empty = await sizeOf(path) - start;
    const fill = limit - await sizeOf(path) - empty;
    await storage.saveQueue([step({ put: [queued(1, { args: "x".repeat(fill) })] })]);
    assertEquals(await sizeOf(path), limit, "the file is as large as it may be");
    await storage.saveQueue([step({ put: [queued(1)] })]);
    // Closing waits for what is going on.
    await storage.close();
    const left = await sizeOf(path);
    assert(left < start + 2 * empty + 200, `${left} bytes`);
    assertEquals((await loaded(path))?.pending, [queued(1)]);
    assertEquals((await names(folder)).sort(), ["client.log", "client.log.lock"]);
  }));

Deno.test("FilePersistence keeps its file in bounds through any number of steps", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const storage = new FilePersistence(path);
    await storage.load();
    const args = JSON.stringify({ text: "x".repeat(15_000) });
    for (let n = 1; n <= 400; n++) {
      await storage.saveQueue([step({ put: [queued(n, { args })], drop: [n - 3] })]);
      assert(await sizeOf(path) < 3 * REWRITE_BYTES_MIN, `after ${n} steps`);
    }
    await storage.close();
    const pending = (await loaded(path))?.pending.map(({ order }) => order);
    assertEquals(pending, [398, 399, 400]);
  }));

Deno.test("FilePersistence stores more rows and mutations than fit one frame of a new file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "client.log");
    const storage = new FilePersistence(path);
    await storage.load();
    const put = Array.from({ length: 1_001 }, (_, n) => queued(n));
    const rows = Array.from({ length: 1_000 }, (_, n) => row(`r${n}`, `{"n":${n}}`));
    await storage.saveQueue([step({ put })]);
    await storage.saveRows([snapshot(5, rows)]);
    await storage.close();
    const stored = await loaded(path);
    assertEquals(stored?.pending, put);
    assertEquals(stored?.replica, { rows, cursor: 5, epoch: "e1" });
  }));

Deno.test("FilePersistence and the modules of a server are not part of what browsers load", async () => {
  const { stdout } = await output(Deno.execPath(), ["info", "--json", "--no-lock", "mod.ts"]);
  const { modules } = JSON.parse(stdout) as { modules: readonly { specifier: string }[] };
  assert(modules.length > 10);
  const barred = /file_persistence|^node:/;
  assertEquals(modules.filter(({ specifier }) => barred.test(specifier)), []);
});

/** A file with a few steps: where each ends, and the state then. The first is that of the start. */
async function writtenLog(path: string): Promise<{
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sizes: readonly number[];
  readonly states: readonly (PersistedClient | null)[];
}> {
  const storage = new FilePersistence(path);
  await storage.load();
  await storage.saveQueue([step({ put: [queued(1)] })]);
  await storage.saveRows([snapshot(3, [row("a", "1"), row("b", "2")])]);
  const steps = [
    () => storage.saveQueue([step({ put: [queued(2, { args: `"\u{1f600}"` })], drop: [1] })]),
    () => storage.saveRows([changes(3, [["a", "3"], ["b", null]])]),
    () => storage.saveQueue([step({ identity: identity({ decidedSeq: 2 }), put: [queued(3)] })]),
  ];
  const sizes = [await sizeOf(path)];
  const copies = [await Deno.readFile(path)];
  for (const save of steps) {
    await save();
    sizes.push(await sizeOf(path));
    copies.push(await Deno.readFile(path));
  }
  await storage.close();
  const states: (PersistedClient | null)[] = [];
  for (const copy of copies) {
    await Deno.writeFile(path, copy);
    states.push(await loaded(path));
  }
  assertEquals(new Set(states.map((state) => JSON.stringify(state))).size, states.length);
  return { bytes: copies.at(-1) ?? new Uint8Array(), sizes, states };
}

/** What a new client finds. */
async function loaded(path: string): Promise<PersistedClient | null> {
  const storage = new FilePersistence(path);
  try {
    return await storage.load();
  } finally {
    await storage.close();
  }
}

async function assertRefused(path: string, reason: RegExp): Promise<void> {
  const error = await assertRejects(() => new FilePersistence(path).load(), DriftlessError);
  assertEquals(error.code, "store_failed");
  assert(reason.test(error.message), error.message);
}

function flipped(bytes: Uint8Array<ArrayBuffer>, bit: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  const at = bit >> 3;
  copy[at] = (copy[at] ?? 0) ^ 1 << (bit & 7);
  return copy;
}

async function sizeOf(path: string): Promise<number> {
  return (await Deno.stat(path)).size;
}

async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

async function output(program: string, args: readonly string[], cwd = ROOT): Promise<{
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-file-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
