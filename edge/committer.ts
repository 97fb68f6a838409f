/**
 * Group commit: pushes that arrive while the disk is busy are decided in one transaction.
 *
 * One fsync then pays for all of them, and nobody is answered before it. A commit behind which nothing
 * waits for its scope ends a burst: it is the one that carries the root.
 *
 * On a store whose data is elsewhere a group is decided when it is durable there; what arrives meanwhile
 * is the next group.
 */
import type { ScopeCommit } from "../core/claims.ts";
import { DriftlessError } from "../core/errors.ts";
import type { MutationResult, PushOutcome, PushRequest, SyncServer } from "../core/server.ts";

/** Mutations in one transaction at the most: it bounds how long the others wait. */
export const COMMIT_MUTATIONS_MAX = 2_000;

/** Hears what was decided, or why nothing was. Called in the turn of the commit. */
export type Decided = (results: readonly MutationResult[] | null, error: unknown) => void;

interface Waiting extends PushRequest {
  readonly decided: Decided;
}

/** What a {@linkcode Committer} is made of. */
export interface CommitterOptions {
  readonly server: SyncServer;
  /** Calls back after the input that is waiting now has been read. */
  readonly defer: (work: () => void) => void;
  /**
   * Hears of every commit, after it is durable and its callers have heard: one that saw its effects
   * before its answer would show them twice. Never throws.
   */
  readonly committed: (commits: readonly ScopeCommit[]) => void;
}

/** Collects pushes and decides them together. */
export class Committer {
  readonly #options: CommitterOptions;
  #waiting: Waiting[] = [];
  /** How many mutations wait for each scope. */
  readonly #waitingIn = new Map<string, number>();
  #scheduled = false;
  /** Whether a group is being decided elsewhere. */
  #isBusy = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /**
   * Decides mutations; resolves when the decision is durable.
   *
   * @throws {DriftlessError} `store_failed`: nothing was decided
   */
  push(request: PushRequest): Promise<readonly MutationResult[]> {
    return new Promise((resolve, reject) => {
      this.submit(request, (results, error) => results === null ? reject(error) : resolve(results));
    });
  }

  /** Decides mutations; `decided` hears of it when the decision is durable, and must not throw. */
  submit(request: PushRequest, decided: Decided): void {
    this.#waiting.push({ ...request, decided });
    this.#count(request, 1);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#isBusy) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      this.#commit();
    });
  }

  #commit(): void {
    const decision = this.#decide(this.#takeGroup());
    if (decision === undefined) return this.#goOn();
    this.#isBusy = true;
    decision.finally(() => {
      this.#isBusy = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#waiting.length > 0) this.#schedule();
  }

  #decide(group: readonly Waiting[]): void | Promise<void> {
    const { server } = this.#options;
    const work = () => server.push(group, (scope) => !this.#waitingIn.has(scope));
    let outcome: PushOutcome | Promise<PushOutcome>;
    try {
      outcome = server.settled(work);
    } catch (error) {
      return this.#failed(group, error);
    }
    if (!(outcome instanceof Promise)) return this.#tell(group, outcome);
    return outcome.then((made) => this.#tell(group, made), (error) => this.#failed(group, error));
  }

  #tell(group: readonly Waiting[], { results, commits }: PushOutcome): void {
    group.forEach(({ decided }, index) => decided(results[index] ?? [], null));
    this.#options.committed(commits);
  }

  /** A disk that fails, fails all. Anything else is the doing of one, and must not cost the others. */
  #failed(group: readonly Waiting[], error: unknown): void | Promise<void> {
    if (group.length > 1 && !(error instanceof DriftlessError)) return this.#oneByOne(group);
    for (const { decided } of group) decided(null, error);
  }

  #oneByOne(group: readonly Waiting[], from = 0): void | Promise<void> {
    for (const [index, one] of group.entries()) {
      if (index < from) continue;
      const decision = this.#decide([one]);
      if (decision !== undefined) return decision.then(() => this.#oneByOne(group, index + 1));
    }
  }

  #takeGroup(): readonly Waiting[] {
    let mutations = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      mutations += waiting.mutations.length;
      if (count > 0 && mutations > COMMIT_MUTATIONS_MAX) break;
      count++;
    }
    const group = this.#waiting.splice(0, count);
    for (const request of group) this.#count(request, -1);
    return group;
  }

  #count({ mutations }: PushRequest, step: number): void {
    for (const { scope } of mutations) {
      const count = (this.#waitingIn.get(scope) ?? 0) + step;
      if (count > 0) this.#waitingIn.set(scope, count);
      else this.#waitingIn.delete(scope);
    }
  }
}
