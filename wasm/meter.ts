/**
 * Metering: code that counts what it costs, and traps when it has cost too much.
 *
 * One unit is about one instruction. A function pays for its instructions outside of loops when it
 * is entered, and for its locals, which the engine sets to zero; a loop for those of its body at each
 * turn, and for what it takes along from one turn to the next; nobody pays for an inner loop until it
 * runs. So what was paid is never less than what ran. An instruction that works on a length pays for
 * that as well, and one that takes the engine long, as an exception does, for its time.
 *
 * ```
 * global.get counter   i64.const cost   i64.sub   global.set counter
 * global.get counter   i64.const 0   i64.lt_s   if   unreachable   end
 * ```
 */
import { OP, PREFIXED, skipInstruction } from "./instructions.ts";
import { ByteReader, ByteWriter } from "./module_bytes.ts";

/** Where code is put in: a cost that is known, or a length on the stack (cost 0). */
interface Charge {
  readonly at: number;
  cost: number;
  /** By how many bits the length is shifted: its unit costs one. */
  readonly shift: number;
}

/** What stands around an instruction; loops have charges of their own. */
interface Frame {
  readonly charge: Charge;
}

/** Bytes that cost as much as one instruction, as a power of two: 64. */
const BYTES_SHIFT = 6;
/** The same for entries of tables: 8. */
const ENTRIES_SHIFT = 3;

const LENGTH_SHIFTS: ReadonlyMap<number, number> = new Map([
  [PREFIXED.memoryInit, BYTES_SHIFT],
  [PREFIXED.memoryCopy, BYTES_SHIFT],
  [PREFIXED.memoryFill, BYTES_SHIFT],
  [PREFIXED.tableInit, ENTRIES_SHIFT],
  [PREFIXED.tableCopy, ENTRIES_SHIFT],
  [PREFIXED.tableGrow, ENTRIES_SHIFT],
  [PREFIXED.tableFill, ENTRIES_SHIFT],
]);

/** What is much dearer than other instructions, paid where it is done. */
const DEAR_UNITS: ReadonlyMap<number, number> = new Map([
  [OP.throw, 10_000],
  [OP.rethrow, 10_000],
  [OP.throwRef, 10_000],
  [OP.memoryGrow, 1_000],
  // Whether it catches anything cannot be seen here.
  [OP.tryTable, 1_000],
]);
/** What it costs to catch: engines and hosts throw as well, and nobody paid for that. */
const CATCH_UNITS = 10_000;

/** The type of an empty block, and of a 32-bit local. */
const EMPTY = 0x40;
const I32 = 0x7f;

/** What is needed to put a counter into one module. */
export interface Meter {
  /** The index of the counter among the globals. */
  readonly counter: number;
  /** How many parameters each type of the module has. */
  readonly ofTypes: readonly number[];
  /** How many parameters each function of the module has, without the imported ones. */
  readonly parameters: readonly number[];
  /** Whether relaxed SIMD is refused. */
  readonly isDeterministic: boolean;
}

/** The content of the code section with the counter in every function. */
export function meterCode(
  bytes: Uint8Array,
  start: number,
  end: number,
  meter: Meter,
): Uint8Array {
  const reader = new ByteReader(bytes, start, end);
  const count = reader.u32();
  if (count !== meter.parameters.length) reader.fail(`it has code of ${count} functions`, start);
  const code = new ByteWriter((end - start) * 2);
  const body = new ByteWriter();
  code.u32(count);
  for (const parameters of meter.parameters) {
    const size = reader.u32();
    const from = reader.skip(size);
    body.clear();
    writeFunction(body, new ByteReader(bytes, from, reader.at), parameters, meter);
    code.u32(body.length);
    code.append(body.view());
  }
  if (!reader.isAtEnd) reader.fail("there is more after the last function");
  return code.view();
}

