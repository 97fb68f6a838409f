/** Requests leave nothing behind: `WASM_LEAK_REQUESTS=100000` asks for the whole of them. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import type { Usage } from "./leak_child.ts";

const REQUESTS = Number(Deno.env.get("WASM_LEAK_REQUESTS") ?? 3_000);
/** What the last requests may leave, in bytes, however many they were: code, caches that have ends. */
const GROWTH_BYTES_MAX = 2 * 1024 * 1024;

Deno.test("many requests leave nothing in the host, and nothing in the instance that stays", async () => {
  const child = join(import.meta.dirname ?? ".", "leak_child.ts");
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", child, `${REQUESTS}`],
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert(output.startsWith("["), new TextDecoder().decode(stderr));
  const usages: readonly Usage[] = JSON.parse(output);
  const [, second, , last] = usages;
  assert(second !== undefined && last !== undefined);
  console.log(usages.map(({ heapBytes, rssBytes }) => [heapBytes, rssBytes].join(" ")).join("\n"));
  assert(usages.every(({ sent }) => sent > REQUESTS / 20), "the module has fetched nothing");
  assertEquals(new Set(usages.map(({ durable }) => durable)).size, 1, output);
  assert(last.heapBytes - second.heapBytes < GROWTH_BYTES_MAX, output);
});
