/** `driftless wasm-limit`: gives a module its limits where it is built, for Workers. */
import { open, readFile, rename, rm } from "node:fs/promises";
import process from "node:process";
import { PAGE_BYTES, withLimits } from "../../wasm/fuel.ts";
import { WASM_FUEL_MAX } from "../wasm/limits.ts";
import { type Command, DONE, UsageError } from "./command.ts";

/** What an address of 32 bits reaches. */
const MEMORY_BYTES_MAX = 4 * 1024 * 1024 * 1024;
const SIZE = /^(\d{1,10})(KiB|MiB|GiB)$/;
const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Writes a module that keeps to its limits by itself. */
export const wasmLimitCommand: Command = {
  name: "wasm-limit",
  operands: "FILE",
  summary: "limit a WebAssembly module, for Workers",
  about: `
Writes the module FILE anew, so that its memory cannot grow beyond --memory, and, with --fuel, so that
it counts the instructions it runs and stops when its mount's limit is reached. A server on Deno or Bun
does that by itself, when a module is mounted. Workers compile no bytes: there a module that should have
limits gets them before it is deployed. A limited module is known by its export driftless_fuel. A module
with rules is also to come to the same results everywhere: give --deterministic, as servers do.`,
  options: {
    out: { value: "FILE", help: "the file to write; also -o FILE" },
    memory: { value: "SIZE", help: "the most memory, as 16MiB", initial: "64MiB" },
    fuel: { help: "count instructions" },
    deterministic: { help: "refuse what gives other results elsewhere, for rules; with --fuel" },
  },
  examples: [
    "driftless wasm-limit handler.wasm --out handler.limited.wasm --fuel",
    "driftless wasm-limit rules.wasm -o small.wasm --memory 16MiB --fuel --deterministic",
  ],
  run: async ({ operands: [file], values }) => {
    if (file === undefined) throw new UsageError("Cannot limit a module: name the file");
    const out = values.optional("out");
    if (out === undefined) throw new UsageError("Cannot limit a module: give --out FILE");
    const memoryPages = pagesOf(values.text("memory"));
    const fuel = values.has("fuel") ? { fuel: BigInt(WASM_FUEL_MAX) } : {};
    const isDeterministic = values.has("deterministic");
    if (isDeterministic && !values.has("fuel")) {
      throw new UsageError("Cannot look at the instructions: give --fuel with --deterministic");
    }
    const bytes = new Uint8Array(await readFile(file));
    const limited = withLimits(bytes, { memoryPages, ...fuel, isDeterministic });
    if (!WebAssembly.validate(bytes)) {
      throw new TypeError(`Cannot limit "${file}": the module in it is not valid`);
    }
    await replaceFile(out, limited);
    process.stdout.write(
      `limited "${file}" to "${out}": ${memoryPages} pages of memory, ${bytes.length} bytes became ` +
        `${limited.length}\n`,
    );
    return DONE;
  },
};

function pagesOf(text: string): number {
  const [, digits = "", unit = ""] = SIZE.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? Number.NaN);
  const pages = bytes / PAGE_BYTES;
  if (digits === "" || pages < 1 || bytes > MEMORY_BYTES_MAX || !Number.isInteger(pages)) {
    throw new UsageError(
      `Cannot use --memory ${text}: give a size from 64KiB to 4GiB in steps of 64KiB, as 16MiB`,
    );
  }
  return pages;
}

/** The file is whole or as it was: FILE and OUT may be one. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.part`;
  try {
    const file = await open(part, "w");
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
