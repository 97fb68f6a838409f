/** Slots against plain values, by chance: what is stored, and what a checkpoint brings back. */
import { openSlots, type SlotCheckpoint, type Slots } from "../../wasm/slots.ts";
import { Prng } from "../sim/prng.ts";
import { equal, shown, type SlotCase, throws } from "./slot_world.ts";

const SEEDS = 12;
const VALUES = 60;
const STEPS = 250;
const DEPTH_MAX = 4;
const PAGES_MAX = 60;

/** What is kept in slots, and the same in plain values. */
interface Roots {
  list: unknown[];
  map: Record<string, unknown>;
  row: Record<string, unknown>;
}

/** A checkpoint that can be restored, and what there was. */
interface Saved {
  readonly checkpoint: SlotCheckpoint;
  readonly plain: Roots;
  readonly offset: number;
}

/** Cases of chance. */
export const SLOT_RANDOM_CASES: readonly SlotCase[] = [
  {
    title: "any value that can be stored is read as it was, wherever it is stored",
    run() {
      for (let seed = 1; seed <= SEEDS; seed++) roundTrip(new Prng(seed));
    },
  },
  {
    title: "a checkpoint brings back what there was, whatever was written over since",
    run() {
      for (let seed = 1; seed <= SEEDS; seed++) walk(new Prng(seed));
    },
  },
  {
    title: "B8: older objects are what they were when a checkpoint is restored",
    run() {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const slots = openSlots(memory, { start: 1_024 });
      const user = slots.create<Record<string, unknown>>({ name: "Ann", n: 1, list: ["a", "b"] });
      const list = user["list"] as unknown[];
      const row = slots.shape(["x", "y"]).create<unknown>({ x: 0.5, y: "text" });
      const before = shown([slots.toJS(user), slots.toJS(row)]);
      const saved = slots.save();
      const offset = slots.offset;
      for (let round = 0; round < 3; round++) {
        user["name"] = "Bob";
        user["name"] = "a name with more room than the one before it";
        user["n"] = 2;
        for (let index = 0; index < 20; index++) user[`k${index}`] = { index };
        list.pop();
        list.push("x", "y", "z", ["w"]);
        list.shift();
        list.length = 1;
        row.x = 1.5;
        row.y = [1];
        slots.restore(saved);
        equal(slots.offset, offset);
        // What is taken next lies where the lost things were.
        slots.create(["over", "it", "all", { "and": "more" }, "x".repeat(999)]);
        equal(shown([slots.toJS(user), slots.toJS(row)]), before);
        slots.restore(saved);
      }
      // What a module has in front of the start is its own: nothing of it is put back.
      slots.write(64, "of a module");
      slots.restore(saved);
      equal(new DataView(memory.buffer).getUint8(64), 4);
      // One of two checkpoints at the same place is gone when the older one is restored.
      const first = slots.save();
      const second = slots.save();
      slots.restore(first);
      throws(() => slots.restore(second), RangeError, "too old");
    },
  },
  {
    title: "what an argument does while it is read changes nothing but itself",
    run() {
      const slots = openSlots(new WebAssembly.Memory({ initial: 1 }));
      const next = slots.create<unknown[]>(["kept"]);
      const growing: unknown[] = [1, 2, 3, 4];
      Object.defineProperty(growing, 0, {
        get() {
          growing.push("late", "later", "latest");
          return "first";
        },
      });
      equal(slots.toJS(slots.create([growing, "behind"])), [["first", 2, 3, 4], "behind"]);
      equal(slots.toJS(next), ["kept"]);
      equal(slots.toJS(slots.create(Object.assign(new Array<unknown>(3), { 1: 1 }))), [
        null,
        1,
        null,
      ]);
      for (const [value, words] of [[null, "null"], [5, "a number"], ["x", "a string"]] as const) {
        throws(() => slots.create(value as unknown as object), TypeError, `Cannot create ${words}`);
      }
    },
  },
];

