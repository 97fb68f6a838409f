/** The engine where no text may become code, as on Workers and under a strict policy of the platform. */
import { assertEquals } from "@std/assert";

/** Suites of the engine, whose expressions then run as closures. */
const SUITES = [
  "compiled_hostile_test.ts",
  "engine_bytes_test.ts",
  "engine_html_test.ts",
  "engine_list_test.ts",
  "engine_patch_test.ts",
  "engine_random_test.ts",
  "engine_tracking_test.ts",
];

Deno.test("the engine's tests pass where texts cannot become code", async () => {
  const suites = SUITES.map((name) => new URL(name, import.meta.url).pathname);
  const flag = "--v8-flags=--disallow-code-generation-from-strings";
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", flag, ...suites],
    env: { ENGINE_SEEDS: "20", NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  assertEquals(
    text.includes("code is made where the platform allows it, and only there ... ok"),
    true,
  );
});
