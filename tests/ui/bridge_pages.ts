/** Tests of the bridge: a stage, a real Chromium, and a page that has connected. */
import type { Browser, Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { complaintsOf, launchBrowser } from "../browser/harness.ts";
import { BridgeStage, type StageOptions } from "./bridge_stage.ts";

/** What a test of the bridge works with. */
export interface BridgeTest {
  readonly stage: BridgeStage;
  readonly browser: Browser;
  readonly page: Page;
}

/** What the page's scripts see, as far as tests use it. */
export interface PageLive {
  latency: number;
  onconnect: () => void;
  ondisconnect: (reason: string) => void;
  onerror: (code: string, error: string) => void;
  connect(options?: object): void;
  mount(element: Element, name?: string, isShadow?: boolean): void;
  unmount(element: Element): void;
  call(where: Element | string, method: string, ...args: unknown[]): Promise<unknown>;
  register(functions: Record<string, (...args: never[]) => unknown>): void;
  plugin(name: string, plugin: object): void;
}

declare global {
  var driftless: { live: PageLive };
}

/** Declares a test with a page of the stage's islands; no error may be left in its console. */
export function bridgeTest(
  name: string,
  options: StageOptions,
  run: (test: BridgeTest) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using stage = await BridgeStage.start(options);
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage();
      const complaints = complaintsOf(page);
      await page.goto(stage.url);
      await connected(page, stage);
      await run({ stage, browser, page });
      assertEquals(complaints, []);
    } finally {
      await browser.close();
    }
  });
}

/** Waits until the server knows all islands of the page. */
export async function connected(page: Page, stage: BridgeStage): Promise<void> {
  await page.waitForFunction(() => "driftless" in globalThis || "own" in globalThis);
  while ([...stage.views.values()].some(({ send }) => send === null)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What the elements show. */
export async function textsOf(page: Page, selector: string): Promise<string[]> {
  return await page.locator(selector).allTextContents();
}
