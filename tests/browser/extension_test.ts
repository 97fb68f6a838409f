/** The extension for browsers: loaded as users load it, on pages of somebody else. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { sign } from "hono/jwt";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { buildExtension } from "../../scripts/build_extension.ts";
import { chromiumPath } from "../../scripts/setup.ts";
import { createLog } from "../../edge/log.ts";
import { serve } from "../../edge/serve.ts";
import { defineApp } from "../../core/app.ts";
import { island, live } from "../../ui/live_ui.ts";
import { matches, merged, ruleOf } from "../../ui/extension/rules.ts";
import { CHROMIUM_ARGS, complaintsOf, eventually, seriousIssuesOf } from "./harness.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
const SECRET = "a secret of at least thirty-two characters";
const EXTENSION_MS_MAX = 60_000;

class Counter {
  count = 0;
  add(): void {
    this.count++;
  }
  get who(): string {
    return live(this).principal?.id ?? "nobody";
  }
}

const template =
  `<p><b>{{who}}</b> <output>{{count}}</output> <button g-click="add">+</button></p>`;
const app = defineApp({
  name: "extended",
  collections: {},
  islands: { counter: island(Counter, { template }) },
});
/** A page that lets nothing in, and would have an island of its own choice. */
const FOREIGN = `<!doctype html><html lang="en"><head><title>Foreign</title></head><body>
  <div id="here"></div><div id="trap" g-island="counter"></div></body></html>`;

interface Extended {
  readonly page: Page;
  readonly options: Page;
  /** The server with the islands. */
  readonly server: string;
  /** The pages of somebody else. */
  readonly foreign: string;
  readonly token: string;
}

async function launch(folder: string): Promise<BrowserContext> {
  const extension = join(folder, "extension");
  await buildExtension(ROOT, extension);
  // What the browser would ask its reader is granted from the first.
  const manifest = join(extension, "manifest.json");
  const text = await Deno.readTextFile(manifest);
  await Deno.writeTextFile(manifest, text.replace("optional_host_permissions", "host_permissions"));
  return await chromium.launchPersistentContext(join(folder, "profile"), {
    executablePath: chromiumPath(),
    ignoreDefaultArgs: ["--disable-extensions"],
    args: [
      ...CHROMIUM_ARGS.filter((arg) => !arg.startsWith("--disable-features")),
      "--disable-features=LocalNetworkAccessChecks,DisableLoadExtensionCommandLineSwitch",
      `--disable-extensions-except=${extension}`,
      `--load-extension=${extension}`,
    ],
  });
}

async function extended(run: (stage: Extended) => Promise<void>): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "driftless_extension_" });
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const context = await launch(folder);
  cleanup.defer(() => context.close());
  const worker = context.serviceWorkers()[0] ??
    await context.waitForEvent("serviceworker", { timeout: EXTENSION_MS_MAX });
  const { origin, host } = { origin: worker.url().replace(/\/worker\.js$/, ""), host: "127.0.0.1" };
  const server = await serve({
    ...{ app, hostname: host, port: 0, data: ":memory:", version: "0.0.0", secret: SECRET },
    ...{ log: createLog("error"), origins: [origin] },
  });
  cleanup.defer(() => server.stop());
  const headers = {
    "content-type": "text/html",
    "content-security-policy": "default-src 'none'",
  };
  const foreign = Deno.serve(
    { port: 0, hostname: host, onListen: () => {} },
    () => new Response(FOREIGN, { headers }),
  );
  cleanup.defer(() => foreign.shutdown());
  const options = await context.newPage();
  await options.goto(`${origin}/options.html`);
  await run({
    ...{ page: await context.newPage(), options, server: server.url },
    foreign: `http://${host}:${foreign.addr.port}`,
    token: await sign({ sub: "ada" }, SECRET, "HS256"),
  });
}

async function save(options: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  // A page in the background is drawn but once a second.
  await options.bringToFront();
  for (const [label, value] of Object.entries(fields)) await options.getByLabel(label).fill(value);
  await options.getByLabel("On", { exact: true }).check();
  await options.getByRole("button", { name: "Save" }).click();
  await eventually(() => options.locator("#status").innerText(), "Saved.");
}

