/**
 * What the page of the islands does itself: two plugins. `driftless.live` is the bridge.
 *
 *     chart        draws a list of numbers as a line, in SVG
 *     take-focus   the focus goes along with what the server moved to another place
 */
import type { live, LivePlugin } from "../client/live.ts";

const SVG = "http://www.w3.org/2000/svg";
/** Of the drawing's own coordinates. */
const WIDTH = 600;
const HEIGHT = 160;
const MARGIN = 6;
/** A market that hardly moves is not drawn as a storm. */
const SPAN_MIN = 0.02;

const chart: LivePlugin = {
  init(element, levels) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.append(document.createElementNS(SVG, "path"), document.createElementNS(SVG, "polyline"));
    element.replaceChildren(svg);
    draw(svg, levels as number[]);
  },
  update(element, levels) {
    draw(element.querySelector("svg") as SVGElement, levels as number[]);
  },
  destroy(element) {
    element.replaceChildren();
  },
};

const takeFocus: LivePlugin = {
  init(element) {
    const { activeElement } = document;
    // The pressed button is gone. Somebody who is elsewhere by now stays there.
    if (activeElement !== null && activeElement !== document.body) return;
    element.parentElement?.querySelector("button")?.focus();
  },
};

const { driftless } = globalThis as unknown as { driftless: { live: typeof live } };
driftless.live.plugin("chart", chart);
driftless.live.plugin("take-focus", takeFocus);

function draw(svg: SVGElement, levels: readonly number[]): void {
  const [area, line] = svg.children;
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const span = Math.max(high - low, SPAN_MIN);
  const bottom = (low + high - span) / 2;
  const points = levels.map((level, index) => {
    const x = levels.length < 2 ? WIDTH : index / (levels.length - 1) * WIDTH;
    const y = HEIGHT - MARGIN - (level - bottom) / span * (HEIGHT - 2 * MARGIN);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  line?.setAttribute("points", points.join(" "));
  area?.setAttribute("d", `M0,${HEIGHT} L${points.join(" L")} L${WIDTH},${HEIGHT} Z`);
}
