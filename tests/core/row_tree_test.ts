/** The tree over rows: every node of it is what its definition says, whatever rows it is of. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  KEY_NAME_BYTES_MAX,
  LEAF_ROWS_MAX,
  levelOf,
  NODES_MAX,
} from "../../core/reconcile/node_bytes.ts";
import { type RowChange, treeKeysOf } from "../../core/reconcile/row_hash.ts";
import {
  GROUP_BITS_MAX,
  PREFIX_BITS_MAX,
  RowTree,
  type TreeRow,
} from "../../core/reconcile/row_tree.ts";
import { MemoryNodes, OverlayNodes } from "../../core/reconcile/tree_nodes.ts";
import { updateTree } from "../../core/reconcile/tree_update.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import {
  gone,
  idAt,
  type LiveRow,
  modelNodes,
  namedHashes,
  put,
  quickKernel,
  textOf,
} from "./tree_rig.ts";

const named = namedHashes(plainKernel);

/** A tree after some batches, with its nodes. */
function treeOf(
  ...batches: readonly Iterable<RowChange>[]
): { tree: RowTree; nodes: MemoryNodes } {
  const nodes = new MemoryNodes();
  const tree = new RowTree(named, "home", nodes);
  for (const batch of batches) tree.update(batch);
  return { tree, nodes };
}

/** Every node is that of the definition, and there is no other one. */
function assertModel(nodes: MemoryNodes, rows: readonly LiveRow[]): void {
  assertEquals(textOf(nodes.entries()), textOf(modelNodes(named, "home", rows)));
}

function puts(count: number, from = 0): LiveRow[] {
  return Array.from({ length: count }, (_, i) => put(`row ${from + i}`));
}

/** Rows whose hashes agree in the first `bits` bits, and differ right behind. */
function crowd(count: number, bits: number, prefix = 0n): LiveRow[] {
  const step = 2n ** BigInt(64 - bits - 8);
  const start = prefix << BigInt(64 - bits);
  return Array.from({ length: count }, (_, i) => put(idAt(start + BigInt(i) * step)));
}

const idsOf = (rows: Iterable<TreeRow>) => Array.from(rows, ({ id }) => id);

Deno.test("RowTree without rows has no node, and a root", () => {
  const { tree, nodes } = treeOf([], [gone("never there")]);
  assertEquals([tree.count, nodes.size, [...tree.nodes()]], [0, 0, []]);
  assertEquals(tree.root, treeOf().tree.root);
  assertEquals(tree.root.length, 32);
  assertNotEquals(tree.root, new RowTree(named, "work", new MemoryNodes()).root);
});

Deno.test("RowTree of any number of rows has the nodes of its definition [S10]", () => {
  for (const count of [1, 2, LEAF_ROWS_MAX - 1, LEAF_ROWS_MAX, LEAF_ROWS_MAX + 1, 700, 3_000]) {
    const rows = puts(count);
    const { tree, nodes } = treeOf(rows);
    assertModel(nodes, rows);
    assertEquals(tree.count, count);
    assertEquals(nodes.get(0)?.[0], count > LEAF_ROWS_MAX ? 1 : 0);
  }
});

Deno.test("RowTree has the same root after one batch and after one row at a time", () => {
  const rows = puts(200);
  const { tree, nodes } = treeOf(...rows.map((row) => [row]));
  assertModel(nodes, rows);
  assertEquals(tree.root, treeOf(rows.toReversed()).tree.root);
});

Deno.test("RowTree keeps apart what differs in scope, collection, id or record [S10]", () => {
  const rootOf = (row: RowChange, scope = "home") => {
    const tree = new RowTree(plainKernel, scope, new MemoryNodes());
    tree.update([row]);
    return tree.root.toHex();
  };
  const roots = [
    rootOf(put("a", 1)),
    rootOf(put("a", 1), "work"),
    rootOf(put("a", 2)),
    rootOf(put("b", 1)),
    rootOf(put("a", 1, "todo")),
    rootOf(put("ea", 1, "not")),
    rootOf(put("", 1, "notea")),
    rootOf({ entity: "note", id: "", json: "a1" }),
    rootOf({ entity: "note", id: "a1", json: "" }),
  ];
  assertEquals(new Set(roots).size, roots.length);
});

