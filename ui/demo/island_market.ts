/**
 * A market of ten thousand stocks whose prices move a few times a second, for as long as somebody
 * watches: one of it in the server, for all islands that show some of it.
 *
 * What moves is in columns, each a row of numbers in the order of the stocks; a stock's price and what
 * is held of it are cells of them. So a total is one call over a column, and nothing is copied for it.
 */
import { type Column, type Columns, openColumns } from "../../wasm/columns.ts";

/** A stock, what it costs, and how many of it are held. */
export interface Stock {
  readonly symbol: string;
  readonly name: string;
  /** What it cost when the server started. */
  readonly opening: number;
  price: number;
  held: number;
}

/** What rows can be in the order of. */
export type SortKey = "symbol" | "name" | "price" | "change" | "held" | "value";

/** Which stocks somebody looks at. */
export interface Selection {
  readonly sortedBy: SortKey;
  readonly isDescending: boolean;
  /** A part of the symbol or the name. */
  readonly filter: string;
}

/** What some stocks come to. */
export interface Totals {
  readonly held: number;
  /** What the held ones are worth. */
  readonly worth: number;
}

/** Stocks of the market. */
export const STOCKS = 10_000;
/** How often prices move, in milliseconds. */
export const TICK_MS = 250;
/** Stocks that move with each tick. */
const TICK_STOCKS = 600;
/** Levels of the whole market that are kept: a minute of them. */
const HISTORY_TICKS = 240;
/** Selections that are kept from one tick to the next. */
const SELECTIONS_MAX = 32;
/** A price's largest step at once, as a part of it. */
const STEP_MAX = 0.012;
const PRICE_MIN = 0.5;

const COLOURS = names(
  "Amber Azure Black Blue Bronze Copper Coral Crimson Emerald Golden Green Grey",
);
const PLACES = names("Bay Bridge Canyon Coast Field Forest Harbour Hill Island Lake Meadow River");
const TRADES = names("Bakers Brewers Foods Freight Glass Metals Mills Optics Paper Power Rail Tea");
/** Has no factor in common with the number of symbols of four letters, so that none comes twice. */
const SYMBOL_STRIDE = 104_729;
const LETTERS = 26;
const SYMBOL_LETTERS = 4;

