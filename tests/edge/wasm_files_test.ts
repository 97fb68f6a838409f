/** Files of modules: what POSIX promises, in `/tmp`, within its bounds. */
import { assert, assertEquals } from "@std/assert";
import { DESCRIPTORS_MAX } from "../../edge/wasm/descriptors.ts";
import { ENTRY_BYTES, FileTree, KEY_UNITS_MAX, NAME_UNITS_MAX } from "../../edge/wasm/file_tree.ts";
import { TMP, WasiCalls } from "./wasm_wasi_calls.ts";

const NOT_A_DESCRIPTOR = -8;
const EXISTS = -20;
const INVALID = -28;
const IS_FOLDER = -31;
const TOO_MANY = -33;
const NAME_TOO_LONG = -37;
const NOT_THERE = -44;
const NO_SPACE = -51;
const NOT_A_FOLDER = -54;
const NOT_EMPTY = -55;
const NOT_CAPABLE = -76;

Deno.test("G8: a file that is unlinked and created again has what was written last", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "a", "old and longer");
  assertEquals(wasi.path("path_unlink_file", TMP, "a"), 0);
  assertEquals(wasi.stat(TMP, "a"), NOT_THERE);
  wasi.put(TMP, "a", "new");
  assertEquals(wasi.get(TMP, "a"), "new");
});

Deno.test("an unlinked file stays until it is closed", () => {
  const wasi = new WasiCalls();
  const fd = wasi.open(TMP, "a", { create: true });
  wasi.write(fd, "kept");
  wasi.path("path_unlink_file", TMP, "a");
  wasi.seek(fd, 0);
  assertEquals(wasi.read(fd), "kept");
  assertEquals(wasi.close(fd), 0);
  assertEquals(wasi.close(fd), -NOT_A_DESCRIPTOR);
});

Deno.test("a file is opened as its flags say", () => {
  const wasi = new WasiCalls();
  assertEquals(wasi.open(TMP, "a"), NOT_THERE);
  assertEquals(wasi.stat(TMP, "a"), NOT_THERE);
  wasi.put(TMP, "a", "line1\n");
  const kept = wasi.open(TMP, "a", { create: true });
  assertEquals(wasi.read(kept), "line1\n");
  assertEquals(wasi.open(TMP, "a", { create: true, exclusive: true }), EXISTS);
  assertEquals(wasi.open(TMP, "a", { folder: true }), NOT_A_FOLDER);
  const reader = wasi.open(TMP, "a", { rights: "r" });
  assertEquals(wasi.write(reader, "x"), NOT_A_DESCRIPTOR);
  const writer = wasi.open(TMP, "a", { rights: "w", truncate: true });
  assertEquals(wasi.read(writer), NOT_A_DESCRIPTOR);
  assertEquals(wasi.stat(TMP, "a"), [4, 0]);
});

Deno.test("G10: what is appended stands at the end, wherever the file was sought", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "a", "12345");
  const fd = wasi.open(TMP, "a", { append: true });
  wasi.seek(fd, 0);
  wasi.write(fd, "AB");
  assertEquals(wasi.get(TMP, "a"), "12345AB");
  assertEquals(wasi.call("fd_fdstat_set_flags", fd, 0), 0);
  wasi.seek(fd, 0);
  wasi.write(fd, "x");
  assertEquals(wasi.get(TMP, "a"), "x2345AB");
});

Deno.test("seeking beyond the end fills with zeros, also after a cut", () => {
  const wasi = new WasiCalls();
  const fd = wasi.open(TMP, "a", { create: true });
  wasi.write(fd, "secret");
  assertEquals(wasi.call("fd_filestat_set_size", fd, 2n), 0);
  assertEquals(wasi.seek(fd, 1, 2), 3);
  wasi.write(fd, "!");
  assertEquals(wasi.get(TMP, "a"), "se\0!");
  assertEquals(wasi.seek(fd, -1, 0), INVALID);
  assertEquals(wasi.seek(fd, -2, 1), 2);
  assertEquals(wasi.call("fd_allocate", fd, 2n, 4n), 0);
  assertEquals(wasi.get(TMP, "a"), "se\0!\0\0");
});

Deno.test("G10: no path leads out of its folder", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "top", "x");
  wasi.path("path_create_directory", TMP, "sub");
  const sub = wasi.open(TMP, "sub", { folder: true });
  for (const path of ["..", "../x", "/etc/passwd", "a/../../x", "sub/../../tmp/top", "./.."]) {
    for (const result of [wasi.open(TMP, path, { create: true }), wasi.stat(TMP, path)]) {
      assert(result === NOT_CAPABLE || result === NOT_THERE, `${path}: ${result}`);
    }
  }
  assertEquals(wasi.open(sub, "../top"), NOT_CAPABLE);
  assertEquals(wasi.rename(TMP, "top", "../out"), -NOT_CAPABLE);
  assertEquals(wasi.get(TMP, "sub/.././top"), "x");
  assertEquals(wasi.open(TMP, "a\0b", { create: true }), INVALID);
  assertEquals(wasi.open(TMP, ""), NOT_THERE);
  assertEquals(wasi.open(TMP, "top/"), NOT_A_FOLDER);
  assertEquals(wasi.open(TMP, "top/x"), NOT_A_FOLDER);
});

