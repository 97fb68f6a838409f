/** The plugins for charts, each with its real library: drawn, updated in place, ended. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Browser, Page } from "playwright-core";
import { join } from "node:path";
import { bundle } from "../../scripts/build.ts";
import { connected } from "../ui/bridge_pages.ts";
import { BridgeStage, type StageOptions } from "../ui/bridge_stage.ts";
import { complaintsOf, eventually, launchBrowser } from "./harness.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
/** A value that a reader sees, of the library's own chart: its points, then what the reader did. */
interface Drawn {
  readonly points: readonly number[];
  /** Whether the reader's choice is still there. */
  readonly isKept: boolean;
}

interface Case {
  readonly name: string;
  /** The file that a page loads, of the package. */
  readonly file: string;
  readonly value: (points: readonly number[]) => object;
  /** Code of the page that hides or zooms something, with `chart`. */
  readonly touch: string;
  /** Code that gives a {@linkcode Drawn}. */
  readonly read: string;
  /** Code that says whether there is nothing left of the chart `chart` in `place`. */
  readonly isGone: string;
  /** Code that finds the library's chart in `place`. */
  readonly find: string;
}

const CASES: readonly Case[] = [{
  name: "chartjs",
  file: "chart.js/dist/chart.umd.min.js",
  value: (points) => ({
    type: "line",
    data: { labels: points.map(String), datasets: [{ label: "a", data: points }, { data: [1] }] },
    options: { maintainAspectRatio: false },
  }),
  find: `Chart.getChart(place.querySelector("canvas"))`,
  touch: `chart.hide(1)`,
  read: `({ points: chart.getDatasetMeta(0).data.map((it) => it.parsed?.y ?? it.$context.raw),
    isKept: !chart.isDatasetVisible(1) })`,
  isGone: `Chart.getChart(chart.id) === undefined && Object.keys(Chart.instances).length === 0`,
}, {
  name: "echarts",
  file: "echarts/dist/echarts.common.min.js",
  value: (points) => ({
    xAxis: { type: "category", data: points.map(String) },
    yAxis: {},
    legend: { data: ["a", "b"] },
    series: [{ name: "a", type: "bar", data: points }, { name: "b", type: "bar", data: [1] }],
  }),
  find: `echarts.getInstanceByDom(place)`,
  touch: `chart.dispatchAction({ type: "legendUnSelect", name: "b" })`,
  read: `({ points: chart.getOption().series[0].data,
    isKept: chart.getOption().legend[0].selected.b === false })`,
  isGone: `chart.isDisposed()`,
}, {
  name: "plotly",
  file: "plotly.js-basic-dist-min/plotly-basic.min.js",
  value: (points) => ({ data: [{ type: "bar", y: points }], layout: { margin: { l: 20, r: 20 } } }),
  find: `place.classList.contains("js-plotly-plot") && place`,
  touch: `Plotly.relayout(chart, { "yaxis.range": [0, 50] })`,
  read: `({ points: [...chart.querySelectorAll(".bars .point")].map((it) => it.__data__.s1),
    isKept: chart.layout.yaxis?.range?.[1] === 50 })`,
  isGone: `chart._fullLayout === undefined`,
}];

class Chart {
  readonly #value: Case["value"];
  points: readonly number[] = [3, 1];
  isOn = true;
  constructor(value: Case["value"]) {
    this.#value = value;
  }
  get value(): object {
    return this.#value(this.points);
  }
  grow(): void {
    this.points = [...this.points, 7];
  }
  off(): void {
    this.isOn = false;
  }
}

const code = await bundle(join(ROOT, "ui/client/charts_page.ts"), "/_driftless/charts.js");

