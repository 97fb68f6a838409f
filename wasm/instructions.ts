/**
 * The instructions of WebAssembly: which bytes follow each opcode.
 *
 * Known are the instructions of version 3.0 without those of the garbage collector, the legacy
 * exceptions, threads and wide arithmetic. What is not known is refused: passing over it would need
 * a guess at its length.
 */
import type { ByteReader } from "./module_bytes.ts";

/** What follows an opcode. */
type Immediates =
  | "none"
  | "index"
  | "two indexes"
  | "block"
  | "labels"
  | "types"
  | "catches"
  | "address"
  | "address and lane"
  | "lane"
  | "i32"
  | "i64"
  | "heap type"
  | "4 bytes"
  | "8 bytes"
  | "16 bytes"
  | "unknown";

/** First and last opcode of a range, and what follows each. */
type Range = readonly [first: number, last: number, immediates: Immediates];

/** Opcodes that a rewriter looks at. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  delegate: 0x18,
  catchAll: 0x19,
  tryTable: 0x1f,
  localGet: 0x20,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  memoryGrow: 0x40,
  i64Const: 0x42,
  i64LessSigned: 0x53,
  i64Sub: 0x7d,
  i64ShiftRightUnsigned: 0x88,
  i64ExtendUnsigned: 0xad,
} as const;

/** An opcode with a prefix, as one number: prefix × 65,536 + opcode. */
export const PREFIXED = {
  memoryInit: 0xfc_0008,
  memoryCopy: 0xfc_000a,
  memoryFill: 0xfc_000b,
  tableInit: 0xfc_000c,
  tableCopy: 0xfc_000e,
  tableGrow: 0xfc_000f,
  tableFill: 0xfc_0011,
  relaxedFirst: 0xfd_0100,
  relaxedLast: 0xfd_0113,
  memoryWait32: 0xfe_0001,
  memoryWait64: 0xfe_0002,
} as const;

const GC_PREFIX = 0xfb;

const SINGLE: readonly Range[] = [
  [0x00, 0x01, "none"], // unreachable, nop
  [0x02, 0x04, "block"], // block, loop, if
  [0x05, 0x05, "none"], // else
  [0x06, 0x06, "block"], // try
  [0x07, 0x09, "index"], // catch, throw, rethrow
  [0x0a, 0x0b, "none"], // throw_ref, end
  [0x0c, 0x0d, "index"], // br, br_if
  [0x0e, 0x0e, "labels"], // br_table
  [0x0f, 0x0f, "none"], // return
  [0x10, 0x10, "index"], // call
  [0x11, 0x11, "two indexes"], // call_indirect
  [0x12, 0x12, "index"], // return_call
  [0x13, 0x13, "two indexes"], // return_call_indirect
  [0x14, 0x15, "index"], // call_ref, return_call_ref
  [0x18, 0x18, "index"], // delegate
  [0x19, 0x1b, "none"], // catch_all, drop, select
  [0x1c, 0x1c, "types"], // select of a type
  [0x1f, 0x1f, "catches"], // try_table
  [0x20, 0x26, "index"], // local.*, global.*, table.get, table.set
  [0x28, 0x3e, "address"], // loads and stores
  [0x3f, 0x40, "index"], // memory.size, memory.grow
  [0x41, 0x41, "i32"],
  [0x42, 0x42, "i64"],
  [0x43, 0x43, "4 bytes"],
  [0x44, 0x44, "8 bytes"],
  [0x45, 0xc4, "none"], // arithmetic, with sign extension
  [0xd0, 0xd0, "heap type"], // ref.null
  [0xd1, 0xd1, "none"], // ref.is_null
  [0xd2, 0xd2, "index"], // ref.func
  [0xd4, 0xd4, "none"], // ref.as_non_null
  [0xd5, 0xd6, "index"], // br_on_null, br_on_non_null
];

