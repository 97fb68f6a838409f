/** Requests of the exchange as a test makes them by hand. */
import { ReconcileRequest } from "../../core/wire/reconcile_gen.ts";

const NONE = new Uint8Array();

/** The bytes of a request with these fields. */
export function requestOf(fields: Partial<ReconcileRequest> = {}): Uint8Array<ArrayBuffer> {
  return ReconcileRequest.encode({
    version: 0,
    scope: "",
    epoch: "",
    cursor: 0,
    count: 0,
    root: NONE,
    sketch: NONE,
    since: false,
    groups: [],
    wants: NONE,
    ...fields,
  });
}
