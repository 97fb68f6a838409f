/**
 * The tree over a client's confirmed rows, and the exchange that makes them equal to the server's.
 *
 *     claim ── the machine still stands there? ── own root ── equal
 *                                                     └────── exchange ── what differs
 *
 * Only ever made from the rows themselves. Synchronous, so that whoever drives it decides when there is
 * time: it is built in steps, and follows rows that moved when somebody asks.
 */
import type { SyncClient } from "../../core/client.ts";
import type { ReplicaMove, Standing } from "../../core/persistence.ts";
import type { Kernel, Random } from "../../core/ports.ts";
import { Exchange, type ExchangeProgress } from "../../core/reconcile/exchange.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { LoadedSnapshot, RowName, SnapshotRow } from "../../core/snapshot.ts";
import { rowKey } from "../../core/transaction.ts";

/** What a tree is made of. */
export interface ReplicaTreeOptions {
  readonly kernel: Kernel;
  readonly random: Random;
  readonly scope: string;
  readonly machine: Pick<SyncClient, "cursor" | "epoch" | "snapshot">;
}

/** How an exchange reaches the server. */
export interface ExchangeWay {
  /** Each request names scope and history, as HTTP needs it. */
  readonly isSelfContained: boolean;
  /** The server's history, if it has said so. */
  readonly serverEpoch?: string | undefined;
  /** Where the server's log ends, if it has said so. */
  readonly serverCursor?: number | undefined;
}

/** The tree of one client. */
export class ReplicaTree {
  readonly #options: ReplicaTreeOptions;
  #nodes!: MemoryNodes;
  #tree!: RowTree;
  /** Rows that are not in the tree yet. */
  #unread!: Iterator<SnapshotRow>;
  #isRead = false;
  /** Rows that moved since they were read, by key. */
  #moved = new Map<string, RowName>();
  /** Counts the moves. */
  #moves = 0;

  constructor(options: ReplicaTreeOptions) {
    this.#options = options;
    this.rebuild();
  }

  /** Rows in the tree. */
  get count(): number {
    return this.#tree.count;
  }

  /** The digest of the rows that are in it, 32 bytes. */
  get root(): Uint8Array {
    return this.#tree.root;
  }

  /** Whether every row is in it as it is now. */
  get isWhole(): boolean {
    return this.#isRead && this.#moved.size === 0;
  }

  /** Starts over: `step` reads every row anew. */
  rebuild(): void {
    this.#nodes = new MemoryNodes();
    this.#tree = new RowTree(this.#options.kernel, this.#options.scope, this.#nodes);
    this.#unread = this.#options.machine.snapshot.rows()[Symbol.iterator]();
    this.#isRead = false;
    this.#moved.clear();
  }

  /** The machine's rows have moved like this. */
  moved(move: ReplicaMove): void {
    this.#moves++;
    const { gone } = move.kind === "snapshot" ? move : { gone: [] };
    if (gone === undefined) return this.rebuild();
    const rows: readonly RowName[] = move.kind === "snapshot" ? move.rows : move.changes;
    for (const list of [rows, gone]) {
      for (const { entity, id } of list) this.#moved.set(rowKey(entity, id), { entity, id });
    }
  }

  /** Takes up to so many rows into the tree; returns whether it is whole then. */
  step(rowsMax: number): boolean {
    const changes: RowChange[] = [];
    while (!this.#isRead && changes.length < rowsMax) {
      const { done, value } = this.#unread.next();
      if (done) this.#isRead = true;
      else changes.push(value);
    }
    for (const [key, { entity, id }] of this.#isRead ? this.#moved : []) {
      if (changes.length >= rowsMax) break;
      this.#moved.delete(key);
      const json = this.#options.machine.snapshot.json(entity, id) ?? null;
      changes.push({ entity, id, json });
    }
    if (changes.length > 0) this.#tree.update(changes);
    return this.isWhole;
  }

  /**
   * Whether the rows have the digest that the server claims for all rows at a place; `undefined` when
   * they stand elsewhere, for then it says nothing.
   */
  isTrue({ cursor, epoch }: Standing, root: Uint8Array): boolean | undefined {
    const { machine } = this.#options;
    if (machine.cursor !== cursor || machine.epoch !== epoch) return undefined;
    this.step(Infinity);
    return this.root.every((byte, index) => byte === root[index]);
  }

  /** Begins an exchange over the rows as they are now. */
  exchange({ isSelfContained, serverEpoch, serverCursor }: ExchangeWay): RowExchange {
    this.step(Infinity);
    const { kernel, random, scope, machine } = this.#options;
    const moves = this.#moves;
    return new RowExchange(
      new Exchange({
        kernel,
        random,
        tree: this.#tree,
        nodes: this.#nodes,
        cursor: machine.cursor,
        epoch: machine.epoch,
        row: (entity, id) => machine.snapshot.json(entity, id),
        rows: () => machine.snapshot.rows(),
        ...(serverEpoch === undefined ? {} : { serverEpoch }),
        ...(serverCursor === undefined ? {} : { serverCursor }),
        ...(isSelfContained ? { scope } : {}),
      }),
      () => moves === this.#moves,
    );
  }
}

/** One exchange. Its requests may be sent in any order, and so may replies come. */
export class RowExchange {
  readonly #exchange: Exchange;
  readonly #isCurrent: () => boolean;

  /** `isCurrent` tells whether the rows are still those that it began with. */
  constructor(exchange: Exchange, isCurrent: () => boolean) {
    this.#exchange = exchange;
    this.#isCurrent = isCurrent;
  }

  /** Nothing is asked any more. */
  get isOver(): boolean {
    return this.#exchange.outcome !== undefined;
  }

  /** How far it is. */
  get progress(): ExchangeProgress {
    return this.#exchange.progress;
  }

  /** The first requests. */
  start(): readonly Uint8Array[] {
    return this.#exchange.start();
  }

  /**
   * Takes a reply; returns further requests.
   *
   * @throws {DriftlessError} `malformed`
   */
  received(reply: Uint8Array): readonly Uint8Array[] {
    return this.#exchange.received(reply);
  }

  /**
   * What differs, for the machine; `null` when it is not over, the server wants a snapshot to be loaded,
   * or the rows have moved since it began.
   */
  loaded(): LoadedSnapshot | null {
    const { outcome } = this.#exchange;
    if (outcome?.kind !== "repaired" || !this.#isCurrent()) return null;
    const { epoch, cursor, time, rows, gone } = outcome;
    return { epoch, cursor, time, rows, gone };
  }
}
