/** Files that outlast an instance: what is read of them, what is stored, and in which order. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { WasmFiles } from "../../core/wasm_mount.ts";
import { DATA_ROUNDS_MAX, DataFiles } from "../../edge/wasm/data_files.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { KEY_UNITS_MAX } from "../../edge/wasm/file_tree.ts";
import { DATA, WasiCalls } from "./wasm_wasi_calls.ts";

const NOT_THERE = -44;
const AGAIN = -6;
const NOT_A_DESCRIPTOR = -8;

/** Files elsewhere, with a record of what was asked of them. */
class KeptFiles implements WasmFiles {
  readonly files: Map<string, string>;
  readonly versions = new Map<string, number>();
  readonly asked: string[] = [];
  hasVersions = false;

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.files = new Map(Object.entries(files));
  }

  list() {
    return Promise.resolve([...this.files].map(([path, text]) => {
      const version = `${this.versions.get(path) ?? 0}`;
      return { path, size: text.length, ...this.hasVersions ? { version } : {} };
    }));
  }

  get(path: string) {
    this.asked.push(`get ${path}`);
    const text = this.files.get(path);
    return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
  }

  put(path: string, bytes: Uint8Array) {
    this.asked.push(`put ${path}`);
    this.files.set(path, new TextDecoder().decode(bytes));
    this.versions.set(path, (this.versions.get(path) ?? 0) + 1);
    return Promise.resolve();
  }

  delete(path: string) {
    this.asked.push(`delete ${path}`);
    this.files.delete(path);
    return Promise.resolve();
  }
}

function rig(files: Readonly<Record<string, string>> = {}) {
  const kept = new KeptFiles(files);
  const data = new DataFiles(kept, () => 0);
  const wasi = new WasiCalls({ data });
  let runs = 0;
  const request = <T>(work: (wasi: WasiCalls) => T) =>
    data.settle(() => {
      runs += 1;
      return work(wasi);
    });
  return { kept, data, wasi, request, runs: () => runs };
}

Deno.test("a file that was never read is fetched once, and the module runs again", async () => {
  const { kept, request, runs } = rig({ "notes/a.txt": "hello" });
  const seen: unknown[] = [];
  await request((wasi) => seen.push(wasi.get(DATA, "notes/a.txt")));
  assertEquals(seen, [AGAIN, "hello"]);
  assertEquals([runs(), kept.asked], [2, ["get notes/a.txt"]]);
});

Deno.test("names, sizes and absence are known without fetching anything", async () => {
  const { kept, request, runs } = rig({ "a.txt": "hello", "f/b": "" });
  await request((wasi) => {
    assertEquals(wasi.names(DATA, "."), [".", "..", "a.txt", "f"]);
    assertEquals(wasi.stat(DATA, "a.txt"), [4, 5]);
    assertEquals(wasi.stat(DATA, "f"), [3, 0]);
    assertEquals(wasi.open(DATA, "none"), NOT_THERE);
  });
  assertEquals([runs(), kept.asked], [1, []]);
});

Deno.test("G10: a file that is gone when it is fetched is no file, and not an empty one", async () => {
  const { kept, request } = rig({ a: "text" });
  const seen: unknown[] = [];
  await request((wasi) => {
    kept.files.delete("a");
    seen.push(wasi.get(DATA, "a"));
  });
  assertEquals(seen, [AGAIN, NOT_THERE]);
  assertEquals(kept.asked, ["get a"]);
});

Deno.test("G8: a file that is unlinked and created again in one request is stored", async () => {
  const { kept, request } = rig({ a: "old" });
  await request((wasi) => {
    assertEquals(wasi.path("path_unlink_file", DATA, "a"), 0);
    wasi.put(DATA, "a", "new");
  });
  assertEquals([kept.files.get("a"), kept.asked], ["new", ["put a"]]);
});

Deno.test("G9: opening a file to create it keeps what is in it", async () => {
  const { kept, request } = rig({ log: "line1\n" });
  await request((wasi) => {
    const fd = wasi.open(DATA, "log", { create: true });
    wasi.seek(fd, 0, 2);
    wasi.write(fd, "line2\n");
  });
  assertEquals(kept.files.get("log"), "line1\nline2\n");
});

Deno.test("G10: appending to a file that was never read appends once", async () => {
  const { kept, request, runs } = rig({ log: "1" });
  await request((wasi) => wasi.write(wasi.open(DATA, "log", { append: true }), "2"));
  assertEquals([kept.files.get("log"), runs()], ["12", 2]);
});

Deno.test("G10: what is replaced whole, or deleted, is not fetched", async () => {
  const { kept, request, runs } = rig({ a: "old", b: "old" });
  await request((wasi) => {
    wasi.put(DATA, "a", "new");
    wasi.path("path_unlink_file", DATA, "b");
  });
  assertEquals(runs(), 1);
  assertEquals(kept.asked, ["put a", "delete b"]);
});

Deno.test("what is kept and cannot be shown is left alone", async () => {
  const long = "n".repeat(KEY_UNITS_MAX + 1);
  for (const paths of [["a", "a/b", "c"], ["a/b", "a", "c"]]) {
    const { kept, request } = rig(Object.fromEntries([...paths, long].map((path) => [path, "x"])));
    await request((wasi) => {
      // What came first is there.
      assertEquals(wasi.stat(DATA, paths[0] ?? ""), [4, 1]);
      assertEquals(wasi.path("path_unlink_file", DATA, "c"), 0);
    });
    assertEquals(kept.asked, ["delete c"]);
  }
});

