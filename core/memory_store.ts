/**
 * The store in memory: the model that every other store must equal, and a store for tests.
 *
 * Plain maps, sorted when read; rows by cursor stay sorted until the next write. A transaction keeps
 * a journal of how to undo each write; a rollback plays it backwards. With a kernel each scope has a
 * tree: what a transaction writes is put into it in one batch, on top of the nodes of before, which
 * take it over at the end. Durable only as long as the object lives.
 */
import { invariant } from "./assert.ts";
import type { Change, LogHead } from "./change.ts";
import { compareText } from "./json.ts";
import type { Kernel } from "./ports.ts";
import type { RowChange } from "./reconcile/row_hash.ts";
import { RowTree } from "./reconcile/row_tree.ts";
import { MemoryNodes, OverlayNodes } from "./reconcile/tree_nodes.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "./store.ts";

interface ScopeState {
  head: LogHead;
  /** The changes above the floor, oldest first. */
  changes: Change[];
  /** By entity, then by id. */
  readonly rows: Map<string, Map<string, StoredRow>>;
  readonly clients: Map<string, ClientRecord>;
  readonly outcomes: Map<string, Outcome>;
  readonly tree: ScopeTree | undefined;
  /** All rows by cursor, since they were last asked for and until the next write. */
  byCursor: readonly StoredRow[] | undefined;
}

interface ScopeTree {
  readonly tree: RowTree;
  /** What the running transaction changed in the nodes. */
  readonly nodes: OverlayNodes;
  /** What it wrote, and the tree does not have yet. */
  pending: RowChange[];
}

const NO_HEAD: LogHead = Object.freeze({ cursor: 0, floor: 0, time: 0 });

/**
 * Scopes in memory, for tests and for servers that may forget.
 *
 * @example
 * ```ts
 * import { MemoryStore } from "@driftless/driftless/server";
 *
 * const store = new MemoryStore("epoch-1");
 * try {
 *   store.transaction(() => {
 *     const json = `{"text":"Gone again"}`;
 *     store.append("home", { cursor: 1, entity: "note", id: "n1", op: "create", json, time: 1 });
 *     throw new Error("Changed my mind");
 *   });
 * } catch {
 *   // All of it is rolled back.
 * }
 * if (store.head("home").cursor !== 0) throw new Error();
 * ```
 */
export class MemoryStore implements Store {
  readonly epoch: string;
  readonly #scopes = new Map<string, ScopeState>();
  readonly #kernel: Kernel | undefined;
  #appVersion = 1;
  /** How many reads run, one inside the other. */
  #reads = 0;
  /** How to undo the writes of the running transaction, in the order in which they were done. */
  #journal: (() => void)[] | undefined;
  /** The scopes that it wrote to. */
  readonly #touched = new Set<ScopeState>();

  /**
   * `epoch` identifies the history: a store that starts empty needs one of its own. With a `kernel` it
   * keeps a tree over the rows of each scope.
   */
  constructor(epoch: string, kernel?: Kernel) {
    this.epoch = epoch;
    this.#kernel = kernel;
  }

  appVersion(): number {
    return this.#appVersion;
  }

  /** Notes the version of the app, inside a transaction. */
  setAppVersion(version: number): void {
    const earlier = this.#appVersion;
    this.#open().push(() => this.#appVersion = earlier);
    this.#appVersion = version;
  }

