/** Events: which are sent, with what, and what happens without the server. */
import type { Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { type BridgeTest, bridgeTest, textsOf } from "../ui/bridge_pages.ts";
import { eventually } from "./harness.ts";

class Log {
  lines: string[] = [];
  shown = true;
  tasks = [{ name: 'it\'s "one"', list: "a" }, { name: "two", list: "b" }, {
    name: "3",
    list: "a",
  }];
  say(...parts: unknown[]): void {
    this.lines.push(parts.map((part) => JSON.stringify(part)).join(" "));
  }
  hide(): void {
    this.shown = false;
  }
  drop(from: unknown, onto: unknown, position: string): void {
    this.say(from, onto, position);
  }
}

/** A test of an island with this template; its state is a log. */
function eventTest(
  name: string,
  template: string,
  run: (page: Page, log: Log, test: BridgeTest) => Promise<void>,
): void {
  const options = { islands: { log: { create: () => new Log(), template } } };
  bridgeTest(name, options, async (test) => {
    await run(test.page, test.stage.view("log").state as Log, test);
  });
}

async function said(log: Log, lines: readonly string[]): Promise<void> {
  await eventually(() => Promise.resolve(log.lines), lines);
}

eventTest(
  "bridge keeps to the modifiers of an event",
  `<div g-click="say('outer')"><a id="prevent" href="/gone" g-click.prevent="say('prevented')">a</a>
    <button id="stop" g-click.stop="say('stopped')">s</button>
    <button id="once" g-click.once.stop="say('once')">o</button>
    <p id="self" g-click.self.stop="say('self')"><b>inner</b><br>own</p></div>`,
  async (page, log, { stage }) => {
    await page.click("#prevent");
    await page.click("#stop");
    await page.click("#once");
    await page.click("#once");
    await page.click("b");
    await page.click("#self", { position: { x: 5, y: 30 } });
    await said(log, [
      '"prevented"',
      '"outer"',
      '"stopped"',
      '"once"',
      '"outer"',
      '"outer"',
      '"self"',
    ]);
    assertEquals(page.url(), stage.url);
  },
);

eventTest(
  "bridge sends the keys that are asked for, and what is asked of them",
  `<div><input g-keydown.enter="say('enter')" g-keydown="Escape:say('esc');KeyA:say(event.key, event.code)"></div>`,
  async (page, log) => {
    await page.focus("input");
    for (const key of ["b", "Enter", "a", "Shift+A", "Escape"]) await page.keyboard.press(key);
    await said(log, ['"enter"', '"a" "KeyA"', '"A" "KeyA"', '"esc"']);
  },
);

eventTest(
  "bridge minds which keys are held, and no others",
  `<div><button g-click.ctrl="say('ctrl')" g-click.shift.alt="say('both')">b</button>
    <input g-keydown.ctrl.k.prevent="say('search')" g-keydown.meta="say('meta', event.key)"></div>`,
  async (page, log) => {
    await page.click("button");
    await page.click("button", { modifiers: ["Control"] });
    await page.click("button", { modifiers: ["Shift"] });
    await page.click("button", { modifiers: ["Shift", "Alt"] });
    await page.click("button", { modifiers: ["Control", "Shift", "Alt"] });
    await page.focus("input");
    for (const key of ["k", "Control+k", "Control+Shift+j", "Meta+x"]) {
      await page.keyboard.press(key);
    }
    await said(log, [
      '"ctrl"',
      '"both"',
      '"ctrl"',
      '"both"',
      '"search"',
      '"meta" "Meta"',
      '"meta" "x"',
    ]);
  },
);

eventTest(
  "bridge listens on window and document for as long as the element is shown",
  `<div><p g-if="shown" g-keyup.window="say(event.key)" g-click:document="say('document')">p</p>
    <button g-click.stop="hide">hide</button></div>`.replace(".window", ":window"),
  async (page, log) => {
    await page.keyboard.press("x");
    await page.click("p");
    await said(log, ['"x"', '"document"']);
    await page.click("button");
    await eventually(() => page.locator("p").count(), 0);
    await page.keyboard.press("y");
    await page.click("body");
    await page.evaluate(() => globalThis.driftless.live.latency = 0);
    await said(log, ['"x"', '"document"']);
  },
);

eventTest(
  "bridge sends what handlers ask of pointer, wheel, scroll, select and form",
  `<form g-submit="say(event.form, event.submitter)">
    <p id="mouse" g-mousedown="say(event.clientX, event.clientY, event.button)">m</p>
    <div id="box" g-scroll.debounce(50)="say(event.scrollTop, event.clientHeight)"><p id="in">x</p></div>
    <select g-change="say(event.value, event.values)"><option>a</option><option>b</option></select>
    <input name="first" value="1"><input name="more" value="2"><input name="more" value="3">
    <button name="how" value="fast">go</button></form>`,
  async (page, log) => {
    await page.evaluate(() => {
      const box = document.querySelector("#box") as HTMLElement;
      box.style.cssText = "height:40px;overflow:auto";
      (box.firstElementChild as HTMLElement).style.height = "400px";
    });
    const { x, y } = await page.locator("#mouse").boundingBox() ?? { x: 0, y: 0 };
    await page.mouse.move(x + 3, y + 4);
    await page.mouse.down();
    await page.mouse.up();
    const mouse = `${Math.round(x + 3)} ${Math.round(y + 4)} 0`;
    await said(log, [mouse]);
    await page.evaluate(() => document.querySelector("#box")?.scrollTo(0, 25));
    await said(log, [mouse, "25 40"]);
    await page.selectOption("select", "b");
    await said(log, [mouse, "25 40", '"b" ["b"]']);
    await page.click("button");
    const form = '{"first":"1","more":["2","3"]} "fast"';
    await said(log, [mouse, "25 40", '"b" ["b"]', form]);
  },
);

eventTest(
  "bridge sends the last of many events once it has been quiet",
  `<div><input g-input.debounce(150)="say(event.value)"></div>`,
  async (page, log) => {
    await page.evaluate(() => {
      const input = document.querySelector("input") as HTMLInputElement;
      for (const text of ["a", "ab", "abc"]) {
        input.value = text;
        input.dispatchEvent(new Event("input"));
      }
    });
    await said(log, ['"abc"']);
  },
);

eventTest(
  "bridge sends the first and the last of many events in a time",
  `<div><input g-input.throttle(300)="say(event.value)"></div>`,
  async (page, log) => {
    await page.evaluate(() => {
      const input = document.querySelector("input") as HTMLInputElement;
      for (const text of ["a", "ab", "abc"]) {
        input.value = text;
        input.dispatchEvent(new Event("input"));
      }
    });
    await said(log, ['"a"', '"abc"']);
  },
);

const DRAG = `<div><ul g-for="list in ['a', 'b']" g-drop:task="drop(list, event.position)">
    <li g-for="task in tasks" g-if="task.list == list" g-draggable:task="task.name">{{task.name}}</li>
    <i g-draggable:other="[1, { a: null }]">other</i></ul>
    <p id="other" g-drop:other="say" g-dropzone="'zone'">other</p></div>`;

eventTest(
  "bridge drags any payload to targets of its group",
  DRAG.replace("drop(list, event.position)", "drop(event.position)").replace(
    "<ul g-for",
    '<ul g-dropzone="list" g-for',
  ),
  async (page, log) => {
    await page.dragAndDrop("li >> nth=0", "ul >> nth=1", { targetPosition: { x: 20, y: 5 } });
    await said(log, [`"it's \\"one\\"" "b" "above"`]);
    await page.dragAndDrop("li >> nth=0", "#other");
    await page.dragAndDrop("i >> nth=0", "#other");
    await said(log, [`"it's \\"one\\"" "b" "above"`, `[1,{"a":null}] "zone"`]);
    assertEquals(await page.locator(".g-drop, .g-dragging").count(), 0);
  },
);

eventTest(
  "bridge runs commands without the server",
  `<div><button id="t" g-do-click="toggle('#menu'); toggleClass('', 'pressed'); focus('#in')">t</button>
    <button id="h" g-do-click="hide('.row'); addClass('#menu', 'x')">h</button>
    <p id="menu">menu</p><p class="row">1</p><p class="row">2</p><input id="in"></div>`,
  async (page, log, { stage }) => {
    stage.cut();
    await page.click("#t");
    assertEquals(await page.isVisible("#menu"), false);
    assertEquals(await page.getAttribute("#t", "class"), "pressed");
    assertEquals(await page.evaluate(() => document.activeElement?.id), "in");
    await page.click("#t");
    assertEquals(await page.isVisible("#menu"), true);
    await page.click("#h");
    assertEquals(await page.locator(".row:visible").count(), 0);
    assertEquals(await page.getAttribute("#menu", "class"), "x");
    assertEquals(log.lines, []);
  },
);

eventTest(
  "bridge marks an element whose event is not answered yet",
  `<div><button g-pending g-click="say(1)">b</button></div>`,
  async (page, log) => {
    const marked = await page.evaluate(() => {
      const button = document.querySelector("button") as HTMLElement;
      button.click();
      return [button.className, button.ariaBusy];
    });
    assertEquals(marked, ["g-pending", "true"]);
    await said(log, ["1"]);
    await eventually(() => page.locator(".g-pending, [aria-busy]").count(), 0);
  },
);

eventTest(
  "bridge sends clicks that came while there was no connection, in order and once",
  `<div><button g-click="say('a')">a</button><button g-click="say('b')">b</button>
    <p g-for="line in lines">{{line}}</p></div>`,
  async (page, log, { stage }) => {
    await page.evaluate(() => {
      globalThis.driftless.live.ondisconnect = () => {
        for (const button of document.querySelectorAll("button")) button.click();
      };
    });
    stage.cut();
    await said(log, ['"a"', '"b"']);
    await eventually(() => textsOf(page, "p"), ['"a"', '"b"']);
  },
);
