/** State that outlives connections, and servers. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { shared } from "../../ui/island.ts";
import {
  ACKS_MAX,
  IDLE_BYTES_MAX,
  IDLE_HOLDERS_MAX,
  PAGE_WAIT_MS,
  RESUME_MS,
  SAVE_BYTES_PER_MS,
  SAVE_MS,
  SAVE_REST_MS_MAX,
  SAVED_BYTES_MAX,
  STATE_DEPTH_MAX,
} from "../../ui/live_limits.ts";
import { ListWindow, Stream } from "../../ui/live_lists.ts";
import { restoreState, savedState } from "../../ui/live_state.ts";
import { BROWSER_INIT_REQUEST, BROWSER_INPUT } from "../../ui/live_messages.ts";
import { compiled, Rig, type Tab, TestStorage } from "./runtime_rig.ts";

class Note {
  text = "";
  count = 0;
  add(): void {
    this.count++;
  }
}

const NOTE = '<p><input g-bind="text"><b>{{count}}</b><button g-click="add()">+</button></p>';

/** The same program, started again over the same storage. */
function restarted(storage: TestStorage, version = 1, seed = 1000): Rig {
  return new Rig(
    {
      tab: compiled(Note, NOTE, { version }),
      user: compiled(Note, NOTE, { scope: "user", version }),
      all: compiled(Note, NOTE, { scope: "global", version }),
    },
    { storage, seed },
  );
}

const NAMES = ["tab", "user", "all"];
const ann = { id: "ann" };

function used(storage: TestStorage): Tab {
  const rig = restarted(storage, 1, 0);
  const tab = rig.tab(NAMES, { principal: ann }).connect();
  for (const target of [0, 1, 2]) {
    tab.click(0, target);
    tab.type(`text ${target}`, 0, target);
  }
  rig.pass(1000);
  return tab;
}

/** The tab as it goes on with another server. */
function moved(tab: Tab, rig: Rig): Tab {
  Object.assign(tab, { rig });
  tab.session = null;
  tab.connect();
  return tab;
}

Deno.test("state of every scope is there again when the server was killed and starts anew", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  const before = [0, 1, 2].map((target) => tab.html(target));
  moved(tab, restarted(storage));
  assertEquals([0, 1, 2].map((target) => tab.html(target)), before);
  assertEquals(tab.errors, []);
  tab.click(0, 0);
  tab.type("more", 0, 0);
  assert(tab.html(0).includes("[2]") && tab.html(0).includes(".value=more"), tab.html(0));
});

Deno.test("what was typed while the server was away is there when it starts anew", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  tab.type("Half a ti", 0, 0);
  tab.rig.pass(1000);
  tab.session = null;
  tab.type("Half a title", 0, 0);
  const rig = restarted(storage);
  moved(tab, rig);
  assert(tab.html(0).includes(".value=Half a title"), tab.html(0));
  const [page] = rig.host.page({
    principal: ann,
    names: ["tab"],
    url: "/",
    session: tab.shown[0]?.session as string,
  });
  assert(page?.html.includes('value="Half a title"'), page?.html);
});

Deno.test("numbers of another life of an instance mean nothing when the server starts anew", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  const other = restarted(storage);
  const before = other.tab(NAMES, { principal: ann }).connect();
  for (let i = 0; i < 10; i++) before.click(0, 1);
  tab.rig.tables.forEach((table, hash) => other.tables.set(hash, table));
  moved(tab, other);
  assertEquals(tab.html(1), before.html(1));
  const init = tab.received.filter(({ html }) => html !== "");
  assertEquals(init.length, 3);
});

Deno.test("state is not another's when the server starts anew", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  const rig = restarted(storage);
  Object.assign(tab, { principal: { id: "bob" } });
  for (const { typed } of tab.shown) typed.clear();
  moved(tab, rig);
  assert(!tab.html(0).includes("text") && !tab.html(1).includes("text"));
  assert(tab.html(2).includes("text 2"));
});

Deno.test("saved state begins anew when the class says that it cannot follow", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  const rig = restarted(storage, 2);
  moved(tab, rig);
  assert(tab.html(0).includes("[0]"));
  assertEquals(rig.failures.length, 3);
});

