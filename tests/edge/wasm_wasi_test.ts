/** The system that modules see: arguments, clocks, output, and addresses that are out of bounds. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DataFiles } from "../../edge/wasm/data_files.ts";
import { LINE_BYTES_MAX, WasiExit, wasiSource } from "../../edge/wasm/wasi.ts";
import { VECTORS_MAX } from "../../edge/wasm/wasi_memory.ts";
import { TMP, WasiCalls } from "./wasm_wasi_calls.ts";

const FAULT = 21;
const INVALID = 28;
const NOT_THERE = 44;

/** Every function of `wasi_snapshot_preview1`: `i` is a number of 32 bits, `I` one of 64. */
const SIGNATURES: Readonly<Record<string, string>> = {
  args_get: "ii",
  args_sizes_get: "ii",
  clock_res_get: "ii",
  clock_time_get: "iIi",
  environ_get: "ii",
  environ_sizes_get: "ii",
  fd_advise: "iIIi",
  fd_allocate: "iII",
  fd_close: "i",
  fd_datasync: "i",
  fd_fdstat_get: "ii",
  fd_fdstat_set_flags: "ii",
  fd_fdstat_set_rights: "iII",
  fd_filestat_get: "ii",
  fd_filestat_set_size: "iI",
  fd_filestat_set_times: "iIIi",
  fd_pread: "iiiIi",
  fd_prestat_dir_name: "iii",
  fd_prestat_get: "ii",
  fd_pwrite: "iiiIi",
  fd_read: "iiii",
  fd_readdir: "iiiIi",
  fd_renumber: "ii",
  fd_seek: "iIii",
  fd_sync: "i",
  fd_tell: "ii",
  fd_write: "iiii",
  path_create_directory: "iii",
  path_filestat_get: "iiiii",
  path_filestat_set_times: "iiiiIIi",
  path_link: "iiiiiii",
  path_open: "iiiiiIIii",
  path_readlink: "iiiiii",
  path_remove_directory: "iii",
  path_rename: "iiiiii",
  path_symlink: "iiiii",
  path_unlink_file: "iii",
  poll_oneoff: "iiii",
  proc_exit: "i",
  proc_raise: "i",
  random_get: "ii",
  sched_yield: "",
  sock_accept: "iii",
  sock_recv: "iiiiii",
  sock_send: "iiiii",
  sock_shutdown: "ii",
};

Deno.test("every function of the interface is there", () => {
  const { imports } = wasiSource().make();
  assertEquals(Object.keys(imports).sort(), Object.keys(SIGNATURES));
});

Deno.test("no arguments make a function throw, or write where it should not", () => {
  const files = {
    list: () => Promise.resolve([]),
    get: async () => {},
    put,
    delete: async () => {},
  };
  const number = fc.oneof(
    fc.integer(),
    fc.integer({ min: 0, max: 8 }),
    fc.constantFrom(0, -1, 262_144, 262_143, 262_140, 262_080, 65_536, 0x7fff_ffff),
  );
  const long = fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.constant(0n));
  const names = Object.keys(SIGNATURES).filter((name) => name !== "proc_exit");
  const call = fc.constantFrom(...names).chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.tuple(...[...SIGNATURES[name] ?? ""].map((kind) => kind === "i" ? number : long)),
    )
  );
  fc.assert(
    fc.property(fc.array(call, { maxLength: 20 }), (calls) => {
      // Whatever is read of addresses that are right must be bounded as well.
      const wasi = new WasiCalls({
        data: new DataFiles(files as never, () => 0),
        tmpBytes: 65_536,
      });
      wasi.put(TMP, "a", "text");
      for (const [name, args] of calls) {
        const result = wasi.call(name, ...args as (number | bigint)[]);
        assert(Number.isInteger(result) && result >= 0 && result <= 76, `${name}: ${result}`);
      }
    }),
    { numRuns: Number(Deno.env.get("WASI_CALLS") ?? 500) },
  );
});

