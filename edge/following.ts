/** Looks for commits of other processes in scopes that somebody looks at, where a store can tell. */
import { type AnyStore, isSuspending } from "../core/suspend.ts";

/** The scopes that are looked at. On a store that cannot tell of commits this does nothing. */
export class Following {
  readonly #store: AnyStore;
  readonly #grown: (scope: string) => void;
  readonly #scopes = new Map<string, AbortController>();

  /** `grown` is told of a scope whose log has grown elsewhere, and once when that begins. */
  constructor(store: AnyStore, grown: (scope: string) => void) {
    this.#store = store;
    this.#grown = grown;
  }

  /** Looks at a scope from now on. */
  begin(scope: string): void {
    if (!isSuspending(this.#store) || this.#scopes.has(scope)) return;
    const controller = new AbortController();
    const { signal } = controller;
    this.#scopes.set(scope, controller);
    const grown = (which: string) => {
      if (!signal.aborted) this.#grown(which);
    };
    this.#store.follow(new Set([scope]), grown, signal);
  }

  /** Nobody looks at it any more. */
  end(scope: string): void {
    this.#scopes.get(scope)?.abort();
    this.#scopes.delete(scope);
  }

  /** Ends all. */
  close(): void {
    for (const scope of [...this.#scopes.keys()]) this.end(scope);
  }
}
