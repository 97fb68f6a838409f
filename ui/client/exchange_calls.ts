/** The requests of an exchange and their replies: on the live connection, or over HTTP without one. */
import type { ExchangeProgress } from "../../core/reconcile/exchange.ts";
import type { LoadedSnapshot } from "../../core/snapshot.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import type { ReconcileClientOptions } from "./lazy_reconciler.ts";
import type { ExchangeWay, ReplicaTree } from "./replica_tree.ts";

type CallOptions = Pick<
  ReconcileClientOptions,
  "http" | "live" | "isGreeted" | "welcome"
>;
type Ask = (request: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;

interface Waiting {
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (reason: Error) => void;
}

const PATH = "/_sync/reconcile";
const TYPE = "application/x-protobuf";
/** Answers of a server that will not know of exchanges the next time either. */
const UNKNOWN_STATUSES: readonly number[] = [404, 405, 426, 501];

/** Runs the exchanges of one client, one at a time. */
export class ExchangeCalls {
  readonly #options: CallOptions;
  #waiting: Waiting[] = [];
  /** The server knows of no exchanges, or keeps no digests. */
  #isUnknown = false;

  constructor(options: CallOptions) {
    this.#options = options;
  }

  /** The live connection brought a message; returns whether it answers a request. */
  received(message: DownMessage): boolean {
    if (message.kind === "reconcile") {
      this.#waiting.shift()?.resolve(message.body);
      return true;
    }
    if (message.kind !== "failure" || this.#waiting.length === 0) return false;
    this.#fail(new Error(message.error));
    return true;
  }

  /** The live connection is gone. */
  closed(): void {
    this.#fail(new Error("The connection is gone"));
  }

  /** Finds what differs; `null` when it cannot be found, or is too much. */
  async run(
    tree: ReplicaTree,
    signal: AbortSignal,
    told: (progress: ExchangeProgress) => void,
  ): Promise<LoadedSnapshot | null> {
    if (this.#isUnknown) return null;
    const { isGreeted } = this.#options;
    const welcome = this.#options.welcome();
    if (isGreeted() && welcome?.root !== undefined) {
      const way = {
        isSelfContained: false,
        serverEpoch: welcome.epoch,
        serverCursor: welcome.cursor,
      };
      try {
        return await this.#drive(tree, way, (request) => this.#askLive(request), signal, told);
      } catch (error) {
        // Only what the connection took with it is worth a second try.
        if (isGreeted()) throw error;
      }
    }
    const way = { isSelfContained: true, serverEpoch: welcome?.epoch };
    return await this.#drive(tree, way, (...args) => this.#askHttp(...args), signal, told);
  }

  async #drive(
    tree: ReplicaTree,
    way: ExchangeWay,
    ask: Ask,
    signal: AbortSignal,
    told: (progress: ExchangeProgress) => void,
  ): Promise<LoadedSnapshot | null> {
    const exchange = tree.exchange(way);
    const failure = new AbortController();
    const limit = AbortSignal.any([signal, failure.signal]);
    const silent = () => failure.abort(new Error("The server is silent"));
    let timer = setTimeout(silent, this.#options.http.timeoutMs);
    const { promise: over, resolve, reject } = Promise.withResolvers<void>();
    const answered = async (request: Uint8Array): Promise<void> => {
      const reply = await within(limit, ask(request, limit));
      limit.throwIfAborted();
      clearTimeout(timer);
      timer = setTimeout(silent, this.#options.http.timeoutMs);
      const next = exchange.received(reply);
      told(exchange.progress);
      // Replies to requests that were sent beside may still be under way.
      if (exchange.isOver) resolve();
      else await Promise.all(next.map(answered));
    };
    try {
      Promise.all(exchange.start().map(answered)).then(() => resolve(), reject);
      await over;
      return exchange.loaded();
    } finally {
      clearTimeout(timer);
      // What is under way still is of no use any more.
      failure.abort();
      this.#waiting = [];
    }
  }

  #askLive(body: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#options.live.send({ kind: "reconcile", body });
    });
  }

  async #askHttp(body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { http } = this.#options;
    const response = await http.send(PATH, TYPE, body as Uint8Array<ArrayBuffer>, signal);
    const reply = await response.arrayBuffer();
    if (UNKNOWN_STATUSES.includes(response.status)) this.#isUnknown = true;
    if (!response.ok) throw new Error(`The server answers ${response.status}`);
    return new Uint8Array(reply);
  }

  #fail(reason: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}

/** What the work gives, unless the signal ends it. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => reject(signal.reason);
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener("abort", end));
}
