/** Collections and entities that write: by the built-in mutators, each write with its promise. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { NotStartedError } from "../../ui/client/client_errors.ts";
import { createClient } from "../../ui/client/create_client.ts";
import { effect } from "../../ui/client/signals.ts";

const schema = v.object({ text: v.pipe(v.string(), v.minLength(1)), done: v.boolean() });

const app = defineApp({
  name: "entities",
  collections: {
    note: collection("note", schema),
    ruled: collection("ruled", schema, { builtins: false }),
    own: collection("own", schema, { builtins: false }),
  },
  mutators: {
    "own.create"(tx, { id, data }: { id: string; data: { text: string; done: boolean } }) {
      tx.own.put(id, { ...data, text: `own ${data.text}` });
    },
  },
});

function started() {
  const client = createClient(app, { url: "http://127.0.0.1:1", persistence: "memory" });
  client.setOffline(true);
  return client.start().then(() => ({
    client,
    notes: client.collection("note"),
    [Symbol.asyncDispose]: () => client.stop(),
  }));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, DriftlessError)).code;
}

Deno.test("a created record is there at once, under a fresh id, and durable later", async () => {
  await using stage = await started();
  const { client, notes } = stage;
  const [one, two] = [1, 2].map((n) => notes.create({ text: `${n}`, done: false }));
  assert(one !== undefined && two !== undefined);
  assertEquals([one.get()?.text, two.exists(), notes.count()], ["1", true, 2]);
  assert(/^[0-9a-f]{32}$/.test(one.id) && one.id !== two.id, one.id);
  assertEquals(client.pending.map(({ state }) => state), ["local", "local"]);
  assertEquals(await Promise.all([one.stored, two.stored]), [undefined, undefined]);
  assertEquals(client.pending.map(({ state }) => state), ["queued", "queued"]);
});

Deno.test("a record can be created under an id of one's own, once", async () => {
  await using stage = await started();
  const { notes } = stage;
  const made = notes.create({ text: "one", done: false }, "n1");
  await made.stored;
  const again = notes.create({ text: "two", done: false }, "n1");
  assertEquals(await codeOf(again.stored), "conflict");
  assertEquals([again.id, notes.get("n1")?.text], ["n1", "one"]);
  const bad = notes.create({ text: "", done: false }, "n2");
  assertEquals([await codeOf(bad.stored), bad.exists()], ["invalid_record", false]);
});

Deno.test("an entity sets fields and leaves the others", async () => {
  await using stage = await started();
  const { client, notes } = stage;
  const note = notes.entity("n1");
  assertEquals([note.id, note.get(), note.exists()], ["n1", undefined, false]);
  notes.create({ text: "one", done: false }, "n1");
  const set = note.set({ done: true });
  assertEquals(note.get(), { text: "one", done: true });
  assertEquals(await set, undefined);
  assertEquals(await codeOf(note.set({ text: "" })), "invalid_record");
  assertEquals(client.pending.map(({ mutation }) => mutation.name), ["note.create", "note.update"]);
});

Deno.test("what does not exist cannot be set, before or after it did", async () => {
  await using stage = await started();
  const { client, notes } = stage;
  const note = notes.entity("n1");
  assertEquals(await codeOf(note.set({ done: true })), "not_found");
  notes.create({ text: "one", done: false }, "n1");
  assertEquals(await note.delete(), undefined);
  assertEquals([note.exists(), notes.count()], [false, 0]);
  assertEquals(await codeOf(note.set({ done: true })), "not_found");
  await note.delete();
  assertEquals(client.pending.map(({ mutation }) => mutation.name), [
    ...["note.create", "note.delete", "note.delete"],
  ]);
});

Deno.test("an entity is followed as its record is", async () => {
  await using stage = await started();
  const { notes } = stage;
  const note = notes.entity("n1");
  const seen: string[] = [];
  const stop = effect(() => void seen.push(`${note.exists()} ${note.get()?.text}`));
  await notes.create({ text: "one", done: false }, "n1").stored;
  await notes.create({ text: "other", done: false }).stored;
  await note.set({ text: "two" });
  await note.delete();
  assertEquals(seen, ["false undefined", "true one", "true two", "false undefined"]);
  stop();
});

Deno.test("a collection without built-ins says so, unless the app wrote its own", async () => {
  await using stage = await started();
  const { client } = stage;
  const data = { text: "one", done: false };
  const ruled = client.collection("ruled");
  const error = assertThrows(() => ruled.create(data), TypeError);
  assertEquals(error.message, "Cannot create a ruled: its built-in mutators are turned off");
  await assertRejects(() => ruled.entity("r1").delete(), TypeError, "Cannot delete a ruled");
  await assertRejects(
    () => ruled.entity("r1").set({ done: true }),
    TypeError,
    "Cannot update a ruled",
  );
  const made = client.collection("own").create(data);
  await made.stored;
  assertEquals(made.get()?.text, "own one");
});

Deno.test("a client that does not run creates and sets nothing", async () => {
  const client = createClient(app, { url: "http://127.0.0.1:1", persistence: "memory" });
  const notes = client.collection("note");
  const made = notes.create({ text: "one", done: false });
  await assertRejects(() => made.stored, NotStartedError);
  await assertRejects(() => made.set({ done: true }), NotStartedError);
  await assertRejects(() => made.delete(), NotStartedError);
});
