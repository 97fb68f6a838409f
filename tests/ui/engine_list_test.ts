/** Lists in any order: every permutation, random edits of keys, doubles, and who is behind which place. */
import { assert, assertEquals } from "@std/assert";
import { IslandInstance, type IslandProblem } from "../../ui/island_instance.ts";
import { longestIncreasing, reorderOf } from "../../ui/list_diff.ts";
import { Prng } from "../sim/prng.ts";
import { el, programOf, text } from "./engine_programs.ts";
import { ModelClient } from "./model_client.ts";

interface Item {
  readonly id: number;
}

class Keyed {
  items: Item[] = [];
  clicked: number[] = [];

  click(item: Item): void {
    this.clicked.push(item.id);
  }

  dropFirst(): void {
    this.items.shift();
  }
}

const row = el("li", { "on click": "click(item)" }, text("item.id"));
const keyed = programOf(
  el("ul", {}, { each: "items", names: ["item"], key: "item.id", element: row }),
);
const byPlace = programOf(el("ul", {}, { each: "items", names: ["item"], element: row }));

function itemsOf(ids: readonly number[]): Item[] {
  return ids.map((id) => ({ id }));
}

function shownIn(client: ModelClient): string {
  return [...client.html().matchAll(/\[(\d+)\]/g)].map(([, id]) => id).join();
}

function* permutations(of: readonly number[]): Iterable<number[]> {
  if (of.length === 0) yield [];
  for (const [at, first] of of.entries()) {
    for (const rest of permutations(of.toSpliced(at, 1))) yield [first, ...rest];
  }
}

Deno.test("a page has the right order after every permutation of up to 7 keys", () => {
  for (let size = 1; size <= 7; size++) {
    const ids = Array.from({ length: size }, (_, index) => index);
    const state = new Keyed();
    state.items = itemsOf(ids);
    const island = new IslandInstance(keyed, state);
    const client = new ModelClient(keyed.table, island.snapshot());
    const numbers = new Set(client.numbers());
    for (const order of permutations(ids)) {
      (island.writable as Keyed).items.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
      const patch = island.takePatch();
      if (patch !== null) client.apply(patch);
      assertEquals(shownIn(client), order.join());
      // Nothing was born: moved items are the same ones.
      assert(client.numbers().every((number) => numbers.has(number)));
    }
  }
});

Deno.test("a page has the right order after random moves, insertions and removals", () => {
  const prng = new Prng(11);
  const state = new Keyed();
  const island = new IslandInstance(keyed, state);
  const client = new ModelClient(keyed.table, island.snapshot());
  let next = 0;
  for (let edit = 0; edit < Number(Deno.env.get("ENGINE_LIST_EDITS") ?? 20_000); edit++) {
    let items = [...state.items];
    for (let count = prng.between(0, 3); count > 0; count--) {
      items.splice(prng.between(0, items.length), prng.between(0, 3));
    }
    for (let count = prng.between(0, 3); count > 0; count--) {
      const [from, to] = [prng.between(0, items.length), prng.between(0, items.length)];
      items.splice(to, 0, ...items.splice(from, prng.between(1, 3)));
    }
    if (prng.chance(0.1)) {
      items = items.map((item) => ({ item, at: prng.next() }))
        .sort((a, b) => a.at - b.at).map(({ item }) => item);
    }
    for (let count = prng.between(0, items.length > 40 ? 0 : 3); count > 0; count--) {
      const born = Array.from({ length: prng.between(1, 3) }, () => ({ id: next++ }));
      items.splice(prng.between(0, items.length), 0, ...born);
    }
    (island.writable as Keyed).items = items;
    const patch = island.takePatch();
    if (patch !== null) client.apply(patch);
    assertEquals(shownIn(client), items.map(({ id }) => id).join());
  }
});

Deno.test("a click acts on the row that is shown when rows before it are gone", () => {
  for (const program of [keyed, byPlace]) {
    const state = new Keyed();
    state.items = itemsOf([1, 2, 3]);
    const island = new IslandInstance(program, state);
    const client = new ModelClient(program.table, island.snapshot());
    island.call("dropFirst");
    const patch = island.takePatch();
    assert(patch !== null);
    client.apply(patch);
    assertEquals(shownIn(client), "2,3");
    const [first] = client.addresses("on");
    assert(first !== undefined);
    island.run(first.instance, first.slot);
    assertEquals(state.clicked, [2]);
  }
});

Deno.test("equal keys are reported, and each of their items is shown", () => {
  const problems: IslandProblem[] = [];
  const state = new Keyed();
  state.items = itemsOf([1, 1, 2]);
  const island = new IslandInstance(keyed, state, {
    report: (problem) => problems.push(problem),
    changed: () => {},
  });
  const client = new ModelClient(keyed.table, island.snapshot());
  const texts = () => problems.splice(0).map(({ error }) => String(error));
  assertEquals(texts(), ["TypeError: Two items of a list have the key 1"]);
  island.takePatch();
  const proxy = island.writable as Keyed;
  for (
    const [ids, reported] of [
      [[2, 1, 1], 0],
      [[2, 1, 1, 2], 1],
      [[1, 2, 2, 1, 1], 1],
      [[1], 0],
      [[], 0],
      [[5, 5], 1],
    ] as const
  ) {
    const known = new Map(state.items.map((item) => [item.id, item]));
    proxy.items = ids.map((id) => known.get(id) ?? { id });
    const patch = island.takePatch();
    if (patch !== null) client.apply(patch);
    assertEquals(shownIn(client), ids.join());
    assertEquals(texts().length, reported, `keys ${ids}`);
  }
});

Deno.test("an item whose key changes in place is another item", () => {
  const state = new Keyed();
  state.items = itemsOf([1, 2]);
  const island = new IslandInstance(keyed, state);
  const client = new ModelClient(keyed.table, island.snapshot());
  const before = client.numbers();
  (island.writable as { items: { id: number }[] }).items.forEach((item) => item.id += 1);
  client.apply(island.takePatch() as NonNullable<ReturnType<IslandInstance["takePatch"]>>);
  assertEquals(shownIn(client), "2,3");
  // The row with key 2 is the one that had it.
  assertEquals(client.numbers()[1], before[2]);
});

Deno.test("moves leave the longest increasing part of a list where it is", () => {
  const swap = [0, 98, ...Array.from({ length: 96 }, (_, index) => index + 2), 1, 99];
  const reorder = reorderOf(swap);
  assertEquals(reorder.kind, "moves");
  assertEquals(reorder.kind === "moves" && reorder.moves.length, 2);
  // Ten neighbours that go together are one move.
  const block = [...Array(90).keys()].map((at) => at + 10).concat([...Array(10).keys()]);
  assertEquals(reorderOf(block), { kind: "moves", moves: [{ from: 0, to: 90, count: 10 }] });
  assertEquals(reorderOf([0, 1, 2]), { kind: "none" });
  assertEquals([...longestIncreasing([2, 0, 1, 3])], [0, 1, 1, 1]);
  assertEquals([...longestIncreasing([])], []);
});

Deno.test("an order is sent instead of moves when more than an eighth of the list moves", () => {
  const moving = (count: number) => {
    const order = Array.from({ length: 800 }, (_, index) => index);
    // Items that are far apart change places in pairs, so that none of them stays.
    for (let at = 0; at < count; at += 2) {
      const [a, b] = [at * 3, at * 3 + 4];
      [order[a], order[b]] = [order[b] as number, order[a] as number];
    }
    return reorderOf(order);
  };
  assertEquals(moving(100).kind, "moves");
  assertEquals(moving(102).kind, "order");
});
