/** The page around islands: several, nested, in shadow, made later; its scripts, plugins and notices. */
import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { bridgeTest, connected, textsOf } from "../ui/bridge_pages.ts";
import { BridgeStage } from "../ui/bridge_stage.ts";
import { assertFresh } from "../ui/bridge_canon.ts";
import { complaintsOf, eventually, launchBrowser } from "./harness.ts";

class Counter {
  count = 0;
  isOpen = true;
  add(by = 1): void {
    this.count += by;
  }
  next(by: number): unknown {
    this.count += by;
    return { count: this.count };
  }
  toggle(): void {
    this.isOpen = !this.isOpen;
  }
  fail(): void {
    throw new Error("It failed");
  }
}

const COUNTER = {
  create: () => new Counter(),
  template: `<p><button g-click="add">+</button><b>{{count}}</b></p>`,
};
const OUTER = {
  create: () => new Counter(),
  template: `<section><h1>{{count}}</h1><button id="toggle" g-click="toggle">t</button>
    <button id="add" g-click="add">a</button>
    <div g-if="isOpen" id="light" g-island="counter"></div>
    <div g-if="isOpen" id="dark" g-island="counter" g-shadow></div></section>`,
};

bridgeTest("bridge keeps apart two islands, and one that is there twice", {
  islands: { counter: COUNTER, other: COUNTER },
  body: "<body>{{island counter}}{{island other}}{{island counter}}</body>",
}, async ({ page }) => {
  await page.click("button >> nth=0");
  await page.click("button >> nth=2");
  await page.click("button >> nth=2");
  await eventually(() => textsOf(page, "b"), ["1", "0", "2"]);
});

bridgeTest("bridge mounts islands within islands, in the light and in shadow", {
  islands: { outer: OUTER, counter: COUNTER },
  body: "<body>{{island outer}}</body>",
}, async ({ page, stage }) => {
  await eventually(() => textsOf(page, "#light b, #dark b"), ["0", "0"]);
  await page.click("#light button");
  await page.click("#dark button");
  await page.click("#dark button");
  await page.click("#add");
  await eventually(() => textsOf(page, "#light b, #dark b, h1"), ["1", "1", "2"]);
  assertEquals(
    await page.evaluate(() => document.querySelector("#dark")?.shadowRoot?.mode),
    "open",
  );
  await page.click("#toggle");
  await eventually(() => page.locator("[g-island=counter]").count(), 0);
  assertEquals([...stage.views.values()].filter(({ name }) => name === "counter").length, 2);
  await page.click("#toggle");
  await eventually(() => textsOf(page, "#light b, #dark b"), ["0", "0"]);
});

bridgeTest("bridge asks for markup where there is none, or where it is another's", {
  islands: { counter: COUNTER },
  body: `<body><div id="empty" g-island="counter"></div>{{island counter}}
    <script src="/spoil.js"></script></body>`,
  files: { "/spoil.js": `document.querySelector("p b").outerHTML = "<i>other</i>";` },
}, async ({ page }) => {
  await eventually(() => textsOf(page, "b"), ["0", "0"]);
  await page.click("button >> nth=0");
  await page.click("button >> nth=1");
  await eventually(() => textsOf(page, "b"), ["1", "1"]);
});

bridgeTest("bridge mounts and unmounts where the page's scripts say", {
  islands: { counter: COUNTER },
  body: `<body><div id="late"></div></body>`,
  query: "?manual&ns=own",
}, async ({ page, stage }) => {
  await page.evaluate(() => {
    const { live } = (globalThis as unknown as { own: typeof globalThis.driftless }).own;
    live.connect();
    live.mount(document.querySelector("#late") as Element, "counter");
  });
  await eventually(() => textsOf(page, "b"), ["0"]);
  const view = stage.view("counter");
  await page.click("button");
  await eventually(() => textsOf(page, "b"), ["1"]);
  await page.evaluate(() => {
    const { live } = (globalThis as unknown as { own: typeof globalThis.driftless }).own;
    live.unmount(document.querySelector("#late") as Element);
    document.querySelector("button")?.click();
    live.mount(document.querySelector("#late") as Element, "counter");
  });
  await page.click("button");
  await eventually(() => Promise.resolve(view.heard.length), 1);
});

