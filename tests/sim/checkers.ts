/**
 * The promises, one function each. A checker throws when its promise is broken and knows nothing of
 * how the engine keeps it: it compares what was seen at the edges with what has to be.
 */
import type { AnyApp, Principal } from "../../core/app.ts";
import type { Change } from "../../core/change.ts";
import type { SyncClient } from "../../core/client.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { canonicalText, equalJson, type JsonObject } from "../../core/json.ts";
import {
  CLOCK_AHEAD_MS_MAX,
  IN_FLIGHT_MAX,
  LIVE_MESSAGE_BYTES_MAX,
  PENDING_MAX,
} from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { QueueEntry } from "../../core/quarantine.ts";
import type { Snapshot } from "../../core/snapshot.ts";
import type { ClientRecord, Outcome, Store } from "../../core/store.ts";
import { rowKey } from "../../core/transaction.ts";
import { View } from "../../core/view.ts";
import type { WireResult } from "../../core/wire/messages.ts";
import type { DeviceStorage } from "./device_storage.ts";
import { ENTITIES } from "./simulated_app.ts";
import type { Decision, History, ScopeHistory } from "./history.ts";
import type { Judge, Place } from "./judge.ts";
import type { Decided, Reference } from "./reference.ts";
import { RowSet } from "./row_set.ts";
import { BrokenPromise } from "./world.ts";

/** S1: what a device is told is on the disk, with the same verdict. */
export function checkAckedDurable(
  results: readonly WireResult[],
  history: History,
  unrecorded: ReadonlySet<string>,
): void {
  const isUnrecorded = (id: string, code: ErrorCode | null) =>
    code === "forbidden" && unrecorded.has(id);
  for (const { id, code } of results) {
    const decision = history.byMutation.get(id);
    // A wrong number decides nothing.
    if (code === "sequence_gap" || decision?.code === code || isUnrecorded(id, code)) continue;
    const found = decision === undefined ? "nothing" : decision.code ?? "accepted";
    broken("acked-durable", `${id} was answered ${code ?? "accepted"}, the disk says ${found}`);
  }
}

/** S2: each mutation was decided as the sequential reference decides it. */
export function checkDecision(outcome: Outcome, decided: Decided, code: ErrorCode | null): void {
  if (outcome.code === code) return;
  const call = `${decided.name} ${canonicalText(decided.args)}`;
  broken("exactly-once", `${call}: ${outcome.code ?? "accepted"}, not ${code ?? "accepted"}`);
}

/** S2: every effect is there once: the rows are those of the sequential reference. */
export function checkRows(scope: ScopeHistory, reference: Reference): void {
  if (scope.rows.hash === reference.live.hash && scope.changes.length === reference.cursor) return;
  const difference = scope.rows.difference(reference.live);
  broken("exactly-once", `cursor ${scope.changes.length}, not ${reference.cursor}: ${difference}`);
}

/** S2: the rows on the disk are those of the log. */
export function checkStore(store: Store, scope: string, history: ScopeHistory): void {
  const stored = new RowSet();
  for (const entity of ENTITIES) {
    for (const { id, json } of store.rows(scope, entity)) stored.set(entity, id, json);
  }
  if (stored.hash === history.rows.hash) return;
  broken("log", `rows and log differ: ${stored.difference(history.rows)}`);
}

/** S3: one device's mutations are decided in the order in which they were made. */
export function checkClientOrder(
  decision: Decision,
  place: Place | undefined,
  newest: Map<string, number>,
): void {
  if (place === undefined) return;
  const before = newest.get(place.device) ?? -1;
  if (place.index <= before) {
    broken("client-order", `${place.device}: ${place.index} was decided after ${before}`);
  }
  newest.set(place.device, place.index);
  if (decision.seq < 1) broken("client-order", `${decision.mutation} came without a number`);
}

/** S3: one client's numbers are decided without a gap. */
export function checkNumbering(record: ClientRecord, newest: Map<string, number>): void {
  const key = `client ${record.client}`;
  const before = newest.get(key) ?? 0;
  if (record.lastSeq !== before + 1) {
    broken("client-order", `${key}: ${record.lastSeq} was decided after ${before}`);
  }
  newest.set(key, record.lastSeq);
}

