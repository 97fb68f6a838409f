import { assert, assertEquals } from "@std/assert";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { join } from "node:path";
import { DOING_TASKS_MAX, titleProblem } from "../../ui/demo/app.ts";
import {
  browserTest,
  complaintsOf,
  eventually,
  isSame,
  seriousIssuesOf,
  type Stage,
  startServer,
} from "./harness.ts";

interface Demo {
  readonly page: Page;
  readonly ada: Locator;
  readonly ben: Locator;
  readonly server: Locator;
  /** Console errors, exceptions and CSP violations so far. */
  readonly complaints: readonly string[];
}

const SAMPLE_COUNT = 4;
/** More than the controls in front of the board's first field. */
const TAB_PRESSES_MAX = 12;

async function open({ server, browser }: Stage, options?: BrowserContextOptions): Promise<Demo> {
  const page = await browser.newPage(options);
  const complaints = complaintsOf(page);
  await page.goto(`${server.url}/`);
  const demo = {
    page,
    ada: page.getByTestId("pane-a"),
    ben: page.getByTestId("pane-b"),
    server: page.getByTestId("pane-server"),
    complaints,
  };
  for (const pane of [demo.ada, demo.ben, demo.server]) await linked(pane, "online");
  return demo;
}

async function openWithSamples(stage: Stage, options?: BrowserContextOptions): Promise<Demo> {
  const demo = await open(stage, options);
  await demo.ada.getByTestId("samples").click();
  await settled(demo, SAMPLE_COUNT);
  return demo;
}

/** Both panes and the server show the same tasks, and nothing waits. */
async function settled({ ada, ben, server }: Demo, count: number): Promise<void> {
  await eventually(() => server.getByTestId("row").count(), count);
  const confirmed = () =>
    server.getByTestId("row").evaluateAll((rows: HTMLElement[]) =>
      rows.map(({ dataset }) => `${dataset.lane} ${dataset.id}`)
    );
  for (const pane of [ada, ben]) {
    await eventually(() => pane.getByTestId("pending-count").innerText(), "0");
    assertEquals(await pane.getByTestId("pending").count(), 0);
    // The server's rows may still be on their way: both are read anew until they agree.
    await eventually(async () => isSame(await tasksOf(pane), await confirmed()), true);
  }
  await eventually(() => server.getByTestId("step").allInnerTexts(), ["in step", "in step"]);
}

function tasksOf(pane: Locator): Promise<string[]> {
  return pane.getByTestId("task").evaluateAll((tasks: HTMLElement[]) =>
    tasks.map(({ dataset }) => `${dataset.lane} ${dataset.id}`)
  );
}

function titlesIn(pane: Locator, lane: string): Promise<string[]> {
  return pane.locator(`[data-lane="${lane}"]`).getByTestId("task-title").allTextContents();
}

function taskOf(pane: Locator, title: string): Locator {
  const own = pane.page().locator('[data-testid="task-title"]', { hasText: title });
  return pane.getByTestId("task").filter({ has: own });
}

async function linked(pane: Locator, state: string): Promise<void> {
  await eventually(() => pane.getAttribute("data-link"), state);
}

async function setOffline(pane: Locator, isOffline: boolean): Promise<void> {
  await pane.getByTestId("offline-switch").click();
  await linked(pane, isOffline ? "offline" : "online");
}

async function start(pane: Locator, title: string): Promise<void> {
  await taskOf(pane, title).getByTestId("task-move").click();
  await eventually(async () => (await titlesIn(pane, "doing")).includes(title), true);
}

/** Goes on with the Tab key until something within `target` has the focus. */
async function tabTo(target: Locator): Promise<void> {
  for (let presses = 0; presses < TAB_PRESSES_MAX; presses++) {
    await target.page().keyboard.press("Tab");
    if (await isFocused(target)) return;
  }
  throw new Error("Cannot reach the target with the Tab key");
}

function isFocused(target: Locator): Promise<boolean> {
  return target.evaluate((element) => element === document.activeElement);
}

