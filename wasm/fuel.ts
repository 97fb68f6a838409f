/**
 * Limits that a WebAssembly module carries in its own bytes: how much memory it may have, and how
 * much it may do.
 *
 * No engine here can stop a module from outside: a worker that is told to end runs on. So the
 * module is rewritten before it is compiled: its memory gets a maximum, and its code a counter that
 * the host sets before each call.
 */
import { capMemory, readImports } from "./memory_limits.ts";
import { meterCode } from "./meter.ts";
import {
  ByteReader,
  ByteWriter,
  KIND,
  moduleOf,
  SECTION,
  type Section,
  sectionsOf,
} from "./module_bytes.ts";

/** The name under which a limited module exports its counter, a mutable `i64`. */
export const FUEL_EXPORT = "driftless_fuel";

/** Bytes of a page of linear memory. */
export const PAGE_BYTES = 64 * 1024;

/** What a module is limited to; what is left out stays as it is. */
export interface ModuleLimits {
  /** The most that all its memories together may have, in pages of 64 KiB. */
  readonly memoryPages?: number;
  /**
   * What the counter begins with, in units of about one instruction: what the module may do while
   * it is instantiated. The host sets it before each call; code that takes it below 0 traps.
   */
  readonly fuel?: bigint;
  /**
   * Whether a counted module is refused when it uses instructions whose results differ between
   * machines: those of relaxed SIMD.
   */
  readonly isDeterministic?: boolean;
}

/** What of a module a counter has to know. */
interface Shape {
  readonly sections: ReadonlyMap<number, Section>;
  readonly importedGlobals: number;
}

/** Sections that tell of places in the code: they would lie afterwards. */
const PLACES = /^(?:\.debug_|reloc\.|metadata\.code\.|linking$|sourceMappingURL$|external_debug)/;

const FUNCTION_TYPE = 0x60;
const I64 = 0x7e;
const MUTABLE = 1;
const I64_CONST = 0x42;
const END = 0x0b;
/** What counts down for longer than anybody waits. */
const FUEL_UNLIMITED = 2n ** 63n - 1n;

/** What a counter begins with; of an infinite amount, what lasts for centuries. */
export function counterStart(fuel: number): bigint {
  return Number.isFinite(fuel) ? BigInt(fuel) : FUEL_UNLIMITED;
}

/** Whether a module counts what it does: whoever made it limited it, or says so. */
export function isLimited(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.exports(module).some(({ name, kind }) =>
    name === FUEL_EXPORT && kind === "global"
  );
}

/**
 * A module that keeps to `limits`, and does else what the one in `bytes` does.
 *
 * A limit of the memory also limits its tables. Indexes stay as they are; custom sections that tell
 * of places in the code, as those of debuggers do, are left out.
 *
 * @throws {TypeError} when the bytes are no module, when it needs more than it may have, when it
 * uses what cannot be limited (64-bit memories, the garbage collector, waiting for other threads),
 * and when it has a counter already
 */
export function withLimits(bytes: Uint8Array, limits: ModuleLimits): Uint8Array<ArrayBuffer> {
  const all = sectionsOf(bytes);
  const sections = new Map(all.map((section) => [section.id, section] as const));
  const replaced = new Map<number, Uint8Array>();
  if (limits.memoryPages !== undefined) {
    capMemory(bytes, sections, replaced, limits.memoryPages);
  }
  if (limits.fuel === undefined) return moduleOf(bytes, all, replaced);
  const shape = { sections, importedGlobals: importedGlobals(bytes, sections) };
  const counter = addCounter(bytes, shape, replaced, limits.fuel);
  const code = sections.get(SECTION.code);
  if (code !== undefined) {
    const ofTypes = parametersOfTypes(bytes, sections.get(SECTION.type));
    const parameters = parametersOf(bytes, sections, ofTypes);
    const { isDeterministic = false } = limits;
    const meter = { counter, ofTypes, parameters, isDeterministic };
    replaced.set(SECTION.code, meterCode(bytes, code.start, code.end, meter));
  }
  const kept = all.filter((section) => !tellsPlaces(bytes, section));
  return moduleOf(bytes, kept, replaced);
}