Deno.test("islands work on when the storage does not, and are saved when it does again", () => {
  const storage = new TestStorage();
  const rig = restarted(storage, 1, 0);
  const tab = rig.tab(NAMES, { principal: ann }).connect();
  storage.isBroken = true;
  tab.click();
  rig.pass(200);
  tab.click();
  assert(tab.html().includes("[2]"));
  assert(rig.failures.some((failure) => failure.includes("the disk is full")));
  storage.isBroken = false;
  rig.pass(5_000);
  moved(tab, restarted(storage));
  assert(tab.html().includes("[2]"));
});

Deno.test("what is not text of the runtime's own begins anew when it is in the storage", () => {
  for (const text of ["{", "[]", "1", "null", '{"principal":"ann"}', '{"islands":{"tab":null}}']) {
    const storage = new TestStorage();
    const tab = used(storage);
    for (const key of storage.texts.keys()) storage.texts.set(key, text);
    const rig = restarted(storage);
    moved(tab, rig);
    assert(tab.html(0).includes("[0]"), text);
    assertEquals(tab.errors, [], text);
  }
});

Deno.test("a page that nobody comes back to leaves nothing in the storage", () => {
  const storage = new TestStorage();
  const tab = used(storage);
  tab.disconnect();
  const keys = () => [...storage.texts.keys()].map((key) => key.split(":")[0]).sort();
  assertEquals(keys(), ["global", "tab", "user"]);
  tab.rig.pass(RESUME_MS);
  assertEquals(keys(), ["global", "user"]);
  assertEquals(tab.rig.host.sizes.holders, 1);
});

Deno.test("a burst of changes is saved once, and a server that closes saves all", () => {
  const storage = new TestStorage();
  const rig = restarted(storage, 1, 0);
  const tab = rig.tab("tab").connect();
  rig.pass(1000);
  const before = storage.saves;
  for (let i = 0; i < 50; i++) tab.click();
  assertEquals(storage.saves, before);
  rig.pass(1000);
  assertEquals(storage.saves, before + 1);
  tab.click();
  rig.host.close();
  moved(tab, restarted(storage));
  assert(tab.html().includes("[51]"), tab.html());
});

Deno.test("the oldest page that never connected goes when pages are too many", () => {
  const rig = new Rig({ tab: compiled(Note, NOTE) });
  const left = rig.tab("tab").connect();
  left.click();
  left.disconnect();
  const [first, second] = [rig.tab("tab"), rig.tab("tab")];
  const open = rig.tab("tab").connect();
  open.click();
  for (let i = 0; i < IDLE_HOLDERS_MAX - 2; i++) rig.tab("tab");
  // One is connected, and one was too many.
  assertEquals(rig.host.sizes.holders, IDLE_HOLDERS_MAX + 1);
  assertEquals(second.connect().received[0]?.html, "");
  assert(first.connect().received[0]?.html !== "");
  assert(left.connect().html().includes("[1]") && open.html().includes("[1]"));
});

Deno.test("the page that went first goes when pages that were left are too many", () => {
  const rig = new Rig({ tab: compiled(Note, NOTE) });
  const tabs = Array.from({ length: IDLE_HOLDERS_MAX + 1 }, () => {
    const tab = rig.tab("tab").connect();
    tab.click();
    tab.disconnect();
    return tab;
  });
  assertEquals(rig.host.sizes.holders, IDLE_HOLDERS_MAX);
  assert(tabs[1]?.connect().html().includes("[1]"));
  assert(tabs[0]?.connect().html().includes("[0]"));
});

Deno.test("a page that never connects is kept for a while", () => {
  for (const [wait, html] of [[PAGE_WAIT_MS - 1, true], [PAGE_WAIT_MS, false]] as const) {
    const rig = new Rig({ tab: compiled(Note, NOTE) }, { storage: new TestStorage() });
    const tab = rig.tab("tab");
    rig.pass(wait);
    assertEquals(rig.host.sizes.holders, html ? 1 : 0);
    assertEquals(tab.connect().received[0]?.html === "", html);
  }
});

