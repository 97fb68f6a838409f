/** What browsers may not do, and what their messages cost others: nothing. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { JSON_DEPTH_MAX } from "../../core/limits.ts";
import { BrowserMessage } from "../../core/wire/ui_gen.ts";
import { island } from "../../ui/island.ts";
import {
  CALL_ARGS_MAX,
  EVENTS_BURST,
  EVENTS_PER_SECOND,
  EVENTS_WAITING_MAX,
  EXCESS_MAX,
  HANDLER_WARN_MS,
  HANDLERS_PENDING_MAX,
  NONSENSE_MAX,
  RESULT_BYTES_MAX,
  TARGETS_MAX,
  UI_MESSAGE_BYTES_MAX,
  URL_UNITS_MAX,
} from "../../ui/live_limits.ts";
import {
  BROWSER_INIT_REQUEST,
  BROWSER_INPUT,
  BROWSER_JSRESULT,
  BROWSER_METHOD,
} from "../../ui/live_messages.ts";
import { Prng } from "../sim/prng.ts";
import { compiled, Rig, type Tab } from "./runtime_rig.ts";

/** What handlers were called with. */
let called: unknown[] = [];

class Desk {
  title = "start";
  secret = "kept";
  done = false;
  many: string[] = [];
  items = [{ id: 1 }, { id: 2 }];
  pick(...args: unknown[]): void {
    called.push(args);
  }
  open(...args: unknown[]): void {
    called.push(["open", ...args]);
  }
  hidden(): void {
    called.push("hidden");
  }
  drop(item: number): void {
    this.items = this.items.filter(({ id }) => id !== item);
  }
  fail(): void {
    this.title = "broken";
    this.items.push({ id: 9 });
    throw new Error("the password is 1234");
  }
  reject(): void {
    throw new DriftlessError("rejected", "Not on Sundays");
  }
  async later(): Promise<void> {
    await Promise.resolve();
    throw new Error("later");
  }
  mount(): void {
    called.push("mount");
  }
  connected(): void {}
}

const DESK = '<div><input g-bind="title"><input type="checkbox" g-checked="done">' +
  '<select multiple g-bind="many"><option value="a">a</option></select>' +
  '<button g-click="pick(title, event.clientX)">pick</button>' +
  '<button g-click="fail()">fail</button><button g-click="reject()">reject</button>' +
  '<button g-click="later()">later</button><p g-mousemove="pick(event.clientX)">m</p>' +
  '<b g-for="item in items" g-key="item.id" g-click="drop(item.id)">{{item.id}}</b></div>';

function desk(scope: "tab" | "global" = "tab"): Rig {
  called = [];
  return new Rig({ desk: compiled(Desk, DESK, { scope, exports: ["open"] }) });
}

function events(tab: Tab): string[] {
  return tab.errors.splice(0).map((error) => error.split(":")[0] as string);
}

const PICK = 0;
const FAIL = 1;
const REJECT = 2;
const LATER = 3;
const MOVE = 4;
const DROP = 5;

Deno.test("a handler gets the state's values and the event's fields that it asks for, and no others", () => {
  const tab = desk().tab("desk").connect();
  called = [];
  tab.click(PICK, 0, { clientX: 7, clientY: 8, args: ["forged"], method: "hidden" });
  assertEquals(called, [["start", 7]]);
});

Deno.test("a method is called by its name when the island exports it, and not otherwise", () => {
  const tab = desk().tab("desk").connect();
  called = [];
  tab.send({ kind: BROWSER_METHOD, name: "open", data: "[1,[2]]" });
  assertEquals(called, [["open", 1, [2]]]);
  const names = [
    "hidden",
    "mount",
    "connected",
    "refresh",
    "markRefresh",
    "execJS",
    "cleanup",
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "pick",
    "title",
    "Open",
    "",
  ];
  for (const name of names) {
    tab.send({ kind: BROWSER_METHOD, name, data: "[]", instance: 99 });
  }
  assertEquals(called, [["open", 1, [2]]]);
  assertEquals(events(tab), names.filter((name) => name !== "").map(() => "forbidden"));
  assertEquals(tab.closedWith, null);
});

