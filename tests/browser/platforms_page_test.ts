/** A page of an app in a real browser, with the app on every platform: pokes, clicks, and a crash. */
import { assertEquals } from "@std/assert";
import { issueToken } from "../../edge/identity.ts";
import { type Platform, PLATFORMS } from "../e2e/platforms.ts";
import { SECRET, startStage } from "../e2e/stages.ts";
import { eventually, launchBrowser } from "./harness.ts";

for (const [platform, name] of Object.entries(PLATFORMS) as readonly [Platform, string][]) {
  Deno.test(`pages on ${name}: two see each other's rows and clicks, also after a crash`, async () => {
    await using cleanup = new AsyncDisposableStack();
    const stage = cleanup.use(await startStage(platform));
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const address = `${stage.url}/#${await issueToken("anna", 3_600, SECRET)}!pages`;
    const [one, two] = [await browser.newPage(), await browser.newPage()];
    for (const page of [one, two]) {
      await page.goto(address);
      await eventually(() => page.textContent("#status"), "online");
    }
    await one.click("#write");
    for (const page of [one, two]) await eventually(() => page.textContent("#notes"), "Seen");
    await one.click("#ours button");
    await two.click("#ours button");
    for (const page of [one, two]) await eventually(() => page.textContent(".count"), "7");
    await stage.restart();
    // A click while there is no server is lost, and so may be the last one before the crash.
    const counts = () => Promise.all([one, two].map((page) => page.textContent(".count")));
    const goesOn = async () => {
      const [before = ""] = await counts();
      await one.click("#ours button");
      await one.waitForTimeout(200);
      const [here, there] = await counts();
      return here !== before && here === there && Number(here) > 5;
    };
    await eventually(goesOn, true);
    await eventually(() => two.textContent("#status"), "online");
    assertEquals(await two.textContent("#notes"), "Seen");
  });
}
