/** Presence rooms: who is told what, when, and how much of it is kept. */
import { assertEquals } from "@std/assert";
import {
  PRESENCE_BYTES_MAX,
  PRESENCE_GRACE_MS,
  PRESENCE_PEERS_MAX,
  type PresenceMember,
  PresenceRooms,
} from "../../core/presence.ts";
import { PresenceWorld, Watcher } from "./presence_rig.ts";

Deno.test("a watcher is told of everybody first, then of what differs, and never of itself", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann"), world.join("bob")];
  world.rooms.set(ann, true, "1");
  world.rooms.set(bob, true, "2");
  world.turn();
  assertEquals(ann.take(), [{ all: true, peers: { bob: "2" } }]);
  assertEquals(bob.take(), [{ all: true, peers: { ann: "1" } }]);
  world.rooms.set(ann, true, "3");
  world.turn();
  assertEquals(ann.take(), []);
  assertEquals(bob.take(), [{ all: false, peers: { ann: "3" } }]);
});

Deno.test("a watcher that is alone is told so", () => {
  const world = new PresenceWorld();
  const ann = world.join("ann");
  world.rooms.set(ann, true, "");
  world.turn();
  assertEquals(ann.take(), [{ all: true, peers: {} }]);
});

Deno.test("who shows and does not watch hears nothing, and who stops watching hears no more", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann"), world.join("bob")];
  world.rooms.set(ann, false, "1");
  world.rooms.set(bob, true, "");
  world.turn();
  assertEquals([ann.take(), bob.take()], [[], [{ all: true, peers: { ann: "1" } }]]);
  world.rooms.set(bob, false, "");
  world.rooms.set(ann, false, "2");
  world.turn();
  assertEquals(bob.take(), []);
});

Deno.test("of many updates in one turn the newest is told", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann"), world.join("bob")];
  world.rooms.set(bob, true, "");
  world.turn();
  bob.take();
  for (let i = 0; i < 100; i++) world.rooms.set(ann, false, `${i}`);
  world.turn();
  assertEquals(bob.take(), [{ all: false, peers: { ann: "99" } }]);
});

Deno.test("who hides is told of as gone; who never was, or comes and goes unseen, is not", () => {
  const world = new PresenceWorld();
  const [ann, bob, eve] = [world.join("ann"), world.join("bob"), world.join("eve")];
  world.rooms.set(ann, false, "1");
  world.rooms.set(bob, true, "");
  world.rooms.set(eve, false, "");
  world.turn();
  bob.take();
  world.rooms.set(ann, false, "");
  world.rooms.hide(ann);
  world.turn();
  assertEquals(bob.take(), [{ all: false, peers: { ann: "" } }]);
  world.rooms.hide(ann);
  world.rooms.hide(world.join("nobody", { scope: "elsewhere" }));
  world.turn();
  assertEquals(bob.take(), []);
});

Deno.test("a scope is told nothing of another one [S8]", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann", { scope: "one" }), world.join("bob", { scope: "two" })];
  world.rooms.set(ann, true, "1");
  world.rooms.set(bob, true, "2");
  world.turn();
  assertEquals([ann.take(), bob.take()], [[{ all: true, peers: {} }], [{ all: true, peers: {} }]]);
});

Deno.test("a client that leaves is gone after its grace, and not before", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann"), world.join("bob")];
  world.rooms.set(ann, true, "1");
  world.rooms.set(bob, true, "");
  world.turn();
  bob.take();
  world.rooms.leave(ann);
  world.rooms.leave(world.join("nobody"));
  world.rooms.leave(world.join("nobody", { scope: "elsewhere" }));
  for (const elapsed of [PRESENCE_GRACE_MS - 1, 1]) {
    assertEquals(bob.take(), []);
    world.pass(elapsed);
  }
  assertEquals(bob.take(), [{ all: false, peers: { ann: "" } }]);
});

Deno.test("a client that is back within its grace never left", () => {
  const world = new PresenceWorld();
  const [ann, bob] = [world.join("ann"), world.join("bob")];
  world.rooms.set(ann, true, "1");
  world.rooms.set(bob, true, "");
  world.turn();
  bob.take();
  world.rooms.leave(ann);
  world.pass(PRESENCE_GRACE_MS - 1);
  const again = world.join("ann");
  world.rooms.set(again, true, "1");
  world.pass(2 * PRESENCE_GRACE_MS);
  assertEquals(bob.take(), []);
  assertEquals(again.take(), [{ all: true, peers: {} }]);
  world.rooms.leave(ann);
  world.pass(2 * PRESENCE_GRACE_MS);
  assertEquals(bob.take(), [], "the end of the old connection means nothing");
});

Deno.test("each of several who leave has its own grace", () => {
  const world = new PresenceWorld();
  const [ann, bob, eve] = [world.join("ann"), world.join("bob"), world.join("eve")];
  world.rooms.set(ann, false, "1");
  world.rooms.set(bob, false, "2");
  world.rooms.set(eve, true, "");
  world.turn();
  eve.take();
  world.rooms.leave(ann);
  world.pass(1_000);
  world.rooms.leave(bob);
  world.pass(PRESENCE_GRACE_MS - 1_000);
  assertEquals(eve.take(), [{ all: false, peers: { ann: "" } }]);
  world.pass(1_000);
  assertEquals(eve.take(), [{ all: false, peers: { bob: "" } }]);
});

