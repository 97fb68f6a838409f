/** The cases of column_cases.ts in a Worker: answers with the report. */
import { openColumns } from "../../wasm/columns.ts";
import { runColumnCases } from "./column_cases.ts";

/** The answer to `/?seed=…&count=…`, from the module that workerd has compiled. */
export function answer(request: Request, module: WebAssembly.Module): Response {
  const { searchParams } = new URL(request.url);
  const report = runColumnCases({
    seed: Number(searchParams.get("seed")),
    count: Number(searchParams.get("count")),
    module,
  });
  const values = [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16];
  const opened = [openColumns({ module }), openColumns()].map((columns) => ({
    kind: columns.kind,
    variance: columns.f64(values).stats().variance,
  }));
  return Response.json({ ...report, opened });
}
