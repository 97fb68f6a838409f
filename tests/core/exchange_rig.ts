/** Two sides of an exchange: a store with a scope, a client with rows, and the way between them. */
import {
  Exchange,
  type ExchangeOutcome,
  type ExchangeStart,
} from "../../core/reconcile/exchange.ts";
import { answerReconcile } from "../../core/reconcile/responder.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Kernel } from "../../core/ports.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { Prng } from "../sim/prng.ts";

export const SCOPE = "home";
export const EPOCH = "epoch-1";
export const kernel: Kernel = kernelSync();

/** The name of a row in maps. */
export function nameOf({ entity, id }: { readonly entity: string; readonly id: string }): string {
  return `${entity}/${id}`;
}

/** A store with one scope that changes are committed to. */
export class ServerSide {
  readonly store: MemoryStore;
  /** The live rows. */
  readonly rows = new Map<string, RowChange>();
  /** Every change, by cursor from 1 on. */
  readonly history: RowChange[] = [];
  readonly scope: string;

  constructor(rows: Iterable<RowChange> = [], by: Kernel = kernel, scope = SCOPE) {
    this.store = new MemoryStore(EPOCH, by);
    this.scope = scope;
    this.commit(rows);
  }

  get cursor(): number {
    return this.store.head(this.scope).cursor;
  }

  get tree(): RowTree {
    return this.store.tree(this.scope) as RowTree;
  }

  /** Commits changes in one transaction, a cursor for each. */
  commit(changes: Iterable<RowChange>): void {
    const { scope, store } = this;
    store.transaction(() => {
      let { cursor } = store.head(scope);
      for (const change of changes) {
        const { entity, id, json } = change;
        cursor++;
        const op = json === null ? "delete" : "create";
        store.append(scope, { cursor, entity, id, op, json, time: cursor });
        const live = json !== null;
        this.history.push(change);
        store.putRow(scope, { entity, id, json: json ?? "{}", stamps: "", live, cursor });
        if (live) this.rows.set(nameOf(change), change);
        else this.rows.delete(nameOf(change));
      }
    });
  }

  /** The rows as they were at a cursor. */
  rowsAt(cursor: number): ReadonlyMap<string, RowChange> {
    if (cursor === this.cursor) return this.rows;
    const rows = new Map<string, RowChange>();
    for (const change of this.history.slice(0, cursor)) {
      if (change.json === null) rows.delete(nameOf(change));
      else rows.set(nameOf(change), change);
    }
    return rows;
  }

  /** Forgets tombstones and the log, but for the newest changes. */
  trim(changes = 0): void {
    this.store.trim(this.scope, { changes, before: 0, outcomes: 0 });
  }

  answer(request: Uint8Array): Uint8Array {
    return answerReconcile(this.store, this.scope, request).reply;
  }
}

/** A client's rows and its tree over them. */
export class ClientSide {
  readonly rows: Map<string, RowChange>;
  readonly nodes = new MemoryNodes();
  readonly tree: RowTree;
  cursor: number;
  readonly #kernel: Kernel;

  constructor(rows: Iterable<RowChange>, cursor: number, by: Kernel = kernel, scope = SCOPE) {
    this.rows = new Map();
    for (const row of rows) this.rows.set(nameOf(row), row);
    this.cursor = cursor;
    this.#kernel = by;
    this.tree = new RowTree(by, scope, this.nodes);
    this.tree.update(this.rows.values());
  }

  exchange(more: Partial<ExchangeStart> = {}): Exchange {
    return new Exchange({
      kernel: this.#kernel,
      tree: this.tree,
      nodes: this.nodes,
      random: new Prng(7),
      cursor: this.cursor,
      epoch: EPOCH,
      row: (entity, id) => this.rows.get(nameOf({ entity, id }))?.json ?? undefined,
      ...more,
    });
  }

  /** Makes the rows what the outcome says; false when it is a snapshot. */
  apply(outcome: ExchangeOutcome | undefined): boolean {
    if (outcome?.kind !== "repaired") return false;
    for (const row of outcome.gone) this.rows.delete(nameOf(row));
    for (const row of outcome.rows) this.rows.set(nameOf(row), row);
    this.cursor = outcome.cursor;
    return true;
  }
}

/** Throws unless a client has exactly the rows of the server at its cursor. */
export function assertSameRows(client: ClientSide, server: ServerSide): void {
  const rows = server.rowsAt(client.cursor);
  if (client.rows.size !== rows.size) {
    throw new Error(`The client has ${client.rows.size} rows, the server ${rows.size}`);
  }
  for (const [name, { json }] of rows) {
    if (client.rows.get(name)?.json !== json) throw new Error(`${name} is not ${json}`);
  }
}

/** How requests and replies travel. */
export interface Travel {
  /** Called before each request is answered. */
  readonly before?: () => void;
  /** Picks which of so many replies under way arrives next. */
  readonly pick?: (count: number) => number;
}

/** Runs an exchange to its end; says how often the client waited. */
export function travel(exchange: Exchange, server: ServerSide, way: Travel = {}): number {
  const replies: Uint8Array[] = [];
  const send = (requests: readonly Uint8Array[]) => {
    for (const request of requests) {
      way.before?.();
      replies.push(server.answer(request));
    }
  };
  send(exchange.start());
  while (exchange.outcome === undefined) {
    if (replies.length === 0) throw new Error("The exchange waits for nothing");
    const [reply] = replies.splice(way.pick?.(replies.length) ?? 0, 1);
    send(exchange.received(reply as Uint8Array));
  }
  return exchange.progress.round;
}
