/** What a running client takes in of another one on its device. */
import { assertEquals } from "@std/assert";
import type { PendingRecord } from "../../core/persistence.ts";
import { ClientRig } from "./client_rig.ts";

/** What a client that is gone had in line. */
function left(...adds: readonly number[]): readonly PendingRecord[] {
  const gone = new ClientRig({ name: "gone" });
  for (const by of adds) gone.add("k", by);
  return gone.storage.load().pending;
}

Deno.test("a client takes in the line of another behind its own: ids stay, numbers are its own", () => {
  const rig = new ClientRig();
  rig.goLive();
  const own = rig.add("k", 1);
  rig.take();
  const records = left(10, 100);
  rig.client.adopt(records);
  rig.settle();
  assertEquals(rig.value("k"), 111);
  assertEquals(rig.pushed().map(({ id, seq, name }) => [id, seq, name]), [
    [records[0]?.id, 2, "counter.add"],
    [records[1]?.id, 3, "counter.add"],
  ]);
  assertEquals(rig.storage.load().pending.map(({ id, order }) => [id, order]), [
    [own.id, 1],
    [records[0]?.id, 2],
    [records[1]?.id, 3],
  ]);
});

Deno.test("what was taken in is sent when it is durable, and not before", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  rig.take();
  rig.client.adopt(left(10));
  assertEquals([rig.pushed().length, rig.states(), rig.value("k")], [0, ["local"], 10]);
  rig.settle();
  assertEquals([rig.pushed().length, rig.states()], [1, ["sent"]]);
});

Deno.test("what storage does not take in stays with the other client", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.client.adopt(left(10));
  rig.refuseStorage();
  assertEquals([rig.states(), rig.value("k")], [[], undefined]);
});

Deno.test("what was taken in may have been sent before: it cannot be discarded", () => {
  const rig = new ClientRig();
  const records = left(10);
  rig.client.adopt(records);
  rig.settle();
  let code = "";
  try {
    rig.client.discard(records[0]?.id ?? "");
  } catch (error) {
    ({ code } = error as { code: string });
  }
  assertEquals(code, "conflict");
});
