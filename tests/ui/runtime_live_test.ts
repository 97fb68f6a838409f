/** Tabs, patches, typing and coming back, through the machine and a model of the bridge. */
import { assert, assertEquals } from "@std/assert";
import { BACKLOG_BYTES_MAX, FRAMES_UNSENT_MAX, RESUME_MS } from "../../ui/live_limits.ts";
import { SERVER_INIT, SERVER_PATCH } from "../../ui/live_messages.ts";
import { compiled, Rig, type Tab } from "./runtime_rig.ts";

class Counter {
  count = 0;
  add(by = 1): void {
    this.count += by;
  }
}

const COUNTER = '<p><b>{{count}}</b><button g-click="add(1)">+</button></p>';

class Form {
  name = "";
  age = 3;
  upper = "";
  get echo(): string {
    return `<${this.name}>`;
  }
  set shout(value: string) {
    this.upper = value.toUpperCase();
  }
  get shout(): string {
    return this.upper;
  }
  clear(): void {
    this.name = "";
  }
}

const FORM = '<form><input g-bind="name"><b>{{name}}</b><input type="number" g-bind="age">' +
  '<button g-click="clear()">x</button></form>';

class Table {
  rows = [1, 2, 3];
  grow(): void {
    this.rows.push(this.rows.length + 1);
  }
  flip(): void {
    this.rows.reverse();
  }
  drop(row: number): void {
    this.rows = this.rows.filter((one) => one !== row);
  }
}

const TABLE = '<div><button g-click="grow()">+</button><button g-click="flip()">~</button>' +
  '<ul><li g-for="row in rows" g-key="row" g-click="drop(row)">{{row}}</li></ul></div>';

/** What the server would render now, through a page of its own. */
function fresh(tab: Tab, name: string): string {
  const other = tab.rig.tab(name, { principal: tab.principal }).connect();
  const html = other.html();
  other.disconnect();
  return html;
}

Deno.test("a tab adopts its page and is told of changes alone when it connects", () => {
  const rig = new Rig({ counter: compiled(Counter, COUNTER) });
  const tab = rig.tab("counter").connect();
  assertEquals(tab.received.map(({ kind, html }) => [kind, html]), [[SERVER_INIT, ""]]);
  assert(tab.bytes <= 12, `${tab.bytes} bytes`);
  tab.click();
  tab.click();
  assert(tab.html().includes("[2]"), tab.html());
  assertEquals(tab.errors, []);
});

Deno.test("a click costs no more than the bytes of the research page when a text changes", () => {
  const rig = new Rig({ counter: compiled(Counter, COUNTER) });
  const tab = rig.tab("counter").connect();
  tab.bytes = 0;
  tab.click();
  assert(tab.bytes <= 10, `${tab.bytes} bytes`);
});

