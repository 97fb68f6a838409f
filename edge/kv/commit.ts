/** Turns what a run's transaction wrote into one commit, and then into what is known. */
import type { KvCheck } from "./connection.ts";
import {
  jsonBytes,
  type KvHead,
  type KvLayout,
  type KvMeta,
  LAYOUT_VERSION,
  pointBytes,
} from "./layout.ts";
import { RING_COMMITS, type RingEntry, type RunVersions, type StoreState } from "./loader.ts";
import type { KvCommit } from "./redo.ts";
import type { Run } from "./run.ts";
import type { CachedPoint, PointId } from "./scope_cache.ts";
import type { ScopeView } from "./scope_view.ts";
import { type KvWrite, writesOf } from "./values.ts";

/** A run's commit, and what is known when it is done. */
export interface PreparedCommit {
  readonly commit: KvCommit;
  /** Takes what was written in as known, at the version of the heads. */
  readonly done: (version: string, tick: number) => void;
}

/** What one scope becomes. */
interface WrittenScope {
  readonly view: ScopeView;
  readonly base: string | null;
  readonly head: KvHead;
  readonly points: readonly (readonly [collection: string, id: PointId, point: CachedPoint])[];
}

/** Bytes of what the ring tells of one commit. */
export const RING_BYTES_MAX = 16 * 1024;

const NOTHING = new Uint8Array();

/** The commit of what a run's transaction wrote. */
export function prepareCommit(
  layout: KvLayout,
  state: StoreState,
  run: Run,
  versions: RunVersions,
): PreparedCommit {
  const read = new Map(
    Array.from(versions.scopes, ([{ scope }, version]) => [scope, version] as const),
  );
  const checks: KvCheck[] = Array.from(versions.keys, ([key, versionstamp]) => (
    { key: layout.key(key), versionstamp }
  ));
  const writes: KvWrite[] = [];
  const scopes: WrittenScope[] = [];
  for (const view of run.views.values()) {
    if (!view.isWritten) continue;
    const base = versions.scopes.get(view.cache) ?? null;
    scopes.push({ view, base, ...writesOfScope(layout, view, writes) });
  }
  const first: KvWrite[] = [];
  const isNew = scopes.some(({ base }) => base === null);
  if (isNew) first.push({ key: layout.key("names"), value: NOTHING });
  const meta = metaAfter(state, run);
  if (meta !== undefined) first.push({ key: layout.key("meta"), value: jsonBytes(meta) });
  const heads = new Map(scopes.map(({ view, head }) => [view.cache.scope, head]));
  return {
    commit: { scopes: read, checks, heads, first, writes },
    done(version, tick) {
      if (isNew) state.names = undefined;
      if (meta !== undefined) {
        state.meta = meta;
        state.versions.set("meta", version);
      }
      for (const scope of scopes) takeIn(scope, version, tick);
    },
  };
}

function writesOfScope(
  layout: KvLayout,
  view: ScopeView,
  writes: KvWrite[],
): Pick<WrittenScope, "head" | "points"> {
  const { scope } = view.cache;
  const head: KvHead = { ...view.head, commits: view.head.commits + 1 };
  const points: [string, PointId, CachedPoint][] = [];
  for (const [collection, entries] of view.written) {
    for (const [id, value] of entries) {
      const earlier = view.peek(collection, id);
      if (value === null && earlier?.value === null) continue;
      const key = layout.point(scope, collection, id);
      const bytes = value === null ? null : pointBytes(collection, value);
      const cut = writesOf(layout, key, bytes, earlier?.chunks);
      writes.push(...cut.writes);
      points.push([collection, id, { value, chunks: cut.chunks }]);
    }
  }
  for (const { key, bytes } of view.marks.values()) {
    writes.push(...writesOf(layout, key, bytes).writes);
  }
  const ring: RingEntry = {
    commit: head.commits,
    touched: points.map(([collection, id]) => [collection, id]),
  };
  const bytes = jsonBytes(ring);
  writes.push({
    key: layout.key("ring", scope, head.commits % RING_COMMITS),
    value: bytes.length <= RING_BYTES_MAX ? bytes : jsonBytes({ ...ring, touched: null }),
  });
  return { head, points };
}

function metaAfter(state: StoreState, { appVersion }: Run): KvMeta | undefined {
  if (appVersion === undefined) return undefined;
  return { layout: LAYOUT_VERSION, epoch: state.meta?.epoch ?? "", appVersion };
}

/** Somebody else may have moved on what is known meanwhile: then it has this commit too. */
function takeIn({ view, base, head, points }: WrittenScope, version: string, tick: number): void {
  const { cache } = view;
  if (cache.version !== base) return;
  cache.moveOn(version, head);
  cache.verified = tick;
  for (const [collection, id, point] of points) cache.set(collection, id, point);
}