class Clerk {
  count = 0;
  add(by: number): number {
    return this.count += by;
  }
  nothing(): void {}
  list(): unknown {
    return { at: new Date(0), of: [this.count, undefined], not: undefined };
  }
  async later(by: number): Promise<string> {
    await Promise.resolve();
    this.count += by;
    return `now ${this.count}`;
  }
  fail(): void {
    throw new DriftlessError("rejected", "Not on Sundays");
  }
  async failLater(): Promise<void> {
    await Promise.resolve();
    throw new Error("the password is 1234");
  }
  circle(): unknown {
    const circle: unknown[] = [];
    circle.push(circle);
    return circle;
  }
  text(length: number): string {
    return "x".repeat(length);
  }
  hidden(): void {}
  never(): Promise<void> {
    return new Promise(() => {});
  }
}

/** A tab that calls methods by name, and what came of each call. */
function clerk(): { tab: Tab; call: (name: string, ...args: unknown[]) => readonly unknown[] } {
  const exports = [
    ...["add", "nothing", "list", "later", "fail"] as const,
    ...["failLater", "circle", "text", "never"] as const,
  ];
  const rig = new Rig({
    clerk: compiled(Clerk, "<p>{{count}}</p>", { exports }),
  });
  const tab = rig.tab("clerk").connect();
  let calls = 0;
  return {
    tab,
    call(name, ...args) {
      tab.received.length = 0;
      const input = ++calls;
      tab.send({ kind: BROWSER_METHOD, name, input, data: JSON.stringify(args) });
      return tab.received.filter(({ call }) => call === input)
        .map(({ args, code, ack }) => [code, args, ack]);
    },
  };
}

Deno.test("a call by name is told what the method returned, after what it changed", () => {
  const { tab, call } = clerk();
  assertEquals(call("add", 2), [["", "2", 1]]);
  assertEquals(tab.received.map(({ call }) => call), [0, 1]);
  assertEquals(tab.html().includes("[2]"), true, tab.html());
  assertEquals(call("nothing"), [["", "", 2]]);
  assertEquals(call("list"), [["", '{"at":"1970-01-01T00:00:00.000Z","of":[2,null]}', 3]]);
  tab.received.length = 0;
  tab.send({ kind: BROWSER_METHOD, name: "add", data: "[1]" });
  assertEquals(tab.received.map(({ call }) => call), [0], "nobody waits for it");
});

Deno.test("a call by name is told what a promise came to, and what it failed with", async () => {
  const { tab, call } = clerk();
  assertEquals(call("later", 3), []);
  while (tab.received.length < 2) await Promise.resolve();
  assertEquals(tab.received.map(({ call, args }) => [call, args]), [[0, ""], [1, '"now 3"']]);
  assertEquals(tab.html().includes("[3]"), true);
  assertEquals(call("fail"), [["rejected", "", 2]]);
  assertEquals(call("failLater"), []);
  while (tab.received.length === 0) await Promise.resolve();
  assertEquals(tab.received.map(({ call, code }) => [call, code]), [[3, "internal_error"]]);
  assertEquals(call("hidden"), [["forbidden", "", 4]]);
  assertEquals(call("circle"), [["rejected", "", 5]]);
  assertEquals(tab.rig.failures.length, 1);
});

Deno.test("a method returns up to its limit of bytes", () => {
  const { call } = clerk();
  const [quotes, first] = [2, RESULT_BYTES_MAX];
  for (const size of [first - 1, first]) {
    const [[code, text]] = call("text", size - quotes) as [[string, string]];
    assertEquals([code, text.length], ["", size]);
  }
  assertEquals(call("text", first + 1 - quotes), [["too_large", "", 3]]);
});

Deno.test("a call is refused by its number when too many have not ended", () => {
  const { call } = clerk();
  for (let i = 0; i < HANDLERS_PENDING_MAX; i++) assertEquals(call("never"), []);
  const input = HANDLERS_PENDING_MAX + 1;
  assertEquals(call("never"), [["rate_limited", "", input]]);
  const bad = clerk();
  assertEquals(bad.call("add", ...Array.from({ length: CALL_ARGS_MAX + 1 }, () => 1)), [
    ["invalid_mutation", "", 1],
  ]);
});