bridgeTest("bridge calls methods and is called, by name", {
  islands: { counter: COUNTER },
}, async ({ page, stage }) => {
  const view = stage.view("counter");
  await page.evaluate(async () => {
    const { live } = globalThis.driftless;
    live.register({ double: (n: number) => n * 2, later: async () => await Promise.resolve("ok") });
    await live.call("counter", "add", 5);
  });
  assertEquals((view.state as Counter).count, 5);
  const results = await page.evaluate(async () => {
    const { live } = globalThis.driftless;
    const both = [live.call("counter", "next", 1), live.call("counter", "next", 2)];
    const failed = await live.call("counter", "fail").then(
      () => null,
      (error: Error & { code: string }) => [error.code, error.message],
    );
    return [...await Promise.all(both), await live.call("counter", "add", 0) ?? "nothing", failed];
  });
  assertEquals(results, [{ count: 6 }, { count: 8 }, "nothing", ["failed", "Error: It failed"]]);
  stage.callPage(view, 1, "double", [21]);
  stage.callPage(view, 2, "later", []);
  stage.callPage(view, 3, "constructor", []);
  await eventually(
    () => Promise.resolve(stage.results.map(({ call, data, error }) => [call, data, error]).sort()),
    [
      [1, "42", ""],
      [2, '"ok"', ""],
      [3, "", "TypeError: Cannot call constructor: it is not registered"],
    ],
  );
});

bridgeTest("bridge tells the page's scripts what went wrong", {
  islands: { counter: { ...COUNTER, template: `<p><button g-click="fail">f</button></p>` } },
}, async ({ page }) => {
  await page.evaluate(() => {
    globalThis.driftless.live.onerror = (code, error) => document.title = `${code}: ${error}`;
  });
  await page.click("button");
  await eventually(() => page.title(), "failed: Error: It failed");
});

class Files {
  got(_upload: unknown): void {}
}

bridgeTest("bridge sends files in parts, and says how far they are", {
  islands: {
    files: {
      create: () => new Files(),
      template: `<p><input type="file" multiple g-upload="got"></p>`,
    },
  },
}, async ({ page, stage }) => {
  await page.evaluate(() => {
    Object.assign(globalThis, { told: [] });
    addEventListener("g-upload", (event) => {
      const { name, received, size } = (event as CustomEvent).detail;
      (globalThis as unknown as { told: unknown[] }).told.push([name, received, size]);
    });
  });
  const long = "0123456789".repeat(60_000);
  const file = (name: string, text: string) => {
    return { name, mimeType: "text/plain", buffer: Buffer.from(text) };
  };
  await page.setInputFiles("input", [file("a.txt", "short"), file("b.txt", long)]);
  await eventually(() => page.evaluate("told"), [
    ["a.txt", 5, 5],
    ["b.txt", 512 * 1024, 600_000],
    ["b.txt", 600_000, 600_000],
  ]);
  assertEquals([...stage.uploads.values()], ["short", long]);
});

class Chart {
  data: { points: number[] } = { points: [1, 2] };
  isOn = true;
  grow(): void {
    this.data.points.push(3);
  }
  off(): void {
    this.isOn = false;
  }
}

const CHART = {
  create: () => new Chart(),
  template: `<div><p g-if="isOn" g-plugin:chart="data"></p>
    <button id="grow" g-click="grow">g</button><button id="off" g-click="off">o</button></div>`,
};
const PLUGIN = `import { live } from "/_driftless/live.js";
globalThis.told = [];
live.plugin("chart", {
  init: (element, value) => told.push(["init", element.isConnected, value.points]),
  update: (element, value) => told.push(["update", element.localName, value.points]),
  destroy: (element) => told.push(["destroy", element.localName]),
});`;

