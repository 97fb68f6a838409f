/** Every state of a client's connection under every event, as the table says. */
import { assert, assertEquals } from "@std/assert";
import { ClientRig, counterChange, type Effect, pokeOf } from "./client_rig.ts";
import { type Event, type State, TRANSITIONS, type Want } from "./client_states.ts";
import { START_MS } from "./rows.ts";

const snapshot = { epoch: "epoch-1", cursor: 9, time: START_MS, rows: [] } as const;
const answer = { cursor: 9, lastSeq: 1, code: null, error: null } as const;

const EVENTS: Readonly<Record<Event, (rig: ClientRig) => void>> = {
  "connected": ({ client }) => client.connected(),
  "disconnected": ({ client }) => client.disconnected(),
  "welcome, in step": (rig) => rig.welcome({ lastSeq: 0 }),
  "welcome, behind": (rig) => rig.welcome({ lastSeq: 0, cursor: 9 }),
  "welcome, reset": (rig) => rig.welcome({ lastSeq: 0, reset: true }),
  "welcome, other history": (rig) => rig.welcome({ lastSeq: 0, epoch: "epoch-2" }),
  "welcome, other numbers": (rig) => rig.welcome({ lastSeq: 5 }),
  "answers": (rig) => rig.receive({ kind: "ack", results: [{ id: waiting(rig), ...answer }] }),
  "answers, gap": (rig) => {
    const gap = {
      id: waiting(rig),
      ...answer,
      lastSeq: 5,
      code: "sequence_gap",
      error: "",
    } as const;
    rig.receive({ kind: "ack", results: [gap] });
  },
  "poke, next": (rig) => rig.receive(pokeOf([counterChange(4, 4)])),
  "poke, next, more": (rig) => rig.receive(pokeOf([counterChange(4, 4)], true)),
  "poke, after a gap": (rig) => rig.receive(pokeOf([counterChange(6, 6)])),
  "failure, cursor too old": (rig) => fail(rig, "cursor_too_old"),
  "failure, other": (rig) => fail(rig, "unavailable"),
  "snapshot loaded": ({ client }) => client.snapshotLoaded(snapshot),
  "page pulled": ({ client }) => client.pulled(pageOf("epoch-1")),
  "page of other history": ({ client }) => client.pulled(pageOf("epoch-2")),
  "cursor lost": ({ client }) => client.cursorLost(),
  "push over HTTP failed": ({ client }) => client.pushFailed(),
  "call made durable": (rig) => {
    const { token } = rig.client.mutate("counter.add", { id: "k", by: 1 });
    rig.take();
    rig.client.persisted(token);
  },
};

function waiting({ client }: ClientRig): string {
  return client.pending[0]?.mutation.id ?? "";
}

function fail(rig: ClientRig, code: "cursor_too_old" | "unavailable"): void {
  rig.receive({ kind: "failure", code, error: "", retryAfterMs: 0 });
}

function pageOf(epoch: string) {
  return { epoch, from: 3, changes: [counterChange(4, 4)], more: false };
}

/** A client at cursor 3 with one durable mutation waiting, in a state. */
function rigIn(state: State): ClientRig {
  const rig = new ClientRig();
  rig.client.pulled({
    epoch: "epoch-1",
    from: 0,
    changes: [1, 2, 3].map((cursor) => counterChange(cursor, cursor)),
    more: false,
  });
  rig.add("k");
  if (state !== "offline") rig.client.connected();
  if (state === "live" || state === "resetting") rig.welcome({ lastSeq: 0 });
  if (state === "resetting") fail(rig, "cursor_too_old");
  rig.take();
  return rig;
}

/** Tells the state from outside, by what the client still takes; it is of no use afterwards. */
function probe(rig: ClientRig): State {
  if (rig.client.isLive) return "live";
  const { cursor, epoch } = rig.client;
  const page = { epoch, from: cursor, changes: [counterChange(cursor + 1, 0)], more: false };
  rig.receive({ kind: "poke", ...page });
  if (rig.client.cursor > cursor) return "greeting";
  rig.take();
  fail(rig, "unavailable");
  return rig.taken("failed").length === 0 ? "offline" : "resetting";
}

function wantOf(effect: Effect): Want | null {
  if (effect.kind === "needSnapshot") return "snapshot";
  if (effect.kind !== "send") return effect.kind === "event" ? null : effect.kind;
  const { kind } = effect.message;
  assert(kind === "hello" || kind === "push" || kind === "next");
  return kind;
}

Deno.test("every state goes on from every event as the table says [S7, S12]", () => {
  for (const [event, row] of Object.entries(TRANSITIONS)) {
    for (const [state, { next, wants }] of Object.entries(row)) {
      const rig = rigIn(state as State);
      EVENTS[event as Event](rig);
      const wanted = rig.take().map(wantOf);
      assertEquals([event, state, wanted], [event, state, wants]);
      assertEquals([event, state, probe(rig)], [event, state, next]);
    }
  }
});

Deno.test("no event but answers takes anything out of the queue [S1, S6]", () => {
  for (const [event, act] of Object.entries(EVENTS)) {
    for (const state of ["offline", "greeting", "resetting", "live"] as const) {
      const rig = rigIn(state);
      const id = waiting(rig);
      act(rig);
      assertEquals([event, waiting(rig)], [event, id]);
      assertEquals([event, rig.restart().client.pending[0]?.mutation.id], [event, id]);
    }
  }
});
