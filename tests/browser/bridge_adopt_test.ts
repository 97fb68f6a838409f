/** The bridge adopts what the server has rendered, and keeps to the policies of a strict page. */
import { assertEquals } from "@std/assert";
import { bridgeTest, textsOf } from "../ui/bridge_pages.ts";
import { eventually } from "./harness.ts";

class Counter {
  count = 1;
  items = ["a", "b"];
  isOpen = true;
  add(by = 1): void {
    this.count += by;
  }
  toggle(): void {
    this.isOpen = !this.isOpen;
  }
}

const COUNTER = {
  create: () => new Counter(),
  template: `<section><p title="{{count}}">Now {{count}}</p>
    <button g-click="add(2)">+</button><button id="toggle" g-click="toggle">?</button>
    <ul><li>head</li><li g-for="item in items" g-click="add(item.length)">{{item}}</li></ul>
    <em g-if="isOpen">open {{count}}</em><em g-else>closed</em></section>`,
};

/** Tells what became of the page from the moment that it was parsed. */
const WATCH = `globalThis.records = [];
new MutationObserver((list) => records.push(...list.map(({ type }) => type)))
  .observe(document.querySelector("section"), { subtree: true, childList: true, attributes: true, characterData: true });
globalThis.firstButton = document.querySelector("button");`;

bridgeTest("bridge adopts the server's markup without changing a node", {
  islands: { counter: COUNTER },
  body: `<body>{{island counter}}<script src="/watch.js"></script></body>`,
  files: { "/watch.js": WATCH },
}, async ({ page, stage }) => {
  assertEquals(await page.evaluate("records"), []);
  await page.click("button");
  await eventually(() => textsOf(page, "p, em"), ["Now 3", "open 3"]);
  assertEquals(await page.getAttribute("p", "title"), "3");
  assertEquals(await page.evaluate("firstButton === document.querySelector('button')"), true);
  assertEquals(await page.evaluate("records"), ["attributes", "characterData", "characterData"]);
  assertEquals((stage.view("counter").state as Counter).count, 3);
});