for (const isForgetful of [false, true]) {
  const way = isForgetful ? "after a snapshot" : "from the first";
  bridgeTest(`bridge hands values to plugins, and ends them, ${way}`, {
    islands: { chart: CHART },
    files: { "/plugin.js": PLUGIN },
    head: `<script type="module" src="/plugin.js"></script>`,
  }, async ({ page, stage }) => {
    const first = ["init", true, [1, 2]];
    await eventually(() => page.evaluate("told"), [first]);
    if (isForgetful) {
      stage.isForgetful = true;
      stage.cut();
      await eventually(() => page.evaluate("told"), [first, ["destroy", "p"], first]);
      await page.evaluate("told.splice(0, 2)");
    }
    await page.click("#grow");
    const second = ["update", "p", [1, 2, 3]];
    await eventually(() => page.evaluate("told"), [first, second]);
    await page.click("#off");
    await eventually(() => page.evaluate("told"), [first, second, ["destroy", "p"]]);
  });
}

bridgeTest("bridge moves the page's address, and tells of the way back", {
  islands: { counter: COUNTER },
}, async ({ page, stage }) => {
  const view = stage.view("counter");
  stage.callPage(view, 0, "driftless:navigate", ["/there?a=1", false]);
  await eventually(() => Promise.resolve(page.url()), `${stage.url}there?a=1`);
  await page.goBack();
  await eventually(() => Promise.resolve(view.heard.map(({ kind, url }) => [kind, url])), [[
    1,
    "/",
  ]]);
  assertEquals(stage.results, []);
});

bridgeTest("bridge takes the patches that it missed, and no snapshot", {
  islands: { counter: COUNTER },
}, async ({ page, stage }) => {
  const view = stage.view("counter");
  const button = await page.$("button");
  stage.cut();
  stage.change(view, (counter: Counter) => counter.count = 7);
  await eventually(() => textsOf(page, "b"), ["7"]);
  assertEquals(await button?.evaluate((one) => one.isConnected), true);
  await assertFresh(page, view);
});

bridgeTest("bridge covers a page of its own while there is no server, with the page's words", {
  islands: { counter: COUNTER },
  body: `<template id="g-disconnect"><h2>Gone: <i class="g-reason"></i></h2></template>` +
    `<body g-island="counter"></body>`,
}, async ({ page, stage }) => {
  await eventually(() => textsOf(page, "b"), ["0"]);
  stage.cut(4000, "The plug was pulled");
  await eventually(() => textsOf(page, ".g-disconnect"), ["Gone: The plug was pulled"]);
});

bridgeTest("bridge puts a badge on islands of other pages until there is a server again", {
  islands: { counter: COUNTER },
}, async ({ page, stage }) => {
  await page.evaluate(() => {
    const { fetch } = globalThis;
    globalThis.fetch = () => Promise.reject(new TypeError("No network"));
    Object.assign(globalThis, { restore: () => globalThis.fetch = fetch });
  });
  stage.cut();
  await eventually(() => textsOf(page, ".g-disconnect-badge"), ["Reconnecting…"]);
  await page.evaluate("void restore()");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await eventually(() => page.locator(".g-disconnect-badge").count(), 0);
  await page.click("button");
  await eventually(() => textsOf(page, "b"), ["1"]);
});

Deno.test("bridge feels a distant server where the address asks for that", async () => {
  await using stage = await BridgeStage.start({ islands: { counter: COUNTER } });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(`${stage.url}?live-latency=60`);
    await connected(page, stage);
    assertEquals(await page.evaluate(() => globalThis.driftless.live.latency), 60);
    await page.click("button");
    await eventually(() => textsOf(page, "b"), ["1"]);
    assertEquals(complaints, []);
  } finally {
    await browser.close();
  }
});
