/** The market of the demo: its stocks, its orders, and the clock that runs while somebody watches. */
import { assert, assertEquals } from "@std/assert";
import { Market, type Stock, STOCKS, TICK_MS } from "../../ui/demo/island_market.ts";

function columnOf(stocks: readonly Stock[], key: "symbol" | "name"): ReadonlySet<string> {
  return new Set(stocks.map((stock) => stock[key]));
}

Deno.test("the market has ten thousand stocks, each with a symbol and a name of its own", () => {
  const { stocks } = new Market();
  assertEquals(stocks.length, STOCKS);
  assertEquals(columnOf(stocks, "symbol").size, STOCKS);
  assertEquals(columnOf(stocks, "name").size, STOCKS);
  assert(stocks.every(({ symbol, price }) => /^[A-Z]{4}$/.test(symbol) && price > 0));
});

Deno.test("a selection is sorted, filtered, and the same until a tick", () => {
  const market = new Market();
  const dear = { sortedBy: "price", isDescending: true, filter: " Golden " } as const;
  const first = market.select(dear);
  assert(first.length > 0 && first.length < STOCKS);
  assert(first.every(({ name }) => name.startsWith("Golden")));
  const prices = (stocks: readonly Stock[]) => stocks.map(({ price }) => price);
  assertEquals(prices(first), prices(first).toSorted((a, b) => b - a));
  assert(market.select({ ...dear, filter: "golden" }) === first);
  market.tick();
  const second = market.select(dear);
  assert(second !== first);
  assertEquals(prices(second), prices(second).toSorted((a, b) => b - a));
});

Deno.test("the totals of a selection are those of its stocks, whatever moves and is typed", () => {
  const market = new Market();
  const filters = ["", " Golden ", "aaby", "no such name"];
  // More than are kept at a time.
  for (let number = 0; number < 40; number++) filters.push(market.stocks[number]?.symbol ?? "");
  for (let round = 0; round < 3; round++) {
    for (const filter of filters) {
      const stocks = market.select({ sortedBy: "symbol", isDescending: false, filter });
      const held = stocks.reduce((sum, stock) => sum + stock.held, 0);
      const worth = stocks.reduce((sum, stock) => sum + stock.price * stock.held, 0);
      const totals = market.totals({ filter });
      assertEquals(totals.held, held, filter);
      assert(Math.abs(totals.worth - worth) <= 1e-9 * worth, `${filter}: ${totals.worth}`);
    }
    market.tick();
    for (const stock of market.stocks.slice(round, 30)) stock.held += 1_000 * round + 7;
  }
  assertEquals(market.totals({ filter: "no such name" }), { held: 0, worth: 0 });
});

Deno.test("the market's clock runs from the first watcher to the last", async () => {
  const market = new Market();
  const [one, other] = [{}, {}];
  const { promise: moved, resolve } = Promise.withResolvers<void>();
  market.watch(one, resolve);
  market.watch(other, () => {});
  await moved;
  assert(market.levels.length > 1);
  market.leave(one);
  market.leave(other);
  assertEquals(market.watchers, 0);
  // A clock that still runs would be found by the test runner, too.
  const { length } = market.levels;
  await new Promise((resolve) => setTimeout(resolve, 2 * TICK_MS));
  assertEquals(market.levels.length, length);
});
