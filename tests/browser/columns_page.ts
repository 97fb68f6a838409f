/** The cases of column_cases.ts in a page: what the test calls. */
import { openColumns } from "../../wasm/columns.ts";
import { type ColumnReport, runColumnCases } from "../wasm/column_cases.ts";

declare global {
  /** How the kernel does, which one columns get, and what they say of the variance of G13. */
  var columnReport: (seed: number, count: number) => ColumnReport & { readonly variance: number };
}

globalThis.columnReport = (seed, count) => {
  const columns = openColumns();
  const { variance } = columns.f64([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).stats();
  return { ...runColumnCases({ seed, count }), kind: columns.kind, variance };
};
