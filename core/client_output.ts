/** The ports of the client machine: what it is given, and everything that it wants done in the world. */
import type { AnyApp, Principal } from "./app.ts";
import type { Divergence } from "./confirmation.ts";
import type { Effect } from "./effects.ts";
import type { DriftlessError } from "./errors.ts";
import type { Mutation } from "./mutation.ts";
import type { PersistBatch, PersistedClient } from "./persistence.ts";
import type { Clock, Random } from "./ports.ts";
import type { ViewChange } from "./view.ts";
import type { UpMessage } from "./wire/messages.ts";

/** A mutation that the server refused, as reported to the app. */
export interface RejectedMutation {
  /** The call, as it was made. */
  readonly mutation: Mutation;
  /** Why; its `code` is the server's. */
  readonly error: DriftlessError;
}

/** A mutation that is confirmed: its effects are in the rows. */
export interface SettledMutation {
  /** The call, as it was made. */
  readonly mutation: Mutation;
  /** What it did on the server; by the newest run on this device where the log did not tell it. */
  readonly effects: readonly Effect[];
}

/** What the machine wants done. Calls come while an event is handled, and must not call back into it. */
export interface ClientOutput {
  /** Store this atomically, after all earlier batches; then tell `persisted` or `persistFailed`. */
  persist(batch: PersistBatch): void;
  /** Send this on the live connection. */
  send(message: UpMessage): void;
  /** Fetch a snapshot; then tell `snapshotLoaded`. */
  needSnapshot(): void;
  /** The view differs: in these records, or in any. */
  changed(changes: readonly ViewChange[] | "everything"): void;
  rejected(rejected: RejectedMutation): void;
  /** An own mutation left the queue, confirmed. */
  settled(settled: SettledMutation): void;
  /** An own mutation of the app came out differently on the server than it does here. */
  diverged(divergence: Divergence): void;
  /** The snapshot has come to the end of the log. */
  synced(cursor: number): void;
  /** The server says that all rows at this cursor, where the snapshot stands, have this digest. */
  rooted(cursor: number, root: Uint8Array): void;
  failed(error: DriftlessError, retryAfterMs: number): void;
  event(topic: string, data: string): void;
}

/** What a {@linkcode SyncClient} is made of. */
export interface SyncClientOptions {
  readonly app: AnyApp;
  readonly scope: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: ClientOutput;
  /** What storage held; absent for a new client. */
  readonly persisted?: PersistedClient;
  /** Who the user is, for mutators that ask. */
  readonly principal?: Principal | null;
}
