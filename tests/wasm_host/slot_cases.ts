/** What slots can do, row by row (B1 to B12), on every runtime. */
import { openSlots } from "../../wasm/slots.ts";
import { SLOT_DEPTH_MAX } from "../../wasm/slot_copy.ts";
import { equal, type SlotCase, throws } from "./slot_world.ts";

const PAGE_BYTES = 65_536;

const memoryOf = (maximum = 100) => new WebAssembly.Memory({ initial: 1, maximum });
const opened = () => openSlots(memoryOf());

/** What modules and the library can do with values, objects and arrays. */
export const SLOT_CASES: readonly SlotCase[] = [
  {
    title: "B1: slots keep every kind of value as it is",
    run() {
      const slots = opened();
      const values = [
        ...[0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1, 0.1, 1e300, 5e-324],
        ...[NaN, Infinity, -Infinity, Number.MAX_SAFE_INTEGER, true, false, null],
        ...["", "text", "ä", "漢字", "😀 and more", "\0", "\ufeffmark", "x".repeat(5_000)],
        ...[0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
        ...[new Uint8Array(), new Uint8Array([0, 255, 7]), new Uint8Array(9_000).fill(3)],
        ...[[1, "two", [3]], { a: { b: [] } }],
      ];
      equal(slots.toJS(slots.create(values)), values);
      const at = slots.take(1);
      for (const value of values) {
        slots.write(at, value);
        equal(slots.toJS(slots.read(at)), value);
      }
      slots.write(at, new Date(86_400_000));
      equal(slots.read(at), 86_400_000);
      slots.write(at, undefined);
      equal(slots.read(at), null);
    },
  },
  {
    title: "B2: objects are read, written, extended and listed where they stand",
    run() {
      const slots = opened();
      const user = slots.create<Record<string, unknown>>({ name: "Ann", age: 7 });
      user["age"] = 8;
      user["name"] = "a much longer name than the one before it was";
      for (let index = 0; index < 40; index++) user[`key${index}`] = index;
      equal(user["age"], 8);
      equal(user["name"], "a much longer name than the one before it was");
      equal(user["key39"], 39);
      equal(Object.keys(user).length, 42);
      equal(["age" in user, "other" in user, user["other"]], [true, false, undefined]);
      equal({ ...user }["key5"], 5);
      throws(() => delete user["age"], TypeError, "Cannot delete");
      throws(() => Object.defineProperty(user, "z", { value: 1 }), TypeError, "Cannot define");
      throws(() => Object.freeze(user), TypeError, "Cannot freeze");
      equal(Object.keys(slots.create({})), []);
      // Around the lengths, and the numbers of keys, from which they are written in another way.
      const many: Record<string, unknown> = {};
      for (const length of [23, 24, 25, 63, 64, 65]) {
        for (const unit of ["x", "é", "漢"]) many[unit.repeat(length)] = unit.repeat(length);
      }
      for (let index = 0; index < 1_100; index++) many[`number ${index}`] = index;
      const all = slots.create(many);
      equal(slots.toJS(all), many);
      for (const key of Object.keys(many)) equal(all[key], many[key]);
    },
  },
  {
    title: "B3: arrays are read, written, extended and shortened where they stand",
    run() {
      const slots = opened();
      const list = slots.create<unknown[]>([1, "two", null]);
      equal([list.length, list[0], list[1], list[2], list[3]], [3, 1, "two", null, undefined]);
      list[1] = { three: 3 };
      equal(list.push(4, [5]), 5);
      for (let index = 0; index < 100; index++) list.push(index);
      equal(list.length, 105);
      equal([list.pop(), list.pop()], [99, 98]);
      list.length = 4;
      equal(slots.toJS(list), [1, { three: 3 }, null, 4]);
      equal([...list].length, 4);
      equal(Array.isArray(list), true);
      equal(JSON.stringify(list), '[1,{"three":3},null,4]');
      throws(() => delete list[0], TypeError, "Cannot delete");
      const empty = slots.create<unknown[]>([]);
      equal([empty.pop(), empty.shift(), empty.length], [undefined, undefined, 0]);
    },
  },
  {
    title: "B4: objects and arrays stand within each other, and more can be added inside",
    run() {
      const slots = opened();
      const tree = slots.create<{ a: { b: { c: unknown[] } } }>({ a: { b: { c: [1] } } });
      tree.a.b.c.push({ deep: ["yes"] });
      Object.assign(tree.a, { added: { on: true } });
      equal(slots.toJS(tree), { a: { b: { c: [1, { deep: ["yes"] }] }, added: { on: true } } });
      // What is in slots already is referred to, not copied.
      Object.assign(tree, { same: tree.a.b });
      tree.a.b.c.push(2);
      equal((slots.toJS(tree) as { same?: unknown }).same, { c: [1, { deep: ["yes"] }, 2] });
      let nested: unknown[] = [0];
      for (let depth = 2; depth < SLOT_DEPTH_MAX; depth++) nested = [nested];
      equal(slots.toJS(slots.create(nested)), nested);
      equal(slots.toJS(slots.create([nested])), [nested]);
      throws(() => slots.create([[nested]]), TypeError, `more than ${SLOT_DEPTH_MAX} levels`);
      // A module, or whoever puts one into the other, makes it deeper: it is read, and not copied.
      const deep = slots.create<unknown[]>([nested]);
      equal(slots.toJS(deep), [nested]);
      const deeper = slots.create<unknown[]>([]);
      deeper.push(deep);
      equal((deeper[0] as unknown[]).length, 1);
      throws(
        () => slots.toJS(deeper),
        RangeError,
        `Cannot copy more than ${SLOT_DEPTH_MAX} levels`,
      );
    },
  },
  {
    title: "B5: an accessor stays good while its object grows, and keeps its address",
    run() {
      const slots = opened();
      const user = slots.create<Record<string, number>>({ a: 1 });
      const address = slots.addressOf(user);
      for (let index = 0; index < 300; index++) user[`k${index}`] = index;
      equal(slots.addressOf(user), address);
      equal(slots.wrapObject<Record<string, number>>(address)["k299"], 299);
      throws(() => slots.addressOf({}), TypeError, "it is not in slots");
    },
  },
  {
    title: "B6: a copy needs no memory, and does not change with it",
    run() {
      const slots = opened();
      const user = slots.create({ list: [{ n: 1 }], bytes: new Uint8Array([1]) });
      const copy = slots.toJS(user);
      (user.list[0] as { n: number }).n = 2;
      slots.reset();
      equal(copy, { list: [{ n: 1 }], bytes: new Uint8Array([1]) });
      equal([slots.toJS(5), slots.toJS(null), slots.toJS("x")], [5, null, "x"]);
    },
  },
  {
    title: "B7: what a module has written is wrapped by its handle, or read from its slot",
    run() {
      const memory = memoryOf();
      const view = new DataView(memory.buffer);
      // [true, 0.5] and {"k": -3}, by hand.
      const words: readonly (readonly [at: number, word: number])[] = [
        ...[[100, 200], [200, 2], [204, 2], [208, 1], [212, 1], [224, 3]] as const,
        ...[[104, 300], [300, 1], [304, 1], [308, 400], [312, 1], [316, 2]] as const,
        ...[[320, -3], [400, 0x6b], [500, 6], [504, 104]] as const,
      ];
      for (const [at, word] of words) view.setInt32(at, word, true);
      view.setFloat64(232, 0.5, true);
      const slots = openSlots(memory, { start: 1_024 });
      equal(slots.toJS(slots.wrapArray(100)), [true, 0.5]);
      equal(slots.wrapObject(104)["k"], -3);
      equal(slots.toJS(slots.read(500)), { k: -3 });
      throws(() => slots.read(PAGE_BYTES - 15), RangeError, "the memory has 65536 bytes");
      throws(() => slots.read(-16), RangeError, "Cannot use a slot at -16");
      throws(() => slots.write(0.5, 1), RangeError, "Cannot use a slot at 0.5");
    },
  },
  {
    title: "B8: a checkpoint gives back what was taken since, and only that",
    run() {
      const slots = opened();
      const kept = slots.create({ n: 1 });
      const first = slots.save();
      const before = slots.offset;
      for (let request = 0; request < 3; request++) {
        const made = slots.create({ request });
        const inner = slots.save();
        slots.create([1, 2, 3]);
        slots.restore(inner);
        equal(made.request, request);
        slots.restore(first);
        equal(slots.offset, before);
        throws(() => made.request, TypeError, "it");
        throws(() => slots.restore(inner), RangeError, "too old");
      }
      equal(kept.n, 1);
      slots.create([1]);
      slots.restore(first);
      throws(() => slots.restore(opened().save()), RangeError, "of another arena");
      throws(() => slots.restore({ offset: 16 }), RangeError, "of another arena");
      slots.reset();
      throws(() => slots.restore(first), RangeError, "too old");
      throws(() => kept.n, TypeError, "was given back");
    },
  },
  {
    title: "B9: records of a shape have neither keys nor proxies",
    run() {
      const memory = memoryOf();
      const slots = openSlots(memory);
      const shape = slots.shape(["id", "name", "constructor", "__proto__"]);
      const row = shape.create<unknown>({ id: 7, name: "seven", constructor: 1 });
      equal([row.id, row.name, row.constructor, row["__proto__"]], [7, "seven", 1, null]);
      row.id = 2.5;
      row.name = [1];
      equal([row.id, slots.toJS(row.name)], [2.5, [1]]);
      equal([shape.names, shape.byteLength], [["id", "name", "constructor", "__proto__"], 64]);
      const address = slots.addressOf(row);
      new DataView(memory.buffer).setFloat64(address + 8, 9.25, true);
      equal([row.id, shape.wrap(address).id], [9.25, 9.25]);
      equal(Object.keys(slots.toJS(row)), ["id", "name", "constructor", "__proto__"]);
      equal(slots.toJS(slots.create([row])).length, 1);
      const saved = slots.save();
      const gone = shape.create();
      slots.restore(saved);
      throws(() => gone.id, TypeError, "was given back");
      throws(() => slots.shape(["a", "a"]), TypeError, "twice");
      throws(() => shape.wrap(PAGE_BYTES - 60), RangeError, "leaves the memory");
      equal(shape.wrap(PAGE_BYTES - 64).id, null);
    },
  },
  {
    title: "B10: slots start where they are told, and all of them can be given back",
    run() {
      const memory = memoryOf();
      const slots = openSlots(memory, { start: 4_001, end: 8_000 });
      equal(slots.takeBytes(3), 4_004);
      equal(slots.takeBytes(0), 4_008);
      equal(slots.remaining, 3_992);
      throws(() => slots.takeBytes(3_993), RangeError, "the memory is full");
      equal(slots.takeBytes(3_992), 4_008);
      slots.reset();
      equal([slots.offset, slots.remaining], [4_001, 3_999]);
      equal(openSlots(memory, { start: 0 }).takeBytes(1) > 0, true);
      throws(() => openSlots(memory, { start: -1 }), RangeError, "no addresses");
      throws(() => openSlots(memory, { start: 2 ** 32 + 1 }), RangeError, "no addresses");
      throws(() => openSlots(memory, { start: 64, end: 32 }), RangeError, "no addresses");
      throws(() => slots.takeBytes(-4), RangeError, "no size");
      throws(() => slots.takeBytes(0.5), RangeError, "no size");
    },
  },
  {
    title: "B11: a request in slots is what a module reads, byte by byte",
    run() {
      const memory = memoryOf();
      const slots = openSlots(memory, { start: 1_024 });
      const request = slots.take(4);
      equal([1, 2, 3].map((slot) => slots.read(request + 16 * slot)), [null, null, null]);
      const values = ["GET", -7, true, new Uint8Array([1, 2])];
      values.forEach((value, slot) => slots.write(request + 16 * slot, value));
      const view = new DataView(memory.buffer);
      const words = Array.from({ length: 4 }, (_, slot) => [
        view.getUint32(request + 16 * slot, true),
        view.getInt32(request + 16 * slot + 4, true),
      ]);
      const [method = [], number, flag, body = []] = words;
      equal([method[0], number, flag, body[0]], [4, [2, -7], [1, 1], 8]);
      const methodAt = method[1] ?? 0;
      equal([view.getUint32(methodAt, true), view.getUint8(methodAt + 4)], [3, 71]);
      equal(methodAt % 4, 0);
      equal(view.getUint32(body[1] ?? 0, true), 2);
    },
  },
  {
    title: "B12: a memory grows to twice its size, up to its maximum, and everything survives it",
    run() {
      const memory = memoryOf(5);
      const slots = openSlots(memory);
      const list = slots.create<string[]>(["first"]);
      const shape = slots.shape(["n"]);
      const row = shape.create({ n: 1 });
      slots.takeBytes(PAGE_BYTES);
      equal(memory.buffer.byteLength, 2 * PAGE_BYTES);
      slots.takeBytes(PAGE_BYTES);
      equal(memory.buffer.byteLength, 4 * PAGE_BYTES);
      list.push("x".repeat(40_000));
      slots.takeBytes(2 * PAGE_BYTES);
      equal(memory.buffer.byteLength, 5 * PAGE_BYTES);
      throws(() => slots.takeBytes(2 * PAGE_BYTES), RangeError, "the memory is full");
      equal([list[0], list[1]?.length, row.n], ["first", 40_000, 1]);
      // A module grows it as well.
      const other = memoryOf();
      const seen = openSlots(other).create({ a: "kept" });
      other.grow(1);
      equal(seen.a, "kept");
      const buffer = new ArrayBuffer(1_024, { maxByteLength: 4_096 });
      const resizable = openSlots(buffer);
      const object = resizable.create({ a: "b".repeat(2_000) });
      equal([object.a.length, buffer.byteLength >= 2_000], [2_000, true]);
      throws(() => resizable.takeBytes(4_096), RangeError, "the memory is full");
      const fixed = openSlots(new ArrayBuffer(64));
      throws(() => fixed.create({ a: 1 }), RangeError, "the memory is full");
    },
  },
];