Deno.test("RowTree counts the last change of a key in a batch", () => {
  const { tree, nodes } = treeOf([put("a", 1), put("b"), put("a", 2), gone("b"), put("a", 3)]);
  assertModel(nodes, [put("a", 3)]);
  tree.update([gone("a"), put("b"), put("a", 4), gone("c")]);
  assertModel(nodes, [put("a", 4), put("b")]);
});

Deno.test("RowTree writes nothing when nothing changes", () => {
  const rows = puts(500);
  const { nodes } = treeOf(rows);
  const watched = new OverlayNodes({
    get: (node) => nodes.get(node),
    set: (node) => assert(false, `node ${node} is set`),
    delete: (node) => assert(false, `node ${node} is deleted`),
  });
  const tree = new RowTree(named, "home", watched);
  tree.update([...rows.slice(0, 90), gone("unknown"), gone("row 3"), put("row 3")]);
  watched.commit();
});

Deno.test("RowTree writes each node once in a batch", () => {
  const { nodes } = treeOf(puts(3_000));
  const written: number[] = [];
  const note = (node: number) => written.push(node);
  const tree = new RowTree(named, "home", {
    get: (node) => nodes.get(node),
    set: note,
    delete: note,
  });
  tree.update([...puts(50).map(({ id }) => put(id, "new")), ...puts(50, 3_000), gone("row 70")]);
  assertEquals(new Set(written).size, written.length);
  assert(written.includes(0));
});

Deno.test("RowTree splits and merges at one row more or less, at every level", () => {
  for (const bits of [0, 5, 10, 15, 20]) {
    const prefix = 2n ** BigInt(bits) - 1n;
    const rows = crowd(LEAF_ROWS_MAX + 1, bits, bits === 0 ? 0n : prefix);
    const { tree, nodes } = treeOf(rows.slice(1));
    const before = textOf(nodes.entries());
    assertEquals(nodes.size, 1);
    tree.update(rows.slice(0, 1));
    assertModel(nodes, rows);
    assertEquals(Math.max(...Array.from(nodes.entries(), ([node]) => levelOf(node))), bits / 5 + 1);
    tree.update([gone((rows[0] as LiveRow).id)]);
    assertEquals(textOf(nodes.entries()), before);
    tree.update(rows.map(({ id }) => gone(id)));
    assertEquals(nodes.size, 0);
  }
});

Deno.test("RowTree does not split a leaf at the lowest level", () => {
  const rows = crowd(3 * LEAF_ROWS_MAX, 25, 0x1_23_45_67n);
  const others = puts(10);
  const { tree, nodes } = treeOf(rows.slice(70), others, rows.slice(0, 70));
  assertModel(nodes, [...rows, ...others]);
  const levels = Array.from(nodes.entries(), ([node]) => levelOf(node));
  assertEquals(levels.filter((level) => level === 5).length, 1);
  const changed = rows.map(({ id }, i) => i % 3 === 0 ? gone(id) : put(id, i));
  tree.update(changed);
  const left = changed.filter((row): row is LiveRow => row.json !== null);
  assertModel(nodes, [...left, ...others]);
  tree.update([...left, ...others].map(({ id }) => gone(id)));
  assertEquals(nodes.size, 0);
});

Deno.test("RowTree sums up a lowest leaf of thousands of rows", () => {
  const rows = Array.from({ length: 5_000 }, (_, i) => put(idAt(BigInt(i) << 20n)));
  const { tree, nodes } = treeOf(rows);
  assertModel(nodes, rows);
  assertEquals(tree.groups(GROUP_BITS_MAX, 0, 1).counts, [5_000]);
});