Deno.test("what keeps the files has its time, in each of its parts", async () => {
  for (const stuck of ["list", "get", "put", "delete"] as const) {
    const { kept, data, wasi } = rig({ a: "1", b: "2" });
    Object.assign(kept, { [stuck]: () => new Promise(() => {}) });
    const work = () => {
      if (wasi.get(DATA, "a") === "1") wasi.put(DATA, "c", "3");
      wasi.path("path_unlink_file", DATA, "b");
    };
    const error = await assertRejects(() => data.settle(work, { msMax: 20 }), WasmFault);
    assertEquals([stuck, error.code], [stuck, "wasm_timeout"]);
  }
});

Deno.test("nothing is fetched for who has left, and what was done is stored all the same", async () => {
  for (const stuck of ["list", "get"] as const) {
    const { kept, data, wasi } = rig({ a: "1" });
    Object.assign(kept, { [stuck]: () => new Promise(() => {}) });
    const leaving = new AbortController();
    const left = data.settle(() => wasi.get(DATA, "a"), { msMax: 60_000, signal: leaving.signal });
    setTimeout(() => leaving.abort(new Error("gone")), 5);
    await assertRejects(() => left, Error, "gone");
  }
  const { kept, data, wasi } = rig({ a: "1" });
  const leaving = new AbortController();
  await data.settle(() => {
    wasi.path("path_unlink_file", DATA, "a");
    wasi.put(DATA, "b", "2");
    leaving.abort(new Error("gone"));
  }, { msMax: 60_000, signal: leaving.signal });
  assertEquals(kept.asked, ["put b", "delete a"]);
});

Deno.test("G12: only a deletion is stored as well", async () => {
  const { kept, request } = rig({ a: "1", b: "2" });
  await request((wasi) => wasi.path("path_unlink_file", DATA, "a"));
  assertEquals([kept.asked, [...kept.files.keys()]], [["delete a"], ["b"]]);
});

Deno.test("a renamed file has its new name before it loses the old one", async () => {
  const { kept, request } = rig({ a: "1", "f/x": "2", "f/y": "3" });
  await request((wasi) => {
    wasi.rename(DATA, "a", "b");
    wasi.rename(DATA, "f", "g");
  });
  assertEquals(
    kept.asked.filter((it) => !it.startsWith("get")).sort((a, b) => a < b ? 1 : -1).slice(0, 3),
    ["put g/y", "put g/x", "put b"],
  );
  assertEquals(
    kept.asked.findLastIndex((it) => it.startsWith("put ")) <
      kept.asked.findIndex((it) => it.startsWith("delete ")),
    true,
  );
  assertEquals(Object.fromEntries(kept.files), { b: "1", "g/x": "2", "g/y": "3" });
});

Deno.test("what a run wrote before it missed a file is not stored, and not seen again", async () => {
  const { kept, request } = rig({ a: "1" });
  const counts: unknown[] = [];
  await request((wasi) => {
    counts.push(wasi.stat(DATA, "new"));
    wasi.put(DATA, "new", `with ${wasi.get(DATA, "a")}`);
  });
  assertEquals(counts, [NOT_THERE, NOT_THERE]);
  assertEquals(kept.files.get("new"), "with 1");
});

Deno.test("a run that fails for want of a file is run again, and one that fails stores nothing", async () => {
  const { kept, request, runs } = rig({ a: "1" });
  await assertRejects(
    () =>
      request((wasi) => {
        wasi.put(DATA, "new", "x");
        throw new Error(`trap with ${wasi.get(DATA, "a")}`);
      }),
    Error,
    "trap with 1",
  );
  assertEquals([runs(), kept.files.has("new")], [2, false]);
});

Deno.test("what was not changed is fetched again only without versions", async () => {
  for (const hasVersions of [true, false]) {
    const { kept, request } = rig({ a: "1" });
    kept.hasVersions = hasVersions;
    await request((wasi) => wasi.get(DATA, "a"));
    await request((wasi) => wasi.get(DATA, "a"));
    assertEquals(kept.asked.length, hasVersions ? 1 : 2);
    // Somebody else writes it.
    await kept.put("a", new TextEncoder().encode("other"));
    let text: unknown;
    await request((wasi) => text = wasi.get(DATA, "a"));
    assertEquals(text, "other");
  }
});

Deno.test("a descriptor of an earlier request leads nowhere", async () => {
  const { kept, wasi, request } = rig({ a: "1" });
  const fd = await request((wasi) => wasi.open(DATA, "a", { truncate: true }));
  assert(fd > DATA);
  await request(() => assertEquals(wasi.write(fd, "lost"), NOT_A_DESCRIPTOR));
  assertEquals(kept.files.get("a"), "");
});

Deno.test("a module that needs another file with each run is stopped", async () => {
  for (const count of [DATA_ROUNDS_MAX - 1, DATA_ROUNDS_MAX, DATA_ROUNDS_MAX + 1]) {
    const { request } = rig(
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, "x"])),
    );
    const all = request((wasi) => {
      // It reads them one by one, and gives up at the first that fails.
      for (let index = 0; index < count; index += 1) {
        if (typeof wasi.get(DATA, `f${index}`) === "number") return false;
      }
      return true;
    });
    if (count < DATA_ROUNDS_MAX) assertEquals(await all, true);
    else await assertRejects(() => all, TypeError, `after ${DATA_ROUNDS_MAX} runs`);
  }
});
