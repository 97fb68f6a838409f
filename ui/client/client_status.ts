/** How a client is doing: one value for connection, queue, storage and the last error. */
import type { DriftlessError } from "../../core/errors.ts";
import type { Pending } from "../../core/queue.ts";
import { callBack } from "./callbacks.ts";
import type { Integrity } from "./reconcile_report.ts";
import type { StorageReport } from "./storage_report.ts";

/**
 * What a client is doing, at one moment. `client.status` is a signal of it.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const client = createClient(defineApp({ name: "notes", collections: { note } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * const unsent = new Set<number>();
 * const stop = client.status.subscribe((status) => unsent.add(status.unsent));
 * client.setOffline(true);
 * await client.start();
 * await client.mutate("note.create", { id: "n1", data: { text: "Waits for the server" } });
 * if (!unsent.has(0) || !unsent.has(1)) throw new Error();
 * stop();
 * await client.stop();
 * ```
 */
export interface ClientStatus {
  /** `connecting` until the first answer or failure after a start. */
  readonly connection: "stopped" | "connecting" | "online" | "offline";
  /** Mutations that are not confirmed yet. */
  readonly pending: number;
  /** Those of them that the server has not taken yet. */
  readonly unsent: number;
  /** Mutations in quarantine: the server refused them, or they depend on one that it refused. */
  readonly refused: number;
  /** Whether the client is online and the oldest unsent mutation has waited too long. */
  readonly isStuck: boolean;
  /** What failed last; `null` again once the client is online. */
  readonly lastError: DriftlessError | null;
  /** Where the data is kept; `null` before the start. */
  readonly storage: StorageReport | null;
  /** How the rows compare with the server's. */
  readonly integrity: Integrity;
}

/** What the status is made from. */
export type StatusParts = Omit<ClientStatus, "pending" | "unsent" | "refused" | "isStuck">;

/** How long a mutation may wait for a server that answers before the alarm, in milliseconds. */
const STUCK_AFTER_MS = 10_000;

/** Of a client that does not run. */
export const STOPPED: ClientStatus = {
  connection: "stopped",
  pending: 0,
  unsent: 0,
  refused: 0,
  isStuck: false,
  lastError: null,
  storage: null,
  integrity: "unknown",
};

/** Keeps the status, and rings when a queue does not move. */
export class StatusBoard {
  readonly #stuckAfterMs: number;
  readonly #stuck: () => void;
  readonly #shown: ((status: ClientStatus) => void) | undefined;
  #now = STOPPED;
  #alarm: ReturnType<typeof setTimeout> | undefined;
  /** The mutation that the alarm watches. */
  #watched = "";

  /**
   * `stuck` hears when the client is online and a mutation has been unsent for `stuckAfterMs`; `shown`
   * hears of every other status.
   */
  constructor(
    stuckAfterMs: number | undefined,
    stuck: () => void,
    shown: ((status: ClientStatus) => void) | undefined,
  ) {
    this.#stuckAfterMs = stuckAfterMs ?? STUCK_AFTER_MS;
    this.#stuck = stuck;
    this.#shown = shown;
  }

  /** Takes in how things are now. */
  update(
    parts: Partial<StatusParts>,
    queue: readonly Readonly<Pending>[],
    refused: number,
  ): void {
    const before = this.#now;
    const counts = countsOf(queue);
    const next = { ...before, ...parts, ...counts.numbers, refused };
    this.#watch(next.connection === "online" ? counts.oldest : "");
    this.#show({ ...next, isStuck: before.isStuck && this.#watched !== "" });
  }

  /** Nothing is watched any more. */
  stop(): void {
    this.#watch("");
    this.#show(STOPPED);
  }

  #watch(id: string): void {
    if (id === this.#watched) return;
    this.#watched = id;
    clearTimeout(this.#alarm);
    this.#show({ ...this.#now, isStuck: false });
    if (id !== "") this.#alarm = setTimeout(() => this.#ring(), this.#stuckAfterMs);
  }

  #ring(): void {
    this.#show({ ...this.#now, isStuck: true });
    this.#stuck();
  }

  #show(next: ClientStatus): void {
    const before = this.#now;
    const names = Object.keys(next) as (keyof ClientStatus)[];
    if (names.every((name) => next[name] === before[name])) return;
    this.#now = next;
    // An effect of the app that throws must not stop the engine.
    callBack(this.#shown, next);
  }
}

function countsOf(queue: readonly Readonly<Pending>[]): {
  readonly numbers: Pick<ClientStatus, "pending" | "unsent">;
  /** The id of the oldest unsent mutation. */
  readonly oldest: string;
} {
  // Those that are decided stand in front: few, so that a long queue costs no more than a short one.
  const first = queue.findIndex(({ state }) => state !== "acknowledged");
  const unsent = first < 0 ? 0 : queue.length - first;
  const oldest = queue[first]?.mutation.id ?? "";
  return { numbers: { pending: queue.length, unsent }, oldest };
}
