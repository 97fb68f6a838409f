/** Sync on every platform: the doors over HTTP, and clients with live connections. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LIVE_MESSAGE_BYTES_MAX, PUSH_BATCH_MAX, PUSH_BODY_BYTES_MAX } from "../../core/limits.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import type { ReconcileProgress } from "../../ui/client/reconcile_report.ts";
import { damage } from "../client/reconcile_rig.ts";
import type { EndToEndCase } from "./cases.ts";
import type { SiteClient } from "./world.ts";

/** Rows of the scope that is evicted from, and how many of them are. */
const ROWS = 1_000;
const EVICTED = 7;

/** Rows whose push is close to the most that one may have, and the length of their texts. */
const LARGE = 60;
const LARGE_UNITS = 8_000;

/** A mutation that makes a note. */
export function creation(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { id: `m-${id}`, name: "note.create", args: { id, data: { text: id } }, ...more };
}

export const SYNC_CASES: readonly EndToEndCase[] = [
  {
    name: "push, pull and snapshot answer in the shapes of the protocol",
    async run(world) {
      const { scope } = world;
      const [made] = await world.push([creation("a")]);
      assertEquals([made?.ok, made?.id, made?.cursor], [true, "m-a", 1]);
      await world.push([creation("b")]);
      const page = await world.ask("/_sync/pull", { scope, cursor: 0, limit: 1 });
      assertEquals([page.has_more, page.next_cursor], [true, 1]);
      const last = await world.ask("/_sync/pull", { scope, cursor: 1 });
      const [change] = last.changes as readonly Record<string, unknown>[];
      assertEquals([change?.id, change?.entity, change?.cursor], ["b", "note", 2]);
      assertEquals([last.has_more, last.next_cursor], [false, 2]);
      const snapshot = await world.ask("/_sync/snapshot", { scope });
      assertEquals(snapshot.data, { note: { a: { text: "a" }, b: { text: "b" } } });
      assertEquals([snapshot.cursor, snapshot.root], [2, last.root]);
      assertMatch(`${last.root}`, /^[\w-]{43}$/);
    },
  },
  {
    name: "a mutation is decided once, whoever sends it again, and in the order of its client",
    async run(world) {
      const append = (seq: number, more = {}) => ({
        ...{ id: `a${seq}`, client: "c", seq, name: "journal.append" },
        ...{ args: { id: "j", entry: `${seq}` }, ...more },
      });
      const results = await world.push([append(1), append(2)]);
      assertEquals(results.map(({ ok, cursor }) => [ok, cursor]), [[true, 1], [true, 2]]);
      const again = await world.push([append(1), append(2), append(3)]);
      assertEquals(again.map(({ ok, id }) => [ok, id]), [[true, "a1"], [true, "a2"], [true, "a3"]]);
      const [early] = await world.push([append(7)]);
      assertEquals([early?.ok, early?.code], [false, "sequence_gap"]);
      const twice = await Promise.all([world.push([append(4)]), world.push([append(4)])]);
      assertEquals(twice.map(([result]) => result?.ok), [true, true]);
      const { journal } = await world.rows();
      assertEquals(journal, { j: { entries: ["1", "2", "3", "4"], count: 4 } });
    },
  },
  {
    name: "what a rule or a schema refuses has no effect, is told, and blocks nothing behind it",
    async run(world) {
      const claim = (id: string) => ({ id: `c-${id}`, name: "note.claim", args: { id, text: id } });
      const results = await world.push([
        ...[claim("1"), claim("2"), claim("3"), claim("4")],
        { id: "odd", name: "note.create", args: { id: "odd", data: { text: "" } } },
        { id: "unknown", name: "note.nothing", args: {} },
        creation("behind"),
      ]);
      assertEquals(results.map(({ ok }) => ok), [true, true, true, false, false, false, true]);
      const codes = results.filter(({ ok }) => !ok).map(({ code }) => code);
      assertEquals(codes, ["rejected", "invalid_record", "not_found"]);
      assertEquals(Object.keys((await world.rows()).note ?? {}).sort(), ["1", "2", "3", "behind"]);
    },
  },
  {
    name: "what is no request, or more than the limits, is refused with a code",
    async run(world) {
      await world.refused(await world.post("/_sync/push", "{"), 400, "malformed");
      await world.refused(await world.post("/_sync/push", {}), 400, "invalid_mutation");
      for (
        const [count, isTaken] of [[PUSH_BATCH_MAX, true], [PUSH_BATCH_MAX + 1, false]] as const
      ) {
        const mutations = Array.from(
          { length: count },
          (_, index) => ({ scope: world.scope, ...creation(`${count}-${index}`) }),
        );
        const response = await world.post("/_sync/push", { mutations });
        if (!isTaken) await world.refused(response, 400, "invalid_mutation");
        else assertEquals((await response.json()).results.length, count);
      }
      for (const more of [-1, 0, 1]) {
        const body = `{"mutations":[]}`.padEnd(PUSH_BODY_BYTES_MAX + more);
        const response = await world.post("/_sync/push", body);
        assertEquals((await response.json()).code, more > 0 ? "too_large" : "invalid_mutation");
      }
      const elsewhere = await fetch(`${world.url}/_sync/none`);
      await world.refused(elsewhere, 404, "not_found");
      await world.refused(await fetch(`${world.url}/_sync/push`), 405, "method_not_allowed");
      const plain = await fetch(`${world.url}/_live`);
      await world.refused(plain, 426, "upgrade_required");
    },
  },
  {
    name: "a push of several scopes is decided in each, with the results in their order",
    async run(world) {
      const scopes = [0, 1, 2].map((number) => `${world.scope}-${number}`);
      const mutations = Array.from({ length: 30 }, (_, at) => {
        return creation(`n${at}`, { scope: scopes[at % 3] });
      });
      mutations[7] = creation("n7", { scope: "closed" });
      const shut = await world.post("/_sync/push", { mutations });
      if (shut.status === 200) {
        const { results } = await shut.json();
        assertEquals(
          results.map(({ ok }: { ok: boolean }) => ok),
          mutations.map((_, at) => at !== 7),
        );
      } else await world.refused(shut, 403, "forbidden");
      mutations[7] = creation("n7", { scope: scopes[1] });
      const results = await world.push(mutations);
      assertEquals(results.map(({ ok, id }) => [ok, id]), mutations.map(({ id }) => [true, id]));
      for (const [number, scope] of scopes.entries()) {
        const { data } = await world.ask<{ data: Record<string, object> }>("/_sync/snapshot", {
          scope,
        });
        const own = mutations.flatMap((_, at) => at % 3 === number ? [`n${at}`] : []);
        assertEquals(Object.keys(data.note ?? {}).sort(), own.sort());
      }
    },
  },
  {
    name: "a push as large as one may be is one push, and comes back from log and snapshot",
    async run(world) {
      const texts = Array.from({ length: LARGE }, (_, at) => `${at} `.padEnd(LARGE_UNITS, "é"));
      const mutations = texts.map((text, at) =>
        creation(`${at}`, { args: { id: `${at}`, data: { text } } })
      );
      const results = await world.push(mutations);
      assertEquals(results.filter(({ ok }) => ok).length, LARGE);
      const client = world.client();
      await client.start();
      await client.sync();
      for (const [at, text] of texts.entries()) {
        assertEquals(client.collection("note").get(`${at}`)?.text, text);
      }
      const rows = Object.fromEntries(texts.map((text, at) => [`${at}`, { text }]));
      assertEquals(await world.rows(), { note: rows });
      assertEquals((await client.audit()).server, "equal");
    },
  },
  {
    name: "a message of a socket is bounded, and one that is none ends its own connection alone",
    async run(world) {
      const healthy = await world.peer();
      for (const [more, code] of [[0, 1008], [1, 1009]] as const) {
        const peer = await world.peer();
        peer.sayBytes(new Uint8Array(LIVE_MESSAGE_BYTES_MAX + more).fill(0xff));
        assertEquals((await peer.ended).code, code);
      }
      const peer = await world.peer();
      peer.sayBytes("text");
      assertEquals((await peer.ended).code, 1003);
      await healthy.assertQuiet();
      await healthy.close();
    },
  },
  {
    name: "a queue from offline arrives, another client hears of it at once, and both converge",
    async run(world) {
      const [anna, ben] = await world.pair();
      anna.setOffline(true);
      for (const id of ["1", "2", "3"]) {
        await anna.mutate("journal.append", { id: "j", entry: `anna ${id}` });
      }
      await ben.mutate("journal.append", { id: "j", entry: "ben" });
      await world.until(() => ben.pending.length === 0, "the confirmation");
      assertEquals([anna.pending.length, entriesOf(anna).length], [3, 3]);
      anna.setOffline(false);
      const all = ["ben", "anna 1", "anna 2", "anna 3"];
      // Rebased: what was made first there stands behind what the server had first.
      await world.until(() => entriesOf(ben).length === 4, "the entries of the other client");
      await world.until(() => anna.pending.length === 0, "the confirmations");
      assertEquals([entriesOf(anna), entriesOf(ben)], [all, all]);
      const { server, damaged } = await anna.audit();
      assertEquals([server, damaged.length], ["equal", 0]);
    },
  },
  {
    name: "a client hears what the server refuses, once, and goes on",
    async run(world) {
      const reasons: string[] = [];
      const client = world.client({ onRejected: ({ error }) => reasons.push(error.message) });
      await client.start();
      const claims = ["1", "2", "3"].map((id) => ({
        id: `x${id}`,
        name: "note.claim",
        args: { id, text: id },
      }));
      client.setOffline(true);
      await world.push(claims);
      await client.mutate("note.claim", { id: "4", text: "four" });
      await client.mutate("note.create", { id: "5", data: { text: "five" } });
      client.setOffline(false);
      await world.until(() => client.collection("note").get("5") !== undefined, "the rest");
      await world.until(() => reasons.length > 0, "the refusal");
      await world.until(() => client.collection("note").count() === 4, "the server's rows");
      assertEquals(reasons, ["That is enough notes"]);
    },
  },
  {
    name: "topics and presence reach who is there",
    async run(world) {
      const [anna, ben] = await world.pair();
      const heard: unknown[] = [];
      ben.subscribeTopic("chat", (data) => heard.push(data));
      const stop = ben.presence.subscribe(() => {});
      anna.presence.set({ name: "Anna" });
      await world.until(() => {
        anna.publish("chat", "Hello");
        return heard.length > 0;
      }, "the message");
      assertEquals(heard[0], "Hello");
      await world.until(() => ben.presence.peers.size === 1, "the other client");
      assertEquals([...ben.presence.peers.values()], [{ name: "Anna" }]);
      anna.presence.set(null);
      await world.until(() => ben.presence.peers.size === 0, "its going");
      stop();
    },
  },
  {
    name: "of rows that are evicted only those come back",
    async run(world) {
      for (let first = 0; first < ROWS; first += PUSH_BATCH_MAX) {
        const count = Math.min(PUSH_BATCH_MAX, ROWS - first);
        const ids = Array.from({ length: count }, (_, index) => `n${first + index}`);
        await world.push(ids.map((id) => creation(id)));
      }
      const persistence = new MemoryPersistence();
      const first = world.client({ persistence });
      await first.start();
      await first.sync();
      assertEquals(first.collection("note").count(), ROWS);
      await world.stop(first);
      await damage(persistence, (rows) => rows.slice(EVICTED));
      const seen: ReconcileProgress[] = [];
      const second = world.client({ persistence, onReconcile: (one) => seen.push(one) });
      await second.start();
      const has = (state: ReconcileProgress["state"]) => seen.some((one) => one.state === state);
      await world.until(() => has("repaired"), "the repair");
      assertEquals(second.collection("note").count(), ROWS);
      assert(!has("snapshot") && !has("stuck"), JSON.stringify(seen));
      const told = seen.findLast(({ exchange }) => exchange !== undefined)?.exchange;
      assert(told !== undefined && told.rows >= EVICTED && told.rows < ROWS / 10, `${told?.rows}`);
      assert(told.bytesDown < ROWS * 10, `${told.bytesDown} bytes for ${EVICTED} rows`);
    },
  },
];

function entriesOf(client: SiteClient): readonly string[] {
  return client.collection("journal").get("j")?.entries ?? [];
}
