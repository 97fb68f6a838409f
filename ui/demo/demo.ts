/**
 * The demo page: two clients with storage of their own, and what the server has, side by side.
 *
 *     /              the board "demo"
 *     /?scope=<name> any other board
 *
 * Tests find their way by `data-testid`:
 *
 *     pane-a, pane-b   a client (also `data-link`: online, offline or searching). Within it:
 *       status, offline-switch, cursor, pending-count, client-id
 *       new-title, add, new-problem     the form, and what the rule says about the title
 *       lane (data-lane), lane-count, clear-done, samples
 *       task (data-id, data-lane), task-done, task-title, task-editor, task-problem, task-move,
 *       task-delete
 *       queue, pending (data-state, data-mutator), pending-state, pending-age
 *       notices, notice (data-kind: server, local or error; data-mutator)
 *     pane-server      within it: status, cursor, task-count, link (data-pane, data-in-step), step,
 *       log, change (data-op), rows, row (data-id, data-lane)
 *     scope, fresh, curl, panes
 */
import { checkScope } from "../../core/mutation.ts";
import { ClientPane } from "./pane.ts";
import { ServerPane } from "./server_pane.ts";

const SCOPE_DEFAULT = "demo";
/** Ages in the queues are told in seconds. */
const TICK_MS = 1_000;
/** Enough to be alone on a new board, and short enough to read out. */
const FRESH_SCOPE_BYTES = 4;

function start(): void {
  const scope = scopeOf(new URL(location.href));
  elementOf("scope").textContent = scope;
  elementOf("fresh").setAttribute("href", `/?scope=${freshScope()}`);
  elementOf("curl").textContent = pullCommand(scope);
  const onMove = () => server.show();
  const ada = new ClientPane({ key: "a", name: "Ada", scope, onMove });
  const ben = new ClientPane({ key: "b", name: "Ben", scope, onMove });
  const server = new ServerPane(scope, [ada, ben]);
  elementOf("panes").append(ada.element, server.element, ben.element);
  for (const part of [ada, server, ben]) part.start();
  setInterval(() => {
    ada.tick();
    ben.tick();
  }, TICK_MS);
}

/** The board of an address; one that no server would accept is the default one. */
function scopeOf({ searchParams }: URL): string {
  try {
    return checkScope(searchParams.get("scope") || SCOPE_DEFAULT);
  } catch {
    return SCOPE_DEFAULT;
  }
}

function freshScope(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(FRESH_SCOPE_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pullCommand(scope: string): string {
  const body = JSON.stringify({ scope, cursor: 0 }).replaceAll("'", "\\u0027");
  return `curl -s ${location.origin}/_sync/pull -H 'content-type: application/json' -d '${body}'`;
}

function elementOf(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new TypeError(`Cannot find "${id}" on the page`);
  return element;
}

start();