Deno.test("an address outside of the memory is a fault, one that just fits is none", () => {
  const wasi = new WasiCalls({ args: ["a"] });
  const { size } = wasi.host;
  const cases: readonly [string, number, (at: number) => readonly (number | bigint)[]][] = [
    ["args_sizes_get", 4, (at) => [at, 0]],
    ["args_sizes_get", 4, (at) => [0, at]],
    ["args_get", 4, (at) => [at, 0]],
    ["args_get", 2, (at) => [0, at]],
    ["clock_time_get", 8, (at) => [0, 0n, at]],
    ["clock_res_get", 8, (at) => [0, at]],
    ["random_get", 16, (at) => [at, 16]],
    ["fd_prestat_get", 8, (at) => [TMP, at]],
    ["fd_prestat_dir_name", 4, (at) => [TMP, at, 4]],
    ["fd_fdstat_get", 24, (at) => [TMP, at]],
    ["fd_filestat_get", 64, (at) => [TMP, at]],
    ["fd_readdir", 100, (at) => [TMP, at, 100, 0n, 0]],
    ["fd_write", 8, (at) => [1, at, 1, 0]],
    ["poll_oneoff", 48, (at) => [at, 0, 1, 200]],
    ["poll_oneoff", 32, (at) => [0, at, 1, 200]],
  ];
  for (const [name, length, args] of cases) {
    wasi.host.write(size - 64, new Uint8Array(64));
    assertEquals(wasi.call(name, ...args(size - length)), 0, name);
    for (const at of [size - length + 1, size, -1, 0x7fff_ffff]) {
      assertEquals(wasi.call(name, ...args(at)), FAULT, `${name} at ${at}`);
    }
  }
});

Deno.test("lists of blocks are checked, block by block, before anything happens", () => {
  const lines: string[] = [];
  const wasi = new WasiCalls({ log: (_, line) => lines.push(line) });
  const { size } = wasi.host;
  wasi.host.write(0, new Uint8Array(Uint32Array.of(1000, 2, size - 1, 2).buffer));
  wasi.host.write(1000, new TextEncoder().encode("a\n"));
  assertEquals(wasi.call("fd_write", 1, 0, 2, 200), FAULT);
  assertEquals(lines, []);
  assertEquals(wasi.call("fd_write", 1, 0, 1, size - 3), FAULT);
  assertEquals(lines, []);
  assertEquals(wasi.call("fd_write", 1, 0, 1, 200), 0);
  assertEquals(lines, ["a"]);
  wasi.host.write(0, new Uint8Array(8 * (VECTORS_MAX + 1)));
  for (const count of [VECTORS_MAX - 1, VECTORS_MAX]) {
    assertEquals(wasi.call("fd_write", 1, 0, count, 60_000), 0);
  }
  assertEquals(wasi.call("fd_write", 1, 0, VECTORS_MAX + 1, 60_000), INVALID);
});

Deno.test("memory that the module grew is seen at once", () => {
  const wasi = new WasiCalls();
  const { size } = wasi.host;
  assertEquals(wasi.call("random_get", size, 4), FAULT);
  wasi.host.grow(1);
  assertEquals(wasi.call("random_get", size, 4), 0);
});

Deno.test("arguments and environment arrive as they are given", () => {
  const wasi = new WasiCalls({ args: ["app", "größe"], env: { KEY: "value", EMPTY: "" } });
  const strings = (kind: string) => {
    assertEquals(wasi.call(`${kind}_sizes_get`, 256, 260), 0);
    const [count, bytes] = [wasi.u32(256), wasi.u32(260)];
    assertEquals(wasi.call(`${kind}_get`, 512, 1024), 0);
    const text = new TextDecoder().decode(wasi.host.read(1024, bytes));
    assertEquals(wasi.u32(512), 1024);
    assertEquals(text.split("\0").length - 1, count);
    return text;
  };
  assertEquals(strings("args"), "app\0größe\0");
  assertEquals(strings("environ"), "KEY=value\0EMPTY=\0");
});

