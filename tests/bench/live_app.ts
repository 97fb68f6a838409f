/** The islands that the benchmarks of the live UI serve: tables of several sizes, a board, a counter. */
import process from "node:process";
import { type AnyApp, defineApp } from "../../core/app.ts";
import { type Island, island } from "../../ui/live_ui.ts";

/** A row of a table. */
export interface BenchRow {
  id: string;
  name: string;
  city: string;
  amount: string;
}

/** Rows of the tables that are served. */
export const SERVED_ROWS: readonly number[] = [10, 1_000, 10_000];
/** Bytes of what {@linkcode Board.post} shows. */
export const POST_BYTES = 16 * 1024;

/** A table of four cells a row, all of them texts: the same in every system of the comparison. */
export class BenchTable {
  rows: BenchRow[];
  turn = 0;

  constructor(size: number) {
    this.rows = Array.from({ length: size }, (_, at) => benchRow(at));
  }

  /** Changes one cell, another one each time. */
  next(): void {
    const { rows } = this;
    const at = ++this.turn * 7_919 % rows.length;
    this.edit(at, `${this.turn % 10} row ${this.turn}`);
  }

  edit(at: number, name: string): void {
    (this.rows[at] as BenchRow).name = name;
  }

  editEveryTenth(name: string): void {
    for (let at = 0; at < this.rows.length; at += 10) this.edit(at, `${name}${at}`);
  }

  swap(a: number, b: number): void {
    const { rows } = this;
    [rows[a], rows[b]] = [rows[b] as BenchRow, rows[a] as BenchRow];
  }

  insert(row: BenchRow): void {
    this.rows.unshift(row);
  }

  remove(at: number): void {
    this.rows.splice(at, 1);
  }

  sort(direction = 1): void {
    this.rows.sort((a, b) => a.amount < b.amount ? -direction : direction);
  }
}

/** The template of a table: its rows, keyed. */
export const TABLE_TEMPLATE = `<table><tbody><tr g-for="row in rows" g-key="row.id">` +
  `<td>{{row.id}}</td><td>{{row.name}}</td><td>{{row.city}}</td><td>{{row.amount}}</td>` +
  `</tr></tbody></table>`;

/** Something that counts. */
export class BenchCounter {
  count = 7;
  add(by: number): void {
    this.count += by;
  }
}

/** The template of a counter; slot 1 is its button. */
export const COUNTER_TEMPLATE = `<p><b>{{count}}</b><button g-click="add(1)">+</button></p>`;

/** What everyone sees: a number, and a text that is long. */
export class Board {
  count = 0;
  text = "";
  posts = 0;

  add(): void {
    this.count++;
  }

  /** Shows a text that begins and ends otherwise than the last. */
  post(): void {
    const n = ++this.posts;
    this.text = `${n % 10}`.padEnd(POST_BYTES - 1, "text ") + n % 10;
  }
}

/** The template of the board; slots 0 and 1 are its buttons. */
const BOARD_TEMPLATE = `<section><button g-click="add()">+</button>` +
  `<button g-click="post()">Post</button><p>{{count}}</p><p>{{text}}</p></section>`;

/** The row at a place. */
export function benchRow(at: number): BenchRow {
  const amount = (at * 7_919 + 13) % 10_007;
  return { id: `${at}`, name: `Name ${at}`, city: `City ${at % 97}`, amount: `${amount}.00` };
}

/** The name of the island with so many rows. */
export function tableName(size: number): string {
  return `table${size}`;
}

const app: AnyApp = defineApp({
  name: "live bench",
  collections: {},
  islands: {
    ...Object.fromEntries(SERVED_ROWS.map((size) => [tableName(size), servedTable(size)])),
    counter: island(BenchCounter, { template: COUNTER_TEMPLATE }),
    board: island(Board, { template: BOARD_TEMPLATE, scope: "global" }),
  },
});

export default app;

/** The collectors of the runtimes. */
interface Collectors {
  readonly gc?: (options: { readonly type: "major"; readonly flavor: "last-resort" }) => void;
  readonly Bun?: { gc(isNow: boolean): void; shrink(): void };
}

// What a tab costs is not what it leaves behind: asked, the server collects its garbage, and gives the
// pages back that nothing lives in any more, as it does by itself when memory is short.
process.on("SIGUSR2", () => {
  const { gc, Bun } = globalThis as Collectors;
  gc?.({ type: "major", flavor: "last-resort" });
  Bun?.gc(true);
  Bun?.shrink();
});

/** A table that everyone shares, so that a connection more is not a table more. */
function servedTable(size: number): Island<BenchTable> {
  class ServedTable extends BenchTable {
    constructor() {
      super(size);
    }
  }
  const template = `<div><button g-click="next()">Next</button>${TABLE_TEMPLATE}</div>`;
  return island(ServedTable, { template, scope: "global" });
}
