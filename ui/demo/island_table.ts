/** A table of ten thousand rows that move: the page has those that can be seen, the server all. */
import { island, live } from "../island.ts";
import { changeOf, market, type SortKey, type Stock, valueOf } from "./island_market.ts";

/** What a row takes on the page, in CSS pixels; the stylesheet has the same number. */
const ROW_PX = 36;
/** Rows that the page has: those in sight, and some above and below. */
const ROWS_SHOWN = 50;
/** Rows above those in sight. */
const ROWS_ABOVE = 15;
/** The rows of the page move on in steps, so that not every turn of the wheel changes them. */
const ROWS_STEP = 5;

interface Column {
  readonly key: SortKey;
  readonly label: string;
}

const COLUMNS: readonly Column[] = [
  { key: "symbol", label: "Symbol" },
  { key: "name", label: "Name" },
  { key: "price", label: "Price" },
  { key: "change", label: "Change" },
  { key: "held", label: "Held" },
  { key: "value", label: "Value" },
];

/** What one page sees of the market. */
export class StockTable {
  sortedBy: SortKey = "symbol";
  isDescending = false;
  filter = "";
  isPaused = false;
  /** How far the page has scrolled, in rows. */
  top = 0;

  connected(): void {
    const context = live(this);
    market.watch(this, () => this.isPaused || context.refresh());
  }

  disconnected(): void {
    market.leave(this);
  }

  get columns(): readonly Column[] {
    return COLUMNS;
  }

  get stocks(): readonly Stock[] {
    return market.select(this);
  }

  get held(): number {
    return market.totals(this).held;
  }

  get worth(): number {
    return market.totals(this).worth;
  }

  /** The first row that the page has. */
  get first(): number {
    const last = Math.max(0, this.stocks.length - ROWS_SHOWN);
    return Math.min(Math.max(0, this.top - ROWS_ABOVE), last);
  }

  get rows(): readonly Stock[] {
    return this.stocks.slice(this.first, this.first + ROWS_SHOWN);
  }

  /** What the rows before the first one would take, in CSS pixels. */
  get spaceAbove(): number {
    return this.first * ROW_PX;
  }

  get spaceBelow(): number {
    return (this.stocks.length - this.first - this.rows.length) * ROW_PX;
  }

  look(scrollTop: number): void {
    this.top = Math.floor(scrollTop / ROW_PX / ROWS_STEP) * ROWS_STEP;
  }

  /** By this column, or by the same one the other way round. */
  sort(key: SortKey): void {
    this.isDescending = key === this.sortedBy && !this.isDescending;
    this.sortedBy = key;
  }

  order(key: SortKey): string {
    if (key !== this.sortedBy) return "none";
    return this.isDescending ? "descending" : "ascending";
  }

  /** Nobody holds a part of a stock, or less than none. */
  settle(stock: Stock): void {
    stock.held = Math.max(0, Math.round(stock.held));
  }

  change(stock: Stock): number {
    return changeOf(stock);
  }

  value(stock: Stock): number {
    return valueOf(stock);
  }

  togglePause(): void {
    this.isPaused = !this.isPaused;
  }
}

const template = `
<div class="stocks">
  <div class="tools">
    <label class="field inline">Filter
      <input type="search" g-bind="filter" placeholder="Symbol or name">
    </label>
    <p role="status">{{number(len(stocks))}} stocks</p>
    <button class="quiet" type="button" g-click="togglePause"
      aria-pressed="{{isPaused ? 'true' : 'false'}}">Pause</button>
  </div>
  <div class="window" tabindex="0" role="region" aria-label="Stocks" g-scroll="look(event.scrollTop)">
    <table aria-rowcount="{{len(stocks) + 2}}">
      <thead>
        <tr aria-rowindex="1">
          <th g-for="column in columns" scope="col" class="col-{{column.key}}"
            aria-sort="{{order(column.key)}}">
            <button type="button" g-click="sort(column.key)">{{column.label}}</button>
          </th>
        </tr>
      </thead>
      <tbody>
        <tr class="space" aria-hidden="true"><td height="{{spaceAbove}}"></td></tr>
        <tr g-for="stock, index in rows" g-key="stock.symbol" aria-rowindex="{{first + index + 2}}">
          <th scope="row">{{stock.symbol}}</th>
          <td class="col-name">{{stock.name}}</td>
          <td class="amount">{{fixed(stock.price, 2)}}</td>
          <td class="amount col-change" g-class:is-up="change(stock) > 0"
            g-class:is-down="change(stock) < 0">{{fixed(change(stock), 2)}} %</td>
          <td class="amount">
            <input type="number" min="0" aria-label="{{stock.symbol}} held" g-bind="stock.held"
              g-change="settle(stock)">
          </td>
          <td class="amount col-value">{{number(value(stock), 0)}}</td>
        </tr>
        <tr class="space" aria-hidden="true"><td height="{{spaceBelow}}"></td></tr>
      </tbody>
      <tfoot>
        <tr aria-rowindex="{{len(stocks) + 2}}">
          <th scope="row">Total</th>
          <td class="col-name">{{number(len(stocks))}} stocks</td>
          <td></td>
          <td class="col-change"></td>
          <td class="amount">{{number(held)}}</td>
          <td class="amount col-value">{{number(worth, 0)}}</td>
        </tr>
      </tfoot>
    </table>
  </div>
</div>`;

/** Each page has its own order, filter and place; the stocks are the same for all. */
export const stockTable = island(StockTable, { template });