Deno.test("what a module prints is logged by lines, and lines have an end", () => {
  const lines: string[] = [];
  const wasi = new WasiCalls({ log: (stream, line) => lines.push(`${stream} ${line}`) });
  wasi.write(1, "hel");
  wasi.write(2, "oops\n");
  wasi.write(1, "lo\n\nwörld\nrest");
  assertEquals(lines, ["stderr oops", "stdout hello", "stdout ", "stdout wörld"]);
  for (const length of [LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1]) {
    lines.length = 0;
    wasi.write(2, `${"x".repeat(length)}\n`);
    const long = lines.map((line) => line.length - "stderr ".length);
    assertEquals(long, length > LINE_BYTES_MAX ? [LINE_BYTES_MAX, 1] : [length]);
  }
  assertEquals(wasi.read(0), "");
});

Deno.test("the monotonic clock never goes back, and is put forward by what is waited for", () => {
  let elapsed = 1000;
  const wasi = new WasiCalls({ now: () => 1_700_000_000_123, elapsed: () => elapsed });
  const time = (clock: number) => {
    assertEquals(wasi.call("clock_time_get", clock, 0n, 256), 0);
    return wasi.u64();
  };
  assertEquals(time(0), 1_700_000_000_123_000_000n);
  assertEquals(time(1), 1_000_000_000n);
  elapsed = 500;
  assertEquals(time(1), 1_000_000_000n);
  elapsed = 1001.5;
  assertEquals(time(1), 1_001_500_000n);
  assertEquals(wasi.call("clock_time_get", 4, 0n, 256), INVALID);

  const subscription = new DataView(new ArrayBuffer(48));
  subscription.setBigUint64(0, 77n, true);
  subscription.setUint32(16, 1, true);
  subscription.setBigUint64(24, 5_000_000_000n, true);
  wasi.host.write(2048, new Uint8Array(subscription.buffer));
  assertEquals(wasi.call("poll_oneoff", 2048, 4096, 1, 256), 0);
  assertEquals([wasi.u32(), wasi.u64(4096), wasi.view(4096 + 8, 2).getUint16(0)], [1, 77n, 0]);
  assertEquals(time(1), 6_001_500_000n);
  assertEquals(wasi.call("poll_oneoff", 2048, 4096, 0, 256), INVALID);
});

Deno.test("a module ends itself with a code", () => {
  const source = wasiSource();
  const wasi = new WasiCalls();
  for (const [code, isGood] of [[0, true], [1, false], [-1, false]] as const) {
    const error = assertThrows(() => wasi.call("proc_exit", code), WasiExit);
    assertEquals(error.code, code >>> 0);
    assertEquals(source.isExit?.(error), isGood);
  }
  assertEquals(source.isExit?.(new Error("exit code: 0")), false);
});

Deno.test("there is /tmp, and /data only where there are files for it", () => {
  const name = (wasi: WasiCalls, fd: number) => {
    const errno = wasi.call("fd_prestat_get", fd, 256);
    if (errno !== 0) return -errno;
    const length = wasi.u32(260);
    wasi.call("fd_prestat_dir_name", fd, 512, length);
    return new TextDecoder().decode(wasi.host.read(512, length));
  };
  const without = new WasiCalls();
  assertEquals([name(without, 3), name(without, 4)], ["/tmp", -8]);
  const files = {
    list: () => Promise.resolve([]),
    get: async () => {},
    put,
    delete: async () => {},
  };
  const wasi = new WasiCalls({ data: new DataFiles(files as never, () => 0) });
  assertEquals([name(wasi, 3), name(wasi, 4), name(wasi, 5)], ["/tmp", "/data", -8]);
  assertEquals(wasi.rename(3, "a", "b", 4), 75);
  assertEquals(wasi.path("path_unlink_file", 4, "a"), NOT_THERE);
});

Deno.test("calls and the bytes that they move cost a module instructions", () => {
  const wasi = new WasiCalls();
  const file = wasi.open(TMP, "a", { create: true });
  const costOf = (fd: number, text: string) => {
    const before = wasi.host.spent();
    wasi.write(fd, text);
    return wasi.host.spent() - before;
  };
  assert(costOf(file, "") >= 100);
  // What is copied, and the block that the host makes, twice as long as is needed.
  assertEquals(costOf(file, "x".repeat(6400)) - costOf(file, ""), 100 + 2 * 6400 / 8);
  assertEquals(costOf(1, "12345") - costOf(1, ""), 250);
  assertEquals(costOf(1, "\n") - costOf(1, ""), 10_050);
});

async function put(): Promise<void> {}