Deno.test("a class cannot have members that are named like words of the engine", () => {
  const template = "<p></p>";
  for (const word of ["refresh", "markRefresh", "execJS", "call", "mount", "connected"]) {
    class Bad {
      [field: string]: unknown;
      constructor() {
        this[word] = 1;
      }
    }
    assertThrows(() => island(Bad, { template }), TypeError, `"${word}"`);
  }
  class Refresh {
    refresh(): void {}
  }
  assertThrows(() => island(Refresh, { template }), TypeError, "word of the engine");
  for (const name of ["mount", "nothing", "title", "constructor", "toString"]) {
    const options = { template, exports: [name as "pick"] };
    assertThrows(() => island(Desk, options), TypeError, "no method to export");
  }
});

Deno.test("a method takes so many arguments, and a list of them alone", () => {
  const tab = desk().tab("desk").connect();
  called = [];
  for (const count of [CALL_ARGS_MAX - 1, CALL_ARGS_MAX, CALL_ARGS_MAX + 1]) {
    tab.send({ kind: BROWSER_METHOD, name: "open", data: JSON.stringify(Array(count).fill(0)) });
  }
  assertEquals(called.map((one) => (one as unknown[]).length), [CALL_ARGS_MAX, CALL_ARGS_MAX + 1]);
  for (const data of ['{"length":1}', '"text"', "1"]) {
    tab.send({ kind: BROWSER_METHOD, name: "open", data });
  }
  assertEquals(events(tab), Array(4).fill("invalid_mutation"));
  assertEquals(called.length, 2);
});

Deno.test("data is refused when it is nested too deep, or has names that lead out of it", () => {
  const tab = desk().tab("desk").connect();
  called = [];
  for (const depth of [JSON_DEPTH_MAX - 1, JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1]) {
    const data = "[".repeat(depth) + "]".repeat(depth);
    tab.send({ kind: BROWSER_METHOD, name: "open", data: `[${data.slice(1, -1)}]` });
  }
  assertEquals(called.length, 2);
  assertEquals(events(tab), ["malformed"]);
  for (const key of ["__proto__", "constructor", "prototype"]) {
    tab.send({ kind: BROWSER_METHOD, name: "open", data: `[{"a":[{"${key}":{"polluted":1}}]}]` });
    tab.send({ kind: BROWSER_METHOD, ...tab.slot("on"), data: `{"${key}":{"polluted":1}}` });
  }
  for (const data of ["{", "undefined", "[1]]", '"\\ud800"']) {
    tab.send({ kind: BROWSER_METHOD, name: "open", data });
  }
  assertEquals(events(tab), Array(10).fill("malformed"));
  assertEquals(called.length, 2);
  assertEquals(({} as { polluted?: number }).polluted, undefined);
});

Deno.test("a field is written through an input that shows it, and through nothing else", () => {
  const tab = desk().tab("desk").connect();
  const { instance, slot } = tab.slot("bind");
  tab.type("typed");
  assert(tab.html().includes(".value=typed"));
  let input = 100;
  const before = tab.html();
  // Slots of other kinds, slots and instances that are not there.
  for (const [instance, slot] of [...addresses(tab), [99, 0], [0, 99], [2 ** 31, 2 ** 31]]) {
    tab.send({
      kind: BROWSER_INPUT,
      instance: instance as number,
      slot: slot as number,
      input: ++input,
      value: "no",
    });
  }
  assert(events(tab).every((code) => code === "invalid_mutation"));
  assertEquals(tab.html(), before);
  tab.send({ kind: BROWSER_INPUT, instance, slot, input: 0, value: "no number" });
  assertEquals(events(tab), ["malformed"]);
  assertEquals(tab.html(), before);
});

function addresses(tab: Tab): (readonly [number, number])[] {
  return tab.model().addresses("on").map(({ instance, slot }) => [instance, slot] as const);
}

