/** `driftless wasm-limit`: what it writes, what it refuses, and that it leaves no half a file. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { isLimited } from "../../wasm/fuel.ts";
import { watModule } from "../wasm/wat_module.ts";
import { inFolder, runProgram } from "./program.ts";

const MODULE = `(module (memory (export "memory") 2)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;

const RELAXED = `(module (memory 1) (func (param v128)
  (drop (f64x2.relaxed_madd (local.get 0) (local.get 0) (local.get 0)))))`;

const FILES = { "in.wasm": watModule(MODULE), "relaxed.wasm": watModule(RELAXED) };

async function limitedModule(folder: string, name: string) {
  const module = new WebAssembly.Module(await Deno.readFile(join(folder, name)));
  const { exports } = new WebAssembly.Instance(module);
  const grow = exports["grow"] as (pages: number) => number;
  return { isCounting: isLimited(module), grow };
}

Deno.test("wasm-limit writes a module with a limit of memory, and with a counter when asked", () =>
  inFolder(FILES, async (folder) => {
    for (const [fuel, isExpected] of [[[], false], [["--fuel"], true]] as const) {
      const args = ["wasm-limit", "in.wasm", "-o", "out.wasm", "--memory", "256KiB", ...fuel];
      const { code, stdout, stderr } = await runProgram(args, { folder });
      assertEquals([code, stderr], [0, ""]);
      assertStringIncludes(stdout, `limited "in.wasm" to "out.wasm": 4 pages of memory, `);
      const { isCounting, grow } = await limitedModule(folder, "out.wasm");
      assertEquals([isCounting, grow(3), grow(2), grow(1)], [isExpected, -1, 2, -1]);
    }
    assertEquals([...Deno.readDirSync(folder)].length, 3);
  }));

Deno.test("wasm-limit refuses instructions whose results differ, when asked", () =>
  inFolder(FILES, async (folder) => {
    for (const [name, code] of [["in.wasm", 0], ["relaxed.wasm", 1]] as const) {
      const args = ["wasm-limit", name, "-o", "out.wasm", "--fuel"];
      assertEquals((await runProgram(args, { folder })).code, 0);
      await Deno.remove(join(folder, "out.wasm"));
      const result = await runProgram([...args, "--deterministic"], { folder });
      assertEquals(result.code, code, name);
      if (code === 0) await Deno.remove(join(folder, "out.wasm"));
      else assertStringIncludes(result.stderr, "relaxed SIMD gives results that differ");
    }
  }));

Deno.test("wasm-limit takes the place of its own file, and limits once", () =>
  inFolder(FILES, async (folder) => {
    const args = ["wasm-limit", "in.wasm", "--out", "in.wasm", "--fuel"];
    assertEquals((await runProgram(args, { folder })).code, 0);
    const { code, stderr } = await runProgram(args, { folder });
    assertEquals(code, 1);
    assertEquals(
      stderr,
      "driftless: Cannot limit the module: it is limited already, for it exports driftless_fuel\n",
    );
    assert((await limitedModule(folder, "in.wasm")).isCounting);
  }));

Deno.test("wasm-limit refuses what it cannot use, and writes nothing", () =>
  inFolder(FILES, async (folder) => {
    await Deno.writeTextFile(join(folder, "text.wasm"), "no module");
    const bytes = watModule(MODULE);
    bytes[bytes.length - 3] = 0xff;
    await Deno.writeFile(join(folder, "bad.wasm"), bytes);
    const cases: readonly [string, number, string][] = [
      ["wasm-limit", 2, "Cannot limit a module: name the file"],
      ["wasm-limit in.wasm", 2, "Cannot limit a module: give --out FILE"],
      ["wasm-limit in.wasm -o x --memory 63KiB", 2, "Cannot use --memory 63KiB: give a size from"],
      ["wasm-limit in.wasm -o x --memory 65KiB", 2, "Cannot use --memory 65KiB: give a size from"],
      ["wasm-limit in.wasm -o x --memory 5GiB", 2, "Cannot use --memory 5GiB: give a size from"],
      ["wasm-limit in.wasm -o x --memory lots", 2, "Cannot use --memory lots: give a size from"],
      ["wasm-limit in.wasm -o x --memory 64KiB", 1, "it begins with 2 pages of memory, and may"],
      ["wasm-limit text.wasm -o x", 1, "it does not begin as a module of version 1, at byte 0"],
      ["wasm-limit bad.wasm -o x --fuel", 1, "Cannot "],
      ["wasm-limit none.wasm -o x", 1, "ENOENT"],
      ["wasm-limit in.wasm -o none/x", 1, "ENOENT"],
      ["wasm-limit in.wasm -o x --deterministic", 2, "give --fuel with --deterministic"],
    ];
    const before = [...Deno.readDirSync(folder)].length;
    await Promise.all(cases.map(async ([line, status, reason]) => {
      const { code, stdout, stderr } = await runProgram(line.split(" "), { folder });
      assertEquals([code, stdout], [status, ""], line);
      assertStringIncludes(stderr, reason);
      assertEquals(stderr.split("\n").length, 2, line);
    }));
    assertEquals([...Deno.readDirSync(folder)].length, before);
  }));
