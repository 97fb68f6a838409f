import { assert, assertEquals, assertMatch } from "@std/assert";
import { listenNode } from "../../edge/listen_node.ts";
import { GET, HTTP_CASES } from "./http_suite.ts";
import { type Outcome, runCases, withHost } from "./listening_host.ts";
import { RawPeer } from "./raw_peer.ts";
import { SHUTDOWN_CASES } from "./shutdown_suite.ts";
import { SOCKET_CASES } from "./socket_suite.ts";
import { UPGRADE_CASES } from "./upgrade_suite.ts";

const CASES = [...SOCKET_CASES, ...UPGRADE_CASES, ...HTTP_CASES, ...SHUTDOWN_CASES];
const BUN = "bun@1.4.5";

for (const { name, run } of CASES.filter(({ waits }) => waits !== true)) {
  Deno.test(`listenNode: ${name}`, () => run(listenNode));
}

// Bun sends them together with the first piece.
Deno.test("listenNode sends headers before the first piece of a streamed body", async () => {
  const fetch = () => new Response(new ReadableStream());
  await withHost(listenNode, { fetch }, async ({ port }) => {
    const peer = await RawPeer.connect(port);
    peer.write(GET);
    assertMatch(await peer.head(), /^HTTP\/1\.1 200 /);
    peer.vanish();
  });
});

Deno.test("listenNode keeps its limits in time", async (t) => {
  await report(t, await runCases(CASES.filter(({ waits }) => waits === true), listenNode));
});

Deno.test("listenBun passes every case on Bun", async (t) => {
  const program = new URL("./socket_bun.ts", import.meta.url).pathname;
  const { stdout, stderr, code } = await new Deno.Command("npx", {
    args: ["-y", BUN, program],
    stdin: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith("{"));
  const outcomes: Outcome[] = lines.map((line) => JSON.parse(line));
  await report(t, outcomes);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertEquals(outcomes.map(({ name }) => name), CASES.map(({ name }) => name));
});

async function report(t: Deno.TestContext, outcomes: readonly Outcome[]): Promise<void> {
  for (const { name, error } of outcomes) {
    await t.step(name, () => assert(error === undefined, error));
  }
}
