/**
 * Plugins of islands for three chart libraries: the server has the numbers, the page the library. A value
 * is what the library itself takes, as JSON:
 *
 *     Chart.js   { type, data, options }        in a canvas that the element gets
 *     ECharts    an option
 *     Plotly     { data, layout, config }
 *
 * A chart is made once and then updated, so that transitions run, and what the reader has zoomed into or
 * hidden stays. It follows the size of its element, unless the value says otherwise. Plotly brings an empty style sheet: where the page's policy forbids inline styles, a line
 * in the console says so, unless it allows `'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='`. Pages
 * without a bundler load `/_driftless/charts.js`.
 *
 * @example A page with a bundler
 * ```ts
 * import { chartjs } from "@driftless/driftless/charts";
 * import { Chart, registerables } from "chart.js";
 *
 * Chart.register(...registerables);
 * const plugin = chartjs(Chart); // for `driftless.live.plugin("chartjs", plugin)`
 * if (typeof plugin.update !== "function") throw new Error();
 * ```
 *
 * @module
 */

/** What `driftless.live.plugin` takes. Why a chart cannot be drawn is told to the console, once. */
export interface ChartPlugin {
  /** Draws a value in an element. */
  readonly init: (element: Element, value: unknown) => void;
  /** Shows another value in the chart that is there. */
  readonly update: (element: Element, value: unknown) => void;
  /** Ends the chart of an element. */
  readonly destroy: (element: Element) => void;
}

/** As much of a chart of Chart.js as is used. */
export interface ChartjsChart {
  /** What it was made with. */
  readonly config: object;
  /** Its data sets, and the labels of its axis. */
  data: object;
  /** How it looks. */
  options: object;
  /** Shows what was changed. */
  update(): void;
  /** Ends it. */
  destroy(): void;
}

/** The class `Chart` of Chart.js. */
export interface Chartjs {
  /** Makes a chart in a canvas. */
  new (canvas: HTMLCanvasElement, config: never): ChartjsChart;
  /** The chart of a canvas. */
  getChart(canvas: HTMLCanvasElement): ChartjsChart | undefined;
}

/** As much of a chart of ECharts as is used. */
export interface EchartsChart {
  /** Shows an option, merged into what is there. */
  setOption(option: never, how?: { replaceMerge: string[] }): void;
  /** Follows the size of its element. */
  resize(): void;
  /** Ends it. */
  dispose(): void;
}

/** The module of ECharts. */
export interface Echarts {
  /** Makes a chart in an element. */
  init(element: HTMLElement): EchartsChart;
}

/** The module of Plotly. */
export interface Plotly {
  /** Makes a chart in an element, or shows other data in it. */
  react(element: never, data: never, layout: never, config: never): Promise<unknown>;
  /** Ends the chart of an element. */
  purge(element: never): void;
  /** What is done to charts as a whole. */
  readonly Plots: {
    /** Follows the size of an element that is shown. */
    resize(element: never): unknown;
  };
}

type Fields = Record<string, unknown>;

/** How one library shows a value; `Chart` is what it keeps for an element. */
interface Library<Lib, Chart> {
  readonly name: string;
  /** The name that its script leaves. */
  readonly global: string;
  /** Makes the chart's place, with nothing in it. */
  readonly begin: (lib: Lib, element: HTMLElement) => Chart;
  /** Draws a value: the first, another one, or one after another that could not be drawn. */
  readonly show: (chart: Chart, value: Fields) => void | Promise<unknown>;
  readonly end: (chart: Chart) => void;
}

/**
 * The plugin for Chart.js. Data sets are told apart by their place: one that stays keeps whether the
 * reader has hidden it.
 *
 * @param lib the class `Chart`; without it the global that the library's script leaves
 *
 * @example
 * ```ts
 * import { chartjs } from "@driftless/driftless/charts";
 *
 * const plugin = chartjs(); // with <script src="/chart.umd.js"> in the page
 * if (typeof plugin.destroy !== "function") throw new Error();
 * ```
 */
export function chartjs(lib?: Chartjs): ChartPlugin {
  return pluginOf<Chartjs, { library: Chartjs; canvas: HTMLCanvasElement }>(lib, {
    name: "Chart.js",
    global: "Chart",
    begin(library, element) {
      const canvas = document.createElement("canvas");
      element.replaceChildren(canvas);
      return { library, canvas };
    },
    show({ library, canvas }, value) {
      const chart = library.getChart(canvas);
      if (!chart) return void new library(canvas, value as never);
      const { type, data, options } = value;
      const { datasets: old = [] } = chart.data as { datasets?: Fields[] };
      const { datasets = [], ...rest } = data as { datasets?: Fields[] };
      const kept = datasets.map((fresh, at) => likened(old[at], fresh));
      chart.data = { ...rest, datasets: kept };
      chart.options = options ?? {};
      Object.assign(chart.config, { type });
      chart.update();
    },
    end: ({ library, canvas }) => library.getChart(canvas)?.destroy(),
  });
}

