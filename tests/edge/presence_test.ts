/** Presence over real sockets: who comes, changes, leaves and returns, and how many are shown. */
import { assertEquals } from "@std/assert";
import type { AccessRequest } from "../../core/app.ts";
import { PRESENCE_BYTES_MAX, PRESENCE_PEERS_MAX } from "../../core/presence.ts";
import { CHANNELS_MAX } from "../../core/session.ts";
import { PROTOCOL_VERSION } from "../../core/wire/messages.ts";
import { LivePeer } from "./live_peer.ts";
import { bearer, withListeningDoors } from "./served_app.ts";

/** A connection whose client has been greeted. */
async function join(port: number, client: string, scope = "s"): Promise<LivePeer> {
  const peer = await LivePeer.open(port);
  await peer.greet({ client, scope });
  return peer;
}

function show(peer: LivePeer, data: string, watch = true, channel = 0): void {
  peer.say({ kind: "presence", watch, data }, channel);
}

/** What a connection is told next of others. */
async function told(peer: LivePeer, channel = 0): Promise<readonly [boolean, object]> {
  const { all, peers } = await peer.hear("peers", channel);
  return [all, Object.fromEntries(peers.map(({ client, data }) => [client, data]))];
}

Deno.test("clients see each other come, change and hide, in their scope alone [S8]", () =>
  withListeningDoors({}, async ({ port }) => {
    const [ann, bob, eve] = [
      await join(port, "ann"),
      await join(port, "bob"),
      await join(port, "eve", "elsewhere"),
    ];
    show(eve, `"secret"`);
    assertEquals(await told(eve), [true, {}]);
    show(ann, "1");
    assertEquals(await told(ann), [true, {}]);
    show(bob, "2");
    assertEquals(await told(bob), [true, { ann: "1" }]);
    assertEquals(await told(ann), [false, { bob: "2" }]);
    show(bob, "3");
    assertEquals(await told(ann), [false, { bob: "3" }]);
    show(bob, "");
    assertEquals(await told(ann), [false, { bob: "" }]);
    show(ann, "1", false);
    await ann.assertQuiet();
    show(bob, "4");
    await bob.assertQuiet();
    for (const peer of [ann, bob, eve]) {
      await peer.assertQuiet();
      await peer.close();
    }
  }));

Deno.test("a client that is gone is told of after its grace", () =>
  withListeningDoors({}, async ({ port }) => {
    const [ann, bob] = [await join(port, "ann"), await join(port, "bob")];
    show(ann, "1", false);
    await ann.assertQuiet();
    show(bob, "");
    assertEquals(await told(bob), [true, { ann: "1" }]);
    await ann.close();
    assertEquals(await told(bob), [false, { ann: "" }]);
    await bob.close();
  }));

Deno.test("a client that returns within its grace never left", () =>
  withListeningDoors({}, async ({ port }) => {
    const [ann, bob] = [await join(port, "ann"), await join(port, "bob")];
    show(ann, "1", false);
    await ann.assertQuiet();
    show(bob, "");
    assertEquals(await told(bob), [true, { ann: "1" }]);
    await ann.close();
    const again = await join(port, "ann");
    show(again, "1");
    assertEquals(await told(again), [true, {}]);
    show(again, "2");
    assertEquals(await told(bob), [false, { ann: "2" }], "the next that is told of it");
    await again.close();
    await bob.close();
  }));

Deno.test("a scope shows clients up to the limit, and tells one more that it is not shown [S11]", () =>
  withListeningDoors({}, async ({ port }) => {
    const count = PRESENCE_PEERS_MAX + 1;
    const peers: LivePeer[] = [];
    for (let first = 0; first < count; first += CHANNELS_MAX) {
      const peer = await LivePeer.open(port);
      peers.push(peer);
      const clients = Array.from(
        { length: Math.min(CHANNELS_MAX, count - first) },
        (_, channel) => ({ channel, client: `c${first + channel}` }),
      );
      // All at once: a round trip for each would take long.
      for (const { channel, client } of clients) {
        const where = { client, scope: "s", cursor: 0, epoch: "" };
        peer.say({ kind: "hello", protocol: PROTOCOL_VERSION, ...where }, channel);
      }
      for (const { channel } of clients) await peer.hear("welcome", channel);
      for (const { channel } of clients) show(peer, "1", false, channel);
      if (first + clients.length === count) {
        const { channel, client } = clients.at(-1) as typeof clients[number];
        assertEquals(await told(peer, channel), [false, { [client]: "" }]);
      }
      // Nothing but the last one was refused.
      await peer.assertQuiet();
    }
    show(peers[0] as LivePeer, "", false);
    await peers[0]?.assertQuiet();
    const last = peers.at(-1) as LivePeer;
    show(last, "2", false, (count - 1) % CHANNELS_MAX);
    await last.assertQuiet();
    for (const peer of peers) await peer.close();
  }));

Deno.test("what is shown is JSON within the limit, and harms nothing beyond [S11, S15]", () =>
  withListeningDoors({}, async ({ port }) => {
    const [ann, bob] = [await join(port, "ann"), await join(port, "bob")];
    show(bob, "");
    assertEquals(await told(bob), [true, {}]);
    for (const bytes of [PRESENCE_BYTES_MAX - 1, PRESENCE_BYTES_MAX]) {
      const data = `"${"x".repeat(bytes - 2)}"`;
      show(ann, data, false);
      assertEquals(await told(bob), [false, { ann: data }]);
    }
    show(ann, `"${"x".repeat(PRESENCE_BYTES_MAX - 1)}"`, false);
    assertEquals((await ann.hear("failure")).code, "too_large");
    show(ann, "{", false);
    assertEquals((await ann.hear("failure")).code, "invalid_mutation");
    await bob.assertQuiet();
    await ann.close();
    await bob.close();
  }));

Deno.test("who may only read watches and is not shown, who may not read does neither [S8]", () => {
  const authorize = ({ principal, scope, action }: AccessRequest) =>
    scope === "s" && (action === "read" || principal?.id === "anna");
  return withListeningDoors({ signed: true, authorize }, async ({ port }) => {
    const anna = await LivePeer.open(port, await bearer("anna"));
    const ben = await LivePeer.open(port, await bearer("ben"));
    await anna.greet({ client: "anna" });
    await ben.greet({ client: "ben" });
    show(anna, "1");
    assertEquals(await told(anna), [true, {}]);
    show(ben, "2");
    assertEquals(await told(ben), [false, { ben: "" }]);
    assertEquals(await told(ben), [true, { anna: "1" }]);
    await anna.assertQuiet();
    ben.say({ kind: "hello", protocol: 1, client: "b", scope: "t", cursor: 0, epoch: "" }, 1);
    assertEquals((await ben.hear("failure", 1)).code, "forbidden");
    show(ben, "2", true, 1);
    assertEquals((await ben.hear("failure", 1)).code, "invalid_mutation");
    await anna.close();
    await ben.close();
  });
});