/** S4: a device's rows are those of a history at its cursor. */
export function checkPrefix(
  rows: RowSet,
  cursor: number,
  epoch: string,
  scope: string,
  histories: readonly History[],
): void {
  const known = histories.filter((history) => epoch === "" || history.epoch === epoch);
  if (known.some((history) => history.scope(scope).hashes[cursor] === rows.hash)) return;
  const newest = known.at(-1);
  const difference = newest && rows.difference(newest.rowsAt(scope, cursor));
  broken("prefix", `rows at cursor ${cursor} of ${epoch}: ${difference ?? "no such history"}`);
}

/** S4: what is stored, unless a fault has been at it, is what a history had where the device stands. */
export function checkStored(
  { rows, cursor, epoch, isTainted }: DeviceStorage,
  scope: string,
  { histories, isStorageFaulty }: Judge,
  client: SyncClient,
): void {
  if (!isStorageFaulty && (cursor !== client.cursor || epoch !== client.epoch)) {
    broken("prefix", `storage stands at ${cursor} of ${epoch}, and the device at ${client.cursor}`);
  }
  // Storage that refused what mends it is mended when its rows are loaded, and looked at.
  if (isStorageFaulty && isTainted) return;
  const stored = new RowSet();
  for (const { entity, id, json } of rows) stored.set(entity, id, json);
  checkPrefix(stored, cursor, epoch, scope, histories);
}

/** S4, S8: a change that a device is told stands in the log of its own scope. */
export function checkChange(change: Change, scope: string, history: History): void {
  const logged = history.scope(scope).changes[change.cursor - 1];
  const isSame = logged !== undefined && logged.entity === change.entity &&
    logged.id === change.id && logged.json === change.json && logged.time === change.time;
  if (!isSame) broken("prefix", `the log has no change ${canonicalText({ ...change })}`);
}

/** S5: the view is what a new one shows with the same rows and the same pending mutations. */
export function checkRebase(
  app: AnyApp,
  principal: Principal,
  client: SyncClient,
  snapshot: Snapshot,
): void {
  const fresh = new View(app, snapshot, principal);
  // What the rows hold is not run on them again.
  const waiting = client.pending.filter(({ isInRows }) => !isInRows);
  fresh.reset(waiting.map(({ mutation }) => mutation));
  for (const entity of ENTITIES) {
    const shown = client.view.all(entity);
    if (equalEntries(shown, fresh.all(entity)) && client.view.count(entity) === shown.length) {
      continue;
    }
    const text = JSON.stringify;
    broken("rebase", `${entity}: shows ${text(shown)}, has to show ${text(fresh.all(entity))}`);
  }
}

/** All that a view is made of, but for the rows themselves. */
export function inputsOf({ cursor, epoch, pending }: SyncClient): string {
  const waiting = pending.filter(({ isInRows }) => !isInRows).map(({ mutation }) => mutation.id);
  return [epoch, cursor, ...waiting].join(" ");
}

/** S5: who follows the view by its changes sees the same as who reads it. */
export function checkViewChanges(
  mirror: ReadonlyMap<string, JsonObject>,
  client: SyncClient,
): void {
  let count = 0;
  for (const entity of ENTITIES) {
    for (const [id, record] of client.view.all(entity)) {
      count++;
      const mirrored = mirror.get(rowKey(entity, id));
      if (mirrored !== undefined && textOf(mirrored) === textOf(record)) continue;
      const told = JSON.stringify(mirrored);
      broken("view-changes", `${entity}/${id}: told ${told}, reads ${JSON.stringify(record)}`);
    }
  }
  if (count !== mirror.size) broken("view-changes", `told of ${mirror.size} records, not ${count}`);
}

/** S2, S5: no effect is shown twice: not once by the rows and once more by the queue. */
export function checkShownOnce(client: SyncClient): void {
  const seen = new Set<string>();
  for (const [id, { items }] of client.view.all("list")) {
    for (const item of items as readonly string[]) {
      if (seen.has(item)) broken("shown-once", `${item} is shown again in ${id}`);
      seen.add(item);
    }
  }
}

/** S6: a device's own mutation leaves its queue only for a reason. */
export function checkOwnWrite(
  mutation: string,
  client: SyncClient,
  histories: readonly History[],
): void {
  const isVisible = histories.some((history) => {
    const decision = history.byMutation.get(mutation);
    return [history.epoch, ""].includes(client.epoch) && decision?.code === null &&
      decision.cursor <= client.cursor;
  });
  if (!isVisible) {
    broken("own-writes", `${mutation} is gone at cursor ${client.cursor} of ${client.epoch}`);
  }
}