Deno.test("a client id that somebody else shows is not taken over [S12]", () => {
  const world = new PresenceWorld();
  const [ann, eve] = [world.join("c"), world.join("c", { principal: "eve" })];
  assertEquals(world.rooms.set(ann, false, "1"), true);
  assertEquals(world.rooms.set(eve, false, "2"), false);
  assertEquals(world.rooms.set(eve, false, ""), true);
  const bob = world.join("bob");
  world.rooms.set(bob, true, "");
  world.turn();
  assertEquals(bob.take(), [{ all: true, peers: { c: "1" } }]);
});

Deno.test("a scope shows clients up to the limit and not one more, until one leaves [S11]", () => {
  const world = new PresenceWorld();
  const members = Array.from({ length: PRESENCE_PEERS_MAX + 1 }, (_, i) => world.join(`c${i}`));
  const show = (index: number) => world.rooms.set(members[index] as PresenceMember, false, "1");
  for (let i = 0; i < PRESENCE_PEERS_MAX - 1; i++) show(i);
  assertEquals([show(PRESENCE_PEERS_MAX - 1), show(PRESENCE_PEERS_MAX)], [true, false]);
  assertEquals(world.rooms.set(world.join("other", { scope: "other" }), false, "1"), true);
  assertEquals(show(0), true, "who is shown already");
  world.rooms.set(members[0] as PresenceMember, false, "");
  assertEquals(show(PRESENCE_PEERS_MAX), true);
});

Deno.test("what is too much for one message comes in several, in turns", () => {
  const world = new PresenceWorld();
  const data = `"${"x".repeat(PRESENCE_BYTES_MAX - 2)}"`;
  for (let i = 0; i < 30; i++) world.rooms.set(world.join(`c${i}`), false, data);
  const bob = world.join("bob");
  world.rooms.set(bob, true, "");
  world.turn();
  const first = bob.take();
  assertEquals(first.map(({ all, peers }) => [all, Object.keys(peers).length]), [[true, 11]]);
  assertEquals(world.isAwake, true);
  world.turn();
  world.turn();
  const rest = bob.take();
  assertEquals(rest.map(({ all }) => all), [false, false]);
  const names = [...first, ...rest].flatMap(({ peers }) => Object.keys(peers));
  assertEquals(names, Array.from({ length: 30 }, (_, i) => `c${i}`));
  world.turn();
  assertEquals(bob.take(), []);
});

Deno.test("a watcher that is not ready is passed over, and hears how things are when it is [S11]", () => {
  const world = new PresenceWorld();
  const [ann, eve, bob] = [world.join("ann"), world.join("eve"), world.join("bob")];
  world.rooms.set(bob, true, "");
  world.rooms.set(eve, true, "1");
  world.turn();
  bob.take();
  bob.ready = false;
  for (let i = 0; i < 100; i++) {
    world.rooms.set(ann, false, `${i}`);
    world.turn();
  }
  world.rooms.set(eve, true, "");
  world.turn();
  assertEquals(bob.take(), []);
  bob.ready = true;
  world.sleep();
  world.rooms.nudge();
  assertEquals(world.isAwake, true);
  world.turn();
  assertEquals(bob.take(), [{ all: false, peers: { ann: "99", eve: "" } }]);
  world.sleep();
  world.rooms.nudge();
  assertEquals(world.isAwake, false, "nobody has anything to hear");
});

Deno.test("a watcher that missed too many departures starts over [S11]", () => {
  const world = new PresenceWorld();
  const [stays, bob, slow] = [world.join("stays"), world.join("bob"), world.join("slow")];
  world.rooms.set(stays, false, "1");
  world.rooms.set(bob, true, "");
  world.rooms.set(slow, true, "");
  world.turn();
  slow.take();
  slow.ready = false;
  for (let i = 0; i <= PRESENCE_PEERS_MAX; i++) {
    const guest = world.join(`guest${i}`);
    world.rooms.set(guest, false, "1");
    world.rooms.set(guest, false, "");
  }
  world.turn();
  slow.ready = true;
  world.rooms.set(bob, true, "2");
  world.turn();
  assertEquals(slow.take(), [{ all: true, peers: { stays: "1", bob: "2" } }]);
  world.rooms.set(bob, true, "3");
  world.turn();
  assertEquals(slow.take(), [{ all: false, peers: { bob: "3" } }], "once");
});

Deno.test("nothing is kept of a room that everybody has left", () => {
  const world = new PresenceWorld();
  const ann = world.join("ann");
  world.rooms.set(ann, true, "1");
  world.turn();
  world.rooms.leave(ann);
  world.pass(PRESENCE_GRACE_MS);
  world.sleep();
  world.rooms.nudge();
  world.turn();
  assertEquals(world.isAwake, false);
  const bob = world.join("bob");
  world.rooms.set(bob, true, "");
  world.turn();
  assertEquals(bob.take(), [{ all: true, peers: {} }]);
});

Deno.test("a room asks for a turn soon after news, and for one at the end of a grace", () => {
  const wakes: number[] = [];
  const rooms = new PresenceRooms({
    clock: { now: () => 0 },
    wake: (afterMs) => void wakes.push(afterMs),
  });
  const ann = new Watcher("ann", {});
  rooms.set(ann, false, "1");
  assertEquals(Math.max(...wakes) < 100, true);
  rooms.leave(ann);
  wakes.length = 0;
  rooms.turn();
  assertEquals(wakes, [PRESENCE_GRACE_MS]);
});
