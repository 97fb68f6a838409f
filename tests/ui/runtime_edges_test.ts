/** What the runtime does at its edges: answers, drops, values that markup cannot say, errors on the way. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { island, live, type LiveContext } from "../../ui/island.ts";
import { RESUME_MS, TYPED_MAX } from "../../ui/live_limits.ts";
import { ListWindow, Stream } from "../../ui/live_lists.ts";
import {
  BROWSER_INPUT,
  BROWSER_METHOD,
  SERVER_INIT,
  SERVER_PATCH,
} from "../../ui/live_messages.ts";
import { compiled, Rig, type Tab, TestSync } from "./runtime_rig.ts";

/** Lets promises go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

class Desk {
  count = 0;
  add(): void {
    this.count++;
  }
  idle(): void {}
  fail(): void {
    throw new Error("no");
  }
}

const DESK = '<p><b>{{count}}</b><button g-click="add()">+</button>' +
  '<button g-click="idle()">0</button><button g-click="fail()">!</button></p>';

Deno.test("an event that asks for an answer gets one, whatever came of it", () => {
  const rig = new Rig({ desk: compiled(Desk, DESK, { exports: ["idle"] }) });
  const tab = rig.tab("desk").connect();
  const answers = [
    { ...tab.slot("on", 0), input: 1 },
    { ...tab.slot("on", 1), input: 2 },
    { ...tab.slot("on", 2), input: 3 },
    { name: "idle", input: 4 },
    { name: "add", input: 5 },
    { instance: 99, slot: 0, input: 6 },
  ].map((event) => {
    const before = tab.received.length;
    tab.send({ kind: BROWSER_METHOD, ...event });
    return tab.received.slice(before).map(({ kind, ack, code }) => [kind, ack, code]);
  });
  assertEquals(answers, [
    [[SERVER_PATCH, 1, ""]],
    [[SERVER_PATCH, 2, ""]],
    [[SERVER_PATCH, 3, "internal_error"]],
    [[SERVER_PATCH, 4, ""]],
    [[SERVER_PATCH, 5, "forbidden"]],
    [[SERVER_PATCH, 6, ""]],
  ]);
  const before = tab.received.length;
  tab.send({ kind: BROWSER_METHOD, ...tab.slot("on", 0), input: 1 });
  assertEquals([tab.received.length, tab.html().includes("[1]")], [before, true]);
});

Deno.test("a page gets what markup cannot say once, when it connects", () => {
  class Chart {
    data = [1, 2];
    add(): void {
      this.data.push(3);
    }
  }
  const template = '<p><i g-plugin:chart="data"></i><button g-click="add()">+</button></p>';
  const rig = new Rig({ chart: compiled(Chart, template, { scope: "global" }) });
  const tab = rig.tab("chart").connect();
  assert(tab.html().includes(".plugin chart=[1,2]"), tab.html());
  assertEquals(tab.received.map(({ kind, html }) => [kind, html]), [[SERVER_INIT, ""], [
    SERVER_PATCH,
    "",
  ]]);
  const late = rig.tab("chart");
  tab.click();
  late.connect();
  assertEquals(late.html(), tab.html());
  tab.disconnect();
  const before = tab.received.length;
  tab.connect();
  assertEquals(tab.received.length, before + 1);
});

class Lane {
  items = ["a", "b"];
  taken: unknown[] = [];
  take(item: unknown, onto: unknown): void {
    this.taken.push([item, onto]);
  }
}

const LANE = '<p><i g-for="item in items" g-key="item" g-draggable:card="item"' +
  ' g-drop:card="take"></i><u g-draggable:other="1"></u><b>{{json(taken)}}</b></p>';

function drop(tab: Tab, from: readonly unknown[] | null, target = 0): void {
  const data = JSON.stringify({ from, position: "above" });
  tab.send({ kind: BROWSER_METHOD, target, ...tab.slot("drop", 0, target), data });
}

Deno.test("a drop brings what a drag slot of the page stands for, of this island or another", () => {
  const rig = new Rig({ one: compiled(Lane, LANE), two: compiled(Lane, LANE) });
  const tab = rig.tab(["one", "two"]).connect();
  const { instance, slot } = tab.slot("drag", 2);
  drop(tab, [instance, slot]);
  drop(tab, [instance, slot, 1], 0);
  drop(tab, [instance, slot, 0], 1);
  drop(tab, [99, slot]);
  drop(tab, [instance, slot, 7]);
  assertEquals(tab.errors, []);
  assert(tab.html(0).includes('[[["b","a"],["b","a"]]]'), tab.html(0));
  assert(tab.html(1).includes('[[["b","a"]]]'), tab.html(1));
});

Deno.test("a drop of what does not fit, or is no such thing, is refused", () => {
  const rig = new Rig({ one: compiled(Lane, LANE) });
  const tab = rig.tab("one").connect();
  const other = tab.model().addresses("drag").find(({ instance }) => instance === 0);
  const { instance, slot } = tab.slot("drop");
  const wrong = [
    [other?.instance, other?.slot],
    [instance, slot],
    ["0", 0],
    [0],
    [],
    null,
    [-1, 0],
    [0.5, 0],
    [{}, []],
    [instance, slot, "x"],
  ];
  for (const from of wrong) drop(tab, from as unknown[]);
  assertEquals(tab.errors.length, wrong.length);
  assert(tab.errors.every((error) => error.startsWith("invalid_mutation")), tab.errors.join("\n"));
  assertEquals(rig.failures, []);
});

Deno.test("a correction that got lost on its way is there when the tab comes back", () => {
  class Fixed {
    get name(): string {
      return "fixed";
    }
    set name(_value: string) {}
  }
  const rig = new Rig({ fixed: compiled(Fixed, '<p><input g-bind="name"></p>') });
  const tab = rig.tab("fixed", { isSlow: true }).connect();
  tab.travel();
  tab.type("other");
  tab.travel(1, 0);
  tab.disconnect();
  assert(tab.html().includes(".value=other"));
  tab.connect();
  tab.travel();
  assert(tab.html().includes(".value=fixed"), tab.html());
});

Deno.test("a tab that types everywhere and reads nothing is told the values when it reads", () => {
  class Many {
    rows = Array.from({ length: TYPED_MAX + 2 }, (_, id) => ({ id, text: "" }));
  }
  const template = '<p><input g-for="row in rows" g-key="row.id" g-bind="row.text"></p>';
  const rig = new Rig({ many: compiled(Many, template) });
  const tab = rig.tab("many").connect();
  tab.isReady = false;
  const places = tab.model().addresses("bind");
  places.forEach((place, index) => {
    rig.pass(20);
    tab.model().set(place.instance, place.slot, `t${index}`);
    tab.send({ kind: BROWSER_INPUT, ...place, input: index + 1, value: `t${index}` });
  });
  tab.drain();
  for (const [index] of places.entries()) {
    assert(tab.html().includes(`.value=t${index}>`), `${index}`);
  }
});

Deno.test("timers of mount are seen, and an async mount shows what it brings", async () => {
  let tick = () => {};
  class Clock {
    ticks = 0;
    news = "loading";
    async mount(): Promise<void> {
      tick = () => void this.ticks++;
      await Promise.resolve();
      this.news = "there";
    }
  }
  const rig = new Rig({ clock: compiled(Clock, "<p><b>{{ticks}}</b><i>{{news}}</i></p>") });
  const tab = rig.tab("clock").connect();
  assert(tab.html().includes("[loading]"));
  await settled();
  rig.pass();
  assert(tab.html().includes("[there]"), tab.html());
  tick();
  tick();
  rig.pass();
  assert(tab.html().includes("[2]"), tab.html());
});

Deno.test("async lifecycle methods that fail are reported", async () => {
  class Late {
    async mount(): Promise<void> {
      await Promise.resolve();
      throw new Error("mount failed");
    }
    async connected(): Promise<void> {
      await Promise.resolve();
      throw new Error("connected failed");
    }
  }
  const rig = new Rig({ late: compiled(Late, "<p></p>") });
  const tab = rig.tab("late").connect();
  await settled();
  assertEquals(rig.failures.map((failure) => failure.split(": ").at(-1)).sort(), [
    "connected failed",
    "mount failed",
  ]);
  assertEquals(tab.errors, ["internal_error: The server failed"]);
});

Deno.test("an expression that fails is reported with its place, and the rest goes on", () => {
  class Shaky {
    count = 0;
    value: { text: string } | null = { text: "ok" };
    add(): void {
      this.count++;
      this.value = this.count === 1 ? null : { text: "again" };
    }
  }
  const template =
    '<p><b>{{count}}</b>\n<i>{{value.text}}</i><button g-click="add()">+</button></p>';
  const rig = new Rig({ shaky: compiled(Shaky, template) });
  const tab = rig.tab("shaky").connect();
  tab.click();
  assert(tab.html().includes("[1]"), tab.html());
  assert(rig.failures.some((one) => one.includes("Shaky.html:2:")), rig.failures.join());
  tab.click();
  assert(tab.html().includes("[2]") && tab.html().includes("[again]"), tab.html());
});

Deno.test("state that cannot be kept is reported once for each field", () => {
  class Odd {
    count = 0;
    made = () => 1;
    add(): void {
      this.count++;
    }
  }
  const rig = new Rig({ odd: compiled(Odd, '<p g-click="add()">{{count}}</p>') });
  const tab = rig.tab("odd").connect();
  for (let i = 0; i < 5; i++) {
    tab.click();
    rig.pass(1000);
  }
  assertEquals(rig.failures, [
    'island odd: saved state: Cannot keep "made": a function cannot be saved',
  ]);
});

Deno.test("a collection is forgotten when nobody reads it any more", () => {
  let reads = 0;
  class Counting extends TestSync {
    override rows(scope: string, collection: string): [string, Record<string, string>][] {
      reads++;
      return super.rows(scope, collection);
    }
  }
  class Board {
    get count(): number {
      return live(this).collection("task").size;
    }
  }
  const sync = new Counting();
  const rig = new Rig({ board: compiled(Board, "<p>{{count}}</p>") }, { sync });
  sync.host = rig.host;
  const open = () => rig.tab("board", { principal: { id: "ann" } }).connect();
  const tabs = [open(), open()];
  assertEquals(reads, 1);
  for (const tab of tabs) tab.disconnect();
  rig.pass(RESUME_MS);
  assertEquals(rig.host.sizes, { instances: 0, sessions: 0, holders: 0 });
  sync.put("_default", "a", { text: "x", by: "y" });
  assert(open().html().includes("[1]"));
  assertEquals(reads, 2);
});

Deno.test("an island of everyone has no page of its own outside of events", async () => {
  let context: LiveContext | null = null;
  class All {
    mount(): void {
      context = live(this);
    }
  }
  const one = compiled(All, "<p></p>", { scope: "global", functions: ["size"] });
  const tab = new Rig({ one }).tab("one", { url: "/secret", principal: { id: "ann" } }).connect();
  const { principal, url } = context as unknown as LiveContext;
  assertEquals([principal, url], [null, ""]);
  (context as unknown as LiveContext).navigate("/there");
  const refused = (context as unknown as LiveContext).call("size");
  assertEquals(await refused.catch(({ code }) => code), "unavailable");
  assertEquals(tab.calls, []);
});

Deno.test("an island cannot be declared with options that mean nothing", () => {
  const template = "<p></p>";
  assertThrows(() => island(Desk, {}), TypeError, "a template or a file");
  assertThrows(() => island(Desk, { template, file: "x.html" }), TypeError, "a template or a file");
  assertThrows(() => island(Desk, { template, scope: "all" as "tab" }), TypeError, "no scope");
  for (const version of [0, -1, 1.5, NaN]) {
    assertThrows(() => island(Desk, { template, version }), TypeError, "counts from 1");
  }
  for (const name of ["", "driftless:navigate", "x".repeat(129)]) {
    assertThrows(() => island(Desk, { template, functions: [name] }), TypeError, "no name");
  }
});

Deno.test("an island that cannot be rendered is reported, and shown again when it can", () => {
  const loop: unknown[] = [];
  loop.push(loop);
  class Knot {
    count = 0;
    data: unknown = [1];
    rows: Iterable<number> = [1];
    tie(): void {
      this.count++;
      this.data = loop;
      this.rows = {
        *[Symbol.iterator](): Generator<number> {
          yield 1;
          throw new Error("no more");
        },
      };
    }
    cut(): void {
      this.count++;
      this.data = [2];
      this.rows = [3];
    }
  }
  const template =
    '<p><b>{{count}}</b><i g-plugin:chart="data"></i><u g-for="row in rows">{{row}}</u>' +
    '<button g-click="tie()">t</button><button g-click="cut()">c</button></p>';
  const rig = new Rig({ knot: compiled(Knot, template, { scope: "global" }) });
  const tab = rig.tab("knot").connect();
  const other = rig.tab("knot").connect();
  tab.click(0);
  assert(rig.failures.length > 0);
  tab.click(1);
  for (const one of [tab, other]) {
    assert(one.html().includes("[2]") && one.html().includes("chart=[2]"), one.html());
    assert(one.html().includes("[3]"), one.html());
    assertEquals(one.closedWith, null);
  }
});

Deno.test("a connection that cannot be written to costs nobody else anything", () => {
  const rig = new Rig({ desk: compiled(Desk, DESK, { scope: "global" }) });
  const [broken, tab] = [rig.tab("desk").connect(), rig.tab("desk").connect()];
  Object.assign(broken.bodies, {
    push: () => {
      throw new Error("the socket is gone");
    },
  });
  tab.click(0);
  broken.click(0);
  assert(tab.html().includes("[2]"));
  assertEquals(rig.failures, ["connection of a page: the socket is gone"]);
  broken.session?.closed();
  broken.session?.closed();
  tab.click(0);
  assert(tab.html().includes("[3]"));
  assertEquals(rig.host.sizes.sessions, 1);
});

Deno.test("a stream is emptied, and a window stays where it is when it is told nonsense", () => {
  const log = new Stream<number>(2);
  log.push(1, 2, 3);
  assertEquals(log.rows, [2, 3]);
  log.clear();
  assertEquals(log.rows, []);
  const part = new ListWindow({ rows: 1, rowHeight: 10, margin: 0 });
  part.scroll(20);
  for (const top of [NaN, Infinity, -Infinity]) part.scroll(top);
  assertEquals(part.of(["a", "b", "c", "d"]), ["c"]);
  assertEquals([part.of(["a"]), part.above(["a"]), part.below(["a"])], [["a"], "0px", "0px"]);
});

Deno.test("names and tokens of a length that none has are refused", () => {
  const tab = new Rig({ desk: compiled(Desk, DESK) }).tab("desk").connect();
  const long = "x".repeat(129);
  for (const field of ["name", "island", "session", "table"]) {
    tab.send({ kind: BROWSER_METHOD, data: "[]", [field]: long });
  }
  assertEquals(
    tab.errors,
    Array(4).fill("malformed: Cannot read the message: a name in it is too long"),
  );
});

Deno.test("a number that is cleared is refused by rules that want one, and taken by those that do not", () => {
  const strict = v.object({ count: v.number(), due: v.nullable(v.number()) });
  class Order {
    count: number | null = 3;
    due: number | null = null;
    problem = "none";
    save(): void {
      const { issues } = v.safeParse(strict, { count: this.count, due: this.due });
      this.problem = issues?.map(({ path }) => path?.[0]?.key).join() ?? "none";
    }
  }
  const rig = new Rig({
    order: compiled(
      Order,
      '<form g-submit="save()"><input type="number" g-bind="count"><input type="number" g-bind="due">' +
        "<b>{{problem}}</b></form>",
    ),
  });
  const tab = rig.tab("order").connect();
  const problem = () => {
    tab.click();
    return /\[(none|[a-z,]+)\]/.exec(tab.html())?.[1];
  };
  assertEquals(problem(), "none");
  tab.type("", 0);
  assertEquals(problem(), "count");
  tab.type("0", 0);
  assertEquals(problem(), "none", "zero is a number");
  tab.type("7", 1);
  assertEquals(problem(), "none", "a number again");
  tab.type("", 1);
  assertEquals(problem(), "none");
  assertEquals(tab.errors, []);
});