browserTest("demo page adds, ticks and goes offline by keyboard alone", async (stage) => {
  const demo = await open(stage);
  const { page, ada, ben } = demo;
  await tabTo(ada.getByTestId("offline-switch"));
  await page.keyboard.press("Space");
  await linked(ada, "offline");
  assertEquals(await ada.getByTestId("offline-switch").getAttribute("aria-checked"), "true");
  await page.keyboard.press("Enter");
  await linked(ada, "online");

  await tabTo(ada.getByTestId("new-title"));
  await page.keyboard.type("Written with keys");
  await page.keyboard.press("Enter");
  await eventually(() => titlesIn(ben, "next"), ["Written with keys"]);
  assertEquals(await ada.getByTestId("new-title").inputValue(), "");

  const tick = ada.getByTestId("task-done");
  await tabTo(tick);
  await page.keyboard.press("Space");
  await eventually(() => titlesIn(ben, "done"), ["Written with keys"]);
  await eventually(() => titlesIn(ada, "done"), ["Written with keys"]);
  assert(await isFocused(tick), "the box keeps the focus when its task changes lanes");
  await settled(demo, 1);
  assertEquals(demo.complaints, []);
});

browserTest(
  "demo page refuses an empty title at the field, with the rule's words",
  async (stage) => {
    const demo = await open(stage);
    const { page, ada } = demo;
    const field = ada.getByTestId("new-title");
    const problem = ada.getByTestId("new-problem");
    await field.fill("   ");
    await page.keyboard.press("Enter");
    await eventually(() => problem.innerText(), titleProblem("") ?? "");
    assertEquals(await problem.getAttribute("aria-live"), "polite");
    assertEquals(await field.getAttribute("aria-invalid"), "true");
    assertEquals(await field.getAttribute("aria-describedby"), await problem.getAttribute("id"));
    assert(await isFocused(field));
    await page.keyboard.type("Something");
    await eventually(() => problem.innerText(), "");
    await page.keyboard.press("Enter");
    await settled(demo, 1);

    await ada.getByTestId("task-title").click();
    await ada.getByTestId("task-editor").fill("");
    await page.keyboard.press("Enter");
    await eventually(() => ada.getByTestId("task-problem").innerText(), titleProblem("") ?? "");
    await page.keyboard.press("Escape");
    assertEquals(await titlesIn(ada, "next"), ["Something"]);
    assert(await isFocused(ada.getByTestId("task-title")));
    assertEquals(await ada.getByTestId("pending-count").innerText(), "0");
    assertEquals(demo.complaints, []);
  },
);

browserTest("demo page brings two offline panes together", async (stage) => {
  const demo = await openWithSamples(stage);
  const { page, ada, ben, server } = demo;
  const [first = "", second = "", third = ""] = await titlesIn(ada, "next");
  await setOffline(ada, true);
  await setOffline(ben, true);

  await ada.getByTestId("new-title").fill("From Ada");
  await ada.getByTestId("add").click();
  await taskOf(ada, first).getByTestId("task-done").check();
  await taskOf(ada, third).getByTestId("task-title").click();
  await ada.getByTestId("task-editor").and(page.locator(":focus")).fill("Renamed by Ada");
  await page.keyboard.press("Enter");

  await ben.getByTestId("new-title").fill("From Ben");
  await ben.getByTestId("add").click();
  await start(ben, third);
  await taskOf(ben, second).getByTestId("task-delete").click();

  await eventually(() => ada.getByTestId("pending-count").innerText(), "3");
  await eventually(() => ben.getByTestId("pending-count").innerText(), "3");
  await eventually(
    () => server.getByTestId("step").allInnerTexts(),
    ["offline, 3 to send", "offline, 3 to send"],
  );
  await setOffline(ada, false);
  await setOffline(ben, false);
  await settled(demo, SAMPLE_COUNT + 1);
  assertEquals(await titlesIn(ada, "doing"), ["Renamed by Ada"]);
  assertEquals(await titlesIn(ben, "done"), [first]);
  assertEquals((await titlesIn(ben, "next")).toSorted().slice(0, 2).includes("From Ada"), true);
  assertEquals(await page.getByTestId("notice").count(), 0);
  assertEquals(demo.complaints, []);
});