Deno.test("RowTree holds any number of keys of one hash", () => {
  const rows = Array.from({ length: 100 }, (_, i) => put(idAt(0xabcdefn, i)));
  const neighbours = [put(idAt(0xabcdeen)), put(idAt(0xabcdf0n))];
  const { tree, nodes } = treeOf([...neighbours, ...rows.slice(0, 3)], rows.slice(2));
  assertModel(nodes, [...rows, ...neighbours]);
  tree.update([gone(idAt(0xabcdefn, "unknown"))]);
  assertModel(nodes, [...rows, ...neighbours]);
  const changed = rows.map(({ id }, i) => i < 97 ? gone(id) : put(id, `new ${i}`));
  tree.update([...rows, ...changed]);
  assertModel(nodes, [...changed.slice(97) as LiveRow[], ...neighbours]);
  // Two keys that trade places in the order of digests.
  tree.update([put((rows[97] as LiveRow).id, 1), put((rows[98] as LiveRow).id, 2)]);
  tree.update([put((rows[97] as LiveRow).id, 2), put((rows[98] as LiveRow).id, 1)]);
  const last = [put((rows[97] as LiveRow).id, 2), put((rows[98] as LiveRow).id, 1)];
  assertModel(nodes, [...last, changed[99] as LiveRow, ...neighbours]);
});

Deno.test("RowTree sorts hashes by all of their 64 bits", () => {
  const hashes = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 63n - 1n];
  const rows = hashes.flatMap((kh) => [put(idAt(kh, "b")), put(idAt(kh, "a"))]);
  assertModel(treeOf(rows).nodes, rows);
  assertModel(treeOf(...rows.toReversed().map((row) => [row])).nodes, rows);
});

Deno.test("RowTree takes names and records of any text", () => {
  const texts = ["", "\0", "é", "e\u0301", "\ufeff", "\uffff", "\u{1f600}", "x".repeat(128)];
  texts.push(
    "\u{1f600}".repeat(64),
    "a".repeat(63) + "é",
    "a".repeat(64),
    "a".repeat(65),
    "__proto__",
  );
  const rows = texts.flatMap((entity) => texts.map((id) => put(id, `${id}${entity}`, entity)));
  const { tree, nodes } = treeOf(rows);
  assertModel(nodes, rows);
  const read = Array.from(tree.rows(0, 0), ({ entity, id }) => JSON.stringify([entity, id]));
  assertEquals(read.sort(), rows.map(({ entity, id }) => JSON.stringify([entity, id])).sort());
  tree.update([{ entity: "note", id: "long", json: "\u{1f600}é".repeat(100_000) }]);
  assertModel(nodes, [...rows, { entity: "note", id: "long", json: "\u{1f600}é".repeat(100_000) }]);
});

Deno.test("RowTree counts half a surrogate pair as U+FFFD", () => {
  assertEquals(
    treeOf([put("\ud800")]).tree.root,
    treeOf([{ ...put("\ufffd"), json: '"\\ud800"' }]).tree.root,
  );
  assertEquals(treeOf([put("\ud800")], [gone("\ufffd")]).tree.count, 0);
});

Deno.test("RowTree refuses names that its nodes cannot hold", () => {
  const longest = "x".repeat(KEY_NAME_BYTES_MAX);
  for (const row of [put("a", 1, longest), put(longest)]) {
    assertModel(treeOf([row]).nodes, [row]);
    const tooLong = { ...row, id: row.id.length === 1 ? row.id : `${row.id}x` };
    const entity = row.entity === longest ? `${longest}x` : row.entity;
    assertThrows(() => treeOf([{ ...tooLong, entity }]), Error, "names of a row are short");
  }
});

Deno.test("RowTree is unchanged by a batch that throws", () => {
  const { tree, nodes } = treeOf(puts(100));
  const before = textOf(nodes.entries());
  assertThrows(
    () =>
      tree.update((function* () {
        yield put("new");
        throw new RangeError("stop");
      })()),
    RangeError,
  );
  assertEquals(textOf(nodes.entries()), before);
  tree.update([gone("row 1")]);
  tree.update([put("row 1")]);
  assertEquals(textOf(nodes.entries()), before);
});

Deno.test("RowTree is updated while the changes of another one are read", () => {
  const inner = treeOf();
  const { nodes } = treeOf((function* (): Iterable<RowChange> {
    for (const row of puts(100)) {
      inner.tree.update([row]);
      yield row;
    }
  })());
  assertModel(nodes, puts(100));
  assertModel(inner.nodes, puts(100));
});

Deno.test("RowTree says so when a node is missing", () => {
  const { tree, nodes } = treeOf(puts(100));
  for (const [node] of [...nodes.entries()]) if (node > 0) nodes.delete(node);
  assertThrows(() => tree.update(puts(100).map(({ id }) => gone(id))), Error, "digest exists");
});

