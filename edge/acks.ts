/** Answers to pushes of one connection, on their way from a commit to its socket. */
import type { MutationResult } from "../core/server.ts";

/**
 * Joins the results of pushes that one commit decided into one message. A client fills its window anew
 * on every answer: many small answers would make many small pushes, and those again.
 */
export class Acks {
  readonly #send: (channel: number, results: readonly MutationResult[]) => void;
  readonly #unsent: Set<Acks>;
  readonly #waiting = new Map<number, MutationResult[]>();

  /** Adds itself to `unsent` when it has something to send. */
  constructor(
    send: (channel: number, results: readonly MutationResult[]) => void,
    unsent: Set<Acks>,
  ) {
    this.#send = send;
    this.#unsent = unsent;
  }

  /** Adds results of a push, behind those before. */
  add(channel: number, results: readonly MutationResult[]): void {
    this.#unsent.add(this);
    const waiting = this.#waiting.get(channel);
    if (waiting === undefined) this.#waiting.set(channel, [...results]);
    else waiting.push(...results);
  }

  /** Sends what there is. */
  flush(): void {
    for (const [channel, results] of this.#waiting) this.#send(channel, results);
    this.#waiting.clear();
  }
}