Deno.test("the oldest page without a connection goes when their state is too large", () => {
  class Heavy {
    text = "";
    fill(): void {
      this.text = "x".repeat(1_000_000);
    }
  }
  const rig = new Rig({ tab: compiled(Heavy, '<p g-click="fill()">x</p>') });
  const count = Math.floor(IDLE_BYTES_MAX / 1_000_000);
  for (let i = 0; i < count + 3; i++) {
    const tab = rig.tab("tab").connect();
    tab.click();
    tab.disconnect();
  }
  assert(rig.host.sizes.holders <= count, `${rig.host.sizes.holders} of ${count}`);
  assert(rig.host.sizes.holders >= count - 1);
});

/** Its state is as large as a click says. */
class Large {
  text = "";
  fill(length: number): void {
    this.text = "x".repeat(length);
  }
}

const LARGE = '<p g-click="fill(event.clientX)">x</p>';

Deno.test("state above the limit is not saved, and somebody is told", () => {
  const storage = new TestStorage();
  const rig = new Rig({ tab: compiled(Large, LARGE) }, { storage });
  const tab = rig.tab("tab").connect();
  const fill = (length: number) => {
    tab.click(0, 0, { clientX: length });
    rig.pass(1000);
    return [...storage.texts.values()].at(-1)?.length ?? 0;
  };
  const overhead = fill(1) - 1;
  for (const size of [SAVED_BYTES_MAX - 1, SAVED_BYTES_MAX]) {
    assertEquals(fill(size - overhead), size);
  }
  assertEquals(rig.failures, []);
  assertEquals(fill(SAVED_BYTES_MAX + 1 - overhead), SAVED_BYTES_MAX);
  assertEquals(rig.failures.length, 1);
  rig.pass(SAVE_REST_MS_MAX);
  fill(SAVED_BYTES_MAX + 2 - overhead);
  rig.pass(SAVE_REST_MS_MAX);
  assertEquals(rig.failures.length, 1, "once, until it fits again");
  assertEquals(fill(1), 1 + overhead);
  fill(SAVED_BYTES_MAX + 1 - overhead);
  rig.pass(SAVE_REST_MS_MAX);
  assertEquals(rig.failures.length, 2);
});

Deno.test("state is saved the less often the larger it is, and at once when the server closes", () => {
  const storage = new TestStorage();
  const rig = new Rig({ tab: compiled(Large, LARGE) }, {
    storage,
  });
  const tab = rig.tab("tab").connect();
  const saved = () => [...storage.texts.values()].at(-1)?.length ?? 0;
  const fill = (length: number) => tab.click(0, 0, { clientX: length });
  const size = 500 * SAVE_BYTES_PER_MS;
  fill(size);
  rig.pass(SAVE_MS);
  const first = saved();
  assert(first > size);
  const rest = Math.floor(first / SAVE_BYTES_PER_MS);
  fill(1);
  rig.pass(rest - 1);
  assertEquals(saved(), first);
  rig.pass(1);
  assert(saved() < first);
  fill(2);
  rig.pass(SAVE_MS);
  assertEquals(saved(), first - size + 2);
  fill(size);
  rig.pass(SAVE_MS);
  fill(3);
  rig.host.close();
  assertEquals(saved(), first - size + 3);
});

Deno.test("state that is far too large is looked at again when it has rested for long enough", () => {
  const storage = new TestStorage();
  const rig = new Rig({ tab: compiled(Large, LARGE) }, {
    storage,
  });
  const tab = rig.tab("tab").connect();
  tab.click(0, 0, { clientX: (SAVE_REST_MS_MAX + 1_000) * SAVE_BYTES_PER_MS });
  rig.pass(SAVE_MS);
  assertEquals([rig.failures.length, storage.saves], [1, 0]);
  tab.click(0, 0, { clientX: 4 });
  rig.pass(SAVE_REST_MS_MAX - 1);
  assertEquals(storage.saves, 0);
  rig.pass(1);
  assertEquals(storage.saves, 1);
});

Deno.test("the inputs of so many targets are remembered for a page", () => {
  const rig = new Rig({ tab: compiled(Note, NOTE) });
  const tab = rig.tab("tab").connect();
  const token = tab.shown[0]?.session as string;
  const { instance, slot } = tab.slot("bind");
  const open = (target: number) =>
    tab.send({ kind: BROWSER_INIT_REQUEST, target, island: "tab", session: token });
  for (let target = 0; target < ACKS_MAX + 5; target++) {
    open(target);
    tab.send({ kind: BROWSER_INPUT, target, instance, slot, input: 7, value: "x" });
    tab.send({ kind: BROWSER_INIT_REQUEST, target });
    rig.pass(100);
  }
  const acks = [0, 4, 5, ACKS_MAX].map((target) => {
    open(target);
    return tab.received.at(-1)?.ack;
  });
  assertEquals(acks, [0, 0, 7, 7]);
});