browserTest(
  "demo page rolls back what breaks the rule for a lane, and says so once",
  async (stage) => {
    const demo = await openWithSamples(stage);
    const { page, ada, ben } = demo;
    const [first = "", second = "", third = "", fourth = ""] = await titlesIn(ada, "next");
    await setOffline(ada, true);
    await setOffline(ben, true);
    for (const title of [first, second]) await start(ada, title);
    for (const title of [third, fourth]) await start(ben, title);
    await setOffline(ada, false);
    await eventually(() => ada.getByTestId("pending-count").innerText(), "0");
    assertEquals(await page.getByTestId("notice").count(), 0);

    await setOffline(ben, false);
    await settled(demo, SAMPLE_COUNT);
    for (const pane of [ada, ben]) {
      assertEquals((await titlesIn(pane, "doing")).length, DOING_TASKS_MAX);
      assertEquals(await titlesIn(pane, "next"), [fourth]);
    }
    const notice = page.getByTestId("notice");
    assertEquals(await notice.count(), 1);
    assertEquals(await ben.getByTestId("notice").count(), 1);
    assertEquals(await notice.getAttribute("data-kind"), "server");
    assertEquals(await notice.getAttribute("data-mutator"), "task.move");
    assert((await notice.innerText()).includes(String(DOING_TASKS_MAX)));

    // It waits with its reason, and goes through once there is room.
    const refused = ben.getByTestId("refused");
    await eventually(() => refused.count(), 1);
    assert((await refused.innerText()).includes(fourth));
    await refused.getByRole("button", { name: `Try again: ${fourth}` }).click();
    await eventually(() => ben.locator("[data-testid=notice][data-kind=local]").count(), 1);
    assertEquals(await refused.count(), 1);

    // With the lane full, Ada's own browser says no before anything is sent.
    await taskOf(ada, fourth).getByTestId("task-move").click();
    await eventually(() => ada.getByTestId("notice").getAttribute("data-kind"), "local");
    assertEquals(await ada.getByTestId("pending-count").innerText(), "0");
    await ada.getByTestId("notice").getByRole("button").click();
    await page.reload();
    for (const pane of [ada, ben]) await linked(pane, "online");
    await settled(demo, SAMPLE_COUNT);
    assertEquals(await notice.count(), 0);
    await eventually(() => refused.count(), 1);
    await taskOf(ada, first).getByTestId("task-move").click();
    await settled(demo, SAMPLE_COUNT);
    await refused.getByRole("button", { name: `Try again: ${fourth}` }).click();
    await eventually(() => refused.count(), 0);
    await settled(demo, SAMPLE_COUNT);
    assert((await titlesIn(ada, "doing")).includes(fourth));
    assertEquals(demo.complaints, []);
  },
);

browserTest("demo page keeps focus and caret when others change the board", async (stage) => {
  const demo = await openWithSamples(stage);
  const { page, ada } = demo;
  const [first = "", second = "", third = ""] = await titlesIn(ada, "next");
  const { ben: carl } = await open(stage);
  await taskOf(ada, second).getByTestId("task-title").click();
  const editor = ada.getByTestId("task-editor").and(page.locator(":focus"));
  await page.keyboard.type("half a title");
  for (let i = 0; i < "title".length; i++) await page.keyboard.press("ArrowLeft");

  await start(carl, second);
  await start(carl, third);
  await taskOf(carl, first).getByTestId("task-delete").click();
  await eventually(() => titlesIn(ada, "doing"), [second, third]);
  await eventually(() => ada.getByTestId("task").count(), SAMPLE_COUNT - 1);
  assertEquals(await editor.inputValue(), "half a title");
  assertEquals(
    await editor.evaluate((field: HTMLInputElement) => field.selectionStart),
    "half a ".length,
  );
  await page.keyboard.type("new ");
  await page.keyboard.press("Enter");
  await eventually(() => titlesIn(carl, "doing"), ["half a new title", third]);

  await taskOf(ada, third).getByTestId("task-title").click();
  await taskOf(carl, third).getByTestId("task-delete").click();
  await eventually(() => ada.getByTestId("notice").count(), 1);
  assert(await isFocused(taskOf(ada, "half a new title").getByTestId("task-title")));
  await settled(demo, SAMPLE_COUNT - 2);
  assertEquals(demo.complaints, []);
});

