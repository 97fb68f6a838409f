/** Planted bugs of the trees, the claims and the exchange that finds what differs. */
import type { Mutant } from "./mutants.ts";

const MEMORY = "core/memory_store.ts";
const CLAIMS = "core/claims.ts";
const CLIENT = "core/client.ts";
const RESPONDER = "core/reconcile/responder.ts";
const EXCHANGE = "core/reconcile/exchange.ts";
const ROWS = "core/reconcile/exchange_rows.ts";
const GROUPS = "core/reconcile/exchange_groups.ts";
const DRILL = "core/reconcile/exchange_drill.ts";
const DELTA = "core/reconcile/sketch_delta.ts";
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
    survives: "clients look at the root of a last page alone",
  },
  {
    name: "a claim is taken to be of where the rows stand",
    file: CLIENT,
    find:
      "if (root && end === this.cursor && !this.#isOwed()) this.#options.output.rooted(end, root);",
    replace: "if (root && !this.#isOwed()) this.#options.output.rooted(this.cursor, root);",
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
  {
    name: "the exchange works on the client's own tree",
    file: ROWS,
    find: "this.#tree = tree.over(new OverlayNodes(nodes));",
    replace: "this.#tree = tree.over(nodes);\n    new OverlayNodes(nodes);",
  },
  {
    name: "an exchange ends before the roots are equal",
    file: EXCHANGE,
    find: "if (isAllThere && isTold && areEqualBytes(tree.root, newest.root)) {",
    replace: "if (isAllThere && isTold) {",
  },
  {
    name: "orphans are not removed",
    file: EXCHANGE,
    find: "this.#rowsGone += this.#rows.remove(elementsIn(orphans), cursor).length;",
    replace: "this.#rowsGone += elementsIn(orphans).length + cursor * 0;",
  },
  {
    name: "what is only the client's is not removed from groups",
    file: EXCHANGE,
    find: "differences.flatMap(({ minus }) => minus)",
    replace: "differences.flatMap(({ plus }) => plus)",
  },
  {
    name: "rows that are gone are not in what a repair removes",
    file: ROWS,
    find: "if (before !== undefined) gone.push({ entity, id });",
    replace: "if (before === undefined) gone.push({ entity, id });",
  },
  {
    name: "rows that the client has as they are count as gone",
    file: ROWS,
    find: "} else if (json !== before) rows.push({ entity, id, json });",
    replace: "} else if (before === undefined) rows.push({ entity, id, json });",
  },
  {
    name: "the server's sketch is added to the client's",
    file: RESPONDER,
    find: "kernel.addSketch(difference, sketch, -1);",
    replace: "kernel.addSketch(difference, sketch, 1);",
  },
  {
    name: "the client's sketches are added to the server's",
    file: GROUPS,
    find: "tree.kernel.addSketch(theirs, own.sketches[at] as Uint8Array, -1);",
    replace: "tree.kernel.addSketch(theirs, own.sketches[at] as Uint8Array, 1);",
  },
  {
    name: "how many rows there are is ignored",
    file: RESPONDER,
    find: "const surplus = this.#tree.count - count;",
    replace: "const surplus = 0 * count;",
  },
  {
    name: "since skips tombstones",
    file: RESPONDER,
    find: "if (!this.#put(entity, id, live ? json : null)) return false;",
    replace: "if (live && !this.#put(entity, id, json)) return false;",
  },
  {
    name: "since tells tombstones as rows",
    file: RESPONDER,
    find: "if (!this.#put(entity, id, live ? json : null)) return false;",
    replace: "if (!this.#put(entity, id, live ? json : json)) return false;",
  },
  {
    name: "a page that does not fit counts as told",
    file: RESPONDER,
    find: "        this.#told = cursor;\n",
    replace: "        this.#told = Math.max(cursor, this.#head.cursor);\n",
  },
  {
    name: "wants are answered with rows of before",
    file: RESPONDER,
    find: "return this.#put(entity, id, row?.live === true ? row.json : null);",
    replace:
      `return this.#put(entity, id, row?.live === true ? row.json.replaceAll("!", "") : null);`,
  },
  {
    name: "a history that was lost goes on in the middle of an exchange",
    file: EXCHANGE,
    find: "if (reply.snapshot || isOtherEpoch && !isFirst)",
    replace: "if (reply.snapshot)",
    survives: "the root at the end is that of the history that goes on: it costs rounds, no rows",
  },
  {
    name: "what was written since is asked for in another history",
    file: EXCHANGE,
    find: "firstProbe(this.#start, this.#epoch === this.#start.epoch)",
    replace: "firstProbe(this.#start, true)",
  },
  {
    name: "an earlier reply undoes a later one",
    file: ROWS,
    find: "if (known !== undefined && known.cursor > cursor) return;",
    replace: "",
    survives: "the roots differ then, and what differs is asked for again",
  },
  {
    name: "a drill stops above the leaves",
    file: DRILL,
    find: "if (!isEqual) this.#open.set(first + digit, false);",
    replace: "if (!isEqual && digit > RADIX) this.#open.set(first + digit, false);",
  },
  {
    name: "rows that a merge drops stay in the sketch",
    file: DELTA,
    find: "for (const row of dropped) this.addRow(kernel, kept, row, -1);",
    replace: "for (const row of dropped) this.addRow(kernel, kept, row, 1);",
  },
];
