/**
 * What a server says of a scope's rows, and the digest beside it that proves it: the tree's root.
 *
 * A root and what it is of are read together, so that no other process's commit comes between. A store
 * that keeps no tree has no roots, and nothing else changes.
 */
import type { Change, LogHead } from "./change.ts";
import { DriftlessError } from "./errors.ts";
import { PULL_LIMIT_DEFAULT, PULL_LIMIT_MAX } from "./limits.ts";
import type { SnapshotReader } from "./store.ts";
import { type AnyStore, isSuspending } from "./suspend.ts";

/** The place that a scope has come to. */
export interface ScopeClaim extends LogHead {
  /** The digest of all rows at `cursor`, 32 bytes. */
  readonly root?: Uint8Array | undefined;
}

/** One page of the log. */
export interface PullPage {
  readonly changes: readonly Change[];
  readonly hasMore: boolean;
  readonly nextCursor: number;
  /** On the last page, the digest of all rows at `nextCursor`, 32 bytes. */
  readonly root?: Uint8Array | undefined;
}

/** All rows of a scope, and what is known of them. */
export interface ScopeSnapshot extends SnapshotReader {
  /** The time of the newest change, in milliseconds. */
  readonly time: number;
  /** The digest of all rows at `cursor`, 32 bytes. */
  readonly root?: Uint8Array | undefined;
}

/** What a commit added to one scope's log; the base of pokes. */
export interface ScopeCommit {
  readonly scope: string;
  readonly changes: readonly Change[];
  /** The digest of all rows after the last change, 32 bytes; only where a burst ends. */
  readonly root?: Uint8Array | undefined;
}

/** Roots that are remembered; one more and the oldest is read again when it is asked for. */
export const ROOTS_MAX = 1_024;

/**
 * Reads with their proof. A root is computed once for each cursor, however many ask for it; a store that
 * suspends its readers keeps what it has fetched itself, and nothing of a run that does not count stays.
 */
export class Claims {
  readonly #store: AnyStore;
  readonly #roots = new Map<string, { readonly cursor: number; readonly root: Uint8Array }>();

  constructor(store: AnyStore) {
    this.#store = store;
  }

  /** Where a scope stands. */
  head(scope: string): ScopeClaim {
    return this.#store.read(() => {
      const head = this.#store.head(scope);
      return { ...head, root: this.#at(scope, head.cursor) };
    });
  }

  /**
   * Changes after a cursor.
   *
   * @throws {DriftlessError} `cursor_too_old` when the log does not reach from the cursor to its end
   */
  pull(scope: string, cursor: number, limit: number): PullPage {
    return this.#store.read(() => {
      const head = this.#store.head(scope);
      if (cursor < head.floor || cursor > head.cursor) {
        throw new DriftlessError("cursor_too_old", `Cannot read the log from cursor ${cursor}`);
      }
      const size = limit <= 0 ? PULL_LIMIT_DEFAULT : Math.min(limit, PULL_LIMIT_MAX);
      const changes = this.#store.changes(scope, cursor, size);
      const nextCursor = changes.at(-1)?.cursor ?? cursor;
      const hasMore = nextCursor < head.cursor;
      const root = hasMore ? undefined : this.#at(scope, nextCursor);
      return { changes, hasMore, nextCursor, root };
    });
  }

  /** All live rows of a scope at its newest cursor. */
  snapshot(scope: string): ScopeSnapshot {
    return this.#store.read(() => {
      const { cursor, time } = this.#store.head(scope);
      const root = this.#at(scope, cursor);
      const reader = this.#store.snapshot(scope);
      return {
        cursor: reader.cursor,
        time,
        next: (limit) => reader.next(limit),
        close: () => reader.close(),
        // A snapshot may have a connection of its own, which sees what others have written since.
        root: reader.cursor === cursor ? root : undefined,
      };
    });
  }

  /** What a commit says of a scope, inside its transaction. */
  ofCommit(scope: string, changes: readonly Change[], ends: boolean): ScopeCommit {
    return { scope, changes, root: ends ? this.#store.tree(scope)?.root : undefined };
  }

  /** Remembers the roots of a commit that is durable. */
  committed(commits: readonly ScopeCommit[]): void {
    for (const { scope, changes, root } of commits) {
      const last = changes.at(-1);
      if (last !== undefined && root !== undefined) this.#remember(scope, last.cursor, root);
    }
  }

  /** The root at the end of the log, which is at `cursor`. */
  #at(scope: string, cursor: number): Uint8Array | undefined {
    const known = this.#roots.get(scope);
    if (known?.cursor === cursor) return known.root;
    const root = this.#store.tree(scope)?.root;
    if (root !== undefined) this.#remember(scope, cursor, root);
    return root;
  }

  #remember(scope: string, cursor: number, root: Uint8Array): void {
    if (isSuspending(this.#store)) return;
    this.#roots.delete(scope);
    this.#roots.set(scope, { cursor, root });
    if (this.#roots.size <= ROOTS_MAX) return;
    const [oldest] = this.#roots.keys();
    if (oldest !== undefined) this.#roots.delete(oldest);
  }
}