function tellsPlaces(bytes: Uint8Array, { id, start, end }: Section): boolean {
  return id === SECTION.custom && PLACES.test(new ByteReader(bytes, start, end).name());
}

/** Adds the counter behind all other globals, so that their indexes stay, and exports it. */
function addCounter(
  bytes: Uint8Array,
  { sections, importedGlobals }: Shape,
  replaced: Map<number, Uint8Array>,
  fuel: bigint,
): number {
  const globals = sections.get(SECTION.global);
  const global = new ByteWriter(16);
  global.append([I64, MUTABLE, I64_CONST]);
  global.s64(BigInt.asIntN(64, fuel));
  global.byte(END);
  const [content, defined] = appended(bytes, globals, global.view());
  replaced.set(SECTION.global, content);
  const counter = importedGlobals + defined;

  const exports = sections.get(SECTION.export);
  if (exports !== undefined) checkIsNotExported(new ByteReader(bytes, exports.start, exports.end));
  const entry = new ByteWriter(32);
  entry.name(FUEL_EXPORT);
  entry.byte(KIND.global);
  entry.u32(counter);
  replaced.set(SECTION.export, appended(bytes, exports, entry.view())[0]);
  return counter;
}

/** A list of a section with one entry more, and how many it had. */
function appended(
  bytes: Uint8Array,
  section: Section | undefined,
  entry: Uint8Array,
): [Uint8Array, number] {
  const reader = new ByteReader(bytes, section?.start, section?.end);
  const count = section === undefined ? 0 : reader.u32();
  const writer = new ByteWriter();
  writer.u32(count + 1);
  if (section !== undefined) writer.append(bytes.subarray(reader.at, section.end));
  writer.append(entry);
  return [writer.view(), count];
}

function checkIsNotExported(reader: ByteReader): void {
  for (let count = reader.u32(); count > 0; count -= 1) {
    const name = reader.name();
    reader.byte();
    reader.u32();
    if (name === FUEL_EXPORT) {
      throw new TypeError(
        `Cannot limit the module: it is limited already, for it exports ${FUEL_EXPORT}`,
      );
    }
  }
}

function importedGlobals(bytes: Uint8Array, sections: ReadonlyMap<number, Section>): number {
  let count = 0;
  readImports(bytes, sections, (kind) => {
    if (kind === KIND.global) count += 1;
  });
  return count;
}

/** How many parameters each function of the module has, without the imported ones. */
function parametersOf(
  bytes: Uint8Array,
  sections: ReadonlyMap<number, Section>,
  ofTypes: readonly number[],
): readonly number[] {
  const functions = sections.get(SECTION.function);
  if (functions === undefined) return [];
  const reader = new ByteReader(bytes, functions.start, functions.end);
  const parameters: number[] = [];
  for (let count = reader.u32(); count > 0; count -= 1) {
    const type = reader.u32();
    parameters.push(ofTypes[type] ?? reader.fail(`there is no type ${type}`));
  }
  return parameters;
}

function parametersOfTypes(bytes: Uint8Array, section: Section | undefined): readonly number[] {
  const parameters: number[] = [];
  if (section === undefined) return parameters;
  const reader = new ByteReader(bytes, section.start, section.end);
  for (let count = reader.u32(); count > 0; count -= 1) {
    if (reader.byte() !== FUNCTION_TYPE) {
      reader.fail("types of the garbage collector are not supported", reader.at - 1);
    }
    const length = reader.u32();
    for (let rest = length; rest > 0; rest -= 1) reader.valueType();
    for (let rest = reader.u32(); rest > 0; rest -= 1) reader.valueType();
    parameters.push(length);
  }
  return parameters;
}
