/** The comparison as a picture: for each row, how many times better Driftless is than each system. */
import { keyOf } from "./comparison.ts";
import type { Results } from "./table.ts";

const WIDTH = 900;
const LABEL_WIDTH = 380;
const BAR_HEIGHT = 10;
const ROW_GAP = 12;
const TOP = 60;
/** The ratios at the two ends of the axis, which counts in powers of ten. */
const RATIO_MIN = 0.05;
const RATIO_MAX = 100;
/** Told apart in light and dark, and by people who see fewer colours (after Okabe and Ito). */
const COLOURS: readonly string[] = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#767676",
];

/** Draws the chart as an SVG that suits light and dark pages. */
export function chartOf({ rows, date, machine }: Results): string {
  const systems = [...new Set(rows.flatMap(({ others }) => others.map(({ system }) => system)))];
  const colourOf = (system: string) => COLOURS[systems.indexOf(system) % COLOURS.length] ?? "";
  const parts: string[] = [];
  let y = TOP;
  for (const row of rows) {
    const bars = row.others.filter(({ ratio }) => ratio !== null);
    if (bars.length === 0) continue;
    const height = bars.length * BAR_HEIGHT;
    const middle = y + height / 2 + 4;
    parts.push(
      `<text x="${LABEL_WIDTH - 10}" y="${middle}" text-anchor="end">${escaped(keyOf(row))}</text>`,
    );
    for (const { system, ratio } of bars) {
      const [from, to] = [x(1), x(ratio ?? 1)].sort((a, b) => a - b) as [number, number];
      const width = Math.max(1, to - from);
      parts.push(
        `<rect x="${round(from)}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT - 2}" ` +
          `fill="${colourOf(system)}"><title>${escaped(system)}: ${
            text(ratio ?? 1)
          }</title></rect>`,
        `<text class="n" x="${round((ratio ?? 1) < 1 ? from - 4 : to + 4)}" y="${y + 7}"` +
          `${(ratio ?? 1) < 1 ? ` text-anchor="end"` : ""}>${text(ratio ?? 1)}</text>`,
      );
      y += BAR_HEIGHT;
    }
    y += ROW_GAP;
  }
  const legend = systems.map((system, at) => {
    const left = 12 + at * (WIDTH - 24) / systems.length;
    return `<rect x="${round(left)}" y="28" width="10" height="10" fill="${colourOf(system)}"/>` +
      `<text x="${round(left + 15)}" y="37">${escaped(system)}</text>`;
  });
  const axis = [0.1, 1, 10, 100].map((ratio) =>
    `<line class="${ratio === 1 ? "one" : "grid"}" x1="${round(x(ratio))}" x2="${
      round(x(ratio))
    }" ` +
    `y1="${TOP - 6}" y2="${y}"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 24}" role="img" ` +
    `aria-labelledby="t"><title id="t">How many times better Driftless is than each system</title>` +
    `<style>text{font:11px system-ui,sans-serif;fill:#24292f}.n{font-size:9px}` +
    `.grid{stroke:#8c959f;stroke-opacity:.35}.one{stroke:#57606a}` +
    `@media(prefers-color-scheme:dark){text{fill:#e6edf3}.one{stroke:#b1bac4}}</style>` +
    `<text x="12" y="16" font-weight="600">How many times better Driftless is: right of the line it ` +
    `is ahead, left of it the other one (powers of ten)</text>` +
    [...legend, ...axis, ...parts].join("") +
    `<text class="n" x="12" y="${y + 14}">${escaped(`${date}, ${machine}`)}</text></svg>\n`;
}

function x(ratio: number): number {
  const bounded = Math.min(RATIO_MAX, Math.max(RATIO_MIN, ratio));
  const share = Math.log(bounded / RATIO_MIN) / Math.log(RATIO_MAX / RATIO_MIN);
  return LABEL_WIDTH + 30 + share * (WIDTH - LABEL_WIDTH - 80);
}

function text(ratio: number): string {
  return `${ratio.toLocaleString("en", { maximumSignificantDigits: 2 })}×`;
}

function round(value: number): string {
  return value.toFixed(1);
}

function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