async function stageOf({ name, file, value }: Case, hasLibrary = true): Promise<StageOptions> {
  const library = await Deno.readTextFile(join(ROOT, "node_modules", file));
  return {
    islands: {
      chart: {
        create: () => new Chart(value),
        template: `<div><button id="grow" g-click="grow">g</button>
          <button id="off" g-click="off">o</button>
          <div class="chart" g-if="isOn" g-plugin:${name}="value"
            g-style:width="'300px'" g-style:height="'200px'"></div></div>`,
      },
    },
    files: { "/library.js": library, "/_driftless/charts.js": code },
    // Before the bridge, as pages get the plugins of their islands.
    head: `${hasLibrary ? `<script src="/library.js"></script>` : ""}
      <script type="module" src="/_driftless/charts.js"></script>`,
  };
}

/** What Plotly's empty style sheet is refused with, where a page allows no inline styles at all. */
const PLOTLY_STYLE = /sha256-47DEQpj8HBSa\+\/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU=/;

async function chartPage(
  browser: Browser,
  options: StageOptions,
  run: (page: Page) => Promise<void>,
): Promise<readonly string[]> {
  await using stage = await BridgeStage.start(options);
  const page = await browser.newPage();
  const complaints = complaintsOf(page);
  await page.goto(stage.url);
  await connected(page, stage);
  await run(page);
  await page.close();
  return complaints.filter((text) => !PLOTLY_STYLE.test(text));
}

async function assertDrawn(browser: Browser, one: Case): Promise<void> {
  const { name, find, touch, read, isGone } = one;
  const complaints = await chartPage(browser, await stageOf(one), async (page) => {
    const run = <T>(body: string) =>
      page.evaluate<T>(`(() => { const place = document.querySelector(".chart");
          globalThis.chart ??= place && ${find}; return ${body}; })()`);
    const shown = () => run<Drawn | null>(`chart ? ${read} : null`);
    await eventually(shown, { points: [3, 1], isKept: false });
    assert(await run<boolean>(`place.querySelector("canvas, svg").clientWidth > 0`));
    await run(`void ${touch}`);
    await eventually(shown, { points: [3, 1], isKept: true });
    await page.click("#grow");
    await eventually(shown, { points: [3, 1, 7], isKept: true });
    assertEquals(await run<boolean>(`chart === (${find})`), true);
    await page.evaluate(`document.querySelector(".chart").style.width = "120px"`);
    await eventually(
      () => run<number>(`place.querySelector("canvas, svg").clientWidth`),
      120,
    );
    await page.click("#off");
    await eventually(() => run<boolean>(isGone), true);
  });
  assertEquals(complaints, [], name);
}

/** Without the library, then with it and a value that it does not know, then with one that it does. */
async function assertMissed(browser: Browser): Promise<void> {
  const [first] = CASES as [Case];
  const value = (points: readonly number[]) => ({
    ...first.value(points),
    ...(points.length < 5 ? { type: "none" } : {}),
  });
  const options = await stageOf({ ...first, value }, false);
  const complaints = await chartPage(browser, options, async (page) => {
    await page.click("#grow");
    await eventually(() => page.locator(".chart").count(), 1);
    await page.addScriptTag({ url: "/library.js" });
    const charts = () => page.evaluate<number>("Object.keys(Chart.instances).length");
    await page.click("#grow");
    await eventually(charts, 1);
    await page.click("#grow");
    await eventually(
      () => page.evaluate("Object.values(Chart.instances)[0].config.type"),
      "line",
    );
    assertEquals(await charts(), 1);
    await page.click("#off");
    await eventually(charts, 0);
  });
  assertEquals(complaints.length, 2);
  const [missed = "", unknown = ""] = complaints;
  const said = "Cannot draw a chart with Chart.js:";
  assertStringIncludes(missed, `${said} TypeError: the page has not loaded it, there is no Chart`);
  assertStringIncludes(unknown, `${said} Error: "none" is not a registered controller`);
}

Deno.test("charts of each library are drawn, updated in place, ended, and missed when it is not there", async () => {
  const browser = await launchBrowser();
  try {
    for (const one of CASES) await assertDrawn(browser, one);
    await assertMissed(browser);
  } finally {
    await browser.close();
  }
});