/**
 * The plugin for ECharts. An option is merged into the one before, as the library does it; when there are
 * fewer series than before, the others are gone.
 *
 * @param lib the library's module; without it the global that its script leaves
 *
 * @example
 * ```ts
 * import { echarts } from "@driftless/driftless/charts";
 *
 * const plugin = echarts(); // with <script src="/echarts.min.js"> in the page
 * if (typeof plugin.destroy !== "function") throw new Error();
 * ```
 */
export function echarts(lib?: Echarts): ChartPlugin {
  return pluginOf<Echarts, { chart: EchartsChart; sizes: ResizeObserver; series: number }>(lib, {
    name: "ECharts",
    global: "echarts",
    begin(library, element) {
      const chart = library.init(element);
      return { chart, sizes: sizesOf(element, () => chart.resize()), series: 0 };
    },
    show(kept, option) {
      const series = seriesOf(option);
      const isLess = series < kept.series;
      kept.chart.setOption(option as never, isLess ? { replaceMerge: ["series"] } : undefined);
      kept.series = series;
    },
    end({ chart, sizes }) {
      sizes.disconnect();
      chart.dispose();
    },
  });
}

/**
 * The plugin for Plotly. Zoom and selection stay unless the value has a `layout.uirevision` that changes,
 * and the chart has the size of its element unless `layout` has both sizes, or `config.responsive` is
 * false.
 *
 * @param lib the library's module; without it the global that its script leaves
 *
 * @example
 * ```ts
 * import { plotly } from "@driftless/driftless/charts";
 *
 * const plugin = plotly(); // with <script src="/plotly.min.js"> in the page
 * if (typeof plugin.destroy !== "function") throw new Error();
 * ```
 */
export function plotly(lib?: Plotly): ChartPlugin {
  interface Kept {
    readonly library: Plotly;
    readonly element: HTMLElement;
    readonly sizes: ResizeObserver;
    isFixed: boolean;
  }
  return pluginOf<Plotly, Kept>(lib, {
    name: "Plotly",
    global: "Plotly",
    begin(library, element) {
      // Its own way follows the window alone.
      const resize = () => !kept.isFixed && library.Plots.resize(element as never);
      const kept: Kept = { library, element, sizes: sizesOf(element, resize), isFixed: false };
      return kept;
    },
    show(kept, { data, layout, config }) {
      kept.isFixed = (config as Fields | undefined)?.["responsive"] === false;
      const look = { uirevision: true, ...layout as Fields };
      return kept.library.react(
        ...[kept.element, data, look, config] as [never, never, never, never],
      );
    },
    end({ library, element, sizes }) {
      sizes.disconnect();
      library.purge(element as never);
    },
  });
}

function pluginOf<Lib, Chart>(given: Lib | undefined, of: Library<Lib, Chart>): ChartPlugin {
  const charts = new WeakMap<Element, Chart>();
  let told = "";
  const tell = (error: unknown) => {
    if (`${error}` !== told) console.error(`Cannot draw a chart with ${of.name}:`, error);
    told = `${error}`;
  };
  // What a plugin throws makes its island begin anew, and that would not help.
  const guarded = (act: () => void | Promise<unknown>) => {
    try {
      act()?.catch(tell);
    } catch (error) {
      tell(error);
    }
  };
  const show = (element: Element, value: unknown) =>
    guarded(() => {
      // A script may come later than the first value.
      const chart = charts.get(element) ??
        of.begin(given ?? loaded<Lib>(of.global), element as HTMLElement);
      charts.set(element, chart);
      return of.show(chart, value as Fields);
    });
  return {
    init: show,
    update: show,
    destroy(element) {
      const chart = charts.get(element);
      charts.delete(element);
      if (chart !== undefined) guarded(() => of.end(chart));
    },
  };
}

/** @throws {TypeError} when no script has left the global */
function loaded<Lib>(name: string): Lib {
  const lib = (globalThis as unknown as Record<string, Lib | undefined>)[name];
  if (!lib) throw new TypeError(`the page has not loaded it, there is no ${name}`);
  return lib;
}

/** Calls back when an element that is shown has another size. */
function sizesOf(element: HTMLElement, resize: () => void): ResizeObserver {
  const sizes = new ResizeObserver(() => element.offsetWidth > 0 && resize());
  sizes.observe(element);
  return sizes;
}

/** The object that the library knows, with what the fresh one has, and nothing else of its own. */
function likened(old: Fields | undefined, fresh: Fields): Fields {
  if (!old) return fresh;
  for (const name of Object.keys(old)) if (!(name in fresh)) delete old[name];
  return Object.assign(old, fresh);
}

function seriesOf({ series }: Fields): number {
  return Array.isArray(series) ? series.length : series ? 1 : 0;
}
