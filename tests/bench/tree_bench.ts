/**
 * What the tree over a scope's rows costs: to build, to keep, to ask, and in bytes.
 *
 *     deno run -A tests/bench/tree_bench.ts
 *     bun tests/bench/tree_bench.ts
 *
 * Records of about 100 bytes, nodes in memory, the kernel of the platform. Times are medians.
 */
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { kernelSync } from "../../wasm/kernel.ts";

const SIZES = [10_000, 100_000, 1_000_000];
const BUILDS = 5;
const UPDATES = 2_000;
const BATCHES = 50;
const BATCH_ROWS = 100;
const QUESTIONS = 200;

const kernel = kernelSync();

function rowOf(number: number, version: number) {
  const id = `0190b1f2c3d44e5f-${String(number).padStart(8, "0")}`;
  const title = "Something to be done before long, or not";
  return { entity: "todo", id, json: `{"done":false,"n":${version},"title":"${title} ${number}"}` };
}

/** The median time of some runs, in milliseconds. */
function median(runs: number, work: (run: number) => void): number {
  const times = Array.from({ length: runs }, (_, run) => {
    const start = performance.now();
    work(run);
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[runs >> 1] as number;
}

function report(name: string, figure: number, unit: string): void {
  console.log(`  ${name.padEnd(44)} ${figure.toFixed(figure < 10 ? 2 : 0).padStart(8)} ${unit}`);
}

console.log(`kernel: ${kernel.kind}`);
for (const size of SIZES) {
  console.log(`${size} rows`);
  const rows = Array.from({ length: size }, (_, number) => rowOf(number, 0));
  let nodes = new MemoryNodes();
  let tree = new RowTree(kernel, "home", nodes);
  const build = median(BUILDS, () => {
    nodes = new MemoryNodes();
    tree = new RowTree(kernel, "home", nodes);
    tree.update(rows);
  });
  report("build", build, "ms");
  const bytes = [...nodes.entries()].reduce((sum, [, { length }]) => sum + length, 0);
  report("bytes of nodes a row, its key among them", bytes / size, "B");
  let next = 0;
  const changed = () => rowOf(next = (next + 7_919) % size, next + 1);
  const single = median(UPDATES, () => tree.update([changed()]));
  report("one row changed", single * 1000, "us");
  const batch = median(BATCHES, () => tree.update(Array.from({ length: BATCH_ROWS }, changed)));
  report(`each of ${BATCH_ROWS} rows changed at once`, batch * 1000 / BATCH_ROWS, "us");
  // A tree remembers its root until it changes.
  const fresh = Array.from({ length: QUESTIONS }, () => tree.over(nodes));
  const root = median(QUESTIONS, (run) => fresh[run]?.root);
  report("root, not asked before", root * 1000, "us");
  for (const bits of [0, 3, 7, 10]) {
    const groups = median(BUILDS, () => tree.groups(bits, 0, 2 ** bits));
    report(`sketches of ${2 ** bits} groups`, groups, "ms");
  }
  const elements = Array.from(tree.rows(10, 99), ({ element }) => element);
  const find = median(QUESTIONS, (run) => tree.find(elements[run % elements.length] as Uint8Array));
  report("row of an element", find * 1000, "us");
}
