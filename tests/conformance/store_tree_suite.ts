/**
 * What every store with trees promises of them: that they are those of its rows, whatever led to them.
 *
 * A store may hash with any kernel; what it is compared with is hashed by the plain one.
 */
import assert from "node:assert/strict";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { Store } from "../../core/store.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { change, row, type StoreCase, using } from "./store_suite.ts";

const KEEP_ALL = { changes: 1_000_000, before: 0, outcomes: 1_000_000 };

/** Every node of a scope's tree, by number. */
export function nodesOf(store: Store, scope: string): Record<string, string> {
  const tree = store.tree(scope);
  assert.ok(tree !== undefined, "the store has a tree");
  return textOf(tree);
}

/** Whether a scope's tree is the one that is built from its rows. */
export function assertTree(store: Store, scope: string): void {
  const rebuilt = new RowTree(plainKernel, scope, new MemoryNodes());
  rebuilt.update(
    Array.from(store.everyRow(scope), ({ entity, id, json, live }) => (
      { entity, id, json: live ? json : null }
    )),
  );
  const tree = store.tree(scope);
  assert.ok(tree !== undefined, "the store has a tree");
  assert.equal(tree.root.toHex(), rebuilt.root.toHex());
  assert.equal(tree.count, rebuilt.count);
  assert.deepEqual(textOf(tree), textOf(rebuilt));
}

/** Every case about trees, for stores that keep them. */
export const treeCases: readonly StoreCase[] = [
  {
    name: "a scope without rows has an empty tree, and asking for it creates no scope",
    run: using((store) => {
      assertTree(store, "s");
      assert.equal(store.tree("s")?.count, 0);
      assert.deepEqual(store.scopes(), []);
      store.transaction(() => store.append("s", change(1)));
      assertTree(store, "s");
    }),
  },
  {
    name: "a tree follows rows that come, change, go and come back",
    run: using((store) => {
      const roots: (string | undefined)[] = [];
      for (
        const written of [
          row("a"),
          row("a", { json: '{"n":1}' }),
          row("a", { json: '{"n":1}', live: false, cursor: 2 }),
          row("a", { json: "{}", cursor: 3 }),
        ]
      ) {
        store.transaction(() => store.putRow("s", written));
        assertTree(store, "s");
        roots.push(store.tree("s")?.root.toHex());
      }
      assert.equal(roots[0], roots[3], "cursors and stamps do not count");
      assert.equal(new Set(roots).size, 3);
    }),
  },
  {
    name: "a tree is whole inside a transaction and again at its end",
    run: using((store) => {
      const before = store.tree("s")?.root;
      store.transaction(() => {
        assert.deepEqual(store.tree("s")?.root, before);
        for (let i = 0; i < 100; i++) store.putRow("s", row(`r${i}`));
        assertTree(store, "s");
        for (let i = 0; i < 80; i++) store.putRow("s", row(`r${i}`, { live: false }));
        assertTree(store, "s");
        store.putRow("s", row("r1"));
      });
      assertTree(store, "s");
      assert.equal(store.tree("s")?.count, 21);
    }),
  },
  {
    name: "a tree is undone with its transaction, whether it was read or not",
    run: using((store) => {
      store.transaction(() => {
        for (let i = 0; i < 70; i++) store.putRow("s", row(`r${i}`));
      });
      const tree = store.tree("s");
      const before = nodesOf(store, "s");
      for (const isRead of [false, true]) {
        assert.throws(() =>
          store.transaction(() => {
            for (let i = 0; i < 200; i++) store.putRow("s", row(`r${i}`, { live: i > 40 }));
            store.putRow("t", row("a"));
            if (isRead) {
              assertTree(store, "s");
              assertTree(store, "t");
            }
            throw new RangeError("undone");
          }), RangeError);
        assert.deepEqual(nodesOf(store, "s"), before);
        assertTree(store, "s");
        assertTree(store, "t");
      }
      assert.equal(tree?.root.toHex(), store.tree("s")?.root.toHex());
      store.transaction(() => store.putRow("s", row("after")));
      assertTree(store, "s");
      assert.equal(store.tree("s")?.count, 71);
    }),
  },
  {
    name: "a tree does not change by a trim",
    run: using((store) => {
      store.transaction(() => {
        for (let cursor = 1; cursor <= 100; cursor++) {
          store.append("s", change(cursor));
          store.putRow("s", row(`r${cursor}`, { cursor, live: cursor % 4 !== 0 }));
        }
      });
      const before = nodesOf(store, "s");
      assert.equal(store.trim("s", { ...KEEP_ALL, changes: 0 }), 100);
      assert.equal([...store.everyRow("s")].length, 75);
      assert.deepEqual(nodesOf(store, "s"), before);
      assertTree(store, "s");
    }),
  },
  {
    name: "scopes have trees of their own",
    run: using((store) => {
      store.transaction(() => {
        for (let i = 0; i < 90; i++) {
          store.putRow("s", row(`r${i}`));
          store.putRow("t", row(`r${i}`));
        }
      });
      assert.notDeepEqual(store.tree("s")?.root, store.tree("t")?.root, "their hashes are salted");
      const before = nodesOf(store, "s");
      store.transaction(() => store.putRow("t", row("r1", { json: "1" })));
      assert.deepEqual(nodesOf(store, "s"), before);
      for (const scope of ["s", "t"]) assertTree(store, scope);
    }),
  },
  {
    name: "names of any text are in the tree",
    run: using((store) => {
      const names = ["__proto__", "'", "a", "\u{1f600}", "\ufffd", "e\u0301", "x".repeat(128)];
      for (const scope of names) {
        store.transaction(() => {
          for (const entity of names) {
            for (const id of names) store.putRow(scope, row(id, { entity, json: `"${id}"` }));
          }
        });
        assertTree(store, scope);
      }
    }),
  },
  {
    name: "the same rows have the same nodes, whatever order and detours led to them",
    run: using((store) => {
      const ids = Array.from({ length: 300 }, (_, i) => `r${i * 7 % 300}`);
      store.transaction(() => ids.forEach((id) => store.putRow("s", row(id, { json: `"${id}"` }))));
      const before = nodesOf(store, "s");
      store.transaction(() => ids.forEach((id) => store.putRow("s", row(`x${id}`))));
      store.transaction(() => ids.forEach((id) => store.putRow("s", row(id, { live: false }))));
      store.transaction(() =>
        ids.forEach((id) => store.putRow("s", row(`x${id}`, { live: false })))
      );
      assert.deepEqual(nodesOf(store, "s"), {});
      for (const id of ids.toSorted()) {
        store.transaction(() => store.putRow("s", row(id, { json: `"${id}"`, cursor: 9 })));
      }
      assert.deepEqual(nodesOf(store, "s"), before);
    }),
  },
  {
    name: "the tree of 10,000 rows is that of its rows, written in one transaction or in many",
    run: using((store) => {
      const put = (from: number, to: number, json: string) =>
        store.transaction(() => {
          for (let i = from; i < to; i++) store.putRow("s", row(`row ${i}`, { json }));
        });
      put(0, 8_000, "1");
      assertTree(store, "s");
      for (let from = 7_000; from < 10_000; from += 500) put(from, from + 500, "2");
      assertTree(store, "s");
      assert.equal(store.tree("s")?.count, 10_000);
    }),
  },
];

function textOf(tree: RowTree): Record<string, string> {
  return Object.fromEntries(Array.from(tree.nodes(), ([node, bytes]) => [node, bytes.toHex()]));
}
