/** What a session does with presence. */
import { assertEquals } from "@std/assert";
import type { AccessRequest } from "../../core/app.ts";
import { PRESENCE_BYTES_MAX, PRESENCE_PEERS_MAX, PresenceRooms } from "../../core/presence.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import { notesApp } from "./notes_app.ts";
import { ann, bob, ServerRig } from "./server_rig.ts";
import { assertFailure, SessionRig } from "./session_rig.ts";

Deno.test("where everyone may do everything, nobody in particular shows something", () => {
  const rig = new ServerRig({ open: true });
  const rooms = new PresenceRooms({ clock: rig.clock, wake: () => {} });
  const [one, two] = [new SessionRig(rig, null, rooms), new SessionRig(rig, null, rooms)];
  one.hello({ client: "c1" });
  two.hello({ client: "c2" });
  one.say(show("1", false));
  two.say(show(""));
  rooms.turn();
  assertEquals(two.heard(), [told(true, "c1", "1")]);
});

/** Two sessions in one set of rooms. */
function together(authorize?: (request: AccessRequest) => boolean) {
  const rig = new ServerRig(
    authorize === undefined ? {} : { app: { ...notesApp, authorize } },
  );
  const rooms = new PresenceRooms({ clock: rig.clock, wake: () => {} });
  const [one, two] = [new SessionRig(rig, ann, rooms), new SessionRig(rig, bob, rooms)];
  one.hello({ client: "c1" });
  two.hello({ client: "c2" });
  return { rig, rooms, one, two };
}

const show = (data: string, watch = true) => ({ kind: "presence", watch, data }) as const;
const told = (all: boolean, client?: string, data = "") =>
  ({ kind: "peers", all, peers: client === undefined ? [] : [{ client, data }] }) as DownMessage;

Deno.test("what a client shows is told to those who watch the scope", () => {
  const { rooms, one, two } = together();
  assertEquals(one.say(show(`{"at":1}`)), []);
  assertEquals(two.say(show("")), []);
  rooms.turn();
  assertEquals(one.heard(), [told(true)]);
  assertEquals(two.heard(), [told(true, "c1", `{"at":1}`)]);
  one.say(show(""));
  rooms.turn();
  assertEquals(two.heard(), [told(false, "c1")]);
});

Deno.test("what is shown is JSON up to the limit and not one byte more [S11, S15]", () => {
  const { rooms, one, two } = together();
  two.say(show(""));
  for (const bytes of [PRESENCE_BYTES_MAX - 1, PRESENCE_BYTES_MAX]) {
    const data = `"${"x".repeat(bytes - 2)}"`;
    assertEquals(one.say(show(data)), []);
    rooms.turn();
    one.heard();
    assertEquals(two.heard().at(-1)?.kind, "peers");
  }
  const data = `"${"x".repeat(PRESENCE_BYTES_MAX - 1)}"`;
  assertFailure(one.say(show(data)), "too_large", `${PRESENCE_BYTES_MAX} bytes`);
  assertFailure(one.say(show("{")), "invalid_mutation");
  assertFailure(one.say(show(`{"__proto__":1}`)), "invalid_mutation");
  rooms.turn();
  assertEquals(two.heard(), []);
});

Deno.test("presence is heard only behind a hello", () => {
  const rig = new ServerRig();
  assertFailure(new SessionRig(rig).say(show("1")), "invalid_mutation", "say hello first");
});

Deno.test("who may not write watches, and is told that it is not shown [S8]", () => {
  const { rooms, one, two } = together(({ principal, action }) =>
    action === "read" || principal?.id === "bob"
  );
  two.say(show("2"));
  assertEquals(one.say(show("1")), [told(false, "c1")]);
  assertEquals(one.say(show("")), []);
  rooms.turn();
  assertEquals(one.heard(), [told(true, "c2", "2")]);
  assertEquals(two.heard(), [told(true)]);
});

Deno.test("who finds the scope full is told that it is not shown [S11]", () => {
  const { rooms, one } = together();
  const others = Array.from({ length: PRESENCE_PEERS_MAX }, (_, i) => ({
    scope: "home",
    client: `other${i}`,
    principal: "",
    isReady: () => true,
    tell: () => {},
  }));
  for (const member of others) rooms.set(member, false, "1");
  assertEquals(one.say(show("1", false)), [told(false, "c1")]);
});

Deno.test("who may no longer write is hidden, who may no longer read hears no more [S8, S12]", () => {
  let allowed: readonly string[] = ["read", "write"];
  const { rooms, one, two } = together(({ principal, action }) =>
    principal?.id === "bob" || allowed.includes(action)
  );
  one.say(show("1"));
  two.say(show("2"));
  rooms.turn();
  one.heard();
  two.heard();
  one.session.recheck();
  rooms.turn();
  assertEquals([one.heard(), two.heard()], [[], []]);
  allowed = ["read"];
  one.session.recheck();
  rooms.turn();
  assertEquals(two.heard(), [told(false, "c1")]);
  two.say(show("3"));
  rooms.turn();
  assertEquals(one.heard(), [told(false, "c2", "3")]);
  allowed = [];
  one.session.recheck();
  assertFailure(one.heard(), "forbidden");
  two.say(show("4"));
  rooms.turn();
  assertEquals(one.heard(), []);
});

Deno.test("a session that has no room to send is told later", () => {
  const { rooms, one, two } = together();
  two.say(show(""));
  two.isReady = false;
  one.say(show("1"));
  rooms.turn();
  assertEquals(two.heard(), []);
  two.isReady = true;
  rooms.turn();
  assertEquals(two.heard(), [told(true, "c1", "1")]);
});

Deno.test("a connection that ends, or a channel that starts over, leaves with its grace", () => {
  const { rig, rooms, one, two } = together();
  one.say(show("1"));
  two.say(show(""));
  rooms.turn();
  two.heard();
  one.hello({ client: "c1" });
  rooms.turn();
  one.say(show("1"));
  one.session.closed();
  rooms.turn();
  assertEquals(two.heard(), []);
  rig.clock.time += 10_000;
  rooms.turn();
  assertEquals(two.heard(), [told(false, "c1")]);
  assertEquals(one.session.scopes(), new Set());
});
