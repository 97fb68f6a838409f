/** The conformance suite of stores in a Durable Object: `/?case=N` runs a case in an object of its own. */
import { kernelOf } from "../../wasm/kernel.ts";
import { openObjectStore } from "../../edge/workers/object_store.ts";
import type { ObjectNamespace, ObjectState } from "../../edge/workers/object_types.ts";
import type { Store } from "../../core/store.ts";
import { modelCase, treeModelCase } from "../conformance/store_model.ts";
import { type StoreCase, storeCases } from "../conformance/store_suite.ts";
import { KEPT_BYTES, snapshotCases } from "./snapshot_cases.ts";
import { strikable, strikeCases } from "./strike_cases.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";

const CASES: readonly StoreCase[] = [
  ...storeCases,
  modelCase,
  ...treeCases,
  treeModelCase,
  ...snapshotCases,
  ...strikeCases,
];

/** An object that runs cases on its storage. */
export function caseObject(kernel: WebAssembly.Module): new (state: ObjectState) => object {
  return class {
    readonly #state: ObjectState;

    constructor(state: ObjectState) {
      this.#state = state;
    }

    fetch(request: Request): Response {
      const { run } = CASES[Number(new URL(request.url).searchParams.get("case"))] as StoreCase;
      let error: string | null = null;
      try {
        run(() => this.#open());
      } catch (thrown) {
        error = thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
      }
      return Response.json({ error });
    }

    /** A new store; an object has room for one. */
    #open(): Store {
      const { storage } = this.#state;
      const tables = storage.sql.exec(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      );
      for (const { name } of tables.toArray()) storage.sql.exec(`DROP TABLE "${String(name)}"`);
      return openObjectStore(strikable(storage), {
        kernel: kernelOf(kernel),
        keptBytesMax: KEPT_BYTES,
      });
    }
  };
}

/** The names of all cases, or what came of one. */
export async function answer(request: Request, objects: ObjectNamespace): Promise<Response> {
  const name = new URL(request.url).searchParams.get("case");
  if (name === null) return Response.json(CASES.map(({ name }) => name));
  return await objects.get(objects.idFromName(name) as never).fetch(request);
}
