/** What one live connection is given by its surroundings, and what it knows of each of its channels. */
import type { Principal } from "./app.ts";
import type { PushedMutation } from "./mutation.ts";
import type { CommitPoke } from "./poke.ts";
import type { Clock } from "./ports.ts";
import type { PresenceMember, PresenceRooms } from "./presence.ts";
import type { SyncServer } from "./server.ts";

/** What a session wants done. */
export interface SessionOutput {
  send(bytes: Uint8Array): void;
  /** Decide these mutations, then tell `decided`. */
  push(channel: number, mutations: readonly PushedMutation[]): void;
  /** Give this to every session of the scope. */
  publish(scope: string, topic: string, data: string): void;
  /**
   * Counts the work of the principal's exchanges, in microseconds; says how long to wait until there is
   * room for more, in milliseconds, or 0.
   */
  spend(work: number): number;
  /** The session now has a channel in this scope. */
  joined(scope: string): void;
  /** Whether what was sent has left: messages that can wait, wait for it. */
  isReady(): boolean;
}

/** What a {@linkcode LiveSession} is made of. */
export interface SessionOptions {
  readonly server: SyncServer;
  readonly principal: Principal | null;
  readonly clock: Clock;
  /** Shared by all sessions. */
  readonly presence: PresenceRooms;
  readonly output: SessionOutput;
  /** How it reads the server's store. @default {at once} */
  readonly settle?: Settle;
}

/**
 * Runs `work` on the server's store, then goes on with what it came to, or with why there is nothing.
 * Until then the session is given nothing else, except that it may be closed; then nothing goes on.
 */
export type Settle = <T>(
  work: () => T,
  then: (value: T) => void,
  failed: (error: unknown) => void,
) => void;

/** One client of one scope, as its connection has it. */
export interface Channel {
  readonly scope: string;
  readonly client: string;
  /** The version of the app that the client runs, when it says so. */
  readonly appVersion: number | undefined;
  readonly topics: Set<string>;
  /** The channel as presence sees it. */
  readonly member: PresenceMember;
  /** Whether it shows something of its client. */
  shows: boolean;
  /** The end of what was sent. */
  cursor: number;
  behind: boolean;
  /** Mutations handed on that are not decided. */
  undecided: number;
  /**
   * Commits that wait for answers: effects of a mutation that its client still counts as undecided
   * would show twice. No more than commits that were made while a push of this channel waited.
   */
  readonly held: CommitPoke[];
}

/** Reads a store that has all its data at hand. */
export function atOnce<T>(
  work: () => T,
  then: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  let value: T;
  try {
    value = work();
  } catch (error) {
    return failed(error);
  }
  then(value);
}