Deno.test("tabs do not share an island of scope tab, users share theirs, and all a global one", () => {
  const rig = new Rig({
    own: compiled(Counter, COUNTER),
    user: compiled(Counter, COUNTER, { scope: "user" }),
    all: compiled(Counter, COUNTER, { scope: "global" }),
  });
  const names = ["own", "user", "all"];
  const [ann, annToo, bob] = ["ann", "ann", "bob"].map((id) =>
    rig.tab(names, { principal: { id } }).connect()
  ) as [Tab, Tab, Tab];
  for (const target of [0, 1, 2]) ann.click(0, target);
  const counts = (tab: Tab) => names.map((_, target) => /\[(\d)/.exec(tab.html(target))?.[1]);
  assertEquals(counts(ann), ["1", "1", "1"]);
  assertEquals(counts(annToo), ["0", "1", "1"]);
  assertEquals(counts(bob), ["0", "0", "1"]);
});

Deno.test("nobody's pages do not share an island of scope user", () => {
  const rig = new Rig({ user: compiled(Counter, COUNTER, { scope: "user" }) });
  const a = rig.tab("user").connect();
  const b = rig.tab("user").connect();
  a.click();
  assert(a.html() !== b.html());
});

Deno.test("one frame is encoded for all tabs when they see the same", () => {
  const rig = new Rig({ all: compiled(Counter, COUNTER, { scope: "global" }) });
  const tabs = Array.from({ length: 5 }, () => rig.tab("all").connect());
  tabs[0]?.click();
  const last = tabs.map(({ bodies }) => bodies.at(-1));
  assert(last.every((body) => body === last[0]));
});

Deno.test("an island that is in a page twice shows the same when it changes", () => {
  const rig = new Rig({ counter: compiled(Counter, COUNTER) });
  const tab = rig.tab(["counter", "counter"]).connect();
  tab.click(0, 1);
  assertEquals(tab.html(0), tab.html(1));
  assert(tab.html(0).includes("[1"));
});

Deno.test("the tab that types gets no echo, and others the value, when it types", () => {
  const rig = new Rig({ form: compiled(Form, FORM, { scope: "global" }) });
  const typing = rig.tab("form").connect();
  const other = rig.tab("form").connect();
  typing.bytes = 0;
  "Hello world".split("").forEach((_, at) => typing.type("Hello world".slice(0, at + 1)));
  assertEquals(typing.html(), other.html());
  assert(typing.html().includes("[Hello world]") && typing.html().includes(".value=Hello world"));
  assert(typing.bytes <= 176, `${typing.bytes} bytes for 11 keys`);
  assertEquals(typing.received.filter(({ ack }) => ack > 0).length, 0);
});

Deno.test("a value that the server rewrites is sent with its ack when somebody types", () => {
  const rig = new Rig({
    form: compiled(Form, '<form><input g-bind="shout"><i>{{shout}}</i></form>'),
  });
  const tab = rig.tab("form").connect();
  tab.type("abc");
  assert(tab.html().includes(".value=ABC"), tab.html());
  assertEquals(tab.received.at(-1)?.ack, 1);
});

Deno.test("a value that the server takes back is sent when the state stays as it was", () => {
  const rig = new Rig({
    form: compiled(
      class Stubborn {
        get name(): string {
          return "fixed";
        }
        set name(_value: string) {}
      },
      '<form><input g-bind="name"></form>',
    ),
  });
  const tab = rig.tab("form").connect();
  tab.type("other");
  assert(tab.html().includes(".value=fixed"), tab.html());
});

Deno.test("a value that is on the way to a number is left alone when somebody types it", () => {
  const rig = new Rig({ form: compiled(Form, FORM) });
  const tab = rig.tab("form").connect();
  tab.type("1.", 1);
  assert(tab.html().includes(".value=1."), tab.html());
  tab.type("1.5", 1);
  assertEquals(fresh(tab, "form").length > 0, true);
  assertEquals(tab.received.filter(({ ack }) => ack > 0).length, 0);
});

Deno.test("typing is exact when answers are late, and when the server rewrites it", () => {
  for (const template of ['<form><input g-bind="name"><b>{{name}}</b></form>', SHOUT]) {
    for (const late of [0, 1, 3, 7, 30]) {
      const rig = new Rig({ form: compiled(Form, template) });
      const tab = rig.tab("form", { isSlow: true }).connect();
      tab.travel();
      const text = "The quick brown fox";
      for (let length = 1; length <= text.length; length++) {
        tab.type(text.slice(0, length));
        assert(tab.html().includes(`.value=${text.slice(0, length)}`));
        if (length > late) tab.travel(1, 1);
      }
      tab.travel();
      tab.travel();
      const expected = template === SHOUT ? text.toUpperCase() : text;
      assert(tab.html().includes(`.value=${expected}`), `${late}: ${tab.html()}`);
    }
  }
});

const SHOUT = '<form><input g-bind="shout"></form>';

Deno.test("what others change does not overwrite what is being typed, and the last writer wins", () => {
  const rig = new Rig({ form: compiled(Form, FORM, { scope: "global" }) });
  const slow = rig.tab("form", { isSlow: true }).connect();
  slow.travel();
  const other = rig.tab("form").connect();
  slow.type("mine");
  other.type("theirs");
  slow.travel(0);
  assert(slow.html().includes(".value=mine"), slow.html());
  slow.travel();
  assertEquals(slow.html(), other.html());
  assert(other.html().includes(".value=mine"));
});

Deno.test("a cleared input is cleared in the tab that typed when a handler clears it", () => {
  const rig = new Rig({ form: compiled(Form, FORM) });
  const tab = rig.tab("form").connect();
  tab.type("abc");
  tab.click();
  assert(!tab.html().includes(".value=abc"), tab.html());
});

Deno.test("a tab that reads slowly gets all patches when it is ready", () => {
  const rig = new Rig({ table: compiled(Table, TABLE, { scope: "global" }) });
  const fast = rig.tab("table").connect();
  const slow = rig.tab("table").connect();
  slow.isReady = false;
  for (let i = 0; i < 20; i++) fast.click(i % 2);
  const before = slow.received.length;
  assertEquals(before, 1);
  slow.drain();
  assertEquals(slow.html(), fast.html());
  assert(slow.received.slice(before).every(({ kind }) => kind === SERVER_PATCH));
});

Deno.test("a tab that reads slowly gets one snapshot when the patches are too many", () => {
  for (
    const [count, kind] of [[FRAMES_UNSENT_MAX - 1, SERVER_PATCH], [
      FRAMES_UNSENT_MAX,
      SERVER_PATCH,
    ], [FRAMES_UNSENT_MAX + 1, SERVER_INIT]] as const
  ) {
    const rig = new Rig({ all: compiled(Table, TABLE, { scope: "global" }) });
    const fast = rig.tab("all").connect();
    const slow = rig.tab("all").connect();
    slow.isReady = false;
    for (let i = 0; i < count; i++) {
      rig.pass(10);
      fast.click(1);
    }
    slow.drain();
    assertEquals(slow.html(), fast.html());
    assertEquals(slow.received.at(-1)?.kind, kind, `${count} patches`);
    assertEquals(slow.received.length, kind === SERVER_INIT ? 2 : count + 1);
    fast.click(0);
    assertEquals(slow.html(), fast.html());
  }
});

Deno.test("a tab that reads slowly gets one snapshot when the patches are too large", () => {
  class Large {
    text = "";
    fill(): void {
      this.text = `${this.text === "" ? "a" : String.fromCharCode(this.text.charCodeAt(0) + 1)}`
        .repeat(BACKLOG_BYTES_MAX / 4);
    }
  }
  const template = '<p><button g-click="fill()">+</button><b>{{text}}</b></p>';
  const rig = new Rig({ all: compiled(Large, template, { scope: "global" }) });
  const fast = rig.tab("all").connect();
  const slow = rig.tab("all").connect();
  slow.isReady = false;
  for (let i = 0; i < 5; i++) fast.click();
  slow.drain();
  assertEquals(slow.html(), fast.html());
  assertEquals(slow.received.at(-1)?.kind, SERVER_INIT);
  assertEquals(slow.received.length, 2);
});

Deno.test("a slow tab keeps nobody from hearing of changes", () => {
  const rig = new Rig({ all: compiled(Counter, COUNTER, { scope: "global" }) });
  const stuck = rig.tab("all").connect();
  stuck.isReady = false;
  const tabs = Array.from({ length: 3 }, () => rig.tab("all").connect());
  for (let i = 0; i < 10; i++) {
    tabs[0]?.click();
    assertEquals(new Set(tabs.map((tab) => tab.html())).size, 1);
  }
  assertEquals(stuck.received.length, 1);
});

Deno.test("a tab resumes with what it missed when it reconnects", () => {
  const rig = new Rig({ all: compiled(Table, TABLE, { scope: "global" }) });
  const tab = rig.tab("all").connect();
  const other = rig.tab("all").connect();
  tab.click(0);
  tab.disconnect();
  other.click(0);
  other.click(1);
  const before = tab.received.length;
  tab.connect();
  assertEquals(tab.html(), other.html());
  const [init, ...patches] = tab.received.slice(before);
  assertEquals([init?.kind, init?.html], [SERVER_INIT, ""]);
  assertEquals(patches.length, 2);
});

Deno.test("a tab keeps its state when it reconnects in time, and not when it comes too late", () => {
  for (const [late, expected] of [[RESUME_MS - 1, "1"], [RESUME_MS, "0"]] as const) {
    const rig = new Rig({ counter: compiled(Counter, COUNTER) });
    const tab = rig.tab("counter").connect();
    tab.click();
    tab.disconnect();
    rig.pass(late);
    tab.connect();
    assertEquals(/\[(\d)/.exec(tab.html())?.[1], expected);
  }
});

Deno.test("inputs that were on their way are there when a tab reconnects", () => {
  const rig = new Rig({ form: compiled(Form, FORM) });
  const tab = rig.tab("form", { isSlow: true }).connect();
  tab.travel();
  tab.type("ab");
  tab.travel();
  tab.type("abc");
  tab.disconnect();
  tab.connect();
  tab.travel();
  tab.travel();
  assert(tab.html().includes("[abc]") && tab.html().includes(".value=abc"), tab.html());
  tab.type("abcd");
  tab.travel();
  tab.travel();
  assert(tab.html().includes("[abcd]"), tab.html());
});

Deno.test("a second tab of a session that counts anew is heard when the first has typed", () => {
  const rig = new Rig({ form: compiled(Form, FORM) });
  const tab = rig.tab("form").connect();
  for (const text of ["a", "ab", "abc"]) tab.type(text);
  const copy = rig.tab("form");
  Object.assign(copy.shown[0] as object, { session: tab.shown[0]?.session, seq: 0, table: "" });
  copy.connect();
  copy.type("new");
  assertEquals(copy.html(), tab.html());
  assert(tab.html().includes("[new]"), tab.html());
});

Deno.test("a tab gets markup when its table is not the program's, or it says that it has none", () => {
  const rig = new Rig({ counter: compiled(Counter, COUNTER) });
  for (const table of ["", "other"]) {
    const tab = rig.tab("counter");
    Object.assign(tab.shown[0] as object, { table });
    tab.connect();
    const [init] = tab.received;
    assert(init?.html.includes("<button"));
    assertEquals(init?.table, [...rig.tables.keys()][0]);
  }
});

Deno.test("a page that is rendered late counts as the instance does when others have used it", () => {
  const rig = new Rig({ all: compiled(Table, TABLE, { scope: "global" }) });
  const first = rig.tab("all").connect();
  for (let i = 0; i < 6; i++) first.click(i % 3);
  const later = rig.tab("all").connect();
  assertEquals(later.received.map(({ html }) => html), [""]);
  later.click(3);
  assertEquals(later.errors, []);
  assertEquals(later.html(), first.html());
  first.click(0);
  assertEquals(later.html(), first.html());
});

Deno.test("a page is adopted when the island has changed since it was rendered", () => {
  const rig = new Rig({ all: compiled(Table, TABLE, { scope: "global" }) });
  const first = rig.tab("all").connect();
  const later = rig.tab("all");
  first.click(0);
  first.click(1);
  later.connect();
  assertEquals(later.html(), first.html());
  assertEquals(later.received[0]?.html, "");
});

Deno.test("an island that is gone from the page is told nothing more when it changes", () => {
  const rig = new Rig({ all: compiled(Counter, COUNTER, { scope: "global" }) });
  const tab = rig.tab(["all", "all"]).connect();
  tab.send({ kind: 3, target: 1 });
  const before = tab.received.length;
  tab.click(0, 0);
  assertEquals(tab.received.slice(before).map(({ target }) => target), [0]);
  assertEquals(tab.session?.views.size, 1);
});