/** S6: what a user has just done is what the user sees. */
export function checkShown({ name, args }: Mutation, { view }: SyncClient): void {
  const { id, item, data } = (args ?? {}) as Partial<
    { id: string; item: string; data: JsonObject }
  >;
  const [entity = "", verb] = name.split(".");
  const record = id === undefined ? undefined : view.get(entity, id);
  if (verb === "append") {
    const items = record?.items as readonly string[] | undefined;
    if (items?.includes(item ?? "")) return;
  } else if (verb === "create" || verb === "update") {
    if (Object.entries(data ?? {}).every(([field, value]) => equalJson(record?.[field], value))) {
      return;
    }
  } else if (verb === "delete" || verb === "drop") {
    if (record === undefined) return;
  } else {
    return;
  }
  broken("own-writes", `${name} ${canonicalText(args)} shows ${JSON.stringify(record)}`);
}

/** S19: what is in quarantine is neither in line nor in the view, and what is held has its cause. */
export function checkQuarantine(
  client: SyncClient,
  aside: ReadonlyMap<string, QueueEntry>,
  isStorageFaulty: boolean,
): void {
  const inLine = new Set(client.pending.map(({ mutation }) => mutation.id));
  for (const { id, state, cause } of aside.values()) {
    if (inLine.has(id)) broken("quarantine", `${id} is ${state}, and in line`);
    if (client.effectsOf(id) !== undefined) broken("quarantine", `${id} is ${state}, and shown`);
    // Storage that refuses one step and takes the next may bring back the one without the other.
    const isHeldAlone = cause !== undefined && aside.get(cause)?.state !== "refused";
    if (isHeldAlone && !isStorageFaulty) broken("quarantine", `${id} is held by nothing`);
  }
}

/** S7: a cursor falls only by a reset. */
export function checkCursor(before: number, after: number): void {
  if (after < before) broken("cursor-monotonic", `it fell from ${before} to ${after}`);
}

/** S11: no queue and no message is larger than its limit. */
export function checkBounded(client: SyncClient): void {
  const { pending } = client;
  const sent = pending.filter(({ state }) => state === "sent").length;
  if (pending.length > PENDING_MAX || sent > IN_FLIGHT_MAX) {
    broken("bounded", `${pending.length} pending, ${sent} of them sent`);
  }
}

/** S11: no message is larger than its limit. */
export function checkMessageSize(bytes: Uint8Array): void {
  if (bytes.length > LIVE_MESSAGE_BYTES_MAX) {
    broken("bounded", `a message of ${bytes.length} bytes`);
  }
}

/**
 * S13: however wrong the clocks of clients are, the log does not run ahead of the server's own, but
 * for a millisecond for each mutation that had to come after another.
 */
export function checkLogTime(time: number, serverNewest: number, mutations: number): void {
  const ahead = time - serverNewest;
  if (ahead > CLOCK_AHEAD_MS_MAX + mutations) {
    broken("clock-free", `the log is ${ahead} ms ahead of every clock that the server had`);
  }
}

/** S14: a refusal is reported of a mutation that was refused. */
export function checkRefused(
  mutation: string,
  code: ErrorCode,
  histories: readonly History[],
): void {
  const isRefused = histories.some((history) => history.byMutation.get(mutation)?.code === code);
  if (!isRefused) broken("rejected", `${mutation} was reported as ${code}, and never decided so`);
}

/** L1: after the faults every device shows what the server has, and waits for nothing. */
export function checkConverged(
  name: string,
  client: SyncClient,
  scope: ScopeHistory,
): void {
  const shown = new RowSet();
  for (const entity of ENTITIES) {
    for (const [id, record] of client.view.all(entity)) {
      shown.set(entity, id, canonicalText(record));
    }
  }
  if (shown.hash === scope.rows.hash) return;
  broken("converges", `${name} and the server: ${shown.difference(scope.rows)}`);
}

/** Records are frozen, and looked at after every event: their text is made once. */
const TEXTS = new WeakMap<JsonObject, string>();

type Entries = readonly (readonly [string, JsonObject])[];

function equalEntries(some: Entries, others: Entries): boolean {
  return some.length === others.length && some.every(([id, record], index) => {
    const [otherId, other] = others[index] as readonly [string, JsonObject];
    return id === otherId && textOf(record) === textOf(other);
  });
}

function textOf(record: JsonObject): string {
  let text = TEXTS.get(record);
  if (text === undefined) TEXTS.set(record, text = canonicalText(record));
  return text;
}

function broken(promise: string, message: string): never {
  throw new BrokenPromise(promise, message);
}
