/** What methods of islands can ask for: the page, other islands, collections, files. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Json } from "../../core/json.ts";
import { island, live, type LiveContext, shared } from "../../ui/island.ts";
import {
  BROADCAST_DEPTH_MAX,
  CALL_TIMEOUT_MS,
  CALLS_PENDING_MAX,
  RESUME_MS,
  UPLOAD_TICKET_MS,
  UPLOADS_PENDING_MAX,
  URL_UNITS_MAX,
} from "../../ui/live_limits.ts";
import { BROWSER_METHOD } from "../../ui/live_messages.ts";
import { compiled, Rig, type Tab, TestSync } from "./runtime_rig.ts";

const ann = { id: "ann" };
const bob = { id: "bob" };

/** Lets promises go on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

class Caller {
  result: Json = "none";
  async ask(name = "size"): Promise<void> {
    const context = live(this);
    this.result = "asked";
    this.result = await context.call(name, 1, { a: [2] });
  }
  forget(): void {
    live(this).call("size");
  }
}

const CALLER = '<p><b>{{result}}</b><button g-click="ask()">?</button>' +
  `<button g-click="ask('other')">!</button><button g-click="forget()">f</button></p>`;

function caller(scope: "tab" | "global" = "tab"): Rig {
  return new Rig({ caller: compiled(Caller, CALLER, { scope, functions: ["size"] }) });
}

Deno.test("a function of the page is called after the patch, and its result arrives", async () => {
  const rig = caller();
  const tab = rig.tab("caller").connect();
  tab.click();
  assertEquals(tab.calls, [{ name: "size", call: 1, args: [1, { a: [2] }] }]);
  assert(tab.html().includes("[asked]"));
  assertEquals(tab.received.slice(-2).map(({ kind }) => kind), [0, 2]);
  tab.answer(1, "12 px");
  await settled();
  rig.pass();
  assert(tab.html().includes("[12 px]"), tab.html());
  tab.answer(1, "again");
  await settled();
  rig.pass();
  assert(tab.html().includes("[12 px]"));
  assertEquals(tab.session?.calls?.size, 0);
});

Deno.test("a call that the page refuses fails its handler, and is told", async () => {
  const rig = caller();
  const tab = rig.tab("caller").connect();
  tab.click();
  tab.answer(1, null, "no such element");
  await settled();
  assertEquals(tab.errors, ["rejected: no such element"]);
});

Deno.test("a function that the island does not list is not called", async () => {
  const rig = caller();
  const tab = rig.tab("caller").connect();
  tab.click(1);
  await settled();
  assertEquals(tab.calls, []);
  assertEquals(tab.errors, [`forbidden: Cannot call "other": the island does not list it`]);
});

Deno.test("a call is answered by the tab that was asked, and by no other one", async () => {
  const rig = caller("global");
  const tab = rig.tab("caller").connect();
  const other = rig.tab("caller").connect();
  tab.click();
  other.answer(1, "forged");
  await settled();
  rig.pass();
  assert(tab.html().includes("[asked]") && other.calls.length === 0);
  tab.answer(1, "real");
  await settled();
  rig.pass();
  assert(other.html().includes("[real]"));
});

Deno.test("a call fails when its time is over, and when the page goes", async () => {
  for (const [wait, count] of [[CALL_TIMEOUT_MS - 1, 1], [CALL_TIMEOUT_MS, 0]] as const) {
    const rig = caller();
    const tab = rig.tab("caller").connect();
    tab.click();
    rig.pass(wait);
    assertEquals(tab.session?.calls?.size, count);
    await settled();
    assertEquals(tab.errors, count === 0 ? ["unavailable: The page did not answer"] : []);
  }
  const rig = caller();
  const tab = rig.tab("caller").connect();
  tab.click();
  const { session } = tab;
  tab.disconnect();
  await settled();
  assertEquals([session?.calls?.size, session?.pending], [0, 0]);
});

Deno.test("a page is asked so many things at a time", async () => {
  const tab = caller().tab("caller").connect();
  for (let i = 0; i < CALLS_PENDING_MAX; i++) tab.click(2);
  assertEquals([tab.calls.length, tab.errors.length], [CALLS_PENDING_MAX, 0]);
  tab.click(2);
  assertEquals(tab.errors, [
    `rate_limited: Cannot call the page: ${CALLS_PENDING_MAX} calls wait for it`,
  ]);
  tab.answer(1, null);
  tab.click(2);
  assertEquals(tab.errors.length, 1);
  tab.disconnect();
  await settled();
});

Deno.test("live(this) answers in methods of a mounted island, and nowhere else", () => {
  class Early {
    context: unknown = null;
    constructor() {
      live(this);
    }
  }
  assertThrows(() => live({}), TypeError, "live(this)");
  assertThrows(() => island(Early, { template: "<p></p>" }), TypeError, "live(this)");
});

class Chatty {
  heard: string[] = [];
  received(event: string, data: Json): void {
    this.heard.push(`${event} ${JSON.stringify(data)}`);
    if (event === "again") live(this).broadcast("again");
  }
  say(event: string): void {
    live(this).broadcast(event, { n: 1 });
  }
}

const CHATTY = `<p><b>{{heard.join("; ")}}</b><button g-click="say('hello')">h</button>` +
  `<button g-click="say('again')">a</button></p>`;

Deno.test("a broadcast is heard by every other instance that wants to, in every scope", () => {
  const rig = new Rig({
    tab: compiled(Chatty, CHATTY),
    all: compiled(Chatty, CHATTY, { scope: "global" }),
    deaf: compiled(Caller, CALLER),
  });
  const one = rig.tab(["tab", "all", "deaf"]).connect();
  const other = rig.tab(["tab", "all"]).connect();
  one.click(0, 0);
  const heard = '[hello {"n":1}]';
  assert(!one.html(0).includes(heard));
  for (const html of [one.html(1), other.html(0), other.html(1)]) assert(html.includes(heard));
});

Deno.test("broadcasts that lead to each other end", () => {
  const rig = new Rig({ tab: compiled(Chatty, CHATTY) });
  const tabs = [1, 2, 3].map(() => rig.tab("tab").connect()) as [Tab, Tab, Tab];
  tabs[0].click(1);
  assertEquals(tabs[0].errors, []);
  assert(rig.failures.length > 0);
  assert(rig.failures.every((one) => one.includes(`${BROADCAST_DEPTH_MAX} broadcasts`)));
  tabs[1].click(0);
  assert(tabs[2].html().includes("hello"));
});

class Guide {
  url = "";
  go(url: string, isReplaced = false): void {
    live(this).navigate(url, { replace: isReplaced });
  }
  navigated(url: string): void {
    this.url = `${url} ${live(this).url}`;
  }
  mount(): void {
    this.url = live(this).url;
  }
}

const GUIDE = `<p><b>{{url}}</b><button g-click="go(event.data, event.checked)">go</button></p>`;

Deno.test("an island leads its page to an address, and hears where the page has gone", () => {
  const rig = new Rig({ guide: compiled(Guide, GUIDE) });
  const tab = rig.tab("guide", { url: "/start" }).connect();
  assert(tab.html().includes("[/start]"));
  tab.click(0, 0, { data: "/a?b=1#c", checked: true });
  tab.click(0, 0, { data: "?page=2", checked: false });
  assertEquals(tab.calls.map(({ name, args, call }) => [name, args, call]), [
    ["driftless:navigate", ["/a?b=1#c", true], 0],
    ["driftless:navigate", ["?page=2", false], 0],
  ]);
  tab.send({ kind: BROWSER_METHOD, url: "/back" });
  assert(tab.html().includes("[/back /back]"), tab.html());
});

Deno.test("an island leads its page nowhere else", () => {
  const rig = new Rig({ guide: compiled(Guide, GUIDE) });
  const tab = rig.tab("guide").connect();
  const long = (length: number) => `/${"x".repeat(length - 1)}`;
  const refused = [
    "javascript:alert(1)",
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "/a b",
    "/a\nb",
    "",
    "here",
    long(URL_UNITS_MAX + 1),
  ];
  for (const data of refused) tab.click(0, 0, { data });
  assertEquals([tab.calls, tab.errors.length], [[], refused.length]);
  for (const length of [URL_UNITS_MAX - 1, URL_UNITS_MAX]) tab.click(0, 0, { data: long(length) });
  assertEquals(tab.calls.length, 2);
});

Deno.test("an object of several islands shows its changes in all of them", async () => {
  class Basket {
    items: string[] = [];
    get total(): string {
      return `${this.items.length} in all`;
    }
  }
  const basket = shared(new Basket());
  class Shop {
    basket = basket;
    buy(): void {
      this.basket.items.push("tea");
    }
    async buyLater(): Promise<void> {
      await Promise.resolve();
      this.basket.items.push("milk");
    }
  }
  class Badge {
    basket = basket;
  }
  const rig = new Rig({
    shop: compiled(
      Shop,
      '<p><button g-click="buy()">b</button><button g-click="buyLater()">l</button></p>',
    ),
    badge: compiled(Badge, "<p>{{basket.items.length}}<b>{{basket.total}}</b></p>", {
      scope: "global",
    }),
  });
  const shop = rig.tab("shop").connect();
  const badge = rig.tab("badge").connect();
  shop.click(0);
  assert(badge.html().includes("[1]") && badge.html().includes("[1 in all]"), badge.html());
  shop.click(1);
  await settled();
  rig.pass();
  assert(badge.html().includes("[2]") && badge.html().includes("[2 in all]"), badge.html());
  shop.disconnect();
  rig.pass(RESUME_MS);
  const later = rig.tab("shop").connect();
  later.click(0);
  assert(badge.html().includes("[3 in all]"));
});

Deno.test("what a handler writes after it waited is shown as it is written", async () => {
  const steps = [1, 2, 3].map(() => Promise.withResolvers<void>());
  class Worker {
    step = 0;
    async work(): Promise<void> {
      for (const { promise } of steps) {
        await promise;
        this.step++;
      }
    }
  }
  const template = '<p><b>{{step}}</b><button g-click="work()">w</button></p>';
  const rig = new Rig({ worker: compiled(Worker, template, { scope: "global" }) });
  const tab = rig.tab("worker").connect();
  const other = rig.tab("worker").connect();
  tab.click();
  for (const [index, { resolve }] of steps.entries()) {
    resolve();
    await settled();
    rig.pass();
    assert(other.html().includes(`[${index + 1}]`));
  }
});

Deno.test("refresh shows what nobody could see, and markRefresh what reads a field", () => {
  const hidden = { n: 1 };
  class Hidden {
    field = 0;
    get number(): number {
      return hidden.n;
    }
    refresh1(): void {
      context.refresh();
    }
    mount(): void {
      context = live(this);
    }
  }
  let context: LiveContext;
  const rig = new Rig({ hidden: compiled(Hidden, "<p>{{number}}<b>{{field}}</b></p>") });
  const tab = rig.tab("hidden").connect();
  for (const refresh of [() => context.refresh(), () => context.markRefresh("field")]) {
    hidden.n++;
    refresh();
    rig.pass();
    assert(tab.html().includes(`[${hidden.n}]`), tab.html());
  }
});

Deno.test("connected and disconnected are called for each tab, by nobody else, and may fail", () => {
  class Room {
    people: string[] = [];
    connected(): void {
      this.people.push(live(this).principal?.id ?? "nobody");
    }
    disconnected(): void {
      const at = this.people.indexOf(live(this).principal?.id ?? "nobody");
      this.people.splice(at, 1);
      if (at === 0) throw new Error("the first one went");
    }
  }
  const rig = new Rig({
    room: compiled(Room, '<p>{{people.join(" ")}}</p>', { scope: "global" }),
  });
  const one = rig.tab("room", { principal: ann }).connect();
  const two = rig.tab("room", { principal: bob }).connect();
  assert(one.html().includes("[ann bob]"));
  two.disconnect();
  assert(one.html().includes("[ann]"));
  const three = rig.tab("room").connect();
  one.disconnect();
  assert(three.html().includes("[ann nobody]"), three.html());
  assertEquals(rig.failures.length, 1);
});

class Board {
  text = "";
  get tasks(): readonly { readonly id: string; readonly [field: string]: Json }[] {
    return live(this).collection("task").rows();
  }
  get count(): number {
    return live(this).collection("task").size;
  }
  get first(): string {
    return String((live(this).collection("task").get("a") as { text?: string } | undefined)?.text);
  }
  put(id: string): Promise<void> {
    return live(this).mutate("task.put", { id, text: this.text });
  }
  wrong(): Promise<void> {
    return live(this).mutate("task.explode", {});
  }
}

const BOARD = '<div><i>{{count}}</i><i>{{first}}</i><input g-bind="text">' +
  '<b g-for="task in tasks" g-key="task.id">{{task.id}}={{task.text}} {{task.by}}</b>' +
  `<button g-click="put('a')">p</button><button g-click="wrong()">w</button></div>`;

function board(scope: "tab" | "global" = "tab"): { readonly rig: Rig; readonly sync: TestSync } {
  const sync = new TestSync();
  const rig = new Rig({ board: compiled(Board, BOARD, { scope }) }, { sync });
  sync.host = rig.host;
  return { rig, sync };
}

Deno.test("an island shows a collection, and every change of it, whoever makes it", () => {
  const { rig, sync } = board();
  sync.put("_default", "b", { text: "old", by: "x" });
  const tab = rig.tab("board", { principal: ann }).connect();
  const other = rig.tab("board", { principal: bob }).connect();
  assert(tab.html().includes("[b=old x]"), tab.html());
  tab.type("mine");
  tab.click(0);
  for (const one of [tab, other]) {
    assert(one.html().includes("[a=mine ann]") && one.html().includes("[2]"), one.html());
  }
  sync.put("elsewhere", "z", { text: "other scope", by: "x" });
  sync.put("_default", "b", null);
  assert(!other.html().includes("b=old") && !other.html().includes("z="), other.html());
  tab.click(1);
  assertEquals([tab.errors, other.errors], [[], []]);
});

Deno.test("a refused mutation is told to the tab that made it", async () => {
  const { rig } = board();
  const tab = rig.tab("board", { principal: ann }).connect();
  tab.click(1);
  await settled();
  assertEquals(tab.errors, ["not_found: No such mutator"]);
});

Deno.test("a collection is not shown to whom it is not for", () => {
  const { rig, sync } = board();
  sync.put("_default", "b", { text: "secret", by: "x" });
  const tab = rig.tab("board").connect();
  assert(!tab.html().includes("secret"));
  assert(rig.failures.some((failure) => failure.includes("You may not read this scope")));
  const all = board("global");
  all.sync.put("_default", "b", { text: "for everyone", by: "x" });
  assert(all.rig.tab("board").connect().html().includes("for everyone"));
});

Deno.test("an island that shows a collection is closed when its user may not read it any more", () => {
  let isAllowed = true;
  class Fickle extends TestSync {
    override mayRead(): boolean {
      return isAllowed;
    }
  }
  const sync = new Fickle();
  const rig = new Rig({ board: compiled(Board, BOARD), plain: compiled(Caller, CALLER) }, { sync });
  const tab = rig.tab(["board", "plain"], { principal: ann }).connect();
  tab.session?.recheck();
  assertEquals(tab.errors, []);
  isAllowed = false;
  tab.session?.recheck();
  assertEquals(tab.errors, ["forbidden: You may not see this island"]);
  assertEquals([...tab.session?.views.keys() ?? []], [1]);
  tab.ask(0);
  assertEquals(tab.errors.length, 2);
});

Deno.test("an island that nobody shows is not rendered when a collection changes", () => {
  const { rig, sync } = board();
  const tab = rig.tab("board", { principal: ann }).connect();
  tab.disconnect();
  sync.put("_default", "a", { text: "new", by: "x" });
  sync.put("_default", "b", { text: "newer", by: "x" });
  tab.connect();
  assert(tab.html().includes("[b=newer x]"), tab.html());
  assertEquals(tab.received.at(-1)?.kind, 0);
  tab.disconnect();
  sync.records.set("c", { text: "by another process", by: "x" });
  rig.host.reread();
  tab.connect();
  assert(tab.html().includes("[c=by another process x]"), tab.html());
  sync.records.set("d", { text: "once more", by: "x" });
  rig.host.reread();
  assert(tab.html().includes("[d=once more x]"), tab.html());
});

Deno.test("an island without a sync engine has no collections", async () => {
  let context: LiveContext | null = null;
  class Alone {
    mount(): void {
      context = live(this);
    }
  }
  new Rig({ alone: compiled(Alone, "<p></p>") }).tab("alone").connect();
  assertThrows(() => context?.collection("task"), TypeError, "no sync engine");
  assertThrows(() => context?.mutate("x", {}), TypeError, "no sync engine");
  await assertRejects(() => context?.call("size") ?? Promise.resolve());
});

class Album {
  files: string[] = [];
  add(file: { readonly name: string }): void {
    this.files.push(file.name);
  }
}

const ALBUM = '<p><input type="file" multiple accept=".png,image/*" g-upload="add"' +
  ' g-upload-bytes="100" g-upload-files="3"><b>{{files.join(" ")}}</b></p>';

interface Offered {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

function offer(tab: Tab, files: readonly Offered[]): readonly string[] {
  const before = tab.calls.length;
  const data = JSON.stringify({ files });
  tab.send({ kind: BROWSER_METHOD, ...tab.slot("upload"), data });
  const call = tab.calls[before];
  return call === undefined ? [] : (call.args as [number, number, string[]])[2];
}

const PNG = { name: "a.png", type: "image/png", size: 100 };

Deno.test("a file comes with a ticket, once, and its handler is called with it", () => {
  const rig = new Rig({ album: compiled(Album, ALBUM) });
  const tab = rig.tab("album").connect();
  const [first, second] = offer(tab, [PNG, { ...PNG, name: "b.jpg", type: "image/jpeg" }]);
  const { uploads } = rig.host;
  assertEquals(uploads.open(first as string), PNG);
  assertEquals(uploads.open("forged"), undefined);
  assertEquals(uploads.done(first as string, { name: "a.png" }), true);
  assertEquals(uploads.done(first as string, { name: "a.png" }), false);
  assertEquals(uploads.done(second as string, { name: "b.jpg" }), true);
  assert(tab.html().includes("[a.png b.jpg]"), tab.html());
  assertEquals(uploads.size, 0);
});

Deno.test("files are refused when they are too many, too large, or of another type", () => {
  const rig = new Rig({ album: compiled(Album, ALBUM) });
  const tab = rig.tab("album").connect();
  const count = (files: readonly unknown[]) => offer(tab, files as Offered[]).length;
  assertEquals([count([PNG, PNG]), count([PNG, PNG, PNG]), count([PNG, PNG, PNG, PNG])], [2, 3, 0]);
  assertEquals([99, 100, 101].map((size) => count([{ ...PNG, size }])), [1, 1, 0]);
  assertEquals(
    [
      count([{ name: "a.PNG", type: "", size: 1 }]),
      count([{ name: "a.exe", type: "application/exe", size: 1 }]),
      count([{ name: "a.exe", type: "imagex/exe", size: 1 }]),
    ],
    [1, 0, 0],
  );
  const before = tab.errors.length;
  const wrong = [1, null, {}, { ...PNG, name: "" }, { ...PNG, size: -1 }, { ...PNG, size: 1.5 }, {
    ...PNG,
    name: 5,
  }, { ...PNG, type: 5 }];
  for (const file of wrong) assertEquals(count([file]), 0);
  tab.send({ kind: BROWSER_METHOD, ...tab.slot("upload"), data: "{}" });
  assertEquals(tab.errors.length, before + wrong.length + 1);
});

Deno.test("a connection offers so many files at a time, and tickets end", () => {
  const rig = new Rig({ album: compiled(Album, ALBUM) });
  const tab = rig.tab("album").connect();
  let tickets = 0;
  for (let i = 0; i < UPLOADS_PENDING_MAX; i++) tickets += offer(tab, [PNG]).length;
  assertEquals(tickets, UPLOADS_PENDING_MAX);
  assertEquals(offer(tab, [PNG]), []);
  assertEquals(offer(rig.tab("album").connect(), [PNG]).length, 1);
  rig.pass(UPLOAD_TICKET_MS);
  assertEquals(rig.host.uploads.size, 0);
  const [first] = offer(tab, [PNG]);
  rig.pass(UPLOAD_TICKET_MS - 1);
  assert(rig.host.uploads.open(first as string) !== undefined);
  rig.pass(UPLOAD_TICKET_MS - 1);
  assert(rig.host.uploads.open(first as string) !== undefined);
  tab.disconnect();
  assertEquals(rig.host.uploads.open(first as string), undefined);
  assertEquals(rig.host.uploads.done(first as string, { name: "late" }), false);
});
