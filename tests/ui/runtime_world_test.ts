/** Many tabs of several islands in a world where anything happens: in the end all show the same. */
import { assert, assertEquals } from "@std/assert";
import { Prng } from "../sim/prng.ts";
import { compiled, Rig, type Tab, TestStorage } from "./runtime_rig.ts";

interface Item {
  readonly id: number;
  text: string;
  done: boolean;
}

class List {
  title = "";
  filter = false;
  items: Item[] = [{ id: 1, text: "a", done: false }, { id: 2, text: "b", done: true }];
  next = 3;
  get left(): number {
    return this.items.filter(({ done }) => !done).length;
  }
  get visible(): Item[] {
    return this.filter ? this.items.filter(({ done }) => !done) : this.items;
  }
  add(): void {
    this.items.splice(this.next % (this.items.length + 1), 0, {
      id: this.next,
      text: this.title,
      done: this.next % 3 === 0,
    });
    this.next++;
  }
  remove(item: Item): void {
    this.items.splice(this.items.indexOf(item), 1);
  }
  turn(): void {
    this.items.reverse();
  }
  shout(item: Item): void {
    item.text = item.text.toUpperCase();
    if (item.text.length > 3) throw new Error("too loud");
  }
  move(item: Item, to: Item | null): void {
    this.items.splice(this.items.indexOf(item), 1);
    this.items.splice(to === null ? 0 : this.items.indexOf(to), 0, item);
  }
}

const LIST = '<section><h1 g-if="left > 1">{{title}}: {{left}}</h1><input g-bind="title">' +
  '<input type="checkbox" g-checked="filter"><button g-click="add()">+</button>' +
  '<button g-click="turn()">~</button><ul>' +
  '<li g-for="item in visible" g-key="item.id" g-draggable="item" g-drop="move">' +
  '<input g-bind="item.text"><input type="checkbox" g-checked="item.done">' +
  '<b g-if="item.done">done {{item.text}}</b><i g-else>{{item.text}}</i>' +
  '<button g-click="remove(item)">x</button><button g-click="shout(item)">!</button></li>' +
  "</ul></section>";

const WORDS = ["", "x", "ab", "abc", "wordy"];

function act(tab: Tab, prng: Prng): void {
  const kinds = ["on", "bind", "drop"] as const;
  const kind = kinds[prng.between(0, 2)] as (typeof kinds)[number];
  const { length } = tab.model().addresses(kind);
  if (length === 0) return;
  const index = prng.between(0, length - 1);
  if (kind === "on") return tab.click(index);
  if (kind === "drop") {
    const from = tab.slot("drag", prng.between(0, length - 1));
    const data = JSON.stringify({ from: [from.instance, from.slot], position: "above" });
    return tab.send({ kind: 1, ...tab.slot("drop", index), data });
  }
  const isText = index === 0 || index > 1 && index % 2 === 0;
  tab.type(isText ? WORDS[prng.between(0, 4)] as string : String(prng.chance(0.5)), index);
}

function step(tabs: readonly Tab[], prng: Prng): void {
  const tab = tabs[prng.between(0, tabs.length - 1)] as Tab;
  const kind = prng.between(0, 19);
  if (tab.session === null) {
    if (kind < 6) tab.connect();
  } else if (kind === 0) tab.disconnect();
  else if (kind === 1) tab.isReady = false;
  else if (kind === 2) tab.drain();
  else if (kind < 10) tab.travel(prng.between(0, 3), prng.between(0, 3));
  else if (tab.shown[0]?.model !== null) act(tab, prng);
}

/** Everything arrives. */
function settle(rig: Rig, tabs: readonly Tab[]): void {
  for (const tab of tabs) if (tab.session === null) tab.connect();
  for (let round = 0; round < 5; round++) {
    rig.pass(10_000);
    for (const tab of tabs) {
      tab.drain();
      tab.travel();
    }
  }
}

function play(seed: number, scope: "tab" | "user" | "global"): void {
  const prng = new Prng(seed);
  const storage = new TestStorage();
  const one = compiled(List, LIST, { scope });
  let rig = new Rig({ list: one }, { storage, seed });
  const principal = { id: "ann" };
  const tabs = Array.from(
    { length: prng.between(1, 4) },
    () => rig.tab("list", { isSlow: true, principal }),
  );
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 60; i++) {
      step(tabs, prng);
      if (prng.chance(0.2)) rig.pass(prng.between(0, 100));
      if (!prng.chance(0.01)) continue;
      // Killed: what was not saved is gone, and nobody says goodbye.
      const { time } = rig;
      rig = new Rig({ list: one }, { storage, seed: prng.next() });
      rig.time = time;
      for (const tab of tabs) tab.cut(rig);
    }
    settle(rig, tabs);
    for (const tab of tabs) {
      const { html, numbers } = fresh(rig, tab);
      assertEquals(tab.html(), html, `seed ${seed}, round ${round}`);
      assertEquals(tab.model().numbers(), numbers);
      assertEquals(tab.closedWith, null);
    }
    assert(rig.failures.every((failure) => failure.includes("too loud")), rig.failures.join("\n"));
  }
}

/** What a tab would show that comes now, with the same state. */
function fresh(rig: Rig, tab: Tab): { readonly html: string; readonly numbers: number[] } {
  const other = rig.tab("list", { principal: tab.principal });
  Object.assign(other.shown[0] as object, { session: tab.shown[0]?.session, table: "" });
  other.connect();
  const shown = { html: other.html(), numbers: other.model().numbers() };
  other.disconnect();
  return shown;
}

Deno.test("all tabs show what the server has when anything has happened to them", () => {
  for (let seed = 1; seed <= 150; seed++) {
    play(seed, (["tab", "user", "global"] as const)[seed % 3] as "tab");
  }
});
