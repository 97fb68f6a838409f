/**
 * What one history of the server came to, as seen on its disk: every change, every decision, and a
 * hash of the rows at every cursor. Checkers judge by this, never by what the server says.
 */
import type { Change } from "../../core/change.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { Commit } from "./faulty_store.ts";
import { RowSet } from "./row_set.ts";
import { BrokenPromise } from "./world.ts";

/** One decision, in the order of the log. */
export interface Decision {
  readonly mutation: string;
  readonly scope: string;
  readonly client: string;
  readonly seq: number;
  /** The scope's cursor after it. */
  readonly cursor: number;
  readonly code: ErrorCode | null;
}

/** One scope. */
export interface ScopeHistory {
  readonly changes: Change[];
  /** The hash of the rows at each cursor, from 0. */
  readonly hashes: number[];
  readonly rows: RowSet;
}

/** One history, from its first commit on. */
export class History {
  readonly epoch: string;
  readonly decisions: Decision[] = [];
  readonly byMutation = new Map<string, Decision>();
  readonly #scopes = new Map<string, ScopeHistory>();

  constructor(epoch: string) {
    this.epoch = epoch;
  }

  scope(name: string): ScopeHistory {
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = { changes: [], hashes: [0], rows: new RowSet() };
      this.#scopes.set(name, scope);
    }
    return scope;
  }

  get scopes(): Iterable<readonly [string, ScopeHistory]> {
    return this.#scopes;
  }

  /** Takes in a durable commit; returns the decisions in it. */
  add(commit: Commit): readonly Decision[] {
    const decisions: Decision[] = [];
    for (const write of commit) {
      if (write.kind === "append") {
        this.#append(write.scope, write.change);
      } else if (write.kind === "outcome") {
        const { mutation, client, seq, cursor, code } = write.outcome;
        if (this.byMutation.has(mutation)) {
          throw new BrokenPromise("exactly-once", `${mutation} was decided a second time`);
        }
        const decision = { mutation, scope: write.scope, client, seq, cursor, code };
        this.byMutation.set(mutation, decision);
        this.decisions.push(decision);
        decisions.push(decision);
      }
    }
    return decisions;
  }

  /** The rows at a cursor, folded from the first change on. */
  rowsAt(scope: string, cursor: number): RowSet {
    const rows = new RowSet();
    for (const { entity, id, json } of this.scope(scope).changes.slice(0, cursor)) {
      rows.set(entity, id, json);
    }
    return rows;
  }

  #append(name: string, change: Change): void {
    const { changes, hashes, rows } = this.scope(name);
    changes.push(change);
    if (change.cursor !== changes.length) {
      throw new BrokenPromise("log", `Change ${change.cursor} came as number ${changes.length}`);
    }
    const held = rows.rows.has(`${change.entity}\0${change.id}`);
    const isRight = change.op === "create" ? !held : held;
    if (!isRight || (change.op === "delete") !== (change.json === null)) {
      throw new BrokenPromise(
        "log",
        `${change.op} of ${change.entity}/${change.id} makes no sense`,
      );
    }
    rows.set(change.entity, change.id, change.json);
    hashes.push(rows.hash);
  }
}
