/** What `deno.json` tells Deno Deploy: its entry, started as it would be, serves the demo to anybody. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../../scripts/compile_bundle.ts";
import { LivePeer } from "../edge/live_peer.ts";
import { denoServe } from "./stages.ts";

interface DeploySection {
  readonly build: string;
  readonly runtime: { readonly entrypoint: string };
  readonly exclude: readonly string[];
}

const { deploy, tasks, unstable } = JSON.parse(
  await Deno.readTextFile(join(ROOT, "deno.json")),
) as {
  readonly deploy: DeploySection;
  readonly tasks: Readonly<Record<string, unknown>>;
  readonly unstable: readonly string[];
};

Deno.test("the deploy section builds by a task that there is, and leaves out no source", () => {
  const [deno, task, name = ""] = deploy.build.split(" ");
  assertEquals([deno, task, Object.hasOwn(tasks, name)], ["deno", "task", true]);
  assert(unstable.includes("kv"), "without it there is no Deno KV");
  for (const folder of ["core/", "edge/", "ui/", "wasm/", "scripts/"]) {
    assert(!deploy.exclude.some((path) => path.startsWith(folder)), folder);
  }
});

Deno.test("the entry of the deploy section serves the demo's page, rows and pokes on Deno KV", async () => {
  await using cleanup = new AsyncDisposableStack();
  const cwd = await Deno.makeTempDir({ prefix: "driftless-" });
  cleanup.defer(() => Deno.remove(cwd, { recursive: true }));
  const env = { DENO_DEPLOY: "true", DENO_KV_DEFAULT_PATH: join(cwd, "kv.db") };
  const { url, stop } = await denoServe(join(ROOT, deploy.runtime.entrypoint), {
    ...{ cwd: ROOT, port: 0, env },
  });
  cleanup.defer(stop);
  const page = await fetch(url);
  assertEquals(page.status, 200);
  const script = /src="([^"]+\.js)"/.exec(await page.text())?.[1] ?? "";
  assertMatch(await (await fetch(url + script)).text(), /\w/);
  const peer = await LivePeer.open(Number(new URL(url).port));
  await peer.greet();
  const mutation = { id: "m", name: "task.add", scope: "s", args: { title: "Anybody may" } };
  const body = JSON.stringify({ mutations: [mutation] });
  const pushed = await fetch(`${url}/_sync/push`, { method: "POST", body });
  assertEquals((await pushed.json()).results[0].ok, true);
  let changes: readonly unknown[] = [];
  while (changes.length === 0) ({ changes } = await peer.hear("poke"));
  assertMatch(JSON.stringify(changes), /Anybody may/);
  await peer.close();
  assert((await Deno.stat(join(cwd, "kv.db"))).size > 0);
});
