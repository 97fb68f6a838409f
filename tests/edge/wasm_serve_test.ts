/** `driftless serve --wasm`: modules on the command line, in a process of its own. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { assertFailed, inFolder, RunningProgram, runProgram, TODO_APP } from "./program.ts";
import { eventually } from "./raw_peer.ts";
import { assembled, COUNTER, ECHO } from "./wasm_modules.ts";

const FILES = {
  "app.ts": TODO_APP,
  "mounted.ts": TODO_APP.replace("export default defineApp(", "const app = defineApp(") +
    `app.wasm("/stats", new Uint8Array());\nexport default app;\n`,
  "echo.wasm": ECHO,
  "counter.wasm": COUNTER,
  "empty.wasm": assembled("(module)"),
  "text.wasm": "this is no module",
};

/** Command lines that are wrong, and what the one line on stderr says. */
const MISUSED: readonly (readonly [args: string, reason: RegExp])[] = [
  ["--wasm", /Cannot use --wasm alone: write --wasm PATH=FILE/],
  ["--wasm echo.wasm", /Cannot use --wasm echo\.wasm: write it like \/stats=handler\.wasm/],
  ["--wasm stats=echo.wasm", /Cannot use --wasm stats=echo\.wasm: write it like/],
  ["--wasm /stats=", /Cannot use --wasm \/stats=: write it like/],
  ["--wasm /stats=none.wasm", /Cannot read the module "none\.wasm": there is no such file/],
  ["--wasm /stats=.", /Cannot read the module "\."/],
  ["--wasm /stats=empty.wasm", /"\/stats": it does not export the memory "memory" \(empty\.wasm\)/],
  ["--wasm /stats=text.wasm", /Cannot mount the module at "\/stats": .+ \(text\.wasm\)/],
  ["--wasm /_sync=echo.wasm", /Cannot mount the module at "\/_sync": the path is the server's own/],
  ["--wasm /a=echo.wasm --wasm /a=echo.wasm", /Cannot use "\/a" twice/],
];

Deno.test("a wrong --wasm is refused before anything is served", () =>
  inFolder(FILES, async (folder) => {
    await Promise.all(MISUSED.map(async ([args, reason]) => {
      assertFailed(await runProgram(["serve", ...args.split(" ")], { folder }), reason, 2);
    }));
    const twice = ["serve", "mounted.ts", "--wasm", "/stats=echo.wasm"];
    assertFailed(await runProgram(twice, { folder }), /Cannot use "\/stats" twice/, 2);
    const unusable = await runProgram(["serve", "mounted.ts"], { folder });
    assertFailed(unusable, /Cannot mount the module at "\/stats"/);
    const other = await runProgram(["doctor", "--wasm", "/a=echo.wasm"], { folder });
    assertFailed(other, /Cannot use --wasm with "doctor"/, 2);
    const { stdout } = await runProgram(["serve", "--help"], { folder });
    assertStringIncludes(stdout, "--wasm PATH=FILE");
  }));

Deno.test("--wasm serves modules beside an app and the demo, and a watched one as it is now", () =>
  inFolder(FILES, async (folder) => {
    const args = ["--port", "0", "--wasm", "/echo=echo.wasm", "--wasm", "/count=counter.wasm"];
    for (const app of [["--data", "demo.db"], ["app.ts", "--data", "app.db"]]) {
      const program = await RunningProgram.serve([...app, ...args], { folder });
      assertStringIncludes(
        program.stdout,
        "  wasm   /echo echo.wasm\n  wasm   /count counter.wasm\n",
      );
      const body = new Uint8Array([0, 255, 254]);
      const echo = await fetch(`${program.url}/echo/x`, { method: "PUT", body });
      assertEquals([echo.status, await echo.bytes()], [200, body]);
      assertEquals(await (await fetch(`${program.url}/count/a`)).text(), "1");
      await eventually(() => program.stdout.includes("wasm"), "what is mounted");
      assertEquals(await program.stop(), 0);
    }
    const watched = ["app.ts", "--data", "watch.db", "--watch", "--port", "0"];
    const program = await RunningProgram.serve([...watched, "--wasm", "/m=counter.wasm"], {
      folder,
    });
    const type = async () => {
      const response = await fetch(`${program.url}/m`);
      await response.body?.cancel();
      return response.headers.get("content-type");
    };
    assertEquals(await type(), null);
    await Deno.writeFile(join(folder, "counter.wasm"), ECHO);
    await eventually(() => program.stdout.includes("  new    counter.wasm"), "the edited module");
    assertEquals(await type(), "application/x-echo");
    await Deno.writeTextFile(join(folder, "counter.wasm"), "no module");
    await eventually(() => program.stderr.includes("Cannot mount the module"), "the refusal");
    assertEquals(await type(), "application/x-echo");
    assertEquals(await program.stop(), 0);
  }));
