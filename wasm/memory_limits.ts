/** The most that the memories and the tables of a WebAssembly module may have. */
import { OP, skipInstruction } from "./instructions.ts";
import { ByteReader, ByteWriter, KIND, SECTION, type Section } from "./module_bytes.ts";

/** Entries that all tables of a limited module together may begin with, and one may grow to. */
export const TABLE_ENTRIES_MAX = 100_000;
/** Tables that a limited module may have. */
export const TABLES_MAX = 16;

/** The bounds of one memory or table, and where they are written. */
interface Bounds {
  readonly section: number;
  readonly start: number;
  readonly end: number;
  /** Whether threads share it. */
  readonly isShared: boolean;
  readonly min: number;
  readonly max: number;
}

type Sections = ReadonlyMap<number, Section>;

const HAS_MAX = 1;
const IS_SHARED = 2;
/** 64-bit addresses, and pages of another size. */
const UNSUPPORTED = ~(HAS_MAX | IS_SHARED);

/** What a table whose entries begin as something else than null begins with. */
const INITIALISED = 0x40;

/**
 * Gives every memory and every table a maximum.
 *
 * The first memory may take what the others do not begin with; what is in tables is not in the
 * memory, so they have limits of their own.
 */
export function capMemory(
  bytes: Uint8Array,
  sections: Sections,
  replaced: Map<number, Uint8Array>,
  pagesMax: number,
): void {
  const memories: Bounds[] = [];
  const tables: Bounds[] = [];
  readImports(bytes, sections, (kind, reader) => {
    if (kind === KIND.memory) memories.push(boundsAt(reader, SECTION.import));
    else if (kind === KIND.table) {
      reader.valueType();
      tables.push(boundsAt(reader, SECTION.import));
    }
  });
  for (const reader of entriesOf(bytes, sections.get(SECTION.memory))) {
    memories.push(boundsAt(reader, SECTION.memory));
  }
  for (const reader of entriesOf(bytes, sections.get(SECTION.table))) tables.push(tableAt(reader));
  const pages = sumOf(memories);
  if (pages > pagesMax) {
    throw new TypeError(
      `Cannot limit the module: it begins with ${pages} pages of memory, and may have ${pagesMax}`,
    );
  }
  if (tables.length > TABLES_MAX || sumOf(tables) > TABLE_ENTRIES_MAX) {
    throw new TypeError(
      `Cannot limit the module: it has ${tables.length} tables of ${sumOf(tables)} entries, and ` +
        `may have ${TABLES_MAX} of ${TABLE_ENTRIES_MAX}`,
    );
  }
  rewrite(bytes, sections, replaced, [
    ...memories.map((bounds, place) => {
      const max = place === 0 ? bounds.min + pagesMax - pages : bounds.min;
      return { ...bounds, max: Math.min(bounds.max, max) };
    }),
    ...tables.map((bounds) => ({ ...bounds, max: Math.min(bounds.max, TABLE_ENTRIES_MAX) })),
  ]);
}

/** Reads the imports: `see` is told the kind of each, and may read its type. */
export function readImports(
  bytes: Uint8Array,
  sections: Sections,
  see: (kind: number, reader: ByteReader) => void,
): void {
  const section = sections.get(SECTION.import);
  if (section === undefined) return;
  const reader = new ByteReader(bytes, section.start, section.end);
  for (let count = reader.u32(); count > 0; count -= 1) {
    reader.skip(reader.u32());
    reader.skip(reader.u32());
    const at = reader.at;
    const kind = reader.byte();
    see(kind, new ByteReader(bytes, reader.at, section.end));
    skipImport(reader, kind, at);
  }
}

function skipImport(reader: ByteReader, kind: number, at: number): void {
  switch (kind) {
    case KIND.function:
      reader.u32();
      return;
    case KIND.table:
      reader.valueType();
      skipBounds(reader);
      return;
    case KIND.memory:
      return skipBounds(reader);
    case KIND.global:
      reader.valueType();
      reader.byte();
      return;
    case KIND.tag:
      reader.byte();
      reader.u32();
      return;
    default:
      reader.fail(`there is no import of kind ${kind}`, at);
  }
}

function skipBounds(reader: ByteReader): void {
  const flags = reader.byte();
  reader.number(64);
  if (flags & HAS_MAX) reader.number(64);
}

function boundsAt(reader: ByteReader, section: number): Bounds {
  const start = reader.at;
  const flags = reader.byte();
  if (flags & UNSUPPORTED) {
    reader.fail("64-bit addresses and pages of another size are not supported", start);
  }
  const min = reader.u32();
  const max = flags & HAS_MAX ? reader.u32() : Infinity;
  return { section, start, end: reader.at, isShared: (flags & IS_SHARED) !== 0, min, max };
}

function tableAt(reader: ByteReader): Bounds {
  const isInitialised = reader.bytes[reader.at] === INITIALISED;
  if (isInitialised) reader.skip(2);
  reader.valueType();
  const bounds = boundsAt(reader, SECTION.table);
  if (!isInitialised) return bounds;
  while (skipInstruction(reader) !== OP.end);
  return bounds;
}

/** A reader for each entry of a section, where the entry begins. */
function* entriesOf(bytes: Uint8Array, section: Section | undefined): Iterable<ByteReader> {
  if (section === undefined) return;
  const reader = new ByteReader(bytes, section.start, section.end);
  for (let count = reader.u32(); count > 0; count -= 1) yield reader;
}

function sumOf(all: readonly Bounds[]): number {
  return all.reduce((sum, { min }) => sum + min, 0);
}

/** Writes the sections in which `all` stand anew. */
function rewrite(
  bytes: Uint8Array,
  sections: Sections,
  replaced: Map<number, Uint8Array>,
  all: readonly Bounds[],
): void {
  for (const id of new Set(all.map(({ section }) => section))) {
    const { start, end } = sections.get(id) as Section;
    const writer = new ByteWriter(end - start + 64);
    let copied = start;
    // Memories and tables stand in any order among the imports.
    const own = all.filter(({ section }) => section === id).sort((a, b) => a.start - b.start);
    for (const bounds of own) {
      writer.append(bytes.subarray(copied, bounds.start));
      writer.byte(HAS_MAX | (bounds.isShared ? IS_SHARED : 0));
      writer.u32(bounds.min);
      writer.u32(bounds.max);
      copied = bounds.end;
    }
    writer.append(bytes.subarray(copied, end));
    replaced.set(id, writer.view());
  }
}
