/** The judge: what every history of the server came to, told by its disk, and what had to come of it. */
import type { Mutation } from "../../core/mutation.ts";
import type { Outcome } from "../../core/store.ts";
import { checkClientOrder, checkDecision, checkNumbering, checkRows } from "./checkers.ts";
import type { Commit } from "./faulty_store.ts";
import { type Decision, History } from "./history.ts";
import { Probes } from "./probes.ts";
import { type Decided, Reference } from "./reference.ts";
import type { RowSet } from "./row_set.ts";
import { BrokenPromise } from "./world.ts";

/** Where a mutation stands among those of its device. */
export interface Place {
  readonly device: string;
  readonly index: number;
  /** The changes that its program had been told of then: from after one cursor to another. */
  readonly seen: { readonly epoch: string; readonly after: number; readonly to: number };
}

/** Keeps the histories of a world. */
export class Judge {
  /** All of them: a restored server starts another. */
  readonly histories: History[] = [];
  /** What came about. */
  readonly probes = new Probes();
  /** The server's clock while it commits, in milliseconds. */
  serverNow = 0;
  /** Who may not write, at this moment. */
  isBarred: (principal: string) => boolean = () => false;
  /**
   * What was refused to a client that the server does not know: it keeps no record of that, so the
   * same mutation may be decided otherwise, and out of its turn, when it comes once more.
   */
  readonly unrecorded = new Set<string>();
  /** The mutations that devices have made. */
  readonly places = new Map<string, Place>();
  readonly isStorageFaulty: boolean;
  readonly #arrived = new Map<string, { mutation: Mutation; principal: string }>();
  /** How it was decided; a restored history decided it under the same circumstances. */
  readonly #decided = new WeakMap<Outcome, Decided>();
  #references = new Map<string, Reference>();
  /** The newest number and time of each client, and the newest mutation of each device. */
  #newest = new Map<string, number>();

  constructor(isStorageFaulty: boolean) {
    this.isStorageFaulty = isStorageFaulty;
  }

  /** The history that the server is writing now. */
  get history(): History {
    return this.histories.at(-1) as History;
  }

  /** The hashes of the rows of a scope at a cursor, in every history that the epoch may mean. */
  hashesOf(scope: string, epoch: string, cursor: number): readonly (number | undefined)[] {
    return this.histories.filter((history) => epoch === "" || history.epoch === epoch)
      .map((history) => history.scope(scope).hashes[cursor]);
  }

  /** The rows of a scope at a cursor: those with the hash, if one of the histories has them. */
  rowsAt(scope: string, epoch: string, cursor: number, hash: number): RowSet | undefined {
    const known = this.histories.filter((history) =>
      history.epoch === epoch && history.scope(scope).changes.length >= cursor
    );
    const same = known.find((history) => history.scope(scope).hashes[cursor] === hash);
    return (same ?? known.at(-1))?.rowsAt(scope, cursor);
  }

  /** A new history starts, or goes on from a backup. */
  open(epoch: string): void {
    this.histories.push(new History(epoch));
    this.#references = new Map();
    this.#newest = new Map();
  }

  /** A mutation has reached the server. */
  arrived(mutation: Mutation, principal: string): void {
    this.#arrived.set(mutation.id, { mutation, principal });
  }

  /** A transaction is durable. */
  committed(commit: Commit): void {
    const { history } = this;
    for (const decision of history.add(commit)) {
      if (this.unrecorded.has(decision.mutation) || this.#isRevived(decision)) continue;
      checkClientOrder(decision, this.places.get(decision.mutation), this.#newest);
    }
    for (const write of commit) {
      const reference = this.#reference(write.scope);
      if (write.kind === "client") {
        checkNumbering(write.record, this.#newest);
        this.#newest.set(`time of ${write.record.client}`, write.record.time);
      } else if (write.kind === "outcome") {
        const decided = this.#decidedOf(write.outcome);
        checkDecision(write.outcome, decided, reference.decide(decided));
      } else if (write.kind === "trim") {
        reference.trim(Math.max(0, reference.cursor - write.retention.changes));
      }
    }
    for (const scope of new Set(commit.map((write) => write.scope))) {
      checkRows(history.scope(scope), this.#reference(scope));
    }
  }

  /**
   * Decided by a history that was lost, and by this one again, from a device whose storage had refused
   * to remove it: it comes when the device finds it, which is out of its turn.
   */
  #isRevived({ mutation }: Decision): boolean {
    return this.isStorageFaulty && this.histories.length > 1 &&
      this.histories.slice(0, -1).some((history) => history.byMutation.has(mutation));
  }

  #reference(scope: string): Reference {
    let reference = this.#references.get(scope);
    if (reference === undefined) this.#references.set(scope, reference = new Reference());
    return reference;
  }

  #decidedOf(outcome: Outcome): Decided {
    let decided = this.#decided.get(outcome);
    if (decided === undefined) {
      const arrived = this.#arrived.get(outcome.mutation);
      if (arrived === undefined) {
        throw new BrokenPromise("exactly-once", `${outcome.mutation} was decided, and never sent`);
      }
      const { client, seq } = outcome;
      const isBarred = this.isBarred(arrived.principal);
      const place = this.places.get(outcome.mutation);
      const isHere = place?.seen.epoch === this.history.epoch;
      decided = {
        ...arrived.mutation,
        client,
        seq,
        isBarred,
        serverNow: this.serverNow,
        seen: isHere ? place.seen : { after: 0, to: 0 },
        clientTime: this.#newest.get(`time of ${client}`) ?? 0,
      };
      this.#decided.set(outcome, decided);
    }
    return decided;
  }
}
