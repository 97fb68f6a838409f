/** The HTTP doors of the simulated server, and the way of a request there and back. */
import type { Principal } from "../../core/app.ts";
import type { LogPage } from "../../core/change.ts";
import { DriftlessError, type ErrorCode } from "../../core/errors.ts";
import type { Mutation } from "../../core/mutation.ts";
import { checkMutation } from "../../core/mutation.ts";
import type { SyncServer } from "../../core/server.ts";
import type { LoadedSnapshot, SnapshotRow } from "../../core/snapshot.ts";
import type { WireResult } from "../../core/wire/messages.ts";
import type { History } from "./history.ts";
import type { Network } from "./network.ts";
import type { ServerNode } from "./server_node.ts";
import type { World } from "./world.ts";

/** What a client asks. */
export type HttpRequest =
  | { readonly kind: "push"; readonly mutations: readonly Mutation[] }
  | { readonly kind: "pull"; readonly scope: string; readonly cursor: number }
  | { readonly kind: "snapshot"; readonly scope: string }
  | { readonly kind: "reconcile"; readonly scope: string; readonly body: Uint8Array };

/** What the server answers. */
export type HttpAnswer =
  & { readonly history?: History }
  & (
    | {
      readonly kind: "results";
      readonly epoch: string;
      readonly results: readonly WireResult[];
    }
    | LogPage & { readonly kind: "page" }
    | LoadedSnapshot & { readonly kind: "rows" }
    | { readonly kind: "reconciled"; readonly body: Uint8Array }
    | { readonly kind: "error"; readonly code: ErrorCode; readonly retryAfterMs?: number }
  );

/** How long a client waits for an answer, in milliseconds. */
const TIMEOUT_MS = 4_000;
/** Rows that the snapshot door reads at once. */
const SNAPSHOT_PAGE_ROWS = 7;

/** The pull door. */
export function answerPull(
  server: SyncServer,
  scope: string,
  cursor: number,
  limit: number | undefined,
): HttpAnswer {
  try {
    const { changes, hasMore: more, root } = server.pull(scope, cursor, limit);
    const page = { epoch: server.epoch, from: cursor, changes, more };
    return { kind: "page", ...page, ...(root && { root }) };
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    return { kind: "error", code: error.code };
  }
}

/** The snapshot door. */
export function answerSnapshot(server: SyncServer, scope: string): HttpAnswer {
  const reader = server.snapshot(scope);
  const rows: SnapshotRow[] = [];
  for (let page = reader.next(SNAPSHOT_PAGE_ROWS); page.length > 0;) {
    rows.push(...page.map(({ entity, id, json }) => ({ entity, id, json })));
    page = reader.next(SNAPSHOT_PAGE_ROWS);
  }
  reader.close();
  const { cursor, time } = reader;
  return { kind: "rows", epoch: server.epoch, cursor, time, rows };
}

/** The door of the exchange that finds what differs. */
export function answerReconcile(
  server: SyncServer,
  scope: string,
  body: Uint8Array,
  spend: () => number,
): HttpAnswer {
  try {
    const answer = server.reconcile(scope, body, spend);
    if (typeof answer !== "number") return { kind: "reconciled", body: answer };
    return { kind: "error", code: "rate_limited", retryAfterMs: answer };
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    return { kind: "error", code: error.code };
  }
}

/** One request on its way; `answered` hears of it once, `late` of what comes after that. */
export interface HttpCall {
  readonly world: World;
  readonly network: Network;
  readonly server: ServerNode;
  readonly principal: Principal;
  readonly name: string;
  readonly isReachable: () => boolean;
  readonly answered: (answer: HttpAnswer) => void;
  readonly failed: () => void;
  readonly late: (answer: HttpAnswer) => void;
}

/** Sends a request: it may be lost there or back, and may arrive twice. */
export function sendRequest(request: HttpRequest, call: HttpCall): void {
  const { world, network, name } = call;
  let isOpen = true;
  const giveUp = world.after(TIMEOUT_MS, `${name} gives up`, () => {
    isOpen = false;
    call.failed();
  });
  const arrive = () => {
    if (!call.isReachable() || network.isLost()) return;
    call.server.request(copied(request), call.principal, (answer) => {
      if (!call.isReachable() || network.isLost()) return;
      world.after(network.delay(), `${name} answer`, () => {
        if (!isOpen) return call.late(answer);
        isOpen = false;
        giveUp();
        call.answered(answer);
      });
    });
  };
  world.after(network.delay(), `${name} ${request.kind}`, arrive);
  if (network.comesTwice()) {
    world.after(network.delay() + network.delay(), `${name} ${request.kind} again`, arrive);
  }
}

/** A push as the door reads it: through JSON, and checked. */
function copied(request: HttpRequest): HttpRequest {
  if (request.kind !== "push") return request;
  const mutations = JSON.parse(JSON.stringify(request.mutations)) as readonly Mutation[];
  return { kind: "push", mutations: mutations.map(checkMutation) };
}
