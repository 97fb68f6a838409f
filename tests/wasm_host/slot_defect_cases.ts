/** What other libraries for slots get wrong (Z1 to Z5), and memories that lie, on every runtime. */
import { openSlots, type Slots } from "../../wasm/slots.ts";
import { Prng } from "../sim/prng.ts";
import { equal, shown, type SlotCase, throws } from "./slot_world.ts";

const PAGE_BYTES = 65_536;
const GIB_PAGES = 16_384;
/** Bytes of a memory full of chance: small, so that addresses often lie in it. */
const HOSTILE_BYTES = 2_048;
const HOSTILE_ROUNDS = 100;
const STEPS = 400;

const opened = () => openSlots(new WebAssembly.Memory({ initial: 1 }));

/** The rows, and the fuzzers. */
export const SLOT_DEFECT_CASES: readonly SlotCase[] = [
  {
    title: "Z1: slots above 2 GiB have addresses, and what is there is read and written",
    notOn: "workerd",
    run() {
      const memory = new WebAssembly.Memory({ initial: 2 * GIB_PAGES, maximum: 4 * GIB_PAGES });
      const slots = openSlots(memory, { start: 2 ** 31 - 40 });
      const user = slots.create<Record<string, unknown>>({ name: "Ann", list: [1, [2]] });
      user["added"] = { text: "above", more: "x".repeat(100) };
      equal(slots.addressOf(user) < 2 ** 31, true);
      const list = slots.create<unknown[]>(["a", 0.5, 7n, { deep: [null] }]);
      for (let index = 0; index < 20; index++) list.push(index);
      const address = slots.addressOf(list);
      equal(address > 2 ** 31 && slots.offset > address, true);
      // As a module gives it.
      equal(slots.wrapArray(address | 0).length, 24);
      equal(slots.toJS(user), {
        name: "Ann",
        list: [1, [2]],
        added: { text: "above", more: "x".repeat(100) },
      });
      equal(slots.toJS(list).slice(0, 4), ["a", 0.5, 7n, { deep: [null] }]);
      const shape = slots.shape(["x"]);
      const row = shape.create({ x: 1 });
      equal(shape.wrap(slots.addressOf(row) | 0).x, 1);
    },
  },
  {
    title: "Z1: the room for slots ends at 4 GiB, and not before",
    notOn: "workerd",
    run() {
      const memory = new WebAssembly.Memory({ initial: 4 * GIB_PAGES - 1 });
      const slots = openSlots(memory, { start: 2 ** 32 - PAGE_BYTES - 32 });
      slots.create([1]);
      equal(memory.buffer.byteLength, 2 ** 32);
      const at = slots.takeBytes(2 ** 32 - slots.offset - 16);
      equal(slots.remaining < 20, true);
      slots.write(2 ** 32 - 16, "");
      equal(at > 2 ** 31, true);
      throws(() => slots.takeBytes(17), RangeError, "the memory is full");
    },
  },
  {
    title: "Z2: what the module writes is seen at once, in arrays, objects and records",
    run() {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const slots = openSlots(memory);
      const list = slots.create([1, 2, 3]);
      const user = slots.create<Record<string, unknown>>({ n: 1 });
      const row = slots.shape(["n"]).create({ n: 1 });
      equal([list[1], user["n"], row.n], [2, 1, 1]);
      const view = new DataView(memory.buffer);
      const dataOf = (accessor: object) => view.getUint32(slots.addressOf(accessor), true);
      view.setInt32(dataOf(list) + 8 + 16 + 4, 99, true);
      view.setInt32(dataOf(user) + 8 + 8 + 4, 99, true);
      view.setInt32(slots.addressOf(row) + 4, 99, true);
      equal([list[1], user["n"], row.n, [...list]], [99, 99, 99, [1, 99, 3]]);
      // It shortens the array, moves it, and renames the key.
      view.setUint32(dataOf(list) + 4, 2, true);
      equal([list.length, list[2]], [2, undefined]);
      const copy = slots.takeBytes(64);
      new Uint8Array(memory.buffer).copyWithin(copy, dataOf(list), dataOf(list) + 40);
      view.setUint32(slots.addressOf(list), copy, true);
      view.setInt32(copy + 8 + 4, 55, true);
      equal(list[0], 55);
      view.setUint8(view.getUint32(dataOf(user) + 8, true), 0x6d);
      equal([user["n"], user["m"], Object.keys(user)], [undefined, 99, ["m"]]);
    },
  },
  {
    title: "Z3: what cannot be kept as it is is refused, and the slot stays as it was",
    run() {
      const slots = opened();
      const user = slots.create<Record<string, unknown>>({ n: 1, text: "kept" });
      user["n"] = -0;
      equal(user["n"], -0);
      user["n"] = 0;
      equal(user["n"], 0);
      const before = slots.offset;
      for (const value of [2n ** 64n + 5n, 2n ** 63n, -(2n ** 63n) - 1n]) {
        throws(() => user["text"] = value, RangeError, "more than 64 bits");
      }
      for (const value of ["\ud800", "a\udc00b", "😀\ud83d", "\udc00\ud800"]) {
        throws(() => user["text"] = value, TypeError, "half of a surrogate pair");
        throws(() => user[value] = 1, TypeError, "half of a surrogate pair");
      }
      throws(() => user["text"] = () => {}, TypeError, "Cannot store a function");
      throws(() => user["text"] = Symbol("s"), TypeError, "Cannot store a symbol");
      throws(() => user["new"] = [() => {}], TypeError, "Cannot store a function");
      equal([slots.toJS(user), slots.offset], [{ n: 0, text: "kept" }, before]);
    },
  },
  {
    title: "Z4: what is no plain data is refused by name",
    run() {
      const slots = opened();
      const list = slots.create<unknown[]>([]);
      class Point {}
      const refused: readonly (readonly [object, string])[] = [
        [new Float64Array([1, 2]), "Float64Array"],
        [new Uint8ClampedArray(1), "Uint8ClampedArray"],
        [new DataView(new ArrayBuffer(1)), "DataView"],
        [new ArrayBuffer(1), "ArrayBuffer"],
        [new Map([[1, 2]]), "Map"],
        [new Set(), "Set"],
        [/x/, "RegExp"],
        [new Point(), "Point"],
      ];
      for (const [value, name] of refused) {
        throws(() => list.push(value), TypeError, `Cannot store a ${name}`);
        throws(() => slots.create({ deep: [value] }), TypeError, `Cannot store a ${name}`);
        throws(() => slots.create(value), TypeError, `Cannot store a ${name}`);
      }
      equal(list.length, 0);
    },
  },
  {
    title: "Z4: every key is a key, and nothing that contains itself goes on for ever",
    run() {
      const slots = opened();
      const names = ["toJS", "__zerobuf_ptr", "constructor", "toString", "then", "length", ""];
      const source: Record<string, unknown> = JSON.parse('{"__proto__":{"polluted":true}}');
      for (const name of names) source[name] = name;
      const user = slots.create(source);
      for (const name of names) equal(user[name], name);
      equal(slots.toJS(user), source);
      equal(Object.getPrototypeOf(slots.toJS(user)) === Object.prototype, true);
      equal(Reflect.has({}, "polluted"), false);
      for (const name of names) user[name] = 1;
      equal(Object.keys(user).length, names.length + 1);

      const cyclic: Record<string, unknown> = { list: [] };
      (cyclic["list"] as unknown[]).push({ up: cyclic });
      const before = slots.offset;
      throws(() => slots.create(cyclic), TypeError, "Cannot store what contains itself");
      equal(slots.offset, before);
      // In slots it can be made. It is read step by step, and copied never.
      const self = slots.create<Record<string, unknown>>({ text: "x".repeat(300) });
      self["self"] = self;
      equal((self["self"] as Record<string, unknown>)["self"] !== undefined, true);
      throws(() => slots.toJS(self), RangeError, "Cannot copy more than");
      const part = slots.create(["shared"]);
      equal(slots.toJS(slots.create([part, [part]])), [["shared"], [["shared"]]]);
      let doubled: unknown[] = slots.create<unknown[]>([0]);
      for (let depth = 0; depth < 40; depth++) {
        const next = slots.create<unknown[]>([]);
        next.push(doubled, doubled);
        doubled = next;
      }
      throws(() => slots.toJS(doubled), RangeError, "Cannot copy more than the memory holds");
    },
  },
  {
    title: "Z5: who is refused for want of memory finds everything as it was",
    run() {
      const slots = openSlots(new ArrayBuffer(2_048));
      const user = slots.create<Record<string, unknown>>({ text: "a", list: [1, 2, 3, 4] });
      const list = user["list"] as unknown[];
      const shape = slots.shape(["text"]);
      const before = [slots.offset, shown(slots.toJS(user))];
      const long = "x".repeat(2_000);
      const attempts: readonly (() => unknown)[] = [
        () => slots.takeBytes(2_000),
        () => slots.create([1, "two", long]),
        () => user["text"] = long,
        () => user["new"] = { a: 1, long },
        () => user[long] = 1,
        () => list.push(5, long),
        () => list[4] = long,
        () => list.unshift("a", long),
        () => list.splice(1, 2, { long }),
        () => shape.create({ text: long }),
      ];
      for (const attempt of attempts) {
        throws(attempt, RangeError, "the memory is full");
        equal([slots.offset, shown(slots.toJS(user))], before);
      }
      list.push("fits");
      equal(slots.toJS(list), [1, 2, 3, 4, "fits"]);
    },
  },
  {
    title: "Z5: a text that is written over another one uses its room",
    run() {
      const slots = opened();
      const user = slots.create<Record<string, unknown>>({
        text: "five5",
        bytes: new Uint8Array(8),
      });
      const before = slots.offset;
      for (let round = 0; round < 1_000; round++) {
        user["text"] = ["five5", "", "4444", "äö", "€"][round % 5];
        user["bytes"] = new Uint8Array(round % 9).fill(round);
        equal((user["bytes"] as Uint8Array).length, round % 9);
      }
      equal(slots.offset, before);
      // Growing by and by leaves less behind than there is.
      for (let length = 1; length <= 4_000; length++) user["text"] = "x".repeat(length);
      equal(slots.offset - before < 4 * 4_000, true);
      // A text of the module's own may be a constant, which many slots share: that is left alone.
      const memory = new WebAssembly.Memory({ initial: 1 });
      new Uint8Array(memory.buffer).set([5, 0, 0, 0, 72, 101, 108, 108, 111], 64);
      const view = new DataView(memory.buffer);
      for (const at of [128, 144]) {
        view.setUint32(at, 4, true);
        view.setUint32(at + 4, 64, true);
      }
      const own = openSlots(memory, { start: 1_024 });
      for (const text of ["Bye", ""]) {
        view.setUint32(128 + 4, 64, true);
        own.write(128, text);
        equal([own.read(128), own.read(144)], [text, "Hello"]);
      }
    },
  },
  {
    title: "Z5: arrays grow at their end by index, and have the methods of arrays",
    run() {
      const slots = opened();
      const list = slots.create<unknown[]>([]);
      for (let index = 0; index < 10; index++) list[list.length] = index;
      throws(() => list[11] = 0, RangeError, "Cannot store element 11");
      throws(() => list.length = 11, RangeError, "Cannot give the array the length 11");
      throws(() => Object.assign(list, { name: 1 }), TypeError, `Cannot store "name"`);
      equal(list.map((it) => Number(it) * 2).slice(8), [16, 18]);
      equal(list.slice(2, 4), [2, 3]);
      let sum = 0;
      list.forEach((it) => sum += Number(it));
      equal([sum, list.indexOf(5), list.includes(99), list.at(-1)], [45, 5, false, 9]);
      equal(list.filter((it) => Number(it) > 7), [8, 9]);
      equal([list.splice(1, 3, "a", "b"), list.shift(), list.unshift(7, 8)], [[1, 2, 3], 0, 10]);
      equal(slots.toJS(list), [7, 8, "a", "b", 4, 5, 6, 7, 8, 9]);
      equal([list.splice(-2), list.splice(9), list.splice(3, -1, "in")], [[8, 9], [], []]);
      equal(slots.toJS(list.reverse()), [7, 6, 5, 4, "b", "in", "a", 8, 7]);
      const texts = slots.create(["b", "ccc", "", "aaaaaaaa"]);
      texts.sort();
      equal(slots.toJS(texts), ["", "aaaaaaaa", "b", "ccc"]);
    },
  },
  {
    title: "Z5: what goes through an array of slots does as what goes through an array does",
    run() {
      const slots = opened();
      const ways: ((list: unknown[]) => unknown)[] = [
        (list) => [0, 2.9, -1, -3, -4, 3, NaN, -Infinity].map((index) => list.at(index)),
        (list) => list.map((it, index, all) => [it, index, all === list]),
        (list) => list.filter((it) => it !== "b"),
        (list) => [list.some((it) => it === "b"), list.some(() => 0), [].some(() => true)],
        (list) => [list.every((it) => it !== "b"), list.every(() => 1)],
        (list) => list.reduce((so, it, index) => `${so}${it}${index}`),
        (list) => list.reduce((so, it, index, all) => [so, it, index, all.length], undefined),
        (list) =>
          list.map(function (this: unknown) {
            return this;
          }, "within"),
        (list) => [...list, ...list.values(), ...list.entries(), ...list.keys()],
        (list) => {
          const seen: unknown[] = [];
          list.forEach((it) => {
            seen.push(it);
            if (seen.length === 1) list.push("more");
            if (seen.length === 2) list.length = 2;
          });
          return seen;
        },
        (list) => list.reduce((so, it) => (list.length = 1, [so, it])),
        (list) => list.map((it) => (list.length = 1, it)).length,
      ];
      for (const way of ways) {
        const values = ["a", "b", "c"];
        const list: unknown[] = slots.create(values);
        equal(way(list), way(values));
      }
      const none: number[] = slots.create([]);
      throws(() => none.reduce((so, it) => so + it), TypeError, "Cannot reduce an empty array");
      equal([none.reduce((so, it) => so + it, 7), none.every(() => false), none.at(-1)], [
        7,
        true,
        undefined,
      ]);
    },
  },
  {
    title: "slots do what arrays and objects of JavaScript do, step by step at random",
    run() {
      for (let seed = 1; seed <= 10; seed++) walk(new Prng(seed), opened());
    },
  },
  {
    title: "a memory of chance is read within its bounds and to an end, whatever is in it",
    run() {
      let read = 0;
      for (let seed = 1; seed <= HOSTILE_ROUNDS; seed++) read += provoke(new Prng(seed));
      equal(read > 100, true);
    },
  },
];