Deno.test("RowTree sees what others do to its nodes", () => {
  const { tree, nodes } = treeOf(puts(100));
  const before = tree.root;
  const other = new RowTree(named, "home", nodes);
  other.update([put("more")]);
  assertEquals([tree.root, tree.count], [other.root, 101]);
  other.update([gone("more")]);
  assertEquals(tree.root, before);
  tree.root.fill(0);
  assertEquals(tree.root, before, "a root that is handed out is a copy");
});

Deno.test("RowTree has the same nodes of many rows at once and in parts", () => {
  const kernel = namedHashes(quickKernel);
  // More internal nodes at one level than are hashed at once.
  const rows = Array.from({ length: 300 * 66 }, (_, i) => {
    const [group, place] = [BigInt(i % 300), BigInt(Math.floor(i / 300))];
    return put(idAt(group << 54n | place << 44n));
  });
  const treeIn = (rowsMax: number) => {
    const nodes = new MemoryNodes();
    updateTree({ kernel, keys: treeKeysOf(kernel, "home"), nodes }, rows, rowsMax);
    return nodes;
  };
  const whole = treeIn(rows.length + 1);
  assertEquals(levelOf(Math.max(...Array.from(whole.entries(), ([node]) => node))), 3);
  for (const rowsMax of [rows.length, rows.length - 1, 1_000]) {
    assertEquals(textOf(treeIn(rowsMax).entries()), textOf(whole.entries()));
  }
});

Deno.test("RowTree gives the rows of a prefix in the order of their hashes", () => {
  const rows = [...puts(300), ...crowd(100, 22, 5n), ...crowd(40, 40)];
  const { tree } = treeOf(rows);
  const all = [...tree.rows(0, 0)];
  const hashes = all.map(({ hash }) => hash.toHex());
  assertEquals([all.length, hashes], [rows.length, hashes.toSorted()]);
  for (const bits of [1, 3, 5, 6, 10, 14, 20, 21, 22, 25, 27, PREFIX_BITS_MAX]) {
    const byPrefix = Map.groupBy(
      all,
      ({ hash }) => Number(BigInt(`0x${hash.toHex()}`) >> BigInt(64 - bits)),
    );
    for (const [prefix, expected] of byPrefix) {
      assertEquals([...tree.rows(bits, prefix)], expected, `${prefix} of ${bits} bits`);
      assert(byPrefix.has(prefix + 1) || [...tree.rows(bits, prefix + 1)].length === 0);
    }
  }
  assertEquals([...treeOf().tree.rows(5, 3)], []);
  for (const bits of [-1, PREFIX_BITS_MAX + 1]) {
    assertThrows(() => [...tree.rows(bits, 0)], Error, "at most 32 bits");
  }
});

Deno.test("RowTree tells of a row its leaf, hash, digest, element and key", () => {
  const { tree, nodes } = treeOf([put(idAt(0xfedc_ba98_7654_3210n), 1), ...puts(100)]);
  const [row] = tree.rows(16, 0xfedc);
  assert(row !== undefined);
  assertEquals([row.entity, row.id], ["note", idAt(0xfedc_ba98_7654_3210n)]);
  assertEquals(row.hash.toHex(), "fedcba9876543210");
  const digest = BigInt(`0x${row.digest.toHex()}`);
  const element = BigInt(0xfedc_ba98 >>> 11) << 40n | digest >> 216n;
  assertEquals(new DataView(row.element.buffer).getBigUint64(0, true), element);
  assert(nodes.get(row.node)?.[0] === 0);
});

Deno.test("RowTree finds rows by their element", () => {
  const { tree } = treeOf([...puts(200), ...crowd(100, 30, 77n)]);
  for (const row of tree.rows(0, 0)) assertEquals(tree.find(row.element), [row]);
  const other = ([...tree.rows(0, 0)][0] as TreeRow).element.slice();
  other[0] = (other[0] as number) ^ 1;
  assertEquals(tree.find(other), []);
  assertEquals(treeOf().tree.find(other), []);
});

