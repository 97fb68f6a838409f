import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { dirname } from "node:path";
import { hunt, type Mutant, MUTANTS } from "./mutants.ts";

const ROOT = dirname(dirname(import.meta.dirname ?? ""));

/** Caught within a few seeds; `deno task sim --mutants` hunts them all. */
const QUICK: readonly string[] = [
  "acknowledges before the commit",
  "no dedupe by id",
  "outcome not recorded for rejected",
  "acknowledged leaves the view before its changes arrived",
  "cursor set by a push result",
  "conflict clears the whole queue",
  "rejection not rolled back",
  "a refusal is not stored",
  "what merges by stamps is compared as well",
  "rebase skipped when rows moved",
  "tombstone forgets stamps",
  "tombstones in the set",
  "a tree is not rolled back with its transaction",
  "a root is told of another cursor",
  "an exchange ends before the roots are equal",
  "rows that are gone stay in a client",
];

for (const name of QUICK) {
  Deno.test(`the simulation catches a planted bug: ${name}`, async () => {
    const mutant = MUTANTS.find((other) => other.name === name);
    assert(mutant !== undefined);
    const { by } = await hunt(ROOT, mutant);
    assertMatch(by ?? "nothing", /^seed /);
  });
}

Deno.test("every planted bug still has its place", async () => {
  for (const { name, file, find, replace } of MUTANTS) {
    const text = await Deno.readTextFile(`${ROOT}/${file}`);
    assertEquals(text.split(find).length, 2, `"${name}" stands once in ${file}`);
    assert(find !== replace, `"${name}" changes ${file}`);
  }
  assertEquals(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});

Deno.test("a planted bug whose place is gone fails", async () => {
  const gone: Mutant = { name: "gone", file: "core/queue.ts", find: "no such text", replace: "" };
  await assertRejects(() => hunt(ROOT, gone), TypeError, "does not stand once");
});
