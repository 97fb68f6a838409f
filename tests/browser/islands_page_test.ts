import { assert, assertEquals } from "@std/assert";
import type { Locator } from "playwright-core";
import { join } from "node:path";
import { DOING_TASKS_MAX, titleProblem } from "../../ui/demo/app.ts";
import { HOURS_MAX, NOTES_UNITS_MAX } from "../../ui/demo/island_form.ts";
import { STOCKS, TICK_MS } from "../../ui/demo/island_market.ts";
import { browserTest, complaintsOf, eventually, seriousIssuesOf, startServer } from "./harness.ts";
import {
  ALL_STOCKS,
  card,
  cellsOf,
  column,
  countOf,
  drawn,
  isFocused,
  isOrdered,
  more,
  moveTo,
  open,
  ROWS_MAX,
  savedState,
  sortBy,
  stocksOf,
  tabTo,
  titlesIn,
  withSamples,
} from "./islands_stage.ts";

browserTest("islands page is whole in its first HTML, before any script", async (stage) => {
  const page = await stage.browser.newPage({ javaScriptEnabled: false });
  const complaints = complaintsOf(page);
  await page.goto(`${stage.server.url}/islands`);
  const islands = page.getByRole("main");
  assertEquals(await countOf(page.getByTestId("counter")), "0");
  assertEquals(await islands.getByRole("heading", { name: "Doing" }).count(), 1);
  assert(await stocksOf(page.getByTestId("stock-table")).count() > 10);
  assert(!(await page.content()).includes("{{"));
  assertEquals(complaints, []);
});

browserTest("islands page counts for one tab, and for all tabs", async (stage) => {
  const first = await open(stage);
  const second = await open(stage);
  await more(first.counter).click();
  await more(first.counter).click();
  await eventually(() => countOf(first.counter), "2");
  await more(first.shared).click();
  await more(second.shared).click();
  for (const { shared } of [first, second]) await eventually(() => countOf(shared), "2");
  assertEquals(await countOf(second.counter), "0");

  await second.shared.getByLabel("Step").fill("10");
  await eventually(() => first.shared.getByLabel("Step").inputValue(), "10");
  await first.shared.getByRole("button", { name: "Less" }).click();
  for (const { shared } of [first, second]) await eventually(() => countOf(shared), "-8");
  await second.shared.getByRole("button", { name: "Back to 0" }).click();
  for (const { shared } of [first, second]) await eventually(() => countOf(shared), "0");
  assertEquals(await first.shared.getByRole("button", { name: "Back to 0" }).count(), 0);
  assertEquals([...first.complaints, ...second.complaints], []);
});

browserTest("islands page tells what is wrong with a title, key by key", async (stage) => {
  // Every answer comes when the next keys have long been typed.
  const { page, form, complaints } = await open(stage, {}, "?live-latency=150");
  const field = form.getByLabel("Title");
  const problem = page.locator("#title-problem");
  await form.getByRole("button", { name: "Add to the board" }).click();
  await eventually(() => problem.innerText(), titleProblem("") ?? "");
  assertEquals(await field.getAttribute("aria-invalid"), "true");
  assertEquals(await field.getAttribute("aria-describedby"), await problem.getAttribute("id"));
  assertEquals(await problem.getAttribute("aria-live"), "polite");

  const text = "Paint the <b>fence</b>, twice";
  await field.pressSequentially(text);
  await eventually(() => problem.innerText(), "");
  assertEquals(await field.inputValue(), text);
  assertEquals(await field.getAttribute("aria-invalid"), "false");
  await field.fill("x".repeat(200));
  await eventually(() => problem.innerText(), "");
  await field.press("End");
  await field.press("y");
  await eventually(() => problem.innerText(), titleProblem("x".repeat(201)) ?? "");
  assertEquals(await field.inputValue(), `${"x".repeat(200)}y`);

  await form.getByLabel("Hours").fill(`${HOURS_MAX + 1}`);
  await eventually(async () => (await page.locator("#hours-problem").innerText()) !== "", true);
  await form.getByLabel("Hours").fill(`${HOURS_MAX}`);
  await eventually(() => page.locator("#hours-problem").innerText(), "");
  await form.getByLabel("Due").fill("2001-02-03");
  await eventually(() => page.locator("#due-problem").innerText(), "That day is over");
  await form.getByLabel("Notes").fill("n".repeat(NOTES_UNITS_MAX + 1));
  await eventually(async () => (await page.locator("#notes-problem").innerText()) !== "", true);
  assertEquals(await page.locator("#notes-length").innerText(), `${NOTES_UNITS_MAX + 1} of 80`);
  assertEquals(complaints, []);
});

