/** The client and the digest of its rows: when it is told, and repairs that bring only what differs. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { LoadedSnapshot } from "../../core/snapshot.ts";
import { ClientRig, counterChange, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

const ROOT = Uint8Array.from({ length: 32 }, (_, index) => index);

const row = (id: string, value: number) => ({
  entity: "counter",
  id,
  json: JSON.stringify({ value }),
});

/** A client that stands at cursor 3, with the counters `a`, `b` and `c`. */
function standingRig(options = {}): ClientRig {
  const rig = new ClientRig(options);
  rig.client.snapshotLoaded({
    epoch: "epoch-1",
    cursor: 3,
    time: START_MS,
    rows: [row("a", 1), row("b", 2), row("c", 3)],
  });
  rig.settle();
  rig.take();
  return rig;
}

/** The repair that a server at cursor 5 makes of it: `b` differs, `c` is gone. */
const repair: LoadedSnapshot = {
  epoch: "epoch-1",
  cursor: 5,
  time: START_MS,
  rows: [row("b", 20)],
  gone: [{ entity: "counter", id: "c" }],
};

const claims = (rig: ClientRig) => rig.taken("rooted").map(({ cursor, root }) => [cursor, root]);
const values = (rig: ClientRig) => ["a", "b", "c"].map((id) => rig.value(id));

Deno.test("a claim of the welcome is told where the client stands at its cursor, and nowhere else", () => {
  const rig = standingRig();
  rig.goLive({ root: ROOT });
  assertEquals(claims(rig), [[3, ROOT]]);
  rig.goLive({ root: ROOT, cursor: 4 });
  assertEquals(claims(rig), []);
  rig.goLive();
  assertEquals(claims(rig), []);
});

Deno.test("a claim at the end of a burst is told when its changes are in the rows", () => {
  const rig = standingRig();
  rig.goLive();
  rig.take();
  rig.receive({ kind: "poke", from: 3, changes: [counterChange(4, 9)], more: true, root: ROOT });
  assertEquals(claims(rig), []);
  rig.receive({ kind: "poke", from: 4, changes: [counterChange(5, 9)], more: false, root: ROOT });
  assertEquals(claims(rig), [[5, ROOT]]);
  rig.receive({ kind: "poke", from: 5, changes: [], more: false, root: ROOT });
  assertEquals(claims(rig), [[5, ROOT]]);
});

Deno.test("a claim for a place that the rows have passed is not told", () => {
  const rig = standingRig();
  rig.goLive();
  rig.receive(pokeOf([counterChange(4, 9), counterChange(5, 9)]));
  rig.take();
  rig.receive({ kind: "poke", from: 3, changes: [counterChange(4, 9)], more: false, root: ROOT });
  assertEquals(claims(rig), []);
  rig.receive({ kind: "poke", from: 7, changes: [counterChange(8, 9)], more: false, root: ROOT });
  assertEquals(claims(rig), []);
});

Deno.test("a claim is not told while the server owes answers", () => {
  const rig = standingRig();
  rig.goLive();
  rig.add("a", 10);
  rig.client.disconnected();
  rig.goLive({ lastSeq: 1, root: ROOT });
  assertEquals(claims(rig), []);
});

Deno.test("a claim on the last page over HTTP is told", () => {
  const rig = standingRig();
  const page = { epoch: "epoch-1", from: 3, changes: [counterChange(4, 9)] };
  rig.client.pulled({ ...page, more: true, root: ROOT });
  assertEquals(claims(rig), []);
  rig.client.pulled({ epoch: "epoch-1", from: 4, changes: [], more: false, root: ROOT });
  assertEquals(claims(rig), [[4, ROOT]]);
});

Deno.test("a repair changes the rows that it names, and no other one", () => {
  const rig = standingRig();
  rig.client.snapshotLoaded(repair);
  rig.settle();
  assertEquals(values(rig), [1, 20, undefined]);
  assertEquals([rig.client.cursor, [...rig.client.snapshot.rows()].length], [5, 2]);
  assertStrictEquals(rig.client.snapshot.json("counter", "b"), `{"value":20}`);
  assertStrictEquals(rig.client.snapshot.json("counter", "c"), undefined);
  assertEquals(rig.taken("changed").map(({ changes }) => changes), ["everything"]);
  // The next start finds the same.
  const next = rig.restart();
  assertEquals([values(next), next.client.cursor], [[1, 20, undefined], 5]);
});

Deno.test("a repair is stored with the place that the rows stood at before", () => {
  const rig = standingRig();
  rig.client.snapshotLoaded({ ...repair, epoch: "epoch-2" });
  const stored = rig.taken("persist").at(-1);
  const { rows, gone, cursor } = repair;
  const onto = { cursor: 3, epoch: "epoch-1" };
  assertEquals(stored?.batch.replica, {
    kind: "snapshot",
    epoch: "epoch-2",
    cursor,
    rows,
    ...(gone && { gone }),
    onto,
  });
});

Deno.test("a repair keeps what waits, and runs it on the rows that are right", () => {
  const rig = standingRig();
  rig.add("b", 100);
  rig.add("c", 100);
  assertEquals(values(rig), [1, 102, 103]);
  rig.client.snapshotLoaded(repair);
  rig.settle();
  assertEquals(values(rig), [1, 120, 100]);
  assertStrictEquals(rig.client.takeBatch().length, 2);
});

Deno.test("a repair asked for on a live connection lets nothing move beside it, and says hello again", () => {
  const rig = standingRig();
  rig.goLive();
  rig.take();
  rig.client.cursorLost();
  assertEquals(rig.take().map(({ kind }) => kind), ["needSnapshot"]);
  rig.receive(pokeOf([counterChange(4, 9, "a")]));
  assertEquals([rig.client.cursor, rig.value("a")], [3, 1]);
  rig.client.snapshotLoaded(repair);
  const [hello] = rig.sent();
  assert(hello?.kind === "hello" && hello.cursor === 5);
  rig.welcome({ cursor: 5, root: ROOT });
  assertEquals(claims(rig), [[5, ROOT]]);
});

Deno.test("a repair that leads to another history lets acknowledged mutations be sent again", () => {
  const rig = standingRig();
  rig.goLive();
  const mutation = rig.add("a", 10);
  rig.accept(4, mutation);
  rig.client.disconnected();
  rig.client.snapshotLoaded({ ...repair, epoch: "epoch-2", cursor: 2 });
  rig.settle();
  assertEquals([rig.client.epoch, rig.client.cursor], ["epoch-2", 2]);
  assertEquals(values(rig), [11, 20, undefined]);
  assertEquals(rig.client.takeBatch().map(({ id }) => id), [mutation.id]);
});
