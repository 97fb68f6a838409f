/** The versions of an app: what a definition of them refuses. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { APP_VERSION_MAX, type Migration } from "../../core/app_versions.ts";

const note = collection("note", v.object({ text: v.string() }));
const base = { name: "a", collections: { note } };

Deno.test("an app that says nothing of versions is version 1, and serves it", () => {
  const { version, minVersion, migrations } = defineApp(base);
  assertEquals([version, minVersion, migrations.size], [1, 1, 0]);
});

Deno.test("an app keeps its versions and migrations", () => {
  const migration: Migration = { records: { note: (record) => record } };
  const app = defineApp({
    ...base,
    version: 3,
    minVersion: 2,
    migrations: { 3: migration, 2: {} },
  });
  assertEquals([app.version, app.minVersion, [...app.migrations.keys()]], [3, 2, [2, 3]]);
  assertStrictEquals(app.migrations.get(3), migration);
});

Deno.test("a version is a whole number from 1 to the limit [S11]", () => {
  for (const version of [1, APP_VERSION_MAX - 1, APP_VERSION_MAX]) defineApp({ ...base, version });
  for (
    const version of [0, -1, 1.5, NaN, Infinity, APP_VERSION_MAX + 1, "2" as unknown as number]
  ) {
    assertThrows(() => defineApp({ ...base, version }), TypeError, "Cannot use the version");
  }
});

Deno.test("the oldest version that is served is one up to the app's own", () => {
  for (const minVersion of [1, 2, 3]) defineApp({ ...base, version: 3, minVersion });
  for (const minVersion of [0, 4, 2.5]) {
    assertThrows(
      () => defineApp({ ...base, version: 3, minVersion }),
      TypeError,
      `Cannot serve from version ${minVersion} on: use 1 to 3`,
    );
  }
});

Deno.test("a migration leads to a version from the second to the app's own", () => {
  for (const key of [2, 3]) defineApp({ ...base, version: 3, migrations: { [key]: {} } });
  for (const key of ["0", "1", "4", "2.5", "two"]) {
    assertThrows(
      () => defineApp({ ...base, version: 3, migrations: { [key]: {} } }),
      TypeError,
      `Cannot migrate to version "${key}"`,
    );
  }
});

Deno.test("a migration is of collections that exist, by functions", () => {
  const define = (migration: unknown) =>
    defineApp({ ...base, version: 2, migrations: { 2: migration as Migration } });
  assertThrows(
    () => define({ records: { nothing: () => ({}) } }),
    TypeError,
    `Cannot migrate "nothing" to version 2: there is no such collection`,
  );
  assertThrows(
    () => define({ records: { toString: () => ({}) } }),
    TypeError,
    "no such collection",
  );
  assertThrows(
    () => define({ records: { note: {} } }),
    TypeError,
    `Cannot migrate "note" to version 2: it has no function`,
  );
  assertThrows(() => define({ mutations: { "note.x": null } }), TypeError, "it has no function");
  define({ mutations: { "long.gone": () => null } });
});

Deno.test("a migration may say what its old records and arguments were", () => {
  defineApp({
    ...base,
    version: 2,
    migrations: {
      2: {
        records: { note: ({ title }: { title: string }, id: string) => ({ text: title + id }) },
        mutations: { "note.x": ({ a }: { a: number }) => ({ name: "note.y", args: a }) },
      },
    },
  });
  defineApp({
    ...base,
    version: 2,
    // @ts-expect-error: a migration gives a record or null
    migrations: { 2: { records: { note: () => "text" } } },
  });
});
