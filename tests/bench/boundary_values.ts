/**
 * Values that JavaScript and a module share: in slots, and as JSON and protobuf in the same memory, which
 * have to be read as a whole and written as a whole. Row by row as the tests of slots have them.
 */
import protobuf from "protobufjs";
import { openSlots } from "../../wasm/slots.ts";

/** What a row takes in slots, and what part of the others' time that is. */
export interface RowFigures {
  readonly ns: number;
  readonly json: number;
  readonly protobuf: number;
}

/** A way to keep a value in memory as a whole. */
interface Codec<T> {
  put(value: T): void;
  get(): T;
}

/** One row: the same thing in slots, and by a codec. */
interface Row<T> {
  readonly type: string;
  readonly value: T;
  readonly slots: () => unknown;
  readonly way: (codec: Codec<T>) => () => unknown;
}

const ROUNDS = 31;
/** How long a round of one way takes, in milliseconds. */
const ROUND_MS = 2;
/** How long each way runs before anything counts, in milliseconds. */
const WARM_MS = 60;
const FIELDS = 50;
const MANY = 200;
const PAGE_BYTES = 65_536;
const JSON_AT = 16 * PAGE_BYTES;
const PROTOBUF_AT = 24 * PAGE_BYTES;

const memory = new WebAssembly.Memory({ initial: 32 });
const slots = openSlots(memory, { end: JSON_AT });
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const wide = Object.fromEntries(Array.from({ length: FIELDS }, (_, at) => [`f${at}`, at + 0.5]));
const types = protobuf.parse(`syntax = "proto3";
  message At { double x = 1; double y = 2; }
  message Item { int32 id = 1; string name = 2; repeated string tags = 3; At at = 4; }
  message Items { repeated Item items = 1; }
  message Numbers { repeated double list = 1; }
  message Values { int32 a = 1; double b = 2; bool c = 3; string d = 4; sint32 e = 5; string f = 6; }
  message Wide { ${Object.keys(wide).map((key, at) => `double ${key} = ${at + 1};`).join(" ")} }
`).root;

/** Measures every row; what each does in slots is in memory throughout, as with a module. */
export function valueFigures(): Record<string, RowFigures> {
  return Object.fromEntries(
    Object.entries(ROWS).map(([name, row]) => {
      slots.reset();
      return [name, row()];
    }),
  );
}

const itemOf = (id: number) => ({ id, name: "a name", tags: ["a", "b"], at: { x: 0.5, y: 1.5 } });
let sum = 0;