browserTest("islands page writes a form's task for all clients of the board", async (stage) => {
  const { page, form, board, complaints } = await open(stage);
  const panes = await stage.browser.newPage();
  await panes.goto(`${stage.server.url}/`);
  await form.getByLabel("Title").fill("Fix the gate");
  await form.getByLabel("Kind").selectOption("Bug");
  await form.getByRole("radio", { name: "Large" }).check();
  await form.getByLabel("Hours").fill("2.5");
  await form.getByLabel("Due").fill("2199-12-31");
  await form.getByRole("checkbox", { name: "Urgent" }).check();
  await form.getByLabel("Notes").fill("it squeaks");
  const line = "Fix the gate (Bug, large, 2.5 h, by 2199-12-31, urgent): it squeaks";
  await eventually(() => form.locator(".line strong").innerText(), line);
  await form.getByLabel("Title").press("Enter");
  await eventually(() => titlesIn(board, "next"), [line]);
  await eventually(() => form.getByRole("status").innerText(), "On the board: Fix the gate");
  assertEquals(await form.getByLabel("Title").inputValue(), "");
  assertEquals(await form.getByLabel("Notes").inputValue(), "");
  assertEquals(await page.locator("#title-problem").innerText(), "");
  await eventually(() => panes.getByTestId("pane-a").getByTestId("task-title").innerText(), line);
  assertEquals(complaints, []);
});

browserTest("islands page moves cards by dragging, as far as the rules allow", async (stage) => {
  // All of the page is in sight: a page that scrolls while a card is dragged is another matter.
  const first = await open(stage, { viewport: { width: 1280, height: 2400 } });
  const second = await open(stage, { viewport: { width: 1280, height: 2400 } });
  const [gate = "", saw = "", fence = "", roof = ""] = await withSamples(first);
  const { board } = first;
  for (const [index, title] of [gate, saw, fence].entries()) {
    await card(board, title).dragTo(column(board, "doing"));
    await eventually(() => column(board, "doing").getByRole("listitem").count(), index + 1);
  }
  assertEquals(await titlesIn(board, "doing"), [gate, saw, fence]);
  await eventually(() => titlesIn(second.board, "doing"), [gate, saw, fence]);

  const alert = board.getByRole("alert");
  await card(board, roof).dragTo(column(board, "doing"));
  await eventually(async () => (await alert.innerText()).includes(`${DOING_TASKS_MAX}`), true);
  assertEquals(await titlesIn(board, "next"), [roof]);
  assertEquals(await second.board.getByRole("alert").innerText(), "");
  await card(second.board, saw).dragTo(column(second.board, "done"));
  await eventually(() => titlesIn(board, "done"), [saw]);
  await card(board, roof).dragTo(column(board, "doing"));
  await eventually(() => titlesIn(second.board, "doing"), [gate, fence, roof]);
  await eventually(() => alert.innerText(), "");
  assertEquals([...first.complaints, ...second.complaints], []);
});

browserTest("islands page shows what local-first clients do to the board", async (stage) => {
  const { board, complaints } = await open(stage);
  const panes = await stage.browser.newPage();
  await panes.goto(`${stage.server.url}/`);
  const ada = panes.getByTestId("pane-a");
  await ada.getByTestId("new-title").fill("From Ada");
  await ada.getByTestId("add").click();
  await eventually(() => titlesIn(board, "next"), ["From Ada"]);
  await ada.getByTestId("task-done").check();
  await eventually(() => titlesIn(board, "done"), ["From Ada"]);
  await moveTo(board, "From Ada", "Doing");
  const lane = panes.getByTestId("pane-b").locator('[data-lane="doing"]');
  await eventually(() => lane.getByTestId("task-title").allInnerTexts(), ["From Ada"]);
  await ada.getByTestId("task-delete").click();
  await eventually(() => board.getByRole("listitem").count(), 0);
  assertEquals(complaints, []);
});