Deno.test("the extension shows islands in the pages of its rules alone, and hands rules on without tokens", () =>
  extended(async ({ page, options, server, foreign, token }) => {
    const complaints = complaintsOf(page);
    const badge = () =>
      options.evaluate(`chrome.tabs.query({ url: "${foreign}/*" })
        .then(([tab]) => chrome.action.getBadgeText({ tabId: tab.id }))`);
    assertEquals(await seriousIssuesOf(options), []);
    assertStringIncludes(await options.locator("code").innerText(), "--origin chrome-extension://");
    const rule = {
      "Address": server,
      "Token for the server": token,
      "Name of the island": "counter",
      "Pages, a pattern": `${foreign}/*`,
      "But not": `${foreign}/private/*`,
    };
    await save(options, { ...rule, Selector: "#here" });
    await page.bringToFront();
    await page.goto(`${foreign}/a`);
    const here = page.locator("#here");
    await eventually(() => here.locator("b, output").allTextContents(), ["ada", "0"]);
    await here.getByRole("button").click();
    await eventually(() => here.locator("output").innerText(), "1");
    assertEquals(
      await page.evaluate("document.querySelector('#here > div').shadowRoot.mode"),
      "open",
    );
    assertEquals(await badge(), "1");
    // As the browser does with a worker that it takes for idle.
    const devtools = await options.context().newCDPSession(options);
    await devtools.send("ServiceWorker.enable");
    await devtools.send("ServiceWorker.stopAllWorkers");
    // What was pressed while it ended may be lost.
    await eventually(async () => {
      await here.getByRole("button").click();
      return await here.locator("output").innerText() !== "1";
    }, true);

    const anyway = { "Pages, a pattern": "*://127.0.0.1/*" };
    await save(options, { ...rule, ...anyway, Selector: "" });
    await page.bringToFront();
    await page.reload();
    const panel = page.getByRole("complementary");
    await eventually(() => panel.locator("b, output").allTextContents(), ["ada", "0"]);
    await eventually(badge, "2");
    const width = () => panel.evaluate((element) => element.getBoundingClientRect().width);
    const before = await width();
    await panel.getByLabel("Width of the panel").press("ArrowRight");
    assertEquals(await width(), before + 1);
    assertEquals(await page.locator("#trap").innerHTML(), "");
    assertEquals(
      await page.evaluate("typeof driftless + typeof chrome?.runtime"),
      "undefinedundefined",
    );

    await assertHandedOn(options, 2);
    // One rule was deleted meanwhile, and its connection ended with it.
    await eventually(badge, "1");
    await eventually(() => here.getByText("has changed or is gone").count(), 1);
    await page.bringToFront();
    await page.goto(`${foreign}/private/a`);
    await eventually(badge, "");
    assertEquals(await page.locator("#here").innerHTML(), "");
    assertEquals(complaints, []);
  }));

/** Rules that leave and come back, and one that is none. */
async function assertHandedOn(options: Page, rules: number): Promise<void> {
  await options.bringToFront();
  const [download] = await Promise.all([
    options.waitForEvent("download"),
    options.getByRole("button", { name: "Export" }).click(),
  ]);
  const text = await Deno.readTextFile(await download.path());
  assertEquals(JSON.parse(text).map((rule: object) => "token" in rule), Array(rules).fill(false));
  const load = (json: string) =>
    options.getByLabel("Import").setInputFiles({
      ...{ name: "rules.json", mimeType: "application/json", buffer: Buffer.from(json) },
    });
  const listed = options.getByRole("listitem");
  const press = (name: string) => options.getByRole("button", { name }).first().press("Enter");
  const value = (label: string) => options.getByLabel(label).inputValue();
  const focused = () =>
    options.getByLabel("On", { exact: true }).evaluate((it) => it === document.activeElement);
  await press("Change the rule for counter");
  assertEquals(await focused(), true);
  assertEquals([await value("Name of the island"), await value("Token")], ["counter", ""]);
  await press("New rule");
  assertEquals(await value("Name of the island"), "");
  await press("Delete the rule for counter");
  await eventually(() => listed.count(), rules - 1);
  await eventually(focused, true);
  await load(text);
  await eventually(() => listed.count(), rules);
  await load(text.replace(/"http[^"]*\*"/, '"everywhere"'));
  await eventually(
    () => options.locator("#status").innerText(),
    'Cannot use the pattern "everywhere": write it like https://app.example/*',
  );
  assertEquals(await listed.count(), rules);
}

Deno.test("a rule's pattern fits scheme, host and path, each by itself", () => {
  const pages = [
    "https://a.example/",
    "https://www.a.example:8443/docs/x?q=1",
    "http://a.example.evil.test/.a.example/docs/",
    "chrome://settings/",
  ];
  const fits = (pattern: string) =>
    pages.map((page) => matches(pattern, page)).map(Number).join("");
  assertEquals(fits("*://*/*"), "1110");
  assertEquals(fits("https://a.example/*"), "1000");
  assertEquals(fits("https://*.a.example/*"), "1100");
  assertEquals(fits("*://*.a.example/docs/*"), "0100");
  assertEquals(fits("https://*.a.example:8443/*q=1"), "0100");
  assertEquals(fits("https://*.a.example/docs"), "0000");
  assertEquals(fits("*://*/*docs*"), "0110");
  const rule = { server: "ftp://a", island: "b", include: ["*://*/*"] };
  let said = "";
  try {
    ruleOf(rule);
  } catch (error) {
    said = String(error);
  }
  assertStringIncludes(said, `Cannot use the server "ftp://a"`);
});

Deno.test("a token stays with the rule and the server that it was given for", () => {
  const given = { island: "a", include: ["*://*/*"], id: "one", server: "https://a.example" };
  const saved = [ruleOf({ ...given, token: "secret" })];
  const tokens = (fresh: object) => merged(saved, [ruleOf(fresh)]).map(({ token }) => token);
  assertEquals(tokens({ ...given, island: "b" }), ["secret"]);
  assertEquals(tokens({ ...given, token: "other" }), ["other"]);
  assertEquals(tokens({ ...given, server: "https://evil.example" }), [""]);
  assertEquals(tokens({ ...given, id: "two" }), ["secret", ""]);
  assertEquals(ruleOf({ ...given, id: "a&manual" }).id.length, crypto.randomUUID().length);
});