Deno.test("mount is told whether there was state, and runs before the first rendering", () => {
  const told: unknown[] = [];
  class Mounted {
    rows: number[] = [];
    mount(isRestored: boolean): void {
      told.push(isRestored);
      if (!isRestored) this.rows = [1, 2, 3];
    }
    unmount(): void {
      told.push("unmount");
    }
  }
  const storage = new TestStorage();
  const one = compiled(Mounted, '<p><i g-for="row in rows">{{row}}</i></p>');
  const tab = new Rig({ one }, { storage }).tab("one").connect();
  assert(tab.html().includes("[3]"));
  assertEquals(tab.received.length, 1);
  tab.rig.pass(1000);
  moved(tab, new Rig({ one }, { storage, seed: 500 }));
  assert(tab.html().includes("[3]"));
  tab.disconnect();
  tab.rig.pass(RESUME_MS);
  assertEquals(told, [false, true, "unmount"]);
});

Deno.test("a class that cannot be made or mounted costs its own place in the page alone", () => {
  let isBroken = false;
  class Broken {
    constructor() {
      if (isBroken) throw new Error("no constructor");
    }
    mount(): void {
      throw new Error("no mount");
    }
  }
  const rig = new Rig({ broken: compiled(Broken, "<p></p>"), tab: compiled(Note, NOTE) });
  for (const broken of [false, true]) {
    isBroken = broken;
    const tab = rig.tab(["broken", "tab"]).connect();
    tab.click(0, 1);
    assert(tab.html(1).includes("[1]"));
    assertEquals(tab.errors, ["internal_error: The server failed"]);
  }
  assertEquals(rig.failures.length, 4);
});

class Point {
  x = 1;
  get twice(): number {
    return 2 * this.x;
  }
}

class Everything {
  nothing: unknown = null;
  missing: unknown = undefined;
  text = "ü\u{1f600}";
  yes = true;
  numbers = [0, -0, 1.5, Infinity, -Infinity, NaN, 2 ** 60];
  large = 12345678901234567890n;
  list: unknown[] = [[1, ["a"]], {}];
  record: Record<string, unknown> = { a: { "$": "map", v: 1 }, "$": 2 };
  map = new Map<unknown, unknown>([["k", new Map([[1, new Set(["s"])]])], [{ a: 1 }, null]]);
  set = new Set<unknown>([1, "1", [1]]);
  date = new Date(1234567890123);
  never = new Date(NaN);
  point = new Point();
  points = [new Point()];
  part = new ListWindow({ rows: 5 });
}

const OPTIONS = {
  classes: new Map<string, new (...args: never[]) => object>([
    ["Point", Point],
    ["ListWindow", ListWindow],
  ]),
  isApart: () => false,
  dropped: (field: string, reason: string) => {
    throw new Error(`${field}: ${reason}`);
  },
};

Deno.test("state of every kind is the same again after it was text", () => {
  const state = new Everything();
  state.point.x = 5;
  state.part.scroll(500);
  const text = JSON.stringify(savedState(state, OPTIONS));
  const again = new Everything();
  restoreState(again, JSON.parse(text), OPTIONS);
  assertEquals(again, state);
  assert(Object.is(again.numbers[1], -0));
  assertEquals(again.point.twice, 10);
  assert(again.points[0] instanceof Point && again.part instanceof ListWindow);
  assertEquals(JSON.stringify(savedState(again, OPTIONS)), text);
});

