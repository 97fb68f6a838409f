/** The demo's page of islands, opened in a browser, and how tests find what is on it. */
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { STOCKS } from "../../ui/demo/island_market.ts";
import { complaintsOf, eventually, type Stage } from "./harness.ts";

export interface IslandsPage {
  readonly page: Page;
  readonly counter: Locator;
  readonly shared: Locator;
  readonly form: Locator;
  readonly board: Locator;
  readonly chart: Locator;
  readonly table: Locator;
  /** Console errors, exceptions and CSP violations so far. */
  readonly complaints: readonly string[];
}

/** More than the controls in front of any that a test looks for. */
const TAB_PRESSES_MAX = 40;
/** Islands of the page. */
const ISLANDS = 6;
/** A lot more than a screen of the table. */
export const ROWS_MAX = 100;
export const ALL_STOCKS = STOCKS.toLocaleString("en");

export async function open(
  { server, browser }: Stage,
  options?: BrowserContextOptions,
  query = "",
): Promise<IslandsPage> {
  const page = await browser.newPage(options);
  const complaints = complaintsOf(page);
  await page.goto(`${server.url}/islands${query}`);
  const islands = {
    page,
    counter: page.getByTestId("counter"),
    shared: page.getByTestId("shared-counter"),
    form: page.getByTestId("task-form"),
    board: page.getByTestId("board"),
    chart: page.getByTestId("market-chart"),
    table: page.getByTestId("stock-table"),
    complaints,
  };
  await eventually(() => page.locator("[g-island].g-ready").count(), ISLANDS);
  await eventually(() => islands.chart.locator("polyline").count(), 1);
  return islands;
}

export function countOf(counter: Locator): Promise<string> {
  return counter.getByRole("status", { name: "Count" }).innerText();
}

export function more(counter: Locator): Locator {
  return counter.getByRole("button", { name: "More" });
}

export function column(board: Locator, lane: string): Locator {
  return board.locator(`[data-lane="${lane}"]`);
}

export function card(board: Locator, title: string): Locator {
  return board.getByRole("listitem").filter({ hasText: title });
}

export function titlesIn(board: Locator, lane: string): Promise<string[]> {
  return column(board, lane).locator(".name").allInnerTexts();
}

/** The board of a page with the four tasks to start with. */
export async function withSamples({ board }: IslandsPage): Promise<readonly string[]> {
  await board.getByRole("button", { name: "Add four to start with" }).click();
  await eventually(() => column(board, "next").getByRole("listitem").count(), 4);
  return await titlesIn(board, "next");
}

export async function moveTo(board: Locator, title: string, lane: string): Promise<void> {
  await card(board, title).getByRole("button", { name: `to ${lane}` }).click();
}

/** The rows of stocks that the page has. */
export function stocksOf(table: Locator): Locator {
  return table.locator("tbody tr[aria-rowindex]");
}

export function cellsOf(table: Locator, cell: string): Promise<string[]> {
  return stocksOf(table).locator(cell).allInnerTexts();
}

export function sortBy(table: Locator, name: string): Promise<void> {
  return table.getByRole("columnheader").getByRole("button", { name }).click();
}

/** The levels that the chart shows, as they are drawn. */
export async function drawn(chart: Locator): Promise<string> {
  return await chart.locator("polyline").getAttribute("points") ?? "";
}

/** What the server has saved of islands, as one text. */
export function savedState({ folder }: Stage): string {
  const db = new DatabaseSync(join(folder, "data.db"), { readOnly: true });
  try {
    return db.prepare("SELECT text FROM island_states").all().map(({ text }) => text).join("\n");
  } finally {
    db.close();
  }
}

/** Goes on with the Tab key until the target has the focus. */
export async function tabTo(target: Locator): Promise<void> {
  for (let presses = 0; presses < TAB_PRESSES_MAX; presses++) {
    await target.page().keyboard.press("Tab");
    if (await isFocused(target)) return;
  }
  throw new Error("Cannot reach the target with the Tab key");
}

export function isFocused(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element === document.activeElement);
}

export function isOrdered(texts: readonly string[], sign: 1 | -1): boolean {
  const numbers = texts.map((text) => Number(text.replace(/[^\d.-]/g, "")));
  return numbers.every((value, index) =>
    index === 0 || sign * (value - (numbers[index - 1] as number)) >= 0
  );
}
