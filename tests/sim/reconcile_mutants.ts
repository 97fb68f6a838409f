/** Planted bugs of the trees, the claims and the exchange that finds what differs. */
import type { Mutant } from "./mutants.ts";

const MEMORY = "core/memory_store.ts";
const CLAIMS = "core/claims.ts";
const CLIENT = "core/client.ts";
const RESPONDER = "core/reconcile/responder.ts";
const ROWS = "core/reconcile/exchange_rows.ts";
const GROUPS = "core/reconcile/exchange_groups.ts";
const DRILL = "core/reconcile/exchange_drill.ts";
const UPDATE = "core/reconcile/tree_update.ts";
const REPLICA = "ui/client/replica_tree.ts";

/** All of them. */
export const RECONCILE_MUTANTS: readonly Mutant[] = [
  {
    name: "tombstones in the set",
    file: MEMORY,
    find: "json: live ? json : null });",
    replace: "json });",
  },
  {
    name: "a tree is not rolled back with its transaction",
    file: MEMORY,
    find: "        state.tree?.nodes.discard();\n",
    replace: "        state.tree?.nodes.commit();\n",
  },
  {
    name: "what a rolled back transaction wrote waits for the tree",
    file: MEMORY,
    find: "        if (state.tree !== undefined) state.tree.pending = [];\n",
    replace: "",
  },
  {
    name: "rows by cursor are those of before the write",
    file: MEMORY,
    find: "    state.byCursor = undefined;\n    this.#touched.add(state);",
    replace: "    this.#touched.add(state);",
  },
  {
    name: "a root is told of another cursor",
    file: CLAIMS,
    find: "if (known?.cursor === cursor) return known.root;",
    replace: "if (known !== undefined) return known.root;",
  },
  {
    name: "a page in the middle carries the root",
    file: CLAIMS,
    find: "const root = hasMore ? undefined : this.#at(scope, nextCursor);",
    replace: "const root = this.#at(scope, nextCursor);",
  },
  {
    name: "a claim is taken to be of where the rows stand",
    file: CLIENT,
    find: "if (root && end === cursor && !this.#isOwed())",
    replace: "if (root && !this.#isOwed())",
  },
  {
    name: "a claim is compared at another cursor",
    file: REPLICA,
    find: "if (machine.cursor !== cursor || machine.epoch !== epoch) return undefined;",
    replace: "",
  },
  {
    name: "the root that came is believed",
    file: REPLICA,
    find: "return this.root.every((byte, index) => byte === root[index]);",
    replace: "return this.root.every((byte, index) => byte === root[index] || index >= 0);",
  },
  {
    name: "what moves is not taken into the tree",
    file: REPLICA,
    find: "      this.#moved.delete(key);\n",
    replace: "      this.#moved.delete(key);\n      if (id.length > 2) continue;\n",
  },
  {
    name: "rows that move during an exchange are not noticed",
    file: REPLICA,
    find: "() => moves === this.#moves,",
    replace: "() => moves <= this.#moves,",
  },
  {
    name: "rows that are gone stay in a client",
    file: "core/snapshot.ts",
    find: "else for (const { entity, id } of gone) this.#tables.get(entity)?.delete(id);",
    replace: "",
  },
  {
    name: "what differs is stored for other rows",
    file: "core/client_state.ts",
    find: "const onto = { cursor: this.snapshot.cursor, epoch: this.snapshot.epoch };",
    replace: "const onto = { cursor: loaded.cursor, epoch: loaded.epoch };",
  },
];
