/** Which pending runs a moved row reaches, directly or through others. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { dependants, type Footprint, FootprintIndex } from "../../core/dependants.ts";
import { rowKey } from "../../core/transaction.ts";

interface NamedRun extends Footprint {
  readonly name: string;
}

type Rows = readonly (readonly [entity: string, id: string])[];

const rowsOf = (rows: Rows) =>
  new Map(rows.map(([entity, id]) => [rowKey(entity, id), { entity }] as const));

function run(
  name: string,
  parts: { readonly reads?: Rows; readonly writes?: Rows; readonly scans?: readonly string[] },
): NamedRun {
  const { reads = [], writes = [], scans = [] } = parts;
  return {
    name,
    reads: new Set(rowsOf(reads).keys()),
    writes: rowsOf(writes),
    scans: new Set(scans),
  };
}

const reached = (runs: readonly NamedRun[], ...moved: Rows) =>
  Array.from(dependants(runs, rowsOf(moved)), ({ name }) => name).sort();

Deno.test("a moved row reaches those that read it, wrote it, or read its collection [S5]", () => {
  const runs = [
    run("reads", { reads: [["note", "a"]] }),
    run("writes", { writes: [["note", "a"]] }),
    run("scans", { scans: ["note"] }),
    run("other row", { reads: [["note", "b"]], writes: [["list", "c"]] }),
    run("other collection", { reads: [["tag", "a"]], scans: ["tag"] }),
  ];
  assertEquals(reached(runs, ["note", "a"]), ["reads", "scans", "writes"]);
  assertEquals(reached(runs, ["tag", "z"]), ["other collection"]);
  assertEquals(reached(runs), []);
});

Deno.test("a moved row reaches further through what the reached ones touched [S5]", () => {
  const chain = [
    run("first", { reads: [["note", "a"]], writes: [["note", "b"]] }),
    run("second", { reads: [["note", "b"]], writes: [["tag", "x"]] }),
    run("third", { scans: ["tag"], writes: [["total", "t"]] }),
    run("apart", { reads: [["note", "z"]], writes: [["note", "z"]] }),
  ];
  assertEquals(reached(chain, ["note", "a"]), ["first", "second", "third"]);
  assertEquals(reached(chain, ["note", "z"]), ["apart"]);
});

Deno.test("a moved row reaches earlier ones that a reached one ties in [S5]", () => {
  const runs = [
    run("earliest", { writes: [["tag", "x"]] }),
    run("earlier", { reads: [["tag", "x"]], writes: [["note", "b"]] }),
    run("later", { reads: [["note", "a"], ["note", "b"]] }),
  ];
  assertEquals(reached(runs, ["note", "a"]), ["earlier", "earliest", "later"]);
});

Deno.test("a reached scan reaches those that wrote to its collection [S5]", () => {
  const runs = [
    run("writer", { writes: [["note", "n"]] }),
    run("scanner", { scans: ["note"], reads: [["total", "t"]] }),
    run("reader", { reads: [["note", "n"]] }),
  ];
  assertEquals(reached(runs, ["total", "t"]), ["reader", "scanner", "writer"]);
});

Deno.test("an index tells what its runs touch, until they are taken out", () => {
  const index = new FootprintIndex();
  const one = run("one", { reads: [["note", "a"]], writes: [["note", "b"]] });
  const two = run("two", { reads: [["note", "a"]], scans: ["tag"] });
  for (const item of [one, two]) index.add(item);
  const isTouched = (...rows: Rows) => index.isTouchedBy(rowsOf(rows));
  assert(isTouched(["note", "a"]) && isTouched(["note", "b"]) && isTouched(["tag", "any"]));
  assertFalse(isTouched(["note", "c"]) || isTouched());
  index.remove(one);
  assert(isTouched(["note", "a"]));
  assertFalse(isTouched(["note", "b"]));
  index.remove(two);
  assertFalse(isTouched(["note", "a"]) || isTouched(["tag", "any"]));
});

Deno.test("an index meets a run that shares a row, or a collection on either side", () => {
  const index = new FootprintIndex();
  index.add(run("in", { reads: [["note", "a"]], writes: [["note", "b"]], scans: ["tag"] }));
  assert(index.meets(run("reads", { reads: [["note", "b"]] })));
  assert(index.meets(run("writes", { writes: [["note", "a"]] })));
  assert(index.meets(run("writes into its scan", { writes: [["tag", "new"]] })));
  assert(index.meets(run("scans what it wrote", { scans: ["note"] })));
  assertFalse(index.meets(run("apart", { reads: [["note", "z"]], writes: [["list", "l"]] })));
  assertFalse(index.meets(run("scans what it only read", { scans: ["total"] })));
});
