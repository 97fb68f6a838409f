/**
 * Trims a scope within bounds: the floor rises at once, and what is below is removed bit by bit.
 *
 * Changes below the floor are nobody's any more and are swept behind the commit that raised it.
 * Tombstones and outcomes go so many with each trim.
 */
import type { Change } from "../../core/change.ts";
import type { ClientRecord, Retention } from "../../core/store.ts";
import { KV_LIST_MAX, type KvConnection, type KvKey } from "./connection.ts";
import { jsonOf, type KvHead, type KvLayout } from "./layout.ts";
import { batchesOf } from "./stage.ts";
import type { ScopeView } from "./scope_view.ts";
import { type KvReader, type KvWrite, writesOf } from "./values.ts";

/** Tombstones that one trim removes, and as many outcomes. */
export const TRIM_REMOVED_MAX = 500;
/** Outcomes that one trim looks at; the next one goes on behind them. */
export const TRIM_LOOKS_MAX = 2_000;
/** Changes that are read at once to be removed. */
const SWEEP_PAGE = KV_LIST_MAX;

/** An outcome among those of its time. */
interface OldOutcome {
  readonly time: number;
  readonly mutation: string;
  readonly client: string;
  readonly seq: number;
}

/** Where the outcomes of each scope were last looked at, for the next trim to go on. */
export type TrimPlaces = Map<string, OldOutcome>;

/** Trims a scope in the running transaction; how many changes are below the floor now. */
export function trimScope(
  view: ScopeView,
  layout: KvLayout,
  retention: Retention,
  places: TrimPlaces,
): number {
  if (!view.exists) return 0;
  const { cursor, floor } = view.head;
  const { changes, before, outcomes } = retention;
  const aged = firstYoung(view, before) - 1;
  const raised = Math.min(cursor, Math.max(floor, cursor - changes, aged));
  view.write({ floor: raised });
  view.isTrimmed = true;
  for (const row of view.byCursor(false, -1, TRIM_REMOVED_MAX, raised)) view.dropRow(row);
  trimOutcomes(view, layout, { before, outcomes }, places);
  return raised - floor;
}

/** The first change that is not too old, by halving: time never falls within a log. */
function firstYoung(view: ScopeView, before: number): number {
  const { cursor, floor } = view.head;
  const isYoung = (at: number) => (view.changes(at - 1, 1)[0] as Change).time >= before;
  if (floor === cursor || view.head.time < before) return cursor + 1;
  // Nearly always there is little to trim, or nothing.
  if (isYoung(floor + 1)) return floor + 1;
  let [old, young] = [floor + 1, cursor];
  while (young - old > 1) {
    const middle = Math.floor((old + young) / 2);
    if (isYoung(middle)) young = middle;
    else old = middle;
  }
  return young;
}

function trimOutcomes(
  view: ScopeView,
  layout: KvLayout,
  { before, outcomes }: Pick<Retention, "before" | "outcomes">,
  places: TrimPlaces,
): void {
  const { scope } = view.cache;
  const last = places.get(scope);
  const old = oldOutcomes(view, layout, before, last);
  const fresh = [...view.written.get("outcome") ?? []].length > 0;
  const all = fresh ? withWritten(view, old, before) : old;
  let removed = 0;
  let place: OldOutcome | undefined;
  for (const one of all) {
    const { time, mutation, client, seq } = one;
    const lastSeq = view.get<ClientRecord>("client", client)?.lastSeq ?? 0;
    if (client !== "" && seq > lastSeq - outcomes) continue;
    view.dropOutcome({ time, mutation });
    place = one;
    if (++removed === TRIM_REMOVED_MAX) break;
  }
  if (removed < TRIM_REMOVED_MAX) place = old.length < TRIM_LOOKS_MAX ? undefined : old.at(-1);
  if (place === undefined) places.delete(scope);
  else places.set(scope, place);
}

function oldOutcomes(
  view: ScopeView,
  layout: KvLayout,
  before: number,
  last: OldOutcome | undefined,
): readonly OldOutcome[] {
  const prefix = layout.key("old", view.cache.scope);
  const start: KvKey = last === undefined ? prefix : [...prefix, last.time, `${last.mutation}\0`];
  const end: KvKey = [...prefix, before];
  if (last !== undefined && last.time >= before) return [];
  return view.query<OldOutcome>({
    kind: "query",
    text: `old ${before} ${last?.time} ${last?.mutation}`,
    selector: last === undefined ? { prefix, end } : { start, end },
    limit: TRIM_LOOKS_MAX,
    read({ key, value }) {
      const [time, mutation] = key.slice(-2) as [number, string];
      const [client, seq] = jsonOf<[string, number]>(value);
      return { time, mutation, client, seq };
    },
  });
}

/** Those that are stored, as the transaction leaves them, and those that it has written. */
function withWritten(
  view: ScopeView,
  old: readonly OldOutcome[],
  before: number,
): readonly OldOutcome[] {
  const written = view.written.get("outcome");
  const fresh: OldOutcome[] = [];
  for (const value of written?.values() ?? []) {
    if (value === null || value instanceof Uint8Array || !("mutation" in value)) continue;
    if (value.time < before) fresh.push(value);
  }
  return [...old.filter(({ mutation }) => written?.has(mutation) !== true), ...fresh];
}

/** Removes what the log of a scope has below its floor. */
export async function sweepLog(
  kv: KvConnection,
  reader: KvReader,
  layout: KvLayout,
  scope: string,
  { floor }: Pick<KvHead, "floor">,
): Promise<void> {
  const prefix = layout.key("log", scope);
  const selector = { prefix, end: [...prefix, floor + 1] };
  for (let size = SWEEP_PAGE; size === SWEEP_PAGE;) {
    const entries = await reader.list(selector, SWEEP_PAGE);
    size = entries.length;
    const writes: KvWrite[] = entries.flatMap(({ key, chunks }) =>
      writesOf(layout, key, null, chunks).writes
    );
    for (const batch of batchesOf(writes, [])) {
      const atomic = kv.atomic();
      for (const { key } of batch) atomic.delete(key);
      await atomic.commit();
    }
  }
}
