/** What leaves the house is what was recorded: `deno task snapshots` records it anew. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { publicSurface, publishedFiles, type Snapshot } from "../../scripts/snapshots.ts";
import { ROOT } from "../../scripts/steps.ts";

async function recorded({ path }: Snapshot): Promise<string[]> {
  return (await Deno.readTextFile(join(ROOT, path))).trimEnd().split("\n");
}

Deno.test("the public modules offer what was recorded", async () => {
  const lines = await publicSurface.lines();
  assert(lines.some((line) => line.startsWith(". function createClient<")));
  assertEquals(lines, await recorded(publicSurface));
});

Deno.test("a release hands out the files that were recorded, and can be published", async () => {
  const files = await publishedFiles.lines();
  assert(files.includes("mod.ts"));
  assertEquals(files.filter((path) => path.startsWith("tests/")), []);
  assertEquals(files, await recorded(publishedFiles));
});