Deno.test("an input of a kind takes what such an input can say", () => {
  const tab = desk().tab("desk").connect();
  for (const value of ["true", "false", "true"]) tab.type(value, 1);
  tab.type('["a"]', 2);
  assertEquals(events(tab), []);
  for (const value of ["yes", "", "1", "TRUE"]) tab.type(value, 1);
  for (const value of ["a", "{}", "[1]", '[["a"]]', '{"__proto__":1}', "["]) tab.type(value, 2);
  assertEquals(events(tab).length, 10);
  assertEquals(tab.closedWith, null);
});

Deno.test("an event of what is gone is passed over when the page does not know yet", () => {
  const tab = desk("global").tab("desk", { isSlow: true }).connect();
  tab.travel();
  tab.click(DROP);
  tab.click(DROP);
  tab.type("x");
  tab.travel();
  assertEquals(tab.errors, []);
  assertEquals(tab.html().includes("[2]") && !tab.html().includes("[1]"), true);
});

Deno.test("a handler that throws is told to its tab alone, and leaves the state as it was", () => {
  const rig = desk("global");
  const tab = rig.tab("desk").connect();
  const other = rig.tab("desk").connect();
  const before = tab.html();
  tab.click(FAIL);
  tab.click(REJECT);
  assertEquals(tab.errors, ["internal_error: The server failed", "rejected: Not on Sundays"]);
  assertEquals(other.errors, []);
  assertEquals(tab.html(), before);
  assertEquals(rig.failures.length, 1);
  assert(rig.failures[0]?.includes("1234"));
  other.click(DROP);
  assertEquals(tab.html(), other.html());
  assert(!tab.html().includes("[1]"));
});

Deno.test("a handler that throws after it waited is told to its tab", async () => {
  const rig = desk();
  const tab = rig.tab("desk").connect();
  tab.click(LATER);
  await settled();
  assertEquals(tab.errors, ["internal_error: The server failed"]);
  assertEquals(tab.session?.pending, 0);
});

Deno.test("a handler that blocks is warned of when it takes longer than a second", () => {
  for (
    const [took, warnings] of [[HANDLER_WARN_MS - 1, 0], [HANDLER_WARN_MS, 0], [
      HANDLER_WARN_MS + 1,
      1,
    ]] as const
  ) {
    class Slow {
      work(): void {
        rig.time += took;
      }
    }
    const rig = new Rig({ slow: compiled(Slow, '<p g-click="work()">x</p>') });
    rig.tab("slow").connect().click();
    assertEquals(rig.failures.length, warnings);
  }
});

Deno.test("so many handlers of a connection wait at a time", async () => {
  const waiting = Promise.withResolvers<void>();
  class Slow {
    async work(): Promise<void> {
      await waiting.promise;
    }
  }
  const rig = new Rig({ slow: compiled(Slow, '<p g-click="work()">x</p>') });
  const tab = rig.tab("slow").connect();
  for (let i = 0; i < HANDLERS_PENDING_MAX; i++) tab.click();
  assertEquals(tab.errors, []);
  tab.click();
  assertEquals(events(tab), ["rate_limited"]);
  const other = rig.tab("slow").connect();
  other.click();
  assertEquals(other.errors, []);
  waiting.resolve();
  await settled();
  tab.click();
  assertEquals(tab.errors, []);
});

Deno.test("a connection shows so many islands at a time", () => {
  const tab = desk().tab(Array(TARGETS_MAX).fill("desk")).connect();
  assertEquals(tab.errors, []);
  const request = { kind: BROWSER_INIT_REQUEST, island: "desk" };
  tab.send({ ...request, target: TARGETS_MAX });
  assertEquals(events(tab), ["rate_limited"]);
  tab.send({ ...request, target: 3, table: tab.shown[0]?.table as string });
  assertEquals(tab.errors, []);
});

Deno.test("an island is not found when there is none of that name, and refused to whom it is not for", () => {
  called = [];
  const one = compiled(Desk, DESK);
  const rig = new Rig({ desk: one, private: one }, {
    authorize: ({ island, principal }) => island === "desk" || principal?.id === "ann",
  });
  const tab = rig.tab(["desk", "nothing", "private", "__proto__", "constructor"]).connect();
  assertEquals(events(tab), ["not_found", "forbidden", "not_found", "not_found"]);
  const ann = rig.tab(["private"], { principal: { id: "ann" } }).connect();
  assertEquals(ann.errors, []);
});

