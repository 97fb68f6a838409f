/** Roots beside what they are of: true to the rows, one for each cursor, and none where none belongs. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Claims, ROOTS_MAX } from "../../core/claims.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { RowTree } from "../../core/reconcile/row_tree.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { rebuiltRoot } from "./rebuilt_root.ts";
import { ann, Author, ServerRig } from "./server_rig.ts";

/** Counts how often a root was computed, and lets others write where a test says. */
class WatchedStore extends MemoryStore {
  roots = 0;
  beforeSnapshot: () => void = () => {};
  failing = false;

  constructor() {
    super("epoch-1", plainKernel);
  }

  override tree(scope: string): RowTree | undefined {
    const tree = super.tree(scope);
    if (tree === undefined) return undefined;
    return Object.defineProperty(Object.create(tree), "root", {
      get: () => {
        this.roots++;
        return tree.root;
      },
    });
  }

  override transaction<T>(work: () => T): T {
    return super.transaction(() => {
      const result = work();
      if (this.failing) throw new DriftlessError("store_failed", "The disk is full");
      return result;
    });
  }

  override snapshot(scope: string): ReturnType<MemoryStore["snapshot"]> {
    this.beforeSnapshot();
    return super.snapshot(scope);
  }
}

function watched() {
  const store = new WatchedStore();
  const rig = new ServerRig({ store });
  return { store, rig, author: new Author("c1"), root: () => rebuiltRoot(plainKernel, store) };
}

Deno.test("every claim is the root of the rows at its cursor, whatever was written [S10]", () => {
  const { rig, author, root, store } = watched();
  const seen = new Set<string>();
  const steps = [
    () => author.note("a"),
    () => author.note("b"),
    () => author.call("note.update", { id: "a", data: { title: "other" } }),
    () => author.call("note.delete", { id: "b" }),
    () => author.add("k", 5),
    () => author.call("note.fill", { count: 200, title: "t" }),
  ];
  for (const [index, step] of steps.entries()) {
    const { scope, changes, root: claimed } = rig.commit(step());
    assert(claimed !== undefined && claimed.length === 32, `${index}`);
    assertEquals([scope, claimed], ["home", root()], `${index}`);
    const head = rig.server.claim("home");
    assertEquals([head.cursor, head.root], [changes.at(-1)?.cursor, root()]);
    assertEquals(rig.server.pull("home", 0, 1000).root, root());
    const snapshot = rig.server.snapshot("home");
    assertEquals([snapshot.cursor, snapshot.root], [head.cursor, root()]);
    snapshot.close();
    seen.add(claimed.join());
  }
  assertStrictEquals(seen.size, steps.length, "every change has a root of its own");
  assertEquals(store.head("home").cursor > 200, true);
});

Deno.test("equal rows have equal roots, whatever history made them [S10]", () => {
  const [straight, winding] = [watched(), watched()];
  straight.rig.commit(straight.author.note("a", "end"));
  winding.rig.commit(winding.author.note("b"), winding.author.note("a", "start"));
  winding.rig.commit(winding.author.call("note.delete", { id: "b" }));
  assert(straight.root().join() !== winding.rig.server.claim("home").root?.join());
  winding.rig.commit(winding.author.call("note.update", { id: "a", data: { title: "end" } }));
  assertEquals(winding.rig.server.claim("home").root, straight.rig.server.claim("home").root);
  const elsewhere = straight.rig.commit(new Author("c2").call("note.create", {
    id: "a",
    data: { title: "end" },
  }, { scope: "away" }));
  assert(elsewhere.root?.join() !== straight.root().join(), "a scope is salt");
});

Deno.test("a page has a root when nothing is left behind it, and not before", () => {
  const { rig, author, root } = watched();
  rig.commit(author.note("a"), author.note("b"), author.note("c"));
  const pages = [0, 1, 2, 3].map((cursor) => rig.server.pull("home", cursor, 2));
  assertEquals(pages.map(({ hasMore }) => hasMore), [true, false, false, false]);
  assertEquals(pages.map((page) => page.root), [undefined, root(), root(), root()]);
});

Deno.test("a scope without rows has the root of an empty tree", () => {
  const { rig, root } = watched();
  assertEquals(rig.server.pull("home", 0).root, root());
  assertEquals(rig.server.claim("home"), { cursor: 0, floor: 0, time: 0, root: root() });
});

