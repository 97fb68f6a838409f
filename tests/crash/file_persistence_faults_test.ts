/** Whatever step of a save fails, and whatever it fails with, a client's file keeps every stored step. */
import { assert, assertEquals } from "@std/assert";
import fs, { type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { DriftlessError } from "../../core/errors.ts";
import type { Persistence } from "../../core/persistence.ts";
import { FilePersistence, REWRITE_BYTES_MIN } from "../../ui/client/file_persistence.ts";
import { queued, row, snapshot, step } from "../conformance/persistence_suite.ts";
import { textOf } from "./file_persistence_history.ts";
import { onSmallDisk } from "./small_disk.ts";

/** Counts the calls that reach the file system, and lets those from the n-th on fail. */
interface Faults {
  /** The first call that fails, from 1, and the last. */
  from: number;
  to: number;
  calls: number;
  /** Their names, in order. */
  readonly names: string[];
}

const FILE_CALLS = ["write", "sync", "datasync", "truncate"] as const;

/** What to save, by how it reaches the file. */
const SAVES: Readonly<Record<string, (storage: Persistence) => Promise<void>>> = {
  "a step": (storage) => storage.saveQueue([step({ put: [queued(3, { args: "x".repeat(500) })] })]),
  "a snapshot, into a new file": (storage) => storage.saveRows([snapshot(9, [row("z", "9")])]),
  "a step, and then a new file": async (storage) => {
    // It grows past the limit, so that the past goes.
    const args = "x".repeat(REWRITE_BYTES_MIN + 4_096);
    await storage.saveQueue([step({ put: [queued(3, { args })] })]);
  },
};

for (const [name, save] of Object.entries(SAVES)) {
  for (const isLasting of [false, true]) {
    const span = isLasting ? "and all behind it fail" : "fails";
    Deno.test(`FilePersistence keeps what it has when any call of ${name} ${span}`, () =>
      inFolder(async (folder) => {
        let n = 1;
        for (let wasReached = true; wasReached; n++) {
          const path = join(folder, `${n}.log`);
          wasReached = await failAt(path, save, n, isLasting);
        }
        assert(n > 3, `${n} calls are too few to be true`);
      }));
  }
}

Deno.test("FilePersistence does not come back with a step that it refused", () =>
  inFolder(async (folder) => {
    for (const call of [1, 2]) {
      const path = join(folder, `${call}.log`);
      const storage = await opened(path);
      const faults = { ...noFaults(), from: call, to: call };
      const refused = step({ put: [queued(3)] });
      const code = await withFaults(
        faults,
        () =>
          storage.saveQueue([refused]).then(() => "none", (error: DriftlessError) => error.code),
      );
      assertEquals(code, "store_failed", faults.names.join(" "));
      await storage.close();
      const ids = async () => (await storage.load())?.pending.map(({ id }) => id);
      assertEquals(await ids(), ["m1", "m2"], `call ${call}`);
      await withFaults({ ...faults, calls: 0 }, () => storage.saveQueue([refused]).catch(() => {}));
      // A new file is made of what is known, which must not be what was refused.
      await storage.saveRows([snapshot(9, [])]);
      await storage.close();
      assertEquals(await ids(), ["m1", "m2"], `call ${call}, after a new file`);
      await storage.close();
    }
  }));

Deno.test("FilePersistence has a step on the disk before it says so, and a new file before its name", () =>
  inFolder(async (folder) => {
    const expected: Readonly<Record<string, readonly string[]>> = {
      "a step": ["write", "datasync"],
      // The magic, the start, the queue, the rows; and then the folder.
      "a snapshot, into a new file": [
        ...["open", "write", "write", "write", "write", "sync", "rename"],
        ...["open", "sync"],
      ],
    };
    for (const [name, calls] of Object.entries(expected)) {
      const storage = await opened(join(folder, name));
      const faults = noFaults();
      await withFaults(faults, async () => await SAVES[name]?.(storage));
      await storage.close();
      assertEquals(faults.names, calls, name);
    }
  }));

Deno.test("FilePersistence takes nothing on a full disk and works on when there is room", () =>
  inFolder(async (folder) => {
    const child = join(import.meta.dirname ?? ".", "file_persistence_full_child.ts");
    const deno = [Deno.execPath(), "run", "-A", "--no-check", "--no-lock", child];
    const printed = await onSmallDisk(folder, [...deno, folder]);
    if (printed === null) return;
    const { stored, ...rest } = JSON.parse(printed);
    assert(stored > 3, `${stored} steps fitted`);
    assertEquals(rest, {
      codes: ["store_failed", "store_failed"],
      isWhole: true,
      isRecovered: true,
    });
  }));

/** Lets the n-th call of a save fail; whether there was such a call. */
async function failAt(
  path: string,
  save: (storage: Persistence) => Promise<void>,
  n: number,
  isLasting: boolean,
): Promise<boolean> {
  const [before, after] = await outcomes(`${path}.model`, save);
  const storage = await opened(path);
  const faults = { ...noFaults(), from: n, to: isLasting ? Infinity : n };
  const failure = await withFaults(faults, async () => {
    const error = await save(storage).then(() => null, (thrown) => thrown as DriftlessError);
    // What it does of its own accord is over then.
    await storage.saveQueue([]).catch(() => {});
    return error;
  });
  assert(failure === null || failure.code === "store_failed", `call ${n}: ${failure}`);
  // The same storage goes on when the disk is well, without a new start.
  await save(storage);
  await storage.close();
  assertEquals(await contents(path), after, `call ${n}: saved again`);

  // A process that ends there, with the disk as it is, finds one of the two states.
  const crashed = `${path}.crashed`;
  const dying = await opened(crashed);
  const saved = await withFaults({ ...noFaults(), from: n, to: Infinity }, async () => {
    const isStored = await save(dying).then(() => true, () => false);
    await dying.close();
    return isStored;
  });
  const found = await contents(crashed);
  assert(found === after || (found === before && !saved), `call ${n}: ${saved} ${found}`);
  return faults.calls >= n;
}

/** The states before and behind a save in which nothing fails. */
async function outcomes(
  path: string,
  save: (storage: Persistence) => Promise<void>,
): Promise<[before: string, after: string]> {
  const storage = await opened(path);
  await storage.close();
  const before = await contents(path);
  await storage.load();
  await save(storage);
  await storage.close();
  return [before, await contents(path)];
}

/** Storage of a client that has a queue and rows. */
async function opened(path: string): Promise<FilePersistence> {
  const storage = new FilePersistence(path);
  await storage.load();
  await storage.saveQueue([step({ put: [queued(1), queued(2)] })]);
  await storage.saveRows([snapshot(4, [row("a", "1"), row("b", "2")])]);
  return storage;
}

async function contents(path: string): Promise<string> {
  const storage = new FilePersistence(path);
  try {
    return textOf(await storage.load());
  } finally {
    await storage.close();
  }
}

function noFaults(): Faults {
  return { from: Infinity, to: Infinity, calls: 0, names: [] };
}

/** Runs some work while calls of the file system fail; a write that fails has written a part. */
async function withFaults<T>(faults: Faults, work: () => Promise<T>): Promise<T> {
  const { open, rename } = fs;
  const isHit = (name: string) => {
    faults.calls++;
    faults.names.push(name);
    return faults.calls >= faults.from && faults.calls <= faults.to;
  };
  const fail = (): never => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  };
  const probe = await open(new URL(import.meta.url), "r");
  const prototype = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const own = new Map(FILE_CALLS.map((call) => [call, prototype[call]]));
  for (const [call, real] of own) {
    Reflect.set(prototype, call, async function (this: FileHandle, ...args: unknown[]) {
      if (!isHit(call)) return await Reflect.apply(real, this, args);
      const [bytes, offset, length, position] = args as [Uint8Array, number, number, number];
      if (call === "write") {
        await Reflect.apply(real, this, [bytes, offset, length >> 1, position]);
      }
      fail();
    });
  }
  fs.open = async (...args: Parameters<typeof open>) =>
    isHit("open") ? fail() : await open(...args);
  fs.rename = async (...args) => isHit("rename") ? fail() : await rename(...args);
  try {
    return await work();
  } finally {
    Object.assign(fs, { open, rename });
    for (const [call, real] of own) Reflect.set(prototype, call, real);
  }
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-faults-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