const ROWS: Readonly<Record<string, () => RowFigures>> = {
  "B1 six values, written and read": () => {
    const value = { a: 7, b: 0.5, c: true, d: "some text", e: -7, f: "ä text" };
    const at = slots.take(6);
    const values = Object.values(value);
    return figuresOf<typeof value>({
      type: "Values",
      value,
      slots: () => {
        for (let slot = 0; slot < 6; slot++) slots.write(at + 16 * slot, values[slot]);
        for (let slot = 0; slot < 6; slot++) sum += slots.read(at + 16 * slot) === true ? 1 : 0;
      },
      way: ({ put, get }) => () => {
        put(value);
        sum += get().a;
      },
    });
  },
  "B2 a field of an object, changed": () => {
    const item = slots.create(itemOf(7));
    return figuresOf({
      type: "Item",
      value: itemOf(7),
      slots: () => item.id = (item.id + 1) & 0xffff,
      way: changed((it) => it.id = (it.id + 1) & 0xffff),
    });
  },
  "B3 an element of an array of 200, changed": () => {
    const value = { list: Array.from({ length: MANY }, (_, at) => at + 0.5) };
    const list = slots.create(value.list);
    return figuresOf({
      type: "Numbers",
      value,
      slots: () => list[50] = (list[50] as number) + 1,
      way: changed(({ list }) => list[50] = (list[50] as number) + 1),
    });
  },
  "B4 a field two levels down, changed": () => {
    const item = slots.create(itemOf(7));
    return figuresOf({
      type: "Item",
      value: itemOf(7),
      slots: () => item.at.x += 0.25,
      way: changed((it) => it.at.x += 0.25),
    });
  },
  "B5 one of 50 fields, read": () => {
    const object = slots.create(wide);
    return figuresOf({
      type: "Wide",
      value: wide,
      slots: () => sum += object["f3"] as number,
      way: ({ get }) => () => sum += get()["f3"] as number,
    });
  },
  "B6 an object, copied out": () => {
    const item = slots.create(itemOf(7));
    return figuresOf({
      type: "Item",
      value: itemOf(7),
      slots: () => sum += slots.toJS(item).id,
      way: ({ get }) => () => sum += get().id,
    });
  },
  "B7 an object of a module, one field read": () => {
    const handle = slots.addressOf(slots.create(itemOf(7)));
    return figuresOf({
      type: "Item",
      value: itemOf(7),
      slots: () => sum += slots.wrapObject<{ id: number }>(handle).id,
      way: ({ get }) => () => sum += get().id,
    });
  },
  "B8 an object, stored and given back": () => {
    const value = itemOf(7);
    const saved = slots.save();
    return figuresOf({
      type: "Item",
      value,
      slots: () => {
        slots.create(value);
        slots.restore(saved);
      },
      way: ({ put }) => () => put(value),
    });
  },
  "B9 a field of a record, changed": () => {
    const value = { x: 0.5, y: 1.5 };
    const row = slots.shape(["x", "y"]).create<number>(value);
    return figuresOf({
      type: "At",
      value,
      slots: () => row.x += 0.25,
      way: changed((it) => it.x += 0.25),
    });
  },
  "B10 200 records, stored and given back": () => {
    const value = { items: Array.from({ length: MANY }, (_, id) => itemOf(id)) };
    const shape = slots.shape(["id", "name", "x", "y"]);
    return figuresOf({
      type: "Items",
      value,
      slots: () => {
        slots.reset();
        for (const { id, name, at } of value.items) {
          shape.create<unknown>({ id, name, x: at.x, y: at.y });
        }
      },
      way: ({ put }) => () => put(value),
    });
  },
  "B12 a list that grows by 200": () => {
    const value = { list: Array.from({ length: MANY }, (_, at) => at + 0.5) };
    return figuresOf({
      type: "Numbers",
      value,
      slots: () => {
        slots.reset();
        const list = slots.create<number[]>([]);
        for (let at = 0; at < MANY; at++) list.push(at + 0.5);
      },
      // Each time there is one more, as a module has to see it.
      way: ({ put }) => () => {
        for (let length = 1; length <= MANY; length++) put({ list: value.list.slice(0, length) });
      },
    });
  },
};

/** To read all of it, change something, and write all of it. */
function changed<T>(change: (value: T) => unknown): Row<T>["way"] {
  return ({ put, get }) => () => {
    const value = get();
    change(value);
    put(value);
  };
}

function jsonCodec<T>(): Codec<T> {
  const room = new Uint8Array(memory.buffer, JSON_AT, PROTOBUF_AT - JSON_AT);
  let length = 0;
  return {
    put: (value) => void (length = encoder.encodeInto(JSON.stringify(value), room).written),
    get: () => JSON.parse(decoder.decode(room.subarray(0, length))),
  };
}

function protobufCodec<T extends object>(name: string): Codec<T> {
  const room = new Uint8Array(memory.buffer, PROTOBUF_AT);
  const type = types.lookupType(name);
  let length = 0;
  return {
    put: (value) => {
      const bytes = type.encode(value).finish();
      room.set(bytes);
      length = bytes.length;
    },
    get: () => type.decode(room.subarray(0, length)) as unknown as T,
  };
}

/** The median of the ratios of each round, in which all have their turn. */
function figuresOf<T extends object>({ type, value, slots, way }: Row<T>): RowFigures {
  const codecs = [jsonCodec<T>(), protobufCodec<T>(type)];
  for (const codec of codecs) codec.put(structuredClone(value));
  const ways = [slots, ...codecs.map(way)];
  // Engines compile behind one's back, and on a busy machine later.
  for (const work of ways) for (let spent = 0; spent < WARM_MS * 1e6;) spent += timed(work, 64);
  const times = ways.map((work) => {
    // Twice: what is interrupted takes long, however short it is.
    for (let count = 1;; count *= 2) {
      if (Math.min(timed(work, count), timed(work, count)) > ROUND_MS * 1e6) return count;
    }
  });
  const figures = Array.from({ length: ROUNDS }, () =>
    ways.map((work, at) => {
      const count = times[at] as number;
      return timed(work, count) / count;
    }));
  const part = (of: number) =>
    median(figures.map((round) => (round[0] as number) / (round[of] as number)));
  return { ns: median(figures.map(([own]) => own as number)), json: part(1), protobuf: part(2) };
}

function timed(work: () => unknown, count: number): number {
  const start = performance.now();
  for (let left = count; left > 0; left--) work();
  return (performance.now() - start) * 1e6;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
