/** What the runtime of islands is given by its surroundings, and gives them. */
import type { Principal } from "../core/app.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Random } from "../core/ports.ts";
import type { Island, IslandScope } from "./island.ts";
import type { LiveSync } from "./live_collections.ts";
import type { IslandStorage } from "./live_holder.ts";
import type { IslandProgram } from "./program.ts";

/** An island and what its template was compiled to. */
export interface CompiledIsland {
  readonly island: Island;
  readonly program: IslandProgram;
}

/** What is asked of {@linkcode LiveHostOptions.authorize}. */
export interface IslandAccess {
  readonly principal: Principal | null;
  /** The island's name. */
  readonly island: string;
  readonly scope: IslandScope;
}

/** What a {@linkcode LiveHost} is made of. */
export interface LiveHostOptions {
  readonly islands: Readonly<Record<string, CompiledIsland>>;
  /** Milliseconds. */
  readonly now: () => number;
  readonly random: Random;
  /** Call `turn` once this many milliseconds have passed; an earlier call counts. 0 is soon. */
  readonly wake: (afterMs: number) => void;
  /** Whether a principal may see an island. */
  readonly authorize: (request: IslandAccess) => boolean;
  readonly storage?: IslandStorage;
  readonly sync?: LiveSync;
  /** Told of errors that pages must not see, and of what the author should know. */
  readonly onFailure: (error: unknown, where: string) => void;
}

/** What a page is asked for. */
export interface PageRequest {
  readonly principal: Principal | null;
  /** The islands in it, by name; the same one may be there several times. */
  readonly names: readonly string[];
  /** Its address, without the origin. */
  readonly url: string;
  /** What an island of the same page resumes with, to go on with that page. */
  readonly session?: string;
}

/** An island in a page. */
export interface PageIsland {
  readonly html: string;
  /** What the page resumes with. */
  readonly session: string;
  /** The patch that the markup is the state after. */
  readonly seq: number;
  /** The numbers of its block instances; empty when they count from 0. */
  readonly numbers: Uint8Array;
  /** The hash of the table that the markup goes by. */
  readonly table: string;
}

/** A connection as its door has it. */
export interface UiConnection {
  readonly principal: Principal | null;
  /** Sends the body of a message; the same bytes go to all tabs that see the same. */
  send(body: Uint8Array): void;
  /** Whether what was sent before has left. When it has, call `drained`. */
  isReady(): boolean;
  /** Ends the connection for good. */
  close(code: ErrorCode): void;
}