Deno.test("folders are made, listed, renamed and removed", () => {
  const wasi = new WasiCalls();
  assertEquals(wasi.path("path_create_directory", TMP, "a"), 0);
  assertEquals(wasi.path("path_create_directory", TMP, "a"), -EXISTS);
  assertEquals(wasi.path("path_create_directory", TMP, "a/b"), 0);
  wasi.put(TMP, "a/b/c", "text");
  assertEquals(wasi.names(TMP, "a"), [".", "..", "b"]);
  assertEquals(wasi.path("path_remove_directory", TMP, "a/b"), -NOT_EMPTY);
  assertEquals(wasi.path("path_unlink_file", TMP, "a/b"), -IS_FOLDER);
  assertEquals(wasi.path("path_remove_directory", TMP, "a/b/c"), -NOT_A_FOLDER);
  assertEquals(wasi.rename(TMP, "a", "a/b/d"), -INVALID);
  assertEquals(wasi.rename(TMP, "a/b", "z"), 0);
  assertEquals(wasi.get(TMP, "z/c"), "text");
  assertEquals(wasi.path("path_remove_directory", TMP, "a"), 0);
  assertEquals(wasi.names(TMP, "."), [".", "..", "z"]);
  assertEquals(wasi.open(TMP, "z", { create: true, truncate: true }), IS_FOLDER);
});

Deno.test("a rename replaces a file, and nothing of another kind", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "a", "1");
  wasi.put(TMP, "b", "2");
  wasi.path("path_create_directory", TMP, "f");
  wasi.put(TMP, "f/x", "3");
  assertEquals(wasi.rename(TMP, "a", "b"), 0);
  assertEquals([wasi.get(TMP, "a"), wasi.get(TMP, "b")], [NOT_THERE, "1"]);
  assertEquals(wasi.rename(TMP, "b", "b"), 0);
  assertEquals(wasi.get(TMP, "b"), "1");
  assertEquals(wasi.rename(TMP, "b", "f"), -IS_FOLDER);
  assertEquals(wasi.rename(TMP, "f", "b"), -NOT_A_FOLDER);
  assertEquals(wasi.rename(TMP, "none", "b"), -NOT_THERE);
  wasi.path("path_create_directory", TMP, "g");
  assertEquals(wasi.rename(TMP, "g", "f"), -NOT_EMPTY);
});

Deno.test("a folder of many files is listed whole, in small pieces", () => {
  const wasi = new WasiCalls();
  const names = Array.from({ length: 100 }, (_, index) => `file-${index}`);
  for (const name of names) wasi.put(TMP, name, "");
  assertEquals(wasi.names(TMP, ".", 100), [".", "..", ...names]);
});

Deno.test("G11: a megabyte in writes of a kilobyte moves few bytes more than once", () => {
  const total = 1024 * 1024;
  const tree = new FileTree(2 * total, () => 0);
  const file = tree.addFile(tree.root, "log");
  const part = new Uint8Array(1024).fill(7);
  for (let at = 0; at < total; at += part.length) tree.write(file, at, part);
  assertEquals(tree.bytesOf(file).length, total);
  assert(tree.moved <= 2 * total, `${tree.moved} bytes were moved`);
});

Deno.test("files take so many bytes and no more, and give them back", () => {
  const bytesMax = 4 * ENTRY_BYTES;
  const tree = (used: number) => {
    const wasi = new WasiCalls({ tmpBytes: bytesMax });
    const fd = wasi.open(TMP, "a", { create: true });
    return [wasi, fd, wasi.write(fd, "x".repeat(used - ENTRY_BYTES - 1))] as const;
  };
  for (const used of [bytesMax - 1, bytesMax]) {
    assertEquals(tree(used)[2], used - ENTRY_BYTES - 1);
  }
  const [wasi, fd, full] = tree(bytesMax + 1);
  assertEquals(full, NO_SPACE);
  // A size that no memory has is refused before anything is made.
  assertEquals(wasi.seek(fd, Number.MAX_SAFE_INTEGER - 10), Number.MAX_SAFE_INTEGER - 10);
  assertEquals(wasi.write(fd, "x"), NO_SPACE);
  wasi.close(fd);
  for (let round = 0; round < 10; round += 1) {
    wasi.put(TMP, "a", "x".repeat(2 * ENTRY_BYTES));
    wasi.path("path_unlink_file", TMP, "a");
  }
  wasi.put(TMP, "a", "x".repeat(bytesMax - ENTRY_BYTES - 1));
  assertEquals(wasi.open(TMP, "b", { create: true }), NO_SPACE);
});