Deno.test("RowTree maps the three numbers that are 0 or 1 in the field to element 1", () => {
  const digests = new Map([["zero", 0], ["ones", 255]]);
  const kernel = {
    ...named,
    hashAll(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): Uint8Array {
      const hashed = named.hashAll(messages, ends, key);
      ends.forEach((end, index) => {
        const fill = digests.get(new TextDecoder().decode(messages.subarray(end - 4, end)));
        if (fill !== undefined) hashed.fill(fill, index * 32, index * 32 + 5);
      });
      return hashed;
    },
    deriveKey: named.deriveKey,
  };
  const tree = new RowTree(kernel, "home", new MemoryNodes());
  const raw = (id: string, json: string) => ({ entity: "note", id, json });
  tree.update([
    raw(idAt(0n), "zero"),
    raw(idAt(2n ** 64n - 1n), "ones"),
    raw(idAt(1n), "ones"),
    raw(idAt(2n ** 64n - 2n), "zero"),
    ...puts(100),
  ]);
  const one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
  assertEquals(idsOf(tree.find(one)), [idAt(0n), idAt(2n ** 64n - 1n)]);
  const [low] = [...tree.rows(32, 0)].filter(({ id }) => id === idAt(1n));
  assertEquals(low?.element, Uint8Array.of(255, 255, 255, 255, 255, 0, 0, 0));
  const [high] = [...tree.rows(32, 2 ** 32 - 1)].filter(({ id }) => id !== idAt(2n ** 64n - 1n));
  assertEquals(high?.element, Uint8Array.of(0, 0, 0, 0, 0, 255, 255, 31));
  assertEquals(idsOf(tree.find(low?.element as Uint8Array)), [low?.id]);
});

Deno.test("RowTree lists rows whose elements collide", () => {
  const sameDigests = {
    ...named,
    hashAll(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): Uint8Array {
      const hashed = named.hashAll(messages, ends, key);
      ends.forEach((end, index) => {
        if (messages[end - 1] === 0x21) hashed.fill(7, index * 32, index * 32 + 5);
      });
      return hashed;
    },
  };
  const tree = new RowTree(sameDigests, "home", new MemoryNodes());
  const twins = ["a", "b"].map((name) => ({ entity: "n", id: idAt(99n, name), json: "!" }));
  tree.update([...puts(100), ...twins]);
  const [twin] = tree.rows(32, 0);
  const found = tree.find(twin?.element as Uint8Array);
  assertEquals(idsOf(found).sort(), twins.map(({ id }) => id));
  const { sketches: [before] } = tree.groups(0, 0, 1);
  tree.update(twins.map(({ id }) => ({ entity: "n", id, json: null })));
  const { sketches: [after] } = tree.groups(0, 0, 1);
  plainKernel.addElements(after as Uint8Array, twin?.element as Uint8Array, 1);
  plainKernel.addElements(after as Uint8Array, twin?.element as Uint8Array, 1);
  assertEquals(after, before);
});

Deno.test("RowTree sums up groups of any number of bits", () => {
  const rows = [...puts(500), ...crowd(200, 23, 9n), ...crowd(70, 15, 0x7fffn)];
  const { tree } = treeOf(rows);
  const all = [...tree.rows(0, 0)];
  for (let bits = 0; bits <= GROUP_BITS_MAX; bits++) {
    const byGroup = Map.groupBy(
      all,
      ({ hash }) => Number(BigInt(`0x${hash.toHex()}`) >> BigInt(64 - bits)),
    );
    const groups = 2 ** bits;
    const count = Math.min(groups, 300);
    const spans = [
      0,
      Math.min(groups - count, 9),
      groups - count,
      Math.floor((groups - count) / 3),
    ];
    for (const from of spans) {
      const { counts, sketches } = tree.groups(bits, from, count);
      assertEquals([counts.length, sketches.length], [count, count]);
      for (let group = 0; group < count; group++) {
        const within = byGroup.get(from + group) ?? [];
        const sketch = new Uint8Array(256);
        for (const { element } of within) plainKernel.addElements(sketch, element, 1);
        assertEquals([counts[group], sketches[group]], [within.length, sketch], `${bits} bits`);
      }
    }
  }
});