/** The market. */
export class Market {
  readonly #columns: Columns = openColumns();
  readonly #prices = this.#columns.f64(STOCKS);
  readonly #held = this.#columns.f64(STOCKS);
  /** What each total is taken from, written anew for each. */
  readonly #worths = this.#columns.f64(STOCKS);
  /** By the words of a filter: 1 for each stock that has them, 0 for others. */
  readonly #shown = new Map<string, Column>();
  readonly stocks: readonly Stock[] = Array.from(
    { length: STOCKS },
    (_, number) => stockOf(number, this.#prices, this.#held),
  );
  /** What all stocks cost together, as a part of what they did at first, in percent. */
  readonly levels: number[] = [100];
  readonly #opening = this.#total();
  readonly #watchers = new Map<object, () => void>();
  readonly #selections = new Map<string, readonly Stock[]>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** How many islands watch. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Calls somebody after each tick. The first one starts the clock. */
  watch(watcher: object, moved: () => void): void {
    this.#watchers.set(watcher, moved);
    this.#timer ??= setInterval(() => this.tick(), TICK_MS);
  }

  /** Calls somebody no longer. The last one stops the clock. */
  leave(watcher: object): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Some prices move. */
  tick(): void {
    for (let moves = 0; moves < TICK_STOCKS; moves++) {
      const stock = this.stocks[Math.floor(Math.random() * STOCKS)] as Stock;
      const step = (Math.random() * 2 - 1) * STEP_MAX;
      stock.price = Math.max(PRICE_MIN, Math.round(stock.price * (1 + step) * 100) / 100);
    }
    const level = this.#total() / this.#opening * 100;
    this.levels.push(Math.round(level * 1_000) / 1_000);
    if (this.levels.length > HISTORY_TICKS) this.levels.shift();
    this.#selections.clear();
    for (const moved of this.#watchers.values()) moved();
  }

  /** The stocks of a selection, in its order: found once from one tick to the next, for all who ask. */
  select({ sortedBy, isDescending, filter }: Selection): readonly Stock[] {
    const words = wordsOf(filter);
    const name = `${sortedBy} ${isDescending} ${words}`;
    const known = this.#selections.get(name);
    if (known !== undefined) return known;
    const stocks = this.stocks.filter((stock) => hasWords(stock, words))
      .sort(orderOf(sortedBy, isDescending));
    if (this.#selections.size >= SELECTIONS_MAX) this.#selections.clear();
    this.#selections.set(name, stocks);
    return stocks;
  }

  /** What the stocks of a selection come to. */
  totals({ filter }: Pick<Selection, "filter">): Totals {
    const words = wordsOf(filter);
    if (words === "") return { held: this.#held.sum(), worth: this.#prices.dot(this.#held) };
    const shown = this.#shownWith(words);
    const worths = this.#prices.mul(this.#held, this.#worths);
    return { held: this.#held.weightedSum(shown), worth: worths.weightedSum(shown) };
  }

  /** The weights of a filter: stocks keep their names, so one that is known stays right. */
  #shownWith(words: string): Column {
    const known = this.#shown.get(words);
    if (known !== undefined) return known;
    if (this.#shown.size >= SELECTIONS_MAX) {
      for (const column of this.#shown.values()) column.free();
      this.#shown.clear();
    }
    const shown = this.#columns.f64(this.stocks.map((stock) => hasWords(stock, words) ? 1 : 0));
    this.#shown.set(words, shown);
    return shown;
  }

  #total(): number {
    return this.#prices.sum();
  }
}

/** The one market of this server. */
export const market = new Market();

/** How far a price is from where it began, in percent. */
export function changeOf({ price, opening }: Stock): number {
  return (price / opening - 1) * 100;
}

/** What the held ones are worth. */
export function valueOf({ price, held }: Stock): number {
  return price * held;
}

function wordsOf(filter: string): string {
  return filter.trim().toLowerCase();
}

function hasWords({ symbol, name }: Stock, words: string): boolean {
  return words === "" || `${symbol} ${name}`.toLowerCase().includes(words);
}

function orderOf(key: SortKey, isDescending: boolean): (a: Stock, b: Stock) => number {
  const sign = isDescending ? -1 : 1;
  if (key === "symbol" || key === "name") {
    return (a, b) => a[key] < b[key] ? -sign : a[key] > b[key] ? sign : 0;
  }
  const value = key === "change"
    ? changeOf
    : key === "value"
    ? valueOf
    : (stock: Stock) => stock[key];
  return (a, b) => sign * (value(a) - value(b));
}

/** The same stock for everybody who counts to this number; what moves of it is in the columns. */
function stockOf(number: number, prices: Column, held: Column): Stock {
  const scattered = (number + 1) * 48_271 % 2_147_483_647;
  const price = 5 + scattered % 49_500 / 100;
  const name = [COLOURS, PLACES, TRADES].reduce((words, list, index) => {
    return `${words} ${list[Math.floor(number / 12 ** index) % list.length]}`;
  }, "");
  const many = number < 12 ** 3 ? "" : ` ${Math.floor(number / 12 ** 3) + 1}`;
  prices.set(number, price);
  held.set(number, scattered % 5 === 0 ? scattered % 90 + 10 : 0);
  return {
    symbol: symbolOf(number),
    name: `${name.trim()}${many}`,
    opening: price,
    get price() {
      return prices.get(number);
    },
    set price(value) {
      prices.set(number, value);
    },
    get held() {
      return held.get(number);
    },
    set held(value) {
      held.set(number, value);
    },
  };
}

function symbolOf(number: number): string {
  let rest = (number + 1) * SYMBOL_STRIDE % LETTERS ** SYMBOL_LETTERS;
  let symbol = "";
  for (let letter = 0; letter < SYMBOL_LETTERS; letter++) {
    symbol += String.fromCharCode("A".charCodeAt(0) + rest % LETTERS);
    rest = Math.floor(rest / LETTERS);
  }
  return symbol;
}

function names(text: string): readonly string[] {
  return text.split(" ");
}
