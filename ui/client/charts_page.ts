/**
 * The plugins for charts as pages load them from `/_driftless/charts.js`: `chartjs`, `echarts` and
 * `plotly`, each with the library that the page's own script brings.
 *
 *     charts.js?ns=name    for `name.live` instead of `driftless.live`
 */
import { chartjs, echarts, plotly } from "./charts.ts";
import type { LivePlugin } from "./live.ts";

interface Page {
  readonly live: { plugin(name: string, plugin: LivePlugin): void };
}

const space = new URL(import.meta.url).searchParams.get("ns") ?? "driftless";
const isThere = register();
// Modules run in the order of the page, and the bridge may stand below.
if (!isThere) addEventListener("DOMContentLoaded", register);

function register(): boolean {
  const page = (globalThis as unknown as Record<string, Page | undefined>)[space];
  if (!page) return false;
  for (const [name, plugin] of Object.entries({ chartjs, echarts, plotly })) {
    page.live.plugin(name, plugin());
  }
  return true;
}