Deno.test("a field that cannot be saved is left out, and named", () => {
  class Foreign {}
  class Odd {
    kept = 1;
    made: unknown = () => 1;
    symbol: unknown = Symbol("s");
    foreign: unknown = new Foreign();
    pattern: unknown = /x/;
    bytes: unknown = new Uint8Array(2);
    loop: unknown[] = [];
    deep: unknown = null;
    stream = new Stream<string>();
    both = shared({ a: 1 });
    #hidden = 1;
    get hidden(): number {
      return this.#hidden;
    }
  }
  const state = new Odd();
  state.loop.push(state.loop);
  const dropped: string[] = [];
  const options = {
    ...OPTIONS,
    isApart: (one: object) => one === state.both || one === state.stream,
    dropped: (field: string) => void dropped.push(field),
  };
  assertEquals(savedState(state, options), { kept: 1, deep: null });
  assertEquals(dropped, ["made", "symbol", "foreign", "pattern", "bytes", "loop"]);
  for (const depth of [STATE_DEPTH_MAX - 1, STATE_DEPTH_MAX, STATE_DEPTH_MAX + 1]) {
    dropped.length = 0;
    let value: unknown = 1;
    for (let i = 0; i < depth; i++) value = [value];
    state.deep = value;
    savedState(state, options);
    assertEquals(dropped.includes("deep"), depth > STATE_DEPTH_MAX, `${depth}`);
  }
});

Deno.test("a saved field comes back where it fits, and nowhere else", () => {
  const saved = {
    text: 5,
    yes: { $: "number", v: "NaN" },
    numbers: "no",
    map: { $: "set", v: [] },
    point: { x: 3 },
    points: { $: "class", n: "Gone", v: {} },
    date: { $: "unheard of", v: 1 },
    gone: 1,
    toString: 1,
    twice: 1,
    nothing: { a: { constructor: 1, b: 2 } },
    constructor: { prototype: { polluted: 1 } },
  };
  const text = `{"__proto__":{"polluted":1},${JSON.stringify(saved).slice(1)}`;
  const dropped: string[] = [];
  const options = { ...OPTIONS, dropped: (field: string) => void dropped.push(field) };
  const state = new Everything();
  restoreState(state, JSON.parse(text), options);
  const expected = Object.assign(new Everything(), { nothing: { a: { b: 2 } } });
  assertEquals(state, expected);
  assertEquals(({} as { polluted?: number }).polluted, undefined);
  assertEquals(dropped.sort(), [
    "__proto__",
    "constructor",
    "date",
    "gone",
    "map",
    "numbers",
    "point",
    "points",
    "text",
    "toString",
    "twice",
    "yes",
  ]);
  for (const nothing of [null, 1, "x", [1]]) restoreState(state, nothing, options);
  assertEquals(state, expected);
});

Deno.test("a stream keeps its newest rows, and a window shows those that are scrolled to", () => {
  class Log {
    lines = new Stream<number>(3);
    all = Array.from({ length: 100 }, (_, index) => index);
    part = new ListWindow({ rows: 2, rowHeight: 10, margin: 1 });
    next = 0;
    add(): void {
      this.lines.push(++this.next);
    }
    scroll(top: number): void {
      this.part.scroll(top);
    }
  }
  const template = '<p><button g-click="add()">+</button>' +
    '<i g-scroll="scroll(event.scrollTop)" g-attr:a="part.above(all)" g-attr:b="part.below(all)">' +
    '<b g-for="row in part.of(all)" g-key="row">{{row}}</b></i>' +
    '<b g-for="line in lines.rows" g-key="line">{{line}}</b></p>';
  const storage = new TestStorage();
  const log = compiled(Log, template);
  const tab = new Rig({ log }, { storage }).tab("log").connect();
  for (let i = 0; i < 5; i++) tab.click();
  const texts = () => [...tab.html().matchAll(/\[(\d+)\]/g)].map(([, text]) => Number(text));
  assertEquals(texts(), [0, 1, 2, 3, 3, 4, 5]);
  tab.click(1, 0, { scrollTop: 505 });
  assertEquals(texts(), [49, 50, 51, 52, 3, 4, 5]);
  assert(tab.html().includes("a=490px") && tab.html().includes("b=470px"), tab.html());
  tab.click(1, 0, { scrollTop: 1e9 });
  assertEquals(texts(), [96, 97, 98, 99, 3, 4, 5]);
  assertEquals(tab.errors, []);
  tab.rig.pass(1000);
  moved(tab, new Rig({ log }, { storage, seed: 500 }));
  assertEquals(texts(), [96, 97, 98, 99]);
  assertThrows(() => new Stream(0), TypeError);
});
