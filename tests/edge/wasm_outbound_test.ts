/** The cases of outbound requests and sockets of modules on Bun and in workerd. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { bunCommand } from "../../scripts/compile_bun.ts";
import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";
import { OUTBOUND_CASES, type OutboundReport } from "./wasm_outbound_cases.ts";
import { answerUpstream, UPSTREAM_CASES } from "./wasm_upstream_cases.ts";

const FOLDER = import.meta.dirname ?? ".";

Deno.test("modules reach others on Bun as on Deno", async () => {
  await assertPasses([...await bunCommand(), join(FOLDER, "wasm_outbound_bun.ts")]);
});

Deno.test("modules reach others in workerd as on Deno", async () => {
  const script = join(FOLDER, "wasm_outbound_workerd.ts");
  await assertPasses([Deno.execPath(), "run", "-A", "--no-check", script]);
});

for (const { name, run } of UPSTREAM_CASES) {
  Deno.test(`wasm fetch from a server: ${name}`, async () => {
    const wat = FETCH_MODULES.relay ?? "";
    await using upstream = serveUpstream();
    const modules = { relay: new WebAssembly.Module(assemble(wat)) };
    await run(modules, `http://127.0.0.1:${upstream.addr.port}`);
  });
}

function serveUpstream(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answerUpstream);
}

/** Runs a program that prints a report, with the modules in a folder as its argument. */
async function assertPasses([program = "", ...args]: readonly string[]): Promise<void> {
  const folder = await Deno.makeTempDir();
  await using upstream = serveUpstream();
  try {
    for (const [name, wat] of Object.entries(FETCH_MODULES)) {
      await Deno.writeFile(join(folder, `${name}.wasm`), assemble(wat));
    }
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args: [...args, folder, `http://127.0.0.1:${upstream.addr.port}`],
      stdin: "null",
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const report: OutboundReport = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(report.problems, []);
    // Deno suspends modules; another runtime that did not would have fewer.
    assertEquals(report.cases, OUTBOUND_CASES);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
