/** A table of rows with four cells of text, as the comparison of systems has it. */
import { el, programOf, text } from "./engine_programs.ts";

/** A row of the table. */
export interface TableRow {
  id: string;
  name: string;
  city: string;
  amount: string;
}

/** A sortable, editable table. */
export class Table {
  rows: TableRow[];
  count = 7;

  constructor(size: number) {
    this.rows = Array.from({ length: size }, (_, index) => tableRow(index));
  }

  increase(): void {
    this.count++;
  }

  edit(at: number, name: string): void {
    (this.rows[at] as TableRow).name = name;
  }

  editEveryTenth(name: string): void {
    for (let at = 0; at < this.rows.length; at += 10) this.edit(at, `${name}${at}`);
  }

  swap(a: number, b: number): void {
    const { rows } = this;
    [rows[a], rows[b]] = [rows[b] as TableRow, rows[a] as TableRow];
  }

  insertAtTop(row: TableRow): void {
    this.rows.unshift(row);
  }

  remove(at: number): void {
    this.rows.splice(at, 1);
  }

  sort(): void {
    this.rows.sort((a, b) => a.amount < b.amount ? -1 : 1);
  }
}

/** The row at a place. */
export function tableRow(at: number): TableRow {
  const amount = (at * 7_919 + 13) % 10_007;
  return { id: `${at}`, name: `Name ${at}`, city: `City ${at % 97}`, amount: `${amount}.00` };
}

const row = el(
  "tr",
  {},
  el("td", {}, text("row.id")),
  el("td", {}, text("row.name")),
  el("td", {}, text("row.city")),
  el("td", {}, text("row.amount")),
);

export const TABLE = programOf(
  el(
    "table",
    {},
    el("caption", {}, text("count")),
    el("tbody", {}, { each: "rows", names: ["row"], key: "row.id", element: row }),
  ),
);
