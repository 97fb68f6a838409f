/** What a client finds after a crash or a reload, whatever its storage kept. */
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { PersistBatch } from "../../core/persistence.ts";
import { ClientRig, counterChange, DeviceStorage, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

Deno.test("a new client has a name of its own and nothing else", () => {
  const [one, two] = [new ClientRig({ name: "a" }), new ClientRig({ name: "b" })];
  assert(/^[0-9a-f]{16}$/.test(one.client.client));
  assertNotEquals(one.client.client, two.client.client);
  assertEquals([one.client.cursor, one.client.epoch, one.client.pending], [0, "", []]);
  assertEquals(one.take(), []);
});

Deno.test("state survives a crash without a stop: queue, numbers, rows and time [S1, S3, S7]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 1)]));
  const [one, two, three] = [rig.add("k", 10), rig.add("k", 100), rig.add("k", 1_000)];
  rig.accept(5, one);
  const again = rig.restart();
  assertStrictEquals(again.client.client, rig.client.client);
  assertEquals([again.client.cursor, again.client.epoch], [1, "epoch-1"]);
  assertEquals(again.states(), ["acknowledged", "queued", "queued"]);
  assertStrictEquals(again.value("k"), 1_111);
  again.goLive({ cursor: 1, lastSeq: 1 });
  assertEquals(again.pushed().map(({ id, seq, createdAt }) => [id, seq, createdAt]), [
    [two.id, 2, two.createdAt],
    [three.id, 3, three.createdAt],
  ]);
});

Deno.test("a mutation that was never durable is gone after a crash, and was never sent [S1]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  rig.client.mutate("counter.add", { id: "k", by: 1 });
  rig.settle();
  rig.take();
  rig.client.mutate("counter.add", { id: "k", by: 10 });
  assertEquals(rig.pushed(), []);
  const again = rig.restart();
  assertEquals([again.value("k"), again.states()], [1, ["queued"]]);
});

Deno.test("an acknowledged mutation survives a crash until its effects are stored [S6]", () => {
  const rig = new ClientRig();
  rig.goLive();
  rig.accept(3, rig.add("k", 7));
  const again = rig.restart();
  assertEquals([again.value("k"), again.states()], [7, ["acknowledged"]]);
  again.goLive({ cursor: 3, lastSeq: 1 });
  assertEquals(again.pushed(), []);
  again.receive(pokeOf([1, 2, 3].map((cursor) => counterChange(cursor, 7))));
  assertEquals([again.value("k"), again.states()], [7, []]);
});

Deno.test("rows without the removal of what made them: it is removed with the next batch [S5]", () => {
  const rig = new ClientRig();
  rig.goLive();
  rig.accept(1, rig.add("k", 7));
  const kept = rig.storage.load();
  rig.receive(pokeOf([counterChange(1, 7)]));
  const again = rig.restart({
    persisted: { ...kept, replica: rig.storage.load().replica },
  });
  assertEquals([again.value("k"), again.states()], [7, []]);
  again.add("x");
  assertEquals(again.storage.load().pending.length, 1);
});

Deno.test("a new client that takes over rows and a queue goes on from both [S1, S16]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 5)]));
  rig.clock.time += 60_000;
  const mutation = rig.add("k", 10);
  rig.clock.time = START_MS - 60_000;
  const heir = rig.restart({ persisted: { ...rig.storage.load(), identity: null } });
  assertNotEquals(heir.client.client, rig.client.client);
  assertEquals([heir.value("k"), heir.client.cursor], [15, 1]);
  assert(heir.add("k").createdAt > mutation.createdAt);
  heir.goLive({ cursor: 1 });
  assertEquals(heir.pushed().map(({ seq }) => seq), [1, 2]);
});

Deno.test("whatever a crash keeps of the storage's steps, nothing durable is lost or sent out of order [S1, S3, S5]", () => {
  const anyCut = fc.record({ queue: fc.nat(20), rows: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 30, size: "max" }), anyCut, (steps, cut) => {
      const batches: PersistBatch[] = [];
      const rig = new ClientRig({ slowStorage: true });
      const save = () => {
        batches.push(...rig.unsaved);
        rig.settle();
      };
      rig.goLive();
      let cursor = 0;
      const open: { readonly id: string }[] = [];
      for (const step of steps) {
        if (step <= 1) open.push(rig.client.mutate("counter.add", { id: "k", by: 1 }).mutation);
        const first = open[0];
        if (step === 2 && first !== undefined) {
          open.shift();
          rig.accept(cursor + 1, first);
        }
        if (step === 3) rig.receive(pokeOf([counterChange(++cursor, cursor)]));
        save();
      }
      const storage = new DeviceStorage();
      for (const batch of batches.slice(0, cut.queue)) storage.saveQueue(batch);
      for (const batch of batches.slice(0, cut.rows)) storage.saveRows(batch);
      const kept = storage.load();
      const again = new ClientRig({ name: "again", clock: rig.clock, persisted: kept });
      // A queue entry is missing only if it was removed, or never stored.
      const stored = new Set(
        batches.slice(0, cut.queue).flatMap(({ put }) => put.map((e) => e.id)),
      );
      const undecided = kept.pending.filter(({ visibleAt }) => visibleAt === null);
      for (const { id } of undecided) assert(stored.has(id));
      again.goLive({ lastSeq: kept.identity?.decidedSeq ?? 0 });
      const decided = kept.identity?.decidedSeq ?? 0;
      assertEquals(
        again.pushed().map(({ id, seq }) => [id, seq]),
        undecided.map(({ id }, index) => [id, decided + 1 + index]),
      );
    }),
    { numRuns: 200 },
  );
});
