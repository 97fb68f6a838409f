import { assertEquals } from "@std/assert";
import { systemLookup } from "../../edge/wasm/fetch_policy.ts";
import { FETCH_POLICY_CASES } from "./wasm_fetch_policy_cases.ts";

for (const { name, run } of FETCH_POLICY_CASES) Deno.test(`fetch policy: ${name}`, () => run({}));

Deno.test("systemLookup finds the addresses of a name as fetch does", async () => {
  const addresses = await systemLookup()?.("localhost") ?? [];
  assertEquals(addresses.some((address) => address === "127.0.0.1" || address === "::1"), true);
});