const PREFIXES: Readonly<Record<number, readonly Range[]>> = {
  0xfc: [
    [0, 7, "none"], // saturating conversions
    [8, 8, "two indexes"], // memory.init
    [9, 9, "index"], // data.drop
    [10, 10, "two indexes"], // memory.copy
    [11, 11, "index"], // memory.fill
    [12, 12, "two indexes"], // table.init
    [13, 13, "index"], // elem.drop
    [14, 14, "two indexes"], // table.copy
    [15, 17, "index"], // table.grow, table.size, table.fill
    [19, 22, "none"], // wide arithmetic
  ],
  0xfd: [
    [0, 11, "address"], // v128 loads, v128.store
    [12, 13, "16 bytes"], // v128.const, i8x16.shuffle
    [14, 20, "none"], // swizzle, splats
    [21, 34, "lane"], // extract_lane, replace_lane
    [35, 83, "none"], // comparisons, bitwise operations
    [84, 91, "address and lane"],
    [92, 93, "address"], // v128.load32_zero, v128.load64_zero
    [94, 0xff, "none"], // arithmetic
    [0x100, 0x113, "none"], // relaxed
  ],
  0xfe: [
    [0, 2, "address"], // memory.atomic.notify, memory.atomic.wait32, memory.atomic.wait64
    [3, 3, "lane"], // atomic.fence, whose byte is 0
    [0x10, 0x4e, "address"],
  ],
};

const OF_OPCODE: readonly Immediates[] = Array.from({ length: 256 }, (_, op) => find(SINGLE, op));

/** Says in an address that the index of a memory follows. */
const HAS_MEMORY = 0x40;

/** Passes over one instruction; gives its opcode, or prefix × 65,536 + opcode. */
export function skipInstruction(reader: ByteReader): number {
  const at = reader.at;
  const op = reader.byte();
  const ranges = PREFIXES[op];
  if (ranges === undefined) {
    const immediates = OF_OPCODE[op] as Immediates;
    if (immediates === "unknown") refuse(reader, op, at);
    if (immediates !== "none") skipImmediates(reader, immediates);
    return op;
  }
  const low = reader.u32();
  const immediates = find(ranges, low);
  if (immediates === "unknown") reader.fail(`there is no instruction ${hex(op)} ${hex(low)}`, at);
  if (immediates !== "none") skipImmediates(reader, immediates);
  return op * 0x1_0000 + low;
}

function skipImmediates(reader: ByteReader, immediates: Immediates): void {
  switch (immediates) {
    case "index":
      reader.u32();
      return;
    case "two indexes":
      reader.u32();
      reader.u32();
      return;
    case "block":
      return reader.blockType();
    case "labels":
      // The last one, which stands for all other values, is not counted.
      for (let count = reader.u32() + 1; count > 0; count -= 1) reader.u32();
      return;
    case "types":
      for (let count = reader.u32(); count > 0; count -= 1) reader.valueType();
      return;
    case "catches":
      reader.blockType();
      for (let count = reader.u32(); count > 0; count -= 1) skipCatch(reader);
      return;
    case "address":
      return skipAddress(reader);
    case "address and lane":
      skipAddress(reader);
      reader.byte();
      return;
    case "lane":
      reader.byte();
      return;
    case "i32":
      return reader.number(32);
    case "heap type":
      return reader.number(33);
    case "i64":
      return reader.number(64);
    case "4 bytes":
      reader.skip(4);
      return;
    case "8 bytes":
      reader.skip(8);
      return;
    case "16 bytes":
      reader.skip(16);
  }
}

function skipAddress(reader: ByteReader): void {
  if (reader.u32() & HAS_MEMORY) reader.u32();
  reader.number(64);
}

/** `catch tag label`, `catch_ref tag label`, `catch_all label`, `catch_all_ref label`. */
function skipCatch(reader: ByteReader): void {
  const kind = reader.byte();
  if (kind > 3) reader.fail(`there is no catch of kind ${kind}`, reader.at - 1);
  if (kind < 2) reader.u32();
  reader.u32();
}

function refuse(reader: ByteReader, op: number, at: number): never {
  if (op === GC_PREFIX || op === 0xd3) {
    reader.fail("instructions of the garbage collector are not supported", at);
  }
  reader.fail(`there is no instruction ${hex(op)}`, at);
}

function find(ranges: readonly Range[], op: number): Immediates {
  return ranges.find(([first, last]) => op >= first && op <= last)?.[2] ?? "unknown";
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, "0")}`;
}
