/** A server that lies: its replies are changed on their way to a client. */
import { DriftlessError } from "../../core/errors.ts";
import type { Exchange, ExchangeStart } from "../../core/reconcile/exchange.ts";
import {
  REQUESTS_AT_ONCE_MAX,
  REQUESTS_MAX,
  ROUNDS_MAX,
} from "../../core/reconcile/reconcile_limits.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { assertSameRows, ClientSide, type ServerSide } from "./exchange_rig.ts";

/** What becomes of a reply. */
export type Lie = (reply: Uint8Array, request: Uint8Array) => Uint8Array;

/** So many rows with numbers as records. */
export function rowsOf(count: number): RowChange[] {
  return Array.from({ length: count }, (_, i) => ({ entity: "note", id: `i${i}`, json: `${i}` }));
}

/** A client with another record in the first rows. */
export function updated(server: ServerSide, count: number): ClientSide {
  const rows = [...server.rows.values()];
  return new ClientSide(
    rows.map((row, index) => index < count ? { ...row, json: `"other"` } : row),
    server.cursor,
  );
}

/**
 * Runs an exchange whose replies are lies. It must end within its bounds, by an error that has a code or
 * by an outcome, and a repair must leave the client with the server's rows.
 */
export function lied(
  client: ClientSide,
  server: ServerSide,
  lie: Lie,
  start: Partial<ExchangeStart> = {},
): string | undefined {
  const exchange = client.exchange({ serverCursor: server.cursor, ...start });
  const rows = server.history.length;
  let code: string | undefined;
  try {
    deliver(exchange, server, lie);
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    code = error.code;
  }
  const { requests, round } = exchange.progress;
  if (requests > REQUESTS_MAX || round > ROUNDS_MAX) throw new Error(`${requests}, ${round}`);
  if (code !== undefined) return code;
  if (client.apply(exchange.outcome)) {
    // A cursor may be a lie as well; of a server that stands still there is but one.
    if (server.history.length === rows) client.cursor = server.cursor;
    assertSameRows(client, server);
  }
  return exchange.outcome?.kind;
}

function deliver(exchange: Exchange, server: ServerSide, lie: Lie): void {
  let requests = exchange.start();
  while (exchange.outcome === undefined) {
    if (requests.length > REQUESTS_AT_ONCE_MAX) throw new Error(`${requests.length} at once`);
    if (requests.length === 0) throw new Error("The exchange waits for nothing");
    const replies = requests.map((request) => lie(server.answer(request), request));
    requests = replies.flatMap((reply) => exchange.received(reply));
  }
}

/** The reply with some fields replaced. */
export function changed(change: (reply: ReconcileReply) => Partial<ReconcileReply>): Lie {
  return (reply) => {
    const decoded = ReconcileReply.decode(reply);
    return ReconcileReply.encode({ ...decoded, ...change(decoded) });
  };
}
