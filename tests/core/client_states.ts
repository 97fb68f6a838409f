/** The states of a client's connection: for every state and event, the next state and what is wanted. */

/** Where a client is with its live connection. */
export type State = "offline" | "greeting" | "resetting" | "live";

/** What may happen to it, in the words of `core/SPEC.md`. */
export type Event =
  | "connected"
  | "disconnected"
  | "welcome, in step"
  | "welcome, behind"
  | "welcome, reset"
  | "welcome, other history"
  | "welcome, other numbers"
  | "answers"
  | "answers, gap"
  | "poke, next"
  | "poke, next, more"
  | "poke, after a gap"
  | "failure, cursor too old"
  | "failure, other"
  | "snapshot loaded"
  | "page pulled"
  | "page of other history"
  | "cursor lost"
  | "push over HTTP failed"
  | "call made durable";

/** What a client wants done: effects, with each message under its kind. */
export type Want =
  | "persist"
  | "changed"
  | "rejected"
  | "rooted"
  | "synced"
  | "failed"
  | "snapshot"
  | "hello"
  | "push"
  | "next";

/** A cell of the table. */
export interface Cell {
  readonly next: State;
  readonly wants: readonly Want[];
}

const to = (next: State, ...wants: readonly Want[]): Cell => ({ next, wants });

/** Everywhere the client has one mutation waiting; live and resetting, it has been sent. */
export const TRANSITIONS: Readonly<Record<Event, Readonly<Record<State, Cell>>>> = {
  "connected": {
    offline: to("greeting", "hello"),
    greeting: to("greeting", "hello"),
    resetting: to("greeting", "hello"),
    live: to("greeting", "hello"),
  },
  "disconnected": {
    offline: to("offline"),
    greeting: to("offline"),
    resetting: to("offline"),
    live: to("offline"),
  },
  "welcome, in step": {
    offline: to("offline"),
    greeting: to("live", "synced", "push"),
    resetting: to("live", "synced"),
    live: to("live", "synced"),
  },
  "welcome, behind": {
    offline: to("offline"),
    greeting: to("live", "push"),
    resetting: to("live"),
    live: to("live"),
  },
  "welcome, reset": {
    offline: to("offline"),
    greeting: to("resetting", "snapshot"),
    resetting: to("resetting", "snapshot"),
    live: to("resetting", "snapshot"),
  },
  "welcome, other history": {
    offline: to("offline"),
    greeting: to("resetting", "persist", "snapshot"),
    resetting: to("resetting", "persist", "snapshot"),
    live: to("resetting", "persist", "snapshot"),
  },
  "welcome, other numbers": {
    offline: to("offline"),
    greeting: to("greeting", "persist", "hello"),
    resetting: to("greeting", "persist", "hello"),
    live: to("greeting", "persist", "hello"),
  },
  "answers": {
    offline: to("offline"),
    greeting: to("greeting"),
    resetting: to("resetting", "persist"),
    live: to("live", "persist"),
  },
  "answers, gap": {
    offline: to("offline"),
    greeting: to("greeting"),
    resetting: to("greeting", "persist", "hello"),
    live: to("greeting", "persist", "hello"),
  },
  "poke, next": {
    offline: to("offline"),
    greeting: to("greeting", "persist", "changed", "synced"),
    resetting: to("resetting"),
    live: to("live", "persist", "changed", "synced"),
  },
  "poke, next, more": {
    offline: to("offline"),
    greeting: to("greeting", "persist", "changed"),
    resetting: to("resetting"),
    live: to("live", "persist", "changed", "next"),
  },
  "poke, after a gap": {
    offline: to("offline"),
    greeting: to("greeting"),
    resetting: to("resetting"),
    live: to("live", "next"),
  },
  "failure, cursor too old": {
    offline: to("offline"),
    greeting: to("resetting", "snapshot"),
    resetting: to("resetting", "snapshot"),
    live: to("resetting", "snapshot"),
  },
  "failure, other": {
    offline: to("offline"),
    greeting: to("greeting", "failed"),
    resetting: to("resetting", "failed"),
    live: to("live", "failed"),
  },
  "snapshot loaded": {
    offline: to("offline", "persist", "changed", "synced"),
    greeting: to("greeting", "persist", "changed", "synced", "hello"),
    resetting: to("greeting", "persist", "changed", "synced", "hello"),
    live: to("greeting", "persist", "changed", "synced", "hello"),
  },
  "page pulled": {
    offline: to("offline", "persist", "changed", "synced"),
    greeting: to("greeting", "persist", "changed", "synced"),
    resetting: to("resetting"),
    live: to("live", "persist", "changed", "synced"),
  },
  "page of other history": {
    offline: to("offline", "persist", "snapshot"),
    greeting: to("resetting", "persist", "snapshot"),
    resetting: to("resetting", "persist", "snapshot"),
    live: to("resetting", "persist", "snapshot"),
  },
  "cursor lost": {
    offline: to("offline", "snapshot"),
    greeting: to("resetting", "snapshot"),
    resetting: to("resetting", "snapshot"),
    live: to("resetting", "snapshot"),
  },
  "push over HTTP failed": {
    offline: to("offline"),
    greeting: to("greeting"),
    resetting: to("resetting"),
    live: to("live", "push"),
  },
  "call made durable": {
    offline: to("offline"),
    greeting: to("greeting"),
    resetting: to("resetting"),
    live: to("live", "push"),
  },
};

/** A cell as `core/SPEC.md` writes it; a dash where nothing happens. */
export function cellText(state: State, { next, wants }: Cell): string {
  if (next === state && wants.length === 0) return "–";
  return wants.length === 0 ? next : `${next}: ${wants.join(", ")}`;
}