function writeFunction(
  out: ByteWriter,
  reader: ByteReader,
  parameters: number,
  meter: Meter,
): void {
  const { counter } = meter;
  const { bytes } = reader;
  const groups = reader.u32();
  const declared = reader.at;
  let locals = parameters;
  for (let group = 0; group < groups; group += 1) {
    locals += reader.u32();
    reader.valueType();
  }
  const from = reader.at;
  const charges = chargesOf(reader, locals - parameters, meter);
  const measures = charges.some(({ shift }) => shift > 0);
  out.u32(groups + (measures ? 1 : 0));
  out.append(bytes.subarray(declared, from));
  if (measures) {
    out.u32(1);
    out.byte(I32);
  }
  let copied = from;
  for (const { at, cost, shift } of charges) {
    out.append(bytes.subarray(copied, at));
    copied = at;
    if (shift === 0) writeCharge(out, counter, cost);
    else writeLengthCharge(out, counter, locals, shift);
  }
  out.append(bytes.subarray(copied, reader.at));
}

/** Where a function pays, in the order of its bytes. */
function chargesOf(
  reader: ByteReader,
  locals: number,
  { ofTypes, isDeterministic }: Meter,
): readonly Charge[] {
  const entry: Charge = { at: reader.at, cost: locals, shift: 0 };
  const charges: Charge[] = [entry];
  const frames: Frame[] = [{ charge: entry }];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const at = reader.at;
    const op = skipInstruction(reader);
    frame.charge.cost += 1;
    const dear = DEAR_UNITS.get(op);
    if (dear !== undefined) charges.push({ at, cost: dear, shift: 0 });
    if (op === OP.end || op === OP.delegate) frames.pop();
    else if (op === OP.loop) {
      const taken = parametersOfLoop(reader.bytes, at + 1, ofTypes);
      const charge: Charge = { at: reader.at, cost: 1 + taken, shift: 0 };
      charges.push(charge);
      frames.push({ charge });
    } else if (op === OP.block || op === OP.if || op === OP.try || op === OP.tryTable) {
      frames.push(frame);
    } else if (op === OP.catch || op === OP.catchAll) {
      charges.push({ at: reader.at, cost: CATCH_UNITS, shift: 0 });
    } else if (op > 0xff) {
      if (op === PREFIXED.memoryWait32 || op === PREFIXED.memoryWait64) {
        reader.fail("to wait costs nothing, so it cannot be limited", at);
      }
      if (isDeterministic && op >= PREFIXED.relaxedFirst && op <= PREFIXED.relaxedLast) {
        reader.fail("relaxed SIMD gives results that differ between machines", at);
      }
      const shift = LENGTH_SHIFTS.get(op);
      if (shift !== undefined) charges.push({ at, cost: 0, shift });
    }
  }
  if (!reader.isAtEnd) reader.fail("there is more after the end of a function");
  return charges;
}

/** How many values each turn of a loop begins with: the type of its block is at `at`. */
function parametersOfLoop(bytes: Uint8Array, at: number, ofTypes: readonly number[]): number {
  const first = bytes[at] ?? EMPTY;
  // One byte with the sign set is no index: nothing, or one result.
  if (first < 0x80 && first >= EMPTY) return 0;
  return ofTypes[new ByteReader(bytes, at).u32()] ?? 0;
}

function writeCharge(out: ByteWriter, counter: number, cost: number): void {
  out.byte(OP.globalGet);
  out.u32(counter);
  out.byte(OP.i64Const);
  out.s64(BigInt(cost));
  writePayment(out, counter);
}

/** The length is on the stack, and stays there. */
function writeLengthCharge(out: ByteWriter, counter: number, local: number, shift: number): void {
  out.byte(OP.localTee);
  out.u32(local);
  out.byte(OP.globalGet);
  out.u32(counter);
  out.byte(OP.localGet);
  out.u32(local);
  out.append([OP.i64ExtendUnsigned, OP.i64Const, shift, OP.i64ShiftRightUnsigned]);
  writePayment(out, counter);
}

function writePayment(out: ByteWriter, counter: number): void {
  out.append([OP.i64Sub, OP.globalSet]);
  out.u32(counter);
  out.byte(OP.globalGet);
  out.u32(counter);
  out.append([OP.i64Const, 0, OP.i64LessSigned, OP.if, EMPTY, OP.unreachable, OP.end]);
}