browserTest("demo page comes back as it was when reloaded offline", async (stage) => {
  const demo = await openWithSamples(stage);
  const { page, ada } = demo;
  await setOffline(ada, true);
  await ada.getByTestId("new-title").fill("Written offline");
  await ada.getByTestId("add").click();
  await eventually(
    () => ada.getByTestId("pending").getAttribute("data-state"),
    "queued",
  );
  const before = await tasksOf(ada);
  await page.reload();
  await linked(ada, "offline");
  await eventually(() => tasksOf(ada), before);
  assertEquals(await ada.getByTestId("pending-count").innerText(), "1");
  await setOffline(ada, false);
  await settled(demo, SAMPLE_COUNT + 1);
  assertEquals(demo.complaints, []);
});

browserTest("demo page outlives the server's sudden end", async (stage) => {
  const demo = await openWithSamples(stage);
  const { ada, ben, server } = demo;
  const [first = "", second = ""] = await titlesIn(ada, "next");
  await stage.server.kill();
  for (const pane of [ada, ben, server]) await linked(pane, "searching");
  await start(ada, first);
  await taskOf(ben, second).getByTestId("task-done").check();
  const { port } = stage.server;
  const again = await startServer({ data: join(stage.folder, "data.db"), port });
  try {
    for (const pane of [ada, ben, server]) await linked(pane, "online");
    await settled(demo, SAMPLE_COUNT);
    assertEquals(await titlesIn(ben, "doing"), [first]);
    assertEquals(await titlesIn(ada, "done"), [second]);
  } finally {
    await again.stop();
  }
});

browserTest("demo page shows markup in a title as text", async (stage) => {
  const demo = await open(stage);
  const title = `<img src="/x" onerror="document.title='broken'">&amp; "quoted"`;
  await demo.ada.getByTestId("new-title").fill(title);
  await demo.ada.getByTestId("add").click();
  await settled(demo, 1);
  assertEquals(await titlesIn(demo.ben, "next"), [title]);
  assertEquals(await demo.page.locator("img").count(), 0);
  assertEquals(demo.complaints, []);
});

browserTest("demo page fits a phone of 360 pixels without sideways scrolling", async (stage) => {
  const demo = await openWithSamples(stage, { viewport: { width: 360, height: 640 } });
  await demo.ada.getByTestId("new-title").fill("Donaudampfschifffahrtsgesellschaft".repeat(4));
  await demo.ada.getByTestId("add").click();
  await settled(demo, SAMPLE_COUNT + 1);
  await setOffline(demo.ada, true);
  await demo.ada.getByTestId("task-delete").last().click();
  const width = await demo.page.evaluate(() => document.documentElement.scrollWidth);
  assertEquals(width, 360);
});

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(`demo page has no serious accessibility issue in ${colorScheme}`, async (stage) => {
    const options = { colorScheme, reducedMotion: "reduce" } as const;
    const { page, ada, ben } = await openWithSamples(stage, options);
    const [first = "", second = "", third = "", fourth = ""] = await titlesIn(ada, "next");
    for (const title of [first, second, third]) await start(ada, title);
    await taskOf(ben, first).getByTestId("task-done").check();
    await eventually(() => titlesIn(ada, "done"), [first]);
    await start(ada, fourth);
    await setOffline(ben, true);
    await taskOf(ben, first).getByTestId("task-done").uncheck();
    await eventually(() => titlesIn(ben, "next"), [first]);
    await taskOf(ben, first).getByTestId("task-move").click();
    await ben.getByTestId("notice").waitFor();
    await ben.getByTestId("add").click();
    assertEquals(await seriousIssuesOf(page), []);
  });
}