Deno.test("a store without a tree claims nothing, and serves as ever", () => {
  const rig = new ServerRig();
  assertStrictEquals(rig.commit(new Author("c1").note("a")).root, undefined);
  assertStrictEquals(rig.server.claim("home").root, undefined);
  assertStrictEquals(rig.server.pull("home", 0).root, undefined);
  const snapshot = rig.server.snapshot("home");
  assertEquals([snapshot.root, snapshot.next(10).length], [undefined, 1]);
});

Deno.test("a root is computed once for each commit and scope, however many ask", () => {
  const { rig, author, store } = watched();
  const away = new Author("c2");
  rig.server.push([{
    principal: ann,
    mutations: [
      author.note("a"),
      author.note("b"),
      away.call("note.create", { id: "a", data: { title: "t" } }, { scope: "away" }),
    ],
  }]);
  assertStrictEquals(store.roots, 2);
  for (let i = 0; i < 3; i++) {
    rig.server.claim("home");
    rig.server.pull("home", 0);
    rig.server.snapshot("away").close();
  }
  assertStrictEquals(store.roots, 2);
  rig.commit(author.note("c"));
  assertStrictEquals(store.roots, 3);
});

Deno.test("a commit in the middle of a burst computes no root, and the next to ask gets the true one", () => {
  const { rig, author, store, root } = watched();
  const mutations = [author.note("a")];
  const { commits } = rig.server.push([{ principal: ann, mutations }], () => false);
  assertEquals([commits[0]?.root, store.roots], [undefined, 0]);
  assertEquals([rig.server.claim("home").root, store.roots], [root(), 1]);
});

Deno.test("whether a burst ends is asked of each scope", () => {
  const { rig, author } = watched();
  const away = new Author("c2").call("note.create", { id: "a", data: { title: "t" } }, {
    scope: "away",
  });
  const { commits } = rig.server.push(
    [{ principal: ann, mutations: [author.note("a"), away] }],
    (scope) => scope === "away",
  );
  assertEquals(commits.map(({ scope, root }) => [scope, root !== undefined]), [
    ["home", false],
    ["away", true],
  ]);
});

Deno.test("a root of a commit that failed is forgotten with it [S10]", () => {
  const { rig, author, store, root } = watched();
  store.failing = true;
  const lost = author.note("lost");
  assertThrows(() => rig.push([lost]), DriftlessError, "full");
  store.failing = false;
  assertEquals(rig.server.claim("home").root, root());
  // The same cursor, and other rows.
  const { root: claimed } = rig.commit(new Author("c2").note("kept"));
  assertEquals([claimed, rig.server.claim("home").root], [root(), root()]);
});

Deno.test("what another process wrote has a root of its own [S10]", () => {
  const { rig, author, store, root } = watched();
  const other = new ServerRig({ store });
  rig.commit(author.note("a"));
  const before = rig.server.claim("home").root;
  other.commit(new Author("c2").note("b"));
  assertEquals(rig.server.claim("home").root, root());
  assert(before?.join() !== root().join());
});

Deno.test("a snapshot that sees later rows has no root", () => {
  const { rig, author, store, root } = watched();
  rig.commit(author.note("a"));
  const reader = store.snapshot("home");
  rig.commit(author.note("b"));
  store.snapshot = () => reader;
  const snapshot = rig.server.snapshot("home");
  assertEquals([snapshot.cursor, snapshot.root], [1, undefined]);
  assertEquals(rig.server.claim("home").root, root());
});

Deno.test(`roots of ${ROOTS_MAX} scopes are remembered, and the oldest goes for one more`, () => {
  const store = new WatchedStore();
  const claims = new Claims(store);
  const read = (scope: number) => void claims.head(`${scope}`);
  for (let scope = 0; scope < ROOTS_MAX; scope++) read(scope);
  assertStrictEquals(store.roots, ROOTS_MAX);
  read(0);
  assertStrictEquals(store.roots, ROOTS_MAX, "all of them are known");
  read(ROOTS_MAX);
  for (let scope = 1; scope <= ROOTS_MAX; scope++) read(scope);
  assertStrictEquals(store.roots, ROOTS_MAX + 1, "the newest are known");
  read(0);
  assertStrictEquals(store.roots, ROOTS_MAX + 2, "the oldest is read again");
});
