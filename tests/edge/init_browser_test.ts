/** A stranger's path, in a real browser: init, start, open the page, edit the rule, see both follow. */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { complaintsOf, eventually, launchBrowser } from "../browser/harness.ts";
import { inFolder, RunningProgram, runProgram } from "./program.ts";

Deno.test("a new app runs, and an edited rule reaches the server and the open page, which keeps its data", () =>
  inFolder({}, async (folder) => {
    assertEquals((await runProgram(["init", "my-app"], { folder })).code, 0);
    const home = join(folder, "my-app");
    const server = await RunningProgram.serve(["app.ts", "--watch", "--port", "0"], {
      folder: home,
    });
    await using cleanup = new AsyncDisposableStack();
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.goto(server.url);
    assertEquals(await page.title(), "my-app");

    const add = async (title: string) => {
      await page.fill("#title", title);
      await page.click("#add button");
    };
    const todos = () => page.locator("#todos li").allTextContents();
    const problem = async () => await page.locator("#problem").textContent() ?? "";
    const status = async () => await page.locator("#status").textContent() ?? "";
    await add("Water the plants");
    await eventually(todos, ["Water the plants"]);
    await eventually(status, "online");
    await add("x".repeat(30));
    await eventually(async () => (await todos()).length, 2);
    await add("x".repeat(41));
    await eventually(
      problem,
      "Cannot accept the todo record: title: A title has at most 40 characters",
    );

    assertEquals(complaints, []);

    const rule = join(home, "app.ts");
    const text = await Deno.readTextFile(rule);
    await page.evaluate(() => document.body.dataset.edition = "old");
    await Deno.writeTextFile(rule, text.replace("MAX = 40", "MAX = 20"));
    await eventually(
      () => page.evaluate(() => document.body?.dataset.edition ?? "new").catch(() => "between"),
      "new",
    );
    await eventually(async () => (await todos()).length, 2);
    await add("y".repeat(21));
    await eventually(
      problem,
      "Cannot accept the todo record: title: A title has at most 20 characters",
    );
    const [result] = await push(server.url, "b".repeat(21));
    assertEquals(result?.ok, false);
    assertMatch(result?.error ?? "", /at most 20 characters/);
    assertEquals((await push(server.url, "b".repeat(20)))[0]?.ok, true);
    await eventually(async () => (await todos()).length, 3);

    await Deno.writeTextFile(rule, `${text}\nexport const broken = ;\n`);
    await eventually(() => Promise.resolve(server.stderr.includes("as it was")), true);
    assertMatch(
      server.stderr,
      /Cannot load the app file "app\.ts": .+; the server goes on with the app as it was/,
    );
    assertEquals((await push(server.url, "b".repeat(21)))[0]?.ok, false, "it goes on as it was");
    // Browsers report what could not be reached while the server changed over.
    const changeover = /net::ERR|WebSocket|status of 503/;
    assertEquals(complaints.filter((line) => !changeover.test(line)), []);
    assertEquals(await server.stop(), 0, server.stderr);
  }));

interface Result {
  readonly ok: boolean;
  readonly error?: string;
}

async function push(url: string, title: string): Promise<readonly Result[]> {
  const mutation = { id: crypto.randomUUID(), name: "todo.add", args: { title } };
  const body = JSON.stringify({ mutations: [mutation] });
  const response = await fetch(`${url}/_sync/push`, { method: "POST", body });
  return (await response.json()).results;
}