/** A value, and a value in each part of it. */
function valueOf(prng: Prng, depth = 0): unknown {
  const deeper = depth < DEPTH_MAX ? 3 : 0;
  const kind = prng.between(0, 8 + deeper);
  if (kind > 8) {
    const parts = Array.from({ length: prng.between(0, 6) }, () => valueOf(prng, depth + 1));
    if (kind === 9) return parts;
    const keys = parts.map((_, index) =>
      prng.pick(["a", "__proto__", "constructor", "0", "é", ""]) + (prng.chance(0.5) ? index : "")
    );
    // Not by assignment: this way every name is a key of its own.
    return Object.fromEntries(keys.map((key, index) => [key, parts[index]]));
  }
  return prng.pick<() => unknown>([
    () => prng.pick([0, -0, NaN, Infinity, -Infinity, 2 ** 31, -(2 ** 31), 2 ** 53, 5e-324]),
    () => prng.float() * 2 ** prng.between(-40, 70),
    () => prng.between(-5, 5),
    () => prng.pick(["", "é", "😀", "\0", "\u{10ffff}", "漢字"]).repeat(prng.between(0, 12)),
    () => "x".repeat(prng.between(0, 60)),
    () => BigInt.asIntN(64, BigInt(prng.next()) * BigInt(prng.next()) - 2n ** 62n),
    () => Uint8Array.from({ length: prng.between(0, 30) }, () => prng.between(0, 255)),
    () => prng.pick([true, false]),
    () => null,
  ])();
}

function roundTrip(prng: Prng): void {
  const slots = openSlots(new WebAssembly.Memory({ initial: 1 }));
  const list = slots.create<unknown[]>([]);
  const map = slots.create<Record<string, unknown>>({});
  const at = slots.take(1);
  const shape = slots.shape(["value"]);
  const values = Array.from({ length: VALUES }, () => valueOf(prng));
  for (const [index, value] of values.entries()) {
    list.push(value);
    map[`k${index % 7}`] = value;
    slots.write(at, value);
    const row = shape.create<unknown>({ value });
    equal(slots.toJS(slots.read(at)), value);
    equal(slots.toJS(map[`k${index % 7}`]), value);
    equal(slots.toJS(row.value), value);
  }
  equal(slots.toJS(list), values);
  // Copied from one part of memory to another.
  const other = openSlots(new ArrayBuffer(64, { maxByteLength: 4 * 1024 * 1024 }));
  equal(other.toJS(other.create(list)), values);
}

/** The same steps on slots and on plain values, with checkpoints in between. */
function walk(prng: Prng): void {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: PAGES_MAX });
  const slots = openSlots(memory, { start: prng.between(16, 2_000) });
  const plain: Roots = { list: [1, "two"], map: { a: [1] }, row: { x: 0.5, y: "text" } };
  const kept: Roots = {
    list: slots.create(plain.list) as unknown[],
    map: slots.create(plain.map),
    row: slots.shape(["x", "y"]).create(plain.row),
  };
  let roots = plain;
  const saved: Saved[] = [];
  for (let step = 0; step < STEPS; step++) {
    const value = valueOf(prng, DEPTH_MAX - 1);
    change(prng, value, [roots, kept]);
    const turn = prng.float();
    if (turn < 0.1) {
      const { offset } = slots;
      saved.push({ checkpoint: slots.save(), plain: structuredClone(roots), offset });
    } else if (turn < 0.2 && saved.length > 0) {
      const place = prng.between(0, saved.length - 1);
      const { checkpoint, plain: then, offset } = saved[place] as Saved;
      slots.restore(checkpoint);
      equal(slots.offset, offset);
      roots = structuredClone(then);
      for (const gone of saved.splice(place + 1)) {
        throws(() => slots.restore(gone.checkpoint), RangeError, "too old");
      }
      // Writes over what was given back.
      if (prng.chance(0.5)) slots.create(["x".repeat(prng.between(0, 300)), [1, 2, 3]]);
    } else if (turn > 0.95 && memory.buffer.byteLength < 2 ** 20) memory.grow(1);
    if (turn < 0.4) equalRoots(slots, kept, roots);
  }
}

/** One step, on each. */
function change(prng: Prng, value: unknown, all: readonly Roots[]): void {
  const key = `k${prng.between(0, 9)}`;
  const index = prng.between(0, all[0]?.list.length ?? 0);
  const name = prng.pick(["x", "y"]);
  const step = prng.pick<(roots: Roots) => unknown>([
    ({ list }) => list.push(value, value),
    ({ list }) => list[index] = value,
    ({ list }) => list.pop(),
    ({ list }) => list.shift(),
    ({ list }) => list.splice(index, 2, value),
    ({ list }) => list.length = Math.min(list.length, 6),
    ({ list }) => list.reverse(),
    ({ map }) => map[key] = value,
    ({ map }) => map[key] = `${key} and text`,
    ({ map }) => (map["a"] as unknown[]).push(index),
    ({ row }) => row[name] = value,
    ({ row }) => row[name] = index + 0.5,
  ]);
  for (const roots of all) step(roots);
}

function equalRoots(slots: Slots, kept: Roots, plain: Roots): void {
  equal(slots.toJS(kept.list), plain.list);
  equal(slots.toJS(kept.map), plain.map);
  equal(slots.toJS(kept.row), plain.row);
}