/** The same steps on slots and on plain values. */
function walk(prng: Prng, slots: Slots): void {
  const plain: { list: unknown[]; map: Record<string, unknown> } = { list: [], map: {} };
  const kept = slots.create<typeof plain>({ list: [], map: {} });
  for (let step = 0; step < STEPS; step++) {
    const value = prng.pick<() => unknown>([
      () => prng.between(-9, 9),
      () => prng.float(),
      () => "é".repeat(prng.between(0, 40)),
      () => [prng.between(0, 9), { deep: "x".repeat(prng.between(0, 9)) }],
      () => null,
      () => -0,
    ])();
    const index = prng.between(0, plain.list.length);
    const key = `k${prng.between(0, 12)}`;
    prng.pick<() => void>([
      () => [plain, kept].forEach(({ list }) => list.push(value, value)),
      () => [plain, kept].forEach(({ list }) => list[index] = value),
      () => [plain, kept].forEach(({ map }) => map[key] = value),
      () => equal(slots.toJS(kept.list.pop()), plain.list.pop()),
      () => [plain, kept].forEach(({ list }) => list.splice(index, 2, value)),
      () => [plain, kept].forEach(({ list }) => list.unshift(value)),
      () => [plain, kept].forEach(({ list }) => list.reverse()),
    ])();
    equal(kept.list.length, plain.list.length);
  }
  equal(slots.toJS(kept), plain);
}