browserTest("islands page sorts, filters and scrolls ten thousand rows", async (stage) => {
  const { table, complaints } = await open(stage);
  await table.getByRole("button", { name: "Pause" }).click();
  await eventually(
    () => table.getByRole("button", { name: "Pause" }).getAttribute("aria-pressed"),
    "true",
  );
  const grid = table.getByRole("table");
  assertEquals(await grid.getAttribute("aria-rowcount"), `${STOCKS + 2}`);
  await sortBy(table, "Price");
  const price = table.getByRole("columnheader", { name: "Price" });
  await eventually(() => price.getAttribute("aria-sort"), "ascending");
  await eventually(async () => isOrdered(await cellsOf(table, "td:nth-child(3)"), 1), true);
  await sortBy(table, "Price");
  await eventually(() => price.getAttribute("aria-sort"), "descending");
  await eventually(async () => isOrdered(await cellsOf(table, "td:nth-child(3)"), -1), true);

  await sortBy(table, "Symbol");
  await eventually(async () => isOrdered(await cellsOf(table, "th"), 1), true);
  const view = table.getByRole("region", { name: "Stocks" });
  await view.evaluate((element) => element.scrollTop = element.scrollHeight);
  const last = stocksOf(table).last();
  await eventually(() => last.getAttribute("aria-rowindex"), `${STOCKS + 1}`);
  await eventually(() => last.isVisible(), true);
  assert(await stocksOf(table).count() < ROWS_MAX);

  await table.getByLabel("Filter").pressSequentially("golden harbour", { delay: 20 });
  const found = table.getByRole("status");
  await eventually(async () => (await found.innerText()) !== `${ALL_STOCKS} stocks`, true);
  await eventually(
    async () =>
      (await cellsOf(table, ".col-name")).every((name) => name.startsWith("Golden Harbour")),
    true,
  );
  assertEquals(await table.getByLabel("Filter").inputValue(), "golden harbour");
  await table.getByLabel("Filter").fill("no such name");
  await eventually(() => found.innerText(), "0 stocks");
  assertEquals(await stocksOf(table).count(), 0);
  await table.getByLabel("Filter").fill("");
  await eventually(() => found.innerText(), `${ALL_STOCKS} stocks`);
  assertEquals(complaints, []);
});

browserTest("islands page edits a cell, for the sums and for other tabs", async (stage) => {
  const first = await open(stage);
  const second = await open(stage);
  for (const { table } of [first, second]) await table.getByLabel("Filter").fill("AABY");
  for (const { table } of [first, second]) {
    await eventually(() => stocksOf(table).count(), 1);
  }
  const cell = first.table.getByLabel("AABY held");
  const total = (table: Locator) => table.locator("tfoot td").nth(3).innerText();
  await cell.fill("");
  await cell.pressSequentially("1234");
  for (const { table } of [first, second]) await eventually(() => total(table), "1,234");
  await eventually(() => second.table.getByLabel("AABY held").inputValue(), "1234");
  assertEquals(await cell.inputValue(), "1234");
  await cell.fill("-5");
  await cell.press("Tab");
  await eventually(() => cell.inputValue(), "0");
  await eventually(() => total(second.table), "0");
  assertEquals([...first.complaints, ...second.complaints], []);
});

browserTest("islands page moves prices and chart while somebody looks", async (stage) => {
  const { page, chart, table, complaints } = await open(stage);
  const before = await drawn(chart);
  await eventually(async () => (await drawn(chart)) !== before, true);
  const prices = await cellsOf(table, "td:nth-child(3)");
  await eventually(
    async () => (await cellsOf(table, "td:nth-child(3)")).join() !== prices.join(),
    true,
  );
  await chart.getByLabel("Show").selectOption("10 s");
  const picture = chart.locator('[role="img"]');
  await eventually(
    async () => (await picture.getAttribute("aria-label"))?.startsWith("The last 10 seconds"),
    true,
  );
  await chart.getByRole("button", { name: "Pause" }).click();
  const pause = chart.getByRole("button", { name: "Pause" });
  await eventually(() => pause.getAttribute("aria-pressed"), "true");
  const still = await drawn(chart);
  await eventually(async () => (await cellsOf(table, "td:nth-child(3)")).length > 0, true);
  assertEquals(await drawn(chart), still);
  assertEquals(complaints, []);

  await page.close();
  const level = async () => {
    const html = await (await fetch(`${stage.server.url}/islands`)).text();
    return /<p class="level">([\d.]+)/.exec(html)?.[1];
  };
  // Nobody looks: sooner or later two looks with some ticks between them find the same.
  await eventually(async () => {
    const one = await level();
    await new Promise((resolve) => setTimeout(resolve, 4 * TICK_MS));
    return one !== undefined && one === await level();
  }, true);
});

