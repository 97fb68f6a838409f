/** What the engine of a client tells its shell. */
import type { RejectedMutation, SettledMutation } from "../../core/client_output.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import type { Changes } from "./create_client.ts";

/** What others in the scope show. */
export type PeersMessage = Extract<DownMessage, { readonly kind: "peers" }>;

/** What the engine tells of, besides the callbacks in the options. */
export interface EngineEvents {
  /** The view, the queue or the status differs. */
  changed(changes: Changes): void;
  /** A live connection has been greeted: it knows of no topics yet. */
  greeted(): void;
  /** The live connection is gone. */
  lost(): void;
  /** What others show. */
  peers(message: PeersMessage): void;
  /** The server refused a mutation. */
  rejected(rejected: RejectedMutation): void;
  /** A mutation is confirmed. */
  settled(settled: SettledMutation): void;
  /** A message to a topic. */
  event(topic: string, data: string): void;
}