Deno.test("RowTree shortens sketches to their first words", () => {
  const { tree } = treeOf(puts(2_000));
  for (const bits of [0, 3, 5, 11]) {
    const { sketches: [long] } = tree.groups(bits, 0, 1);
    for (const words of [1, 16, 32]) {
      assertEquals(tree.groups(bits, 0, 1, words).sketches, [long?.subarray(0, words * 8)]);
    }
  }
});

Deno.test("RowTree refuses groups that there are not", () => {
  const { tree } = treeOf(puts(10));
  assertEquals(tree.groups(3, 8, 0), { counts: [], sketches: [] });
  const none = new Uint8Array(256);
  assertEquals(treeOf().tree.groups(1, 0, 2), { counts: [0, 0], sketches: [none, none] });
  for (const [from, count] of [[0, 9], [8, 1], [-1, 2], [0, -1]] as const) {
    assertThrows(() => tree.groups(3, from, count), Error, "so many groups");
  }
  for (const bits of [-1, GROUP_BITS_MAX + 1]) {
    assertThrows(() => tree.groups(bits, 0, 1), Error, "a short prefix");
  }
  for (const words of [0, 33]) {
    assertThrows(() => tree.groups(0, 0, 1, words), Error, "1 to 32 words");
  }
});

Deno.test("RowTree shows the children of any node, as deep as there may be one", () => {
  const rows = [...puts(300), ...crowd(130, 25, 3n)];
  const { tree, nodes } = treeOf(rows);
  const model = modelNodes(named, "home", rows);
  for (const [node, bytes] of model) {
    const children = tree.children(node);
    if (bytes[0] === 1) assertEquals(children, { digests: bytes.subarray(8, 1032) });
    else {assert(
        "rows" in children &&
          children.rows.length === new DataView(bytes.buffer).getUint32(4, true),
      );}
  }
  // Nodes that another tree could have: the rows of their prefix, if any.
  for (const row of tree.rows(0, 0)) {
    const level = levelOf(row.node);
    for (let deeper = level; deeper <= 5; deeper++) {
      const prefix = Number(BigInt(`0x${row.hash.toHex()}`) >> BigInt(64 - deeper * 5));
      const children = tree.children((32 ** deeper - 1) / 31 + prefix);
      assert("rows" in children);
      assertEquals(children.rows, [...tree.rows(deeper * 5, prefix)]);
    }
  }
  assertEquals(tree.children(NODES_MAX - 1), { rows: [] });
  assertEquals(treeOf().tree.children(0), { rows: [] });
  for (const node of [-1, 0.5, NODES_MAX]) {
    assertThrows(() => tree.children(node), Error, "a number");
  }
  assertEquals(nodes.size, model.size);
});

Deno.test("RowTree knows the digests that the children of any node would have", () => {
  const rows = [...puts(300), ...crowd(40, 12, 77n)];
  const { tree } = treeOf(rows);
  const more = treeOf(rows, [...puts(2_000, 300), ...crowd(70, 15, 77n << 3n)]).tree;
  for (const [node, bytes] of more.nodes()) {
    if (bytes[0] !== 1) continue;
    const digests = tree.childDigests(node);
    const bits = 5 * (levelOf(node) + 1);
    const first = (node - (32 ** levelOf(node) - 1) / 31) * 32;
    for (let digit = 0; digit < 32; digit++) {
      const below = treeOf([...tree.rows(bits, first + digit)].map(({ id }) => put(id)));
      const isLeaf = below.tree.count <= LEAF_ROWS_MAX;
      const expected = below.tree.count === 0 ? new Uint8Array(32) : below.tree.root;
      const digest = digests.subarray(digit * 32, digit * 32 + 32);
      if (isLeaf) assertEquals(digest, expected);
    }
  }
  assertEquals(treeOf().tree.childDigests(0), new Uint8Array(1024));
  assertThrows(() => tree.childDigests(NODES_MAX - 1), Error, "no children");
});

Deno.test("RowTree gives a tree of the same scope over other nodes", () => {
  const { tree, nodes } = treeOf(puts(100));
  const overlay = new OverlayNodes(nodes);
  const other = tree.over(overlay);
  assertEquals([other.root, other.kernel], [tree.root, named]);
  other.update([put("more")]);
  assertEquals([other.count, tree.count], [101, 100]);
  overlay.commit();
  assertEquals(tree.root, other.root);
});