Deno.test("names are as long as they may be", () => {
  const wasi = new WasiCalls();
  for (const length of [NAME_UNITS_MAX - 1, NAME_UNITS_MAX]) {
    assert(wasi.open(TMP, "n".repeat(length), { create: true }) > 0);
  }
  const tooLong = "n".repeat(NAME_UNITS_MAX + 1);
  assertEquals(wasi.open(TMP, tooLong, { create: true }), NAME_TOO_LONG);
});

Deno.test("a path from the root is as long as it may be, however it is made", () => {
  const wasi = new WasiCalls();
  const name = "n".repeat(NAME_UNITS_MAX);
  // Three folders of 255 and a slash each, and one more: what is left is 1024 - 4 * 256.
  let folder = TMP;
  for (let depth = 0; depth < 3; depth += 1) {
    assertEquals(wasi.path("path_create_directory", folder, name), 0);
    folder = wasi.open(folder, name, { folder: true });
  }
  const left = KEY_UNITS_MAX - 3 * (NAME_UNITS_MAX + 1);
  assertEquals(left, NAME_UNITS_MAX + 1);
  assertEquals(wasi.path("path_create_directory", folder, name.slice(1)), 0);
  const last = wasi.open(folder, name.slice(1), { folder: true });
  assert(wasi.open(last, "a", { create: true }) > 0);
  assertEquals(wasi.open(last, "ab", { create: true }), NAME_TOO_LONG);
  // The same by moving: the folder takes along what is in it.
  for (const path of ["f", "f/g", "t"]) wasi.path("path_create_directory", TMP, path);
  wasi.put(TMP, "f/g/abc", "");
  const to = (units: number) => `${name}/${name}/${name}/${"m".repeat(units)}`;
  assertEquals(wasi.rename(TMP, "f", to(left - "/g/abc".length + 1)), -NAME_TOO_LONG);
  assertEquals(wasi.get(TMP, "f/g/abc"), "");
  assertEquals(wasi.rename(TMP, "f", to(left - "/g/abc".length)), 0);
  assertEquals(wasi.get(TMP, `${to(left - "/g/abc".length)}/g/abc`), "");
  assertEquals(
    wasi.open(TMP, `${to(left - "/g/abc".length)}/g/abcd`, { create: true }),
    NAME_TOO_LONG,
  );
});

Deno.test("many folders are read in parts at once, each to its end", () => {
  const wasi = new WasiCalls();
  const names = Array.from({ length: 20 }, (_, at) => `file ${at}`);
  for (const name of names) wasi.put(TMP, name, "");
  const readers = Array.from({ length: 10 }, () => ({
    fd: wasi.open(TMP, ".", { folder: true }),
    seen: [] as string[],
    next: 0n,
  }));
  // One entry of each in turn; its length is in the head of 24 bytes.
  for (let turn = 0; turn < names.length + 2; turn++) {
    for (const reader of readers) {
      assertEquals(wasi.call("fd_readdir", reader.fd, 65_536, 64, reader.next, 256), 0);
      reader.next = wasi.u64(65_536);
      const length = wasi.u32(65_536 + 16);
      reader.seen.push(new TextDecoder().decode(wasi.host.read(65_536 + 24, length)));
    }
  }
  for (const { seen, fd, next } of readers) {
    assertEquals(seen.slice(2).sort(), names.toSorted());
    assertEquals(wasi.call("fd_readdir", fd, 65_536, 64, next, 256), 0);
    assertEquals(wasi.u32(), 0);
  }
});

Deno.test("a file that is cut gives its memory back", () => {
  const tree = new FileTree(1024 * 1024, () => 0);
  const files = Array.from({ length: 100 }, (_, index) => tree.addFile(tree.root, `${index}`));
  for (const file of files) {
    tree.write(file, 0, new Uint8Array(512 * 1024));
    tree.resize(file, 10);
  }
  const held = files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
  assert(held <= 100 * 40, `${held} bytes are held for ${100 * 10}`);
});

Deno.test("as many files are open as may be, and the lowest number is given again", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "a", "");
  // The folder itself is one of them.
  for (let open = 1; open < DESCRIPTORS_MAX; open += 1) assert(wasi.open(TMP, "a") > 3);
  assertEquals(wasi.open(TMP, "a"), TOO_MANY);
  wasi.close(7);
  assertEquals(wasi.open(TMP, "a"), 7);
});

Deno.test("descriptors are renumbered, and positions belong to descriptors", () => {
  const wasi = new WasiCalls();
  wasi.put(TMP, "a", "0123456789");
  const [first, second] = [wasi.open(TMP, "a"), wasi.open(TMP, "a")];
  wasi.seek(first, 5);
  assertEquals([wasi.read(first, 2), wasi.read(second, 2)], ["56", "01"]);
  assertEquals(wasi.call("fd_renumber", first, second), 0);
  assertEquals([wasi.read(first), wasi.read(second)], [NOT_A_DESCRIPTOR, "789"]);
  assertEquals(wasi.call("fd_renumber", second, TMP), 58);
});
