/** What the bridge weighs, and that it makes no code from text. */
import { assert, assertEquals } from "@std/assert";
import { sizeOf } from "../../scripts/bundle_size.ts";
import { bridgeCode } from "./bridge_stage.ts";

/** The bridge without plugins, as gzip at level 9. */
const BRIDGE_GZIP_BYTES_MAX = 8 * 1024;

Deno.test("bridge weighs at most 8 kB as gzip, and what it loads when needed less", async () => {
  const [live, more] = await bridgeCode();
  const { gzipBytes } = sizeOf(live);
  assert(gzipBytes <= BRIDGE_GZIP_BYTES_MAX, `It weighs ${gzipBytes} bytes`);
  assert(sizeOf(more).gzipBytes < gzipBytes);
});

Deno.test("bridge makes no code from text", async () => {
  for (const code of await bridgeCode()) {
    assertEquals(/\beval\b|\bFunction\(/.exec(code), null);
  }
});
