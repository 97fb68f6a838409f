/** What a client says of its version, and what it gives to a storage that knows versions. */
import { assertEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { ClientRig, counterChange, pokeOf } from "./client_rig.ts";
import { notesApp } from "./notes_app.ts";

Deno.test("the confirmed rows are told with where they stand", () => {
  const rig = new ClientRig();
  rig.client.connected();
  rig.welcome({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 5)]));
  const { rows, cursor, epoch } = rig.client.replica;
  assertEquals([cursor, epoch], [rig.client.cursor, rig.client.epoch]);
  assertEquals(rows.map(({ entity, json }) => [entity, json]), [["counter", `{"value":5}`]]);
});

Deno.test("a client says which version of the app it runs", () => {
  const { collections } = notesApp;
  const app = defineApp({ name: "notes", version: 7, collections });
  const rig = new ClientRig({ app });
  rig.client.connected();
  const [hello] = rig.sent();
  assertEquals(hello?.kind === "hello" && hello.appVersion, 7);
});