Deno.test("an island is closed when its user may not see it any more", () => {
  let isAllowed = true;
  const rig = new Rig({ desk: compiled(Desk, DESK) }, { authorize: () => isAllowed });
  const tab = rig.tab("desk").connect();
  tab.session?.recheck();
  assertEquals(tab.errors, []);
  isAllowed = false;
  tab.session?.recheck();
  assertEquals(events(tab), ["forbidden"]);
  called = [];
  tab.click();
  assertEquals([called, events(tab)], [[], ["not_found"]]);
});

Deno.test("an authorize that throws says no", () => {
  const rig = new Rig({ desk: compiled(Desk, DESK) }, {
    authorize: () => {
      throw new Error("no database");
    },
  });
  const tab = rig.tab("desk").connect();
  assertEquals(events(tab), ["forbidden"]);
});

Deno.test("a session of another principal, or one that nobody gave, leads to a page of one's own", () => {
  const rig = desk();
  const ann = rig.tab("desk", { principal: { id: "ann" } }).connect();
  ann.type("private");
  const token = ann.shown[0]?.session as string;
  const bob = rig.tab("desk", { principal: { id: "bob" } });
  const tokens = [token, "", "x", `${"0".repeat(32)}.00000000`, "__proto__", `${token}.x`];
  for (const session of tokens) {
    Object.assign(bob.shown[0] as object, { session, model: null });
    bob.connect();
    assert(!bob.html().includes("private"));
    assertEquals(bob.errors, []);
    bob.disconnect();
  }
});

Deno.test("a message is taken up to its limit of bytes", () => {
  const tab = desk().tab("desk").connect();
  const { instance, slot } = tab.slot("bind");
  const overhead = (value: string) =>
    BrowserMessage.encode({ ...BLANK, instance, slot, input: 9, value }).length - value.length;
  const room = UI_MESSAGE_BYTES_MAX - overhead("x".repeat(UI_MESSAGE_BYTES_MAX - 100));
  let input = 0;
  for (const length of [room - 1, room]) {
    tab.send({ kind: BROWSER_INPUT, instance, slot, input: ++input, value: "x".repeat(length) });
    assertEquals(tab.errors, []);
  }
  assertThrows(
    () => tab.send({ kind: BROWSER_INPUT, instance, slot, input: 9, value: "x".repeat(room + 1) }),
    DriftlessError,
    "larger than",
  );
  for (const length of [URL_UNITS_MAX - 1, URL_UNITS_MAX, URL_UNITS_MAX + 1]) {
    tab.send({ kind: BROWSER_METHOD, url: `/${"x".repeat(length - 1)}` });
  }
  assertEquals(events(tab), ["malformed"]);
});

const BLANK = {
  kind: 0,
  target: 0,
  data: "",
  name: "",
  call: 0,
  error: "",
  island: "",
  session: "",
  seq: 0,
  table: "",
  url: "",
};

Deno.test("a burst is taken at once, and what is over it waits for its turn", () => {
  const rig = desk();
  const tab = rig.tab("desk").connect();
  called = [];
  // One token went for the island.
  const count = EVENTS_BURST - 1;
  for (let i = 0; i < count + 10; i++) tab.click(PICK, 0, { clientX: i });
  assertEquals(called.length, count);
  rig.pass(1000 / EVENTS_PER_SECOND);
  assertEquals(called.length, count + 1);
  rig.pass(1000);
  assertEquals(
    called.map((args) => (args as number[])[1]),
    Array.from({ length: count + 10 }, (_, i) => i),
  );
  assertEquals([tab.errors, tab.closedWith], [[], null]);
});

