/** Real input, all of it: imported, synced to a fresh client, edited on both sides, synced back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { CITIES_FILE, cityClient, driftless, importCities, serveCities, until } from "./stage.ts";

/** A city as the data set has it. */
interface City {
  readonly name: string;
  readonly country: string;
}

Deno.test("the whole cities data set goes in, syncs, is edited on both sides, and comes out", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless_cities_" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const data = join(folder, "cities.db");
  const cities: readonly City[] = JSON.parse(await Deno.readTextFile(CITIES_FILE));

  const imported = await importCities(data);
  assertEquals(imported.code, 0, imported.stderr);
  assertMatch(imported.stdout, new RegExp(`imported ${cities.length} of ${cities.length} records`));
  assert(imported.stderr.includes("100 %"), "the import shows its progress");
  const again = await importCities(data);
  assertMatch(again.stdout, new RegExp(`imported 0 of .*, ${cities.length} were there`));

  const { server, proxy } = await serveCities(data);
  cleanup.defer(() => proxy.close());
  cleanup.defer(() => server.stop());
  const [a, b] = [cityClient(proxy.url), cityClient(proxy.url)];
  for (const client of [a, b]) {
    await client.start();
    cleanup.defer(() => client.stop());
    await until(client, () => client.cursor === cities.length);
    assertEquals(client.collection("city").count(), cities.length);
  }
  const names = (client: typeof a) => client.collection("city").all().map(([, city]) => city.name);
  assertEquals(names(a).toSorted(), cities.map(({ name }) => name).toSorted());

  const ids = a.collection("city").all().map(([id]) => id);
  a.setOffline(true);
  b.setOffline(true);
  for (let i = 0; i < 10; i++) {
    await a.mutate("city.update", { id: ids[i] ?? "", data: { name: `a${i}` } });
    await b.mutate("city.update", { id: ids[i] ?? "", data: { admin1: `b${i}` } });
    await b.mutate("city.delete", { id: ids[1_000 + i] ?? "" });
  }
  a.setOffline(false);
  b.setOffline(false);
  const end = cities.length + 30;
  await Promise.all([a, b].map((client) => until(client, () => client.cursor === end)));
  assertEquals(a.pending.length + b.pending.length, 0);
  assertEquals(a.collection("city").all(), b.collection("city").all());
  for (let i = 0; i < 10; i++) {
    // Two people changed different fields of one record: both changes stand.
    const { name, admin1 } = a.collection("city").get(ids[i] ?? "") ?? {};
    assertEquals({ name, admin1 }, { name: `a${i}`, admin1: `b${i}` });
    assert(!a.collection("city").has(ids[1_000 + i] ?? ""));
  }

  const file = join(folder, "out.json");
  const exported = await driftless(
    "export",
    file,
    "--data",
    data,
    "--scope",
    "world",
    "--collection",
    "city",
  );
  assertEquals(exported.code, 0, exported.stderr);
  assertEquals(
    JSON.parse(await Deno.readTextFile(file)),
    Object.fromEntries(a.collection("city").all()),
  );
});
