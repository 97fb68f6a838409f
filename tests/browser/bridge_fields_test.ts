/** Bound inputs of every kind, and what happens to them when the connection goes. */
import type { Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { type BridgeTest, bridgeTest, connected } from "../ui/bridge_pages.ts";
import { eventually } from "./harness.ts";

class Form {
  text = "start";
  area = "one\ntwo";
  isOn = false;
  fruit = "pear";
  size = "m";
  tags = ["b"];
  amount = 3;
  level = 20;
  day = "2026-01-31";
  rows = [{ done: false, name: "r0" }, { done: true, name: "r1" }];
  fruits = ["apple", "pear"];
  sizes = ["s", "m", "l"];
  saved = "";
  setAll(): void {
    this.text = "server";
    this.area = "three";
    this.isOn = true;
    this.fruit = "apple";
    this.size = "l";
    this.tags = ["a", "c"];
    this.amount = 12;
    this.level = 70;
    this.day = "2027-02-01";
  }
  addFruit(): void {
    this.fruits = ["kiwi", "fig", "pear"];
    this.fruit = "fig";
  }
  save(text: string): void {
    this.saved = text;
  }
}

const FORM = {
  create: () => new Form(),
  template: `<form g-submit="save(event.form.note)">
    <input id="text" g-bind="text"><textarea id="area" g-bind="area"></textarea>
    <input id="on" type="checkbox" g-bind="isOn">
    <select id="fruit" g-bind="fruit"><option g-for="f in fruits" g-value="f">{{f}}</option></select>
    <label g-for="s in sizes"><input type="radio" name="size" g-bind="size" g-value="s">{{s}}</label>
    <select id="tags" multiple g-bind="tags"><option>a</option><option>b</option><option>c</option>
    </select>
    <input id="amount" type="number" g-bind="amount"><input id="level" type="range" g-bind="level">
    <input id="day" type="date" g-bind="day">
    <p g-for="row in rows"><input type="checkbox" class="done" g-bind="row.done">
      <input class="name" g-bind="row.name"></p>
    <input name="note" id="note"><button>save</button>
    <button id="all" type="button" g-click="setAll">all</button>
    <button id="add" type="button" g-click="addFruit">add</button></form>`,
};

const OPTIONS = { islands: { form: FORM } };

bridgeTest("bridge sends what inputs of every kind hold", OPTIONS, async ({ stage, page }) => {
  const form = stage.view("form").state as Form;
  await page.fill("#text", "hello");
  await page.fill("#area", "a\nb");
  await page.check("#on");
  await page.selectOption("#fruit", "apple");
  await page.check("input[type=radio] >> nth=2");
  await page.selectOption("#tags", ["a", "c"]);
  await page.fill("#amount", "41");
  await page.fill("#level", "35");
  await page.fill("#day", "2026-12-24");
  await page.check(".done >> nth=0");
  await page.fill(".name >> nth=1", "second");
  await eventually(() => Promise.resolve({ ...form, saved: undefined }), {
    ...{ text: "hello", area: "a\nb", isOn: true, fruit: "apple", size: "l", tags: ["a", "c"] },
    ...{ amount: 41, level: 35, day: "2026-12-24" },
    rows: [{ done: true, name: "r0" }, { done: true, name: "second" }],
    ...{ fruits: ["apple", "pear"], sizes: ["s", "m", "l"], saved: undefined },
  });
});

bridgeTest(
  "bridge shows what the server says in inputs of every kind",
  OPTIONS,
  async ({ page }) => {
    assertEquals(await shown(page), {
      ...{ text: "start", area: "one\ntwo", fruit: "pear", amount: "3", level: "20" },
      ...{ day: "2026-01-31", tags: ["b"], on: false, size: ["m"] },
    });
    await page.click("#all");
    await eventually(() => shown(page), {
      ...{ text: "server", area: "three", fruit: "apple", amount: "12", level: "70" },
      ...{ day: "2027-02-01", tags: ["a", "c"], on: true, size: ["l"] },
    });
  },
);

bridgeTest("bridge chooses an option that comes with the same patch", OPTIONS, async ({ page }) => {
  await page.click("#add");
  await eventually(() => page.inputValue("#fruit"), "fig");
});

bridgeTest("bridge lets numbers be typed in their own time", OPTIONS, async ({ stage, page }) => {
  const form = stage.view("form").state as Form;
  await page.fill("#amount", "");
  await page.type("#amount", "-1.50");
  await eventually(() => Promise.resolve(form.amount), -1.5);
  assertEquals(await page.inputValue("#amount"), "-1.50");
});

bridgeTest("bridge sends a form without leaving the page", OPTIONS, async ({ stage, page }) => {
  await page.fill("#note", "kept");
  await page.press("#note", "Enter");
  await eventually(() => Promise.resolve((stage.view("form").state as Form).saved), "kept");
  assertEquals(page.url(), stage.url);
});

bridgeTest("bridge sends what was typed while there was no connection", OPTIONS, async (test) => {
  const { stage, page } = test;
  const view = stage.view("form");
  await page.fill("#text", "");
  await page.type("#text", "before ");
  const ready = reconnecting(test);
  stage.cut();
  await page.type("#text", "between");
  assertEquals(await page.inputValue("#text"), "before between");
  await ready;
  await page.type("#text", " after");
  await eventually(() => Promise.resolve((view.state as Form).text), "before between after");
  assertEquals(await page.inputValue("#text"), "before between after");
});

bridgeTest("bridge keeps typed text, focus and caret through a snapshot", OPTIONS, async (test) => {
  const { stage, page } = test;
  const view = stage.view("form");
  await page.fill("#note", "not bound");
  await page.fill("#text", "abcdef");
  await eventually(() => Promise.resolve((view.state as Form).text), "abcdef");
  for (let step = 0; step < 3; step++) await page.press("#text", "ArrowLeft");
  const field = await page.$("#text");
  const ready = reconnecting(test);
  stage.isForgetful = true;
  stage.cut();
  stage.change(view, (form: Form) => {
    form.rows.unshift({ done: true, name: "new" });
    form.area = "changed meanwhile";
  });
  await page.keyboard.type("XY");
  await ready;
  await page.keyboard.type("Z");
  await eventually(() => Promise.resolve((view.state as Form).text), "abcXYZdef");
  await eventually(() => page.inputValue("#area"), "changed meanwhile");
  assertEquals(await page.inputValue("#text"), "abcXYZdef");
  assertEquals(await page.inputValue("#note"), "not bound");
  assertEquals(
    await page.$$eval(".name", (all) => all.map((one) => (one as HTMLInputElement).value)),
    [
      "new",
      "r0",
      "r1",
    ],
  );
  assertEquals(
    await field?.evaluate((one) =>
      one === document.activeElement && (one as HTMLInputElement).selectionStart
    ),
    6,
  );
  await page.fill(".name >> nth=2", "last");
  await eventually(() => Promise.resolve((view.state as Form).rows[2]?.name), "last");
});

bridgeTest("bridge sends what was typed before it was there", {
  ...OPTIONS,
  body: `<body>{{island form}}<script src="/typed.js"></script></body>`,
  files: {
    "/typed.js": `document.querySelector("#text").value = "early";
    document.querySelector("#on").checked = true;`,
  },
}, async ({ stage }) => {
  const form = stage.view("form").state as Form;
  await eventually(() => Promise.resolve([form.text, form.isOn]), ["early", true]);
  assertEquals(stage.view("form").heard.length, 2);
});

bridgeTest("bridge leaves a composition alone until it ends", OPTIONS, async ({ stage, page }) => {
  const view = stage.view("form");
  await page.fill("#text", "");
  await page.focus("#text");
  const session = await page.context().newCDPSession(page);
  await session.send("Input.imeSetComposition", {
    text: "にh",
    selectionStart: 2,
    selectionEnd: 2,
  });
  await eventually(() => Promise.resolve((view.state as Form).text), "にh");
  stage.change(view, (form: Form) => form.text = "from the server");
  stage.change(view, (form: Form) => form.day = "2030-01-01");
  await eventually(() => page.inputValue("#day"), "2030-01-01");
  assertEquals(await page.inputValue("#text"), "にh");
  await session.send("Input.insertText", { text: "日本" });
  await eventually(() => Promise.resolve((view.state as Form).text), "日本");
  assertEquals(await page.inputValue("#text"), "日本");
});

/** Resolves when the page has a connection again. */
async function reconnecting({ page, stage }: BridgeTest): Promise<void> {
  await page.evaluate(() =>
    new Promise<void>((resolve) => {
      globalThis.driftless.live.onconnect = resolve;
    })
  );
  await connected(page, stage);
}

async function shown(page: Page): Promise<Record<string, unknown>> {
  return await page.evaluate(() => {
    const held = (id: string) => (document.getElementById(id) as HTMLInputElement).value;
    const chosen = (selector: string) =>
      [...document.querySelectorAll<HTMLInputElement>(selector)].map(({ value }) => value);
    return {
      ...{ text: held("text"), area: held("area"), fruit: held("fruit"), amount: held("amount") },
      ...{ level: held("level"), day: held("day"), tags: chosen("#tags :checked") },
      on: (document.getElementById("on") as HTMLInputElement).checked,
      size: chosen("[type=radio]:checked"),
    };
  });
}