Deno.test("only the newest of moves, and of one input, waits when there are many", () => {
  const rig = desk();
  const tab = rig.tab("desk").connect();
  for (let i = 0; i < EVENTS_BURST - 1; i++) tab.click(PICK);
  called = [];
  for (let i = 0; i < 10 * EVENTS_WAITING_MAX; i++) tab.click(MOVE, 0, { clientX: i });
  for (let i = 0; i < 10 * EVENTS_WAITING_MAX; i++) tab.type(`t${i}`);
  rig.pass(1000);
  assertEquals(called, [[10 * EVENTS_WAITING_MAX - 1]]);
  assert(tab.html().includes(`.value=t${10 * EVENTS_WAITING_MAX - 1}`));
  assertEquals([tab.errors, tab.closedWith], [[], null]);
});

Deno.test("a connection that floods is told once, then closed, and hurts no other one", () => {
  const rig = desk("global");
  const tab = rig.tab("desk").connect();
  const other = rig.tab("desk").connect();
  const free = EVENTS_BURST - 1 + EVENTS_WAITING_MAX;
  for (let i = 0; i < free; i++) tab.click(PICK);
  assertEquals([tab.errors, tab.closedWith], [[], null]);
  for (let i = 0; i < EXCESS_MAX; i++) tab.click(PICK);
  assertEquals([events(tab), tab.closedWith], [["rate_limited"], null]);
  called = [];
  other.click(PICK);
  assertEquals(called.length, 1);
  tab.click(PICK);
  assertEquals(tab.closedWith, "rate_limited");
  assertEquals(rig.host.sizes.sessions, 1);
  tab.click(PICK);
  rig.pass(5000);
  assertEquals(called.length, 1);
});

Deno.test("a connection that sends nonsense is answered, then closed", () => {
  const tab = desk().tab("desk").connect();
  for (let i = 0; i < NONSENSE_MAX; i++) tab.send({ kind: 77 });
  assertEquals([tab.errors.length, tab.closedWith], [NONSENSE_MAX, null]);
  tab.send({ kind: 77 });
  assertEquals(tab.closedWith, "malformed");
});

Deno.test("a result that nobody asked for means nothing", () => {
  const tab = desk().tab("desk").connect();
  for (const call of [0, 1, 2 ** 32 - 1]) tab.send({ kind: BROWSER_JSRESULT, call, data: "1" });
  assertEquals(tab.errors, []);
});

Deno.test("a message that is cut off, or random, or altered does no harm", () => {
  const rig = desk("global");
  const watcher = rig.tab("desk").connect();
  const prng = new Prng(5);
  let tab = rig.tab("desk").connect();
  const real: Uint8Array[] = [
    { kind: BROWSER_METHOD, ...tab.slot("on"), data: '{"clientX":1}' },
    { kind: BROWSER_METHOD, name: "open", data: "[1]" },
    { kind: BROWSER_METHOD, url: "/there" },
    { kind: BROWSER_INPUT, ...tab.slot("bind"), input: 5, value: "text" },
    { kind: BROWSER_JSRESULT, call: 1, data: "[]", error: "x" },
    { kind: BROWSER_INIT_REQUEST, target: 7, island: "desk", session: "a.b", seq: 3, table: "t" },
  ].map((message) =>
    BrowserMessage.encode({ ...BLANK, instance: 0, slot: 0, input: 0, value: "", ...message })
  );
  const bodies = real.flatMap((bytes) => [
    ...Array.from(bytes, (_, length) => bytes.slice(0, length)),
    ...Array.from({ length: 300 }, () => {
      const changed = bytes.slice();
      changed[prng.between(0, bytes.length - 1)] = prng.between(0, 255);
      return changed;
    }),
  ]);
  for (let i = 0; i < 3_000; i++) {
    bodies.push(Uint8Array.from({ length: prng.between(0, 40) }, () => prng.between(0, 255)));
  }
  for (const body of bodies) {
    rig.pass(20);
    if (tab.closedWith !== null || tab.errors.length > NONSENSE_MAX) {
      tab.disconnect();
      tab = rig.tab("desk").connect();
    }
    try {
      tab.session?.received(body);
    } catch (error) {
      assert(error instanceof DriftlessError, String(error));
    }
  }
  assertEquals(rig.failures, []);
  watcher.click(DROP);
  assert(!watcher.html().includes("[1]"));
});

/** Lets promises go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