browserTest("islands page is used by keyboard alone", async (stage) => {
  const islands = await open(stage);
  const { page, counter, form, board, table } = islands;
  await tabTo(more(counter));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  await eventually(() => countOf(counter), "2");
  assert(await isFocused(more(counter)));

  await tabTo(form.getByLabel("Title"));
  await page.keyboard.type("Keys only");
  await tabTo(form.getByRole("radio", { name: "Small" }));
  await page.keyboard.press("ArrowRight");
  await eventually(() => form.getByRole("radio", { name: "Large" }).isChecked(), true);
  await tabTo(form.getByRole("button", { name: "Add to the board" }));
  await page.keyboard.press("Enter");
  const line = "Keys only (Idea, large, 1 h)";
  await eventually(() => titlesIn(board, "next"), [line]);

  const toDoing = board.getByRole("button", { name: `Move ${line} to Doing` });
  await tabTo(toDoing);
  await page.keyboard.press("Enter");
  await eventually(() => titlesIn(board, "doing"), [line]);
  // The card is another element now, and has the focus still.
  await eventually(() => isFocused(board.getByRole("button", { name: `to Next` })), true);
  await page.keyboard.press("Tab");
  assert(await isFocused(board.getByRole("button", { name: `to Done` })));
  await page.keyboard.press("Enter");
  await eventually(() => titlesIn(board, "done"), [line]);
  await eventually(() => isFocused(board.getByRole("button", { name: `to Doing` })), true);

  await tabTo(table.getByLabel("Filter"));
  const view = table.getByRole("region", { name: "Stocks" });
  await tabTo(view);
  await page.keyboard.press("End");
  await eventually(
    () => stocksOf(table).last().getAttribute("aria-rowindex"),
    `${STOCKS + 1}`,
  );
  await page.keyboard.press("Home");
  await eventually(() => stocksOf(table).first().getAttribute("aria-rowindex"), "2");
  await tabTo(table.getByRole("columnheader").getByRole("button", { name: "Name" }));
  await page.keyboard.press("Enter");
  const name = table.getByRole("columnheader", { name: "Name" });
  await eventually(() => name.getAttribute("aria-sort"), "ascending");
  assertEquals(islands.complaints, []);
});

browserTest("islands page goes on where it was when the server comes back", async (stage) => {
  const { counter, shared, form, board, table, chart } = await open(stage);
  await more(counter).click();
  await more(counter).click();
  await more(shared).click();
  await form.getByLabel("Title").fill("Half a ti");
  await form.getByRole("radio", { name: "Large" }).check();
  await sortBy(table, "Price");
  await eventually(() => countOf(shared), "1");
  const price = table.getByRole("columnheader", { name: "Price" });
  await eventually(() => price.getAttribute("aria-sort"), "ascending");
  await form.getByLabel("Title").focus();
  // State is saved now and then, not with every key.
  const saved = [`"count":2`, `"title":"Half a ti"`, `"size":"large"`, `"sortedBy":"price"`];
  await eventually(
    () => Promise.resolve(saved.filter((text) => !savedState(stage).includes(text))),
    [],
  );
  await stage.server.kill();
  await form.getByLabel("Title").press("End");
  await form.getByLabel("Title").pressSequentially("tle");

  const { port } = stage.server;
  const again = await startServer({ data: join(stage.folder, "data.db"), port });
  try {
    const line = "Half a title (Idea, large, 1 h)";
    await eventually(() => form.locator(".line strong").innerText(), line);
    assertEquals(await form.getByLabel("Title").inputValue(), "Half a title");
    assert(await isFocused(form.getByLabel("Title")));
    assertEquals(await price.getAttribute("aria-sort"), "ascending");
    await more(counter).click();
    await eventually(() => countOf(counter), "3");
    await form.getByLabel("Title").press("Enter");
    await eventually(() => titlesIn(board, "next"), [line]);
    const before = await drawn(chart);
    await eventually(async () => (await drawn(chart)) !== before, true);
  } finally {
    await again.stop();
  }
});

browserTest("islands page fits a phone of 360 pixels without sideways scrolling", async (stage) => {
  const { page, form, board, complaints } = await open(stage, {
    viewport: { width: 360, height: 640 },
  });
  await form.getByLabel("Title").fill("Donaudampfschifffahrtsgesellschaft".repeat(4));
  await form.getByLabel("Title").press("Enter");
  await eventually(() => column(board, "next").getByRole("listitem").count(), 1);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assertEquals(width, 360);
  assertEquals(complaints, []);
});

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(
    `islands page has no serious accessibility issue in ${colorScheme}`,
    async (stage) => {
      const islands = await open(stage, { colorScheme, reducedMotion: "reduce" });
      const { page, form, board, table } = islands;
      const [gate = "", saw = "", fence = "", roof = ""] = await withSamples(islands);
      for (const [index, title] of [gate, saw, fence].entries()) {
        await moveTo(board, title, "Doing");
        await eventually(() => column(board, "doing").getByRole("listitem").count(), index + 1);
      }
      await moveTo(board, roof, "Doing");
      await eventually(async () => (await board.getByRole("alert").innerText()) !== "", true);
      await form.getByRole("button", { name: "Add to the board" }).click();
      await eventually(() => form.getByLabel("Title").getAttribute("aria-invalid"), "true");
      await sortBy(table, "Change");
      assertEquals(await seriousIssuesOf(page), []);
    },
  );
}
