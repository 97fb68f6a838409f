/** The sync client as a page without any tool loads it: one module script, from the server. */
import { assertEquals } from "@std/assert";
import { SYNC_URL } from "../../scripts/bundle_size.ts";
import app from "../../ui/demo/app.ts";
import { createSyncClient } from "../../ui/client/sync_client.ts";
import { browserTest, complaintsOf, eventually } from "./harness.ts";

/** The demo's app as far as this page uses it, with a schema that needs no package. */
const PAGE = `<!doctype html>
<title>starting</title>
<script type="module">
  import { collection, createSyncClient, defineApp } from "${SYNC_URL}";
  const validate = (value) => ({ value });
  const schema = { "~standard": { version: 1, vendor: "page", validate } };
  const task = collection("task", schema, { builtins: false });
  const client = createSyncClient(defineApp({
    name: "driftless-demo",
    collections: { task },
    mutators: {
      "task.add"(tx, { title }, { newId, now }) {
        tx.task.put(newId(), { title, lane: "next", since: now });
      },
    },
  }), { onDiverged: () => document.title = "diverged" });
  client.subscribe(() => {
    const titles = client.collection("task").all().map(([, { title }]) => title);
    document.title = [...titles, client.pending.length].join(" ");
  });
  globalThis.client = client;
  await client.start();
</script>`;

browserTest(
  "a page without tools syncs, keeps its queue over a reload, and is followed",
  async (stage) => {
    const { server, browser } = stage;
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await page.route(
      `${server.url}/plain.html`,
      (route) => route.fulfill({ contentType: "text/html", body: PAGE }),
    );
    await page.goto(`${server.url}/plain.html`);
    await eventually(() => page.title(), "0");
    await page.evaluate(`client.setOffline(true)`);
    await page.evaluate(`client.mutate("task.add", { title: "written-offline" })`);
    assertEquals(await page.title(), "written-offline 1");
    await page.reload();
    await eventually(() => page.title(), "written-offline 0");

    const other = createSyncClient(app, { url: server.url, persistence: "memory" });
    await other.start();
    try {
      await other.mutate("task.add", { title: "written-elsewhere" });
      await eventually(async () => (await page.title()).split(" ").sort(), [
        "0",
        "written-elsewhere",
        "written-offline",
      ]);
    } finally {
      await other.stop();
    }
    assertEquals(complaints, []);
  },
);
