/** Group commit: one transaction for all that wait, answered before told, one fault costs one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ScopeCommit } from "../../core/claims.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { checkMutation, type Mutation } from "../../core/mutation.ts";
import { type PushRequest, SyncServer } from "../../core/server.ts";
import { COMMIT_MUTATIONS_MAX, Committer } from "../../edge/committer.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { EPOCH, todoApp } from "./served_app.ts";

Deno.test("a committer decides all pushes that wait in one transaction", async () => {
  const { committer, run, store } = rig();
  const answers = [committer.push(request("a")), committer.push(request("b", "c"))];
  assertEquals(store.transactions, 0, "nothing is decided before the input is read");
  run();
  assertEquals(store.transactions, 1);
  const results = await Promise.all(answers);
  assertEquals(results.map((list) => list.map(({ id, ok }) => [id, ok])), [
    [["a", true]],
    [["b", true], ["c", true]],
  ]);
});

Deno.test("a committer takes no more mutations into one transaction than its bound", () => {
  const { committer, run, store } = rig();
  const half = Array.from({ length: COMMIT_MUTATIONS_MAX / 2 }, (_, i) => `${i}`);
  for (const prefix of ["x", "y", "z"]) {
    void committer.push(request(...half.map((id) => prefix + id)));
  }
  run();
  assertEquals([store.transactions, store.head("_default").cursor], [1, COMMIT_MUTATIONS_MAX]);
  run();
  assertEquals([store.transactions, store.head("_default").cursor], [
    2,
    COMMIT_MUTATIONS_MAX * 1.5,
  ]);
  run();
  assertEquals(store.transactions, 2, "nothing waits any more");
});

Deno.test("a push that is larger than the bound is decided all the same", async () => {
  const { committer, run } = rig();
  const ids = Array.from({ length: COMMIT_MUTATIONS_MAX + 1 }, (_, i) => `m${i}`);
  const answer = committer.push(request(...ids));
  run();
  assertEquals((await answer).length, ids.length);
});

Deno.test("a committer answers before it tells everybody of a commit", () => {
  const order: string[] = [];
  const { committer, run } = rig({ committed: () => void order.push("told") });
  committer.submit(request("a"), (results) => order.push(`answered ${results?.length}`));
  run();
  assertEquals(order, ["answered 1", "told"]);
});

Deno.test("a push that arrives while others are told of a commit waits for the next one", async () => {
  let again: Promise<unknown> | undefined;
  const { committer, run, store } = rig({
    committed: () => void (again ??= committer.push(request("b"))),
  });
  const first = committer.push(request("a"));
  run();
  await first;
  assertEquals(store.head("_default").cursor, 1);
  run();
  await again;
  assertEquals(store.head("_default").cursor, 2);
});

Deno.test("a disk that fails is told to everyone who waits, and nobody hears of a commit", async () => {
  const commits: ScopeCommit[] = [];
  const { committer, run, store } = rig({ committed: (list) => void commits.push(...list) });
  const answers = [committer.push(request("a")), committer.push(request("b"))];
  store.fault = () => new DriftlessError("store_failed", "The disk is full");
  run();
  for (const answer of answers) {
    assertEquals((await assertRejects(() => answer, DriftlessError)).code, "store_failed");
  }
  assertEquals([commits, store.head("_default").cursor], [[], 0]);
  store.fault = undefined;
  const later = committer.push(request("a"));
  run();
  assertEquals((await later)[0]?.ok, true);
});

Deno.test("a push that makes the server fail does not cost the others of its group", async () => {
  const { committer, run, store } = rig();
  store.fault = (requests) => requests.includes("bad") ? new TypeError("a fault") : undefined;
  const answers = [committer.push(request("a")), committer.push(request("bad"))];
  answers.push(committer.push(request("c")));
  const settled = Promise.allSettled(answers);
  run();
  assertEquals((await settled).map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(store.head("_default").cursor, 2);
});

Deno.test("a commit ends a burst of a scope when nothing waits for that scope behind it", () => {
  const claims: string[] = [];
  const { committer, run } = rig({
    committed: (commits) =>
      void claims.push(
        commits.map(({ scope, root }) => `${scope} ${root === undefined ? "-" : "root"}`).join(),
      ),
  });
  const most = (prefix: string) =>
    Array.from({ length: COMMIT_MUTATIONS_MAX - 1 }, (_, i) => mutation(`${prefix}${i}`));
  const submit = (...mutations: Mutation[]) =>
    committer.submit({ principal: null, mutations }, () => {});
  submit(...most("x"), inScope("away", "x"));
  submit(...most("y").slice(1));
  submit(inScope("away", "z"), mutation("z"));
  run();
  run();
  assertEquals(claims, ["_default -,away -", "_default root,away root"]);
  submit(mutation("later"));
  run();
  assertEquals(claims.at(-1), "_default root");
});

Deno.test("a burst ends for its scope, though others wait, and though one of its pushes fails", () => {
  const claims: (string | boolean)[][] = [];
  const { committer, run, store } = rig({
    committed: (commits) =>
      void claims.push(...commits.map(({ scope, root }) => [scope, root !== undefined])),
  });
  const many = Array.from({ length: COMMIT_MUTATIONS_MAX }, (_, i) => inScope("away", `${i}`));
  committer.submit(request("a"), () => {});
  committer.submit({ principal: null, mutations: many }, () => {});
  run();
  assertEquals(claims, [["_default", true]]);
  run();
  assertEquals(claims.at(-1), ["away", true]);
  // A group that fails as a whole is decided one by one, and counts as decided for the next.
  store.fault = (mutations) => mutations.includes("bad") ? new TypeError("a fault") : undefined;
  committer.submit(request("b"), () => {});
  committer.submit(request("bad"), () => {});
  run();
  store.fault = undefined;
  committer.submit(request("c"), () => {});
  run();
  assertEquals(claims.slice(2), [["_default", true], ["_default", true]]);
});

function inScope(scope: string, id: string): Mutation {
  const args = { id: `todo-${id}`, data: { title: "A task", done: false } };
  return checkMutation({ id, name: "todo.create", args, scope });
}

function request(...ids: string[]): PushRequest {
  return { principal: null, mutations: ids.map(mutation) };
}

function mutation(id: string): Mutation {
  const args = { id: `todo-${id}`, data: { title: "A task", done: false } };
  return checkMutation({ id, name: "todo.create", args });
}

interface RigOptions {
  readonly committed?: (commits: readonly ScopeCommit[]) => void;
}

/** A committer whose waiting work runs when the test says so. */
function rig({ committed = () => {} }: RigOptions = {}) {
  const store = new FaultyStore(EPOCH, plainKernel);
  const clock = { now: () => 1_700_000_000_000 };
  const server = new SyncServer({ app: todoApp(), store, clock, open: true });
  const deferred: (() => void)[] = [];
  const committer = new Committer({
    server,
    committed,
    defer: (work) => void deferred.push(work),
  });
  const run = () => {
    assert(deferred.length <= 1, "one commit at a time is scheduled");
    deferred.pop()?.();
  };
  return { committer, run, store };
}

/** Counts transactions, and fails those that the test names by the mutations in them. */
class FaultyStore extends MemoryStore {
  transactions = 0;
  fault: ((mutations: readonly string[]) => Error | undefined) | undefined;
  #decided: string[] = [];

  override transaction<T>(work: () => T): T {
    this.transactions++;
    this.#decided = [];
    return super.transaction(() => {
      const result = work();
      const error = this.fault?.(this.#decided);
      if (error !== undefined) throw error;
      return result;
    });
  }

  override putOutcome(...[scope, outcome]: Parameters<MemoryStore["putOutcome"]>): void {
    this.#decided.push(outcome.mutation);
    super.putOutcome(scope, outcome);
  }
}