/** Reads and writes everywhere in bytes that mean nothing; returns how often that went well. */
function provoke(prng: Prng): number {
  const bytes = new Uint8Array(HOSTILE_BYTES);
  for (let at = 0; at < bytes.length; at += 4) {
    // Tags, small numbers and addresses are more likely than in pure chance.
    const word = prng.pick([
      () => prng.between(0, 8),
      () => prng.between(0, HOSTILE_BYTES / 4) * 4,
      () => prng.between(0, 40),
      () => prng.next(),
    ])();
    new DataView(bytes.buffer).setUint32(at, word, true);
  }
  const slots = openSlots(bytes.buffer, { start: HOSTILE_BYTES - 512 });
  let read = 0;
  const attempt = (work: () => unknown) => {
    try {
      work();
      read++;
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      if (/stack|not a function|undefined/i.test(error.message)) throw error;
    }
  };
  for (let at = 0; at + 16 <= HOSTILE_BYTES; at += 8) {
    attempt(() => slots.toJS(slots.read(at)));
    attempt(() => slots.toJS(slots.wrapObject(at)));
    attempt(() => slots.toJS(slots.wrapArray(at)));
    attempt(() => Object.keys(slots.wrapObject(at)).map((key) => slots.wrapObject(at)[key]));
    attempt(() => slots.wrapArray(at).map((it) => it));
  }
  for (let step = 0; step < 20; step++) {
    const at = prng.between(0, HOSTILE_BYTES);
    const saved = slots.save();
    attempt(() => slots.write(at, "text"));
    attempt(() => slots.wrapObject(at)["key"] = "value");
    attempt(() => slots.wrapArray(at).push(1));
    attempt(() => slots.wrapArray(at).splice(0, 1, 2, 3));
    attempt(() => slots.wrapArray(at).reverse());
    slots.restore(saved);
  }
  return read;
}