  transaction<T>(work: () => T): T {
    invariant(this.#journal === undefined, "a transaction is not nested");
    invariant(this.#reads === 0, "a transaction does not begin inside a read");
    const journal: (() => void)[] = [];
    this.#journal = journal;
    try {
      const result = work();
      invariant(!(result instanceof Promise), "the work of a transaction is synchronous");
      for (const { tree } of this.#touched) if (tree !== undefined) putPending(tree);
      for (const { tree } of this.#touched) tree?.nodes.commit();
      return result;
    } catch (error) {
      for (const undo of journal.reverse()) undo();
      for (const state of this.#touched) {
        state.byCursor = undefined;
        if (state.tree !== undefined) state.tree.pending = [];
        state.tree?.nodes.discard();
      }
      throw error;
    } finally {
      this.#journal = undefined;
      this.#touched.clear();
    }
  }

  read<T>(work: () => T): T {
    this.#reads++;
    try {
      const result = work();
      invariant(!(result instanceof Promise), "the work of a read is synchronous");
      return result;
    } finally {
      this.#reads--;
    }
  }

  scopes(): readonly string[] {
    return [...this.#scopes.keys()].sort(compareText);
  }

  head(scope: string): LogHead {
    return this.#scopes.get(scope)?.head ?? NO_HEAD;
  }

  /** The row, alive or a tombstone. */
  row(scope: string, entity: string, id: string): StoredRow | undefined {
    return this.#scopes.get(scope)?.rows.get(entity)?.get(id);
  }

  rows(scope: string, entity: string): readonly StoredRow[] {
    const rows = this.#scopes.get(scope)?.rows.get(entity)?.values() ?? [];
    return [...rows].filter((row) => row.live).sort((a, b) => compareText(a.id, b.id));
  }

  everyRow(scope: string): Iterable<StoredRow> {
    const collections = this.#scopes.get(scope)?.rows ?? new Map<string, Map<string, StoredRow>>();
    return [...collections].sort(([a], [b]) => compareText(a, b)).flatMap(([, rows]) =>
      [...rows.values()].sort((a, b) => compareText(a.id, b.id))
    );
  }

  written(scope: string, after: number, limit: number): readonly StoredRow[] {
    const state = this.#scopes.get(scope);
    if (state === undefined) return [];
    const rows = state.byCursor ??= [...this.everyRow(scope)].sort((a, b) => a.cursor - b.cursor);
    const start = firstAfter(rows, after);
    return rows.slice(start, start + Math.max(0, limit));
  }

  /** The tree of a scope as it is now; empty for a scope that does not exist. */
  tree(scope: string): RowTree | undefined {
    const state = this.#scopes.get(scope);
    if (state === undefined) return this.#newTree(scope)?.tree;
    if (state.tree !== undefined) putPending(state.tree);
    return state.tree?.tree;
  }

  append(scope: string, change: Change): void {
    const { state, journal } = this.#written(scope);
    const { head, changes } = state;
    invariant(change.cursor === head.cursor + 1, "a change goes to the end of its log");
    invariant(change.time >= head.time, "time does not fall within a log");
    changes.push(Object.freeze({ ...change }));
    state.head = Object.freeze({ ...head, cursor: change.cursor, time: change.time });
    journal.push(() => {
      changes.pop();
      state.head = head;
    });
  }

  /** Writes a copy of the row, inside a transaction. */
  putRow(scope: string, row: StoredRow): void {
    const { state, journal } = this.#written(scope);
    let rows = state.rows.get(row.entity);
    if (rows === undefined) {
      rows = new Map();
      state.rows.set(row.entity, rows);
    }
    put(rows, row.id, row, journal);
    const { entity, id, json, live } = row;
    state.tree?.pending.push({ entity, id, json: live ? json : null });
  }

  changes(scope: string, after: number, limit: number): readonly Change[] {
    const state = this.#scopes.get(scope);
    if (state === undefined) return [];
    const start = Math.max(0, after - state.head.floor);
    return state.changes.slice(start, start + Math.max(0, limit));
  }

  /** What was put for a client, if it is known in this scope. */
  client(scope: string, client: string): ClientRecord | undefined {
    return this.#scopes.get(scope)?.clients.get(client);
  }

  /** Writes a copy of the record, inside a transaction. */
  putClient(scope: string, record: ClientRecord): void {
    const { state, journal } = this.#written(scope);
    put(state.clients, record.client, record, journal);
  }

  /** What was decided about a mutation, unless it was trimmed or never came. */
  outcome(scope: string, mutation: string): Outcome | undefined {
    return this.#scopes.get(scope)?.outcomes.get(mutation);
  }

  /** Writes a copy of the outcome, inside a transaction. */
  putOutcome(scope: string, outcome: Outcome): void {
    const { state, journal } = this.#written(scope);
    put(state.outcomes, outcome.mutation, outcome, journal);
  }

  /** The live rows as they are now; later writes do not show in it. */
  snapshot(scope: string): SnapshotReader {
    const collections = this.#scopes.get(scope)?.rows ?? new Map<string, never>();
    const entities = [...collections.keys()].sort(compareText);
    return pagesOf(this.head(scope).cursor, entities.flatMap((entity) => this.rows(scope, entity)));
  }

  trim(scope: string, retention: Retention): number {
    if (this.#journal === undefined) return this.transaction(() => this.trim(scope, retention));
    if (!this.#scopes.has(scope)) return 0;
    const { state, journal } = this.#written(scope);
    const { head, changes, clients } = state;
    const young = changes.find((change) => change.time >= retention.before);
    const aged = young === undefined ? head.cursor : young.cursor - 1;
    const floor = Math.min(
      head.cursor,
      Math.max(head.floor, head.cursor - retention.changes, aged),
    );
    state.changes = changes.slice(floor - head.floor);
    state.head = Object.freeze({ ...head, floor });
    journal.push(() => {
      state.changes = changes;
      state.head = head;
    });
    for (const rows of state.rows.values()) {
      for (const row of rows.values()) {
        if (!row.live && row.cursor <= floor) remove(rows, row.id, journal);
      }
    }
    for (const { mutation, client, seq, time } of state.outcomes.values()) {
      const lastSeq = clients.get(client)?.lastSeq ?? 0;
      const kept = client !== "" && seq > lastSeq - retention.outcomes;
      if (time < retention.before && !kept) remove(state.outcomes, mutation, journal);
    }
    return floor - head.floor;
  }

  /** Nothing to give back; the contents stay readable. */
  close(): void {}

  #written(scope: string): { state: ScopeState; journal: (() => void)[] } {
    const journal = this.#open();
    let state = this.#scopes.get(scope);
    if (state === undefined) {
      state = {
        head: NO_HEAD,
        changes: [],
        rows: new Map(),
        clients: new Map(),
        outcomes: new Map(),
        tree: this.#newTree(scope),
        byCursor: undefined,
      };
      this.#scopes.set(scope, state);
      journal.push(() => this.#scopes.delete(scope));
    }
    state.byCursor = undefined;
    this.#touched.add(state);
    return { state, journal };
  }

  #newTree(scope: string): ScopeTree | undefined {
    if (this.#kernel === undefined) return undefined;
    const nodes = new OverlayNodes(new MemoryNodes());
    return { tree: new RowTree(this.#kernel, scope, nodes), nodes, pending: [] };
  }

  #open(): (() => void)[] {
    invariant(this.#journal !== undefined, "a store is written inside a transaction");
    return this.#journal;
  }
}

/** A snapshot reader over rows that were read before, in their order. */
export function pagesOf(cursor: number, rows: readonly StoredRow[]): SnapshotReader {
  let position = 0;
  let closed = false;
  return {
    cursor,
    next(limit) {
      invariant(!closed, "a snapshot is not read after its close");
      const page = rows.slice(position, position + Math.max(0, limit));
      position += page.length;
      return page;
    },
    close() {
      closed = true;
    },
  };
}

function putPending(scope: ScopeTree): void {
  const { tree, pending } = scope;
  scope.pending = [];
  tree.update(pending);
}

/** Where the rows after a cursor begin among those that are sorted by it. */
function firstAfter(rows: readonly StoredRow[], after: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as StoredRow).cursor > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Sets a copy of the value: a caller's later change to its own object must not reach the store. */
function put<T>(map: Map<string, T>, key: string, value: T, journal: (() => void)[]): void {
  const earlier = map.get(key);
  map.set(key, Object.freeze({ ...value }));
  journal.push(() => {
    if (earlier === undefined) map.delete(key);
    else map.set(key, earlier);
  });
}

function remove<T>(map: Map<string, T>, key: string, journal: (() => void)[]): void {
  const earlier = map.get(key);
  invariant(earlier !== undefined, "what is removed exists");
  map.delete(key);
  journal.push(() => map.set(key, earlier));
}
