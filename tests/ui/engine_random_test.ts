/** Random edits of random templates: a page that got only patches is as one that was just loaded. */
import { assertEquals } from "@std/assert";
import { IslandInstance } from "../../ui/island_instance.ts";
import type { IslandProgram } from "../../ui/program.ts";
import { Prng } from "../sim/prng.ts";
import { programOf } from "./engine_programs.ts";
import { copyOf, editOf, picked, templateOf, type World, worldOf } from "./engine_world.ts";
import { ModelClient } from "./model_client.ts";

/** 100,000 edits when the environment says so; a part of them always. */
const SEEDS = Number(Deno.env.get("ENGINE_SEEDS") ?? 100);
const FIRST_SEED = Number(Deno.env.get("ENGINE_SEED") ?? 1);
const EDITS = 100;

Deno.test("a page equals a fresh one after every random edit", () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) story(seed);
});

function story(seed: number): void {
  const prng = new Prng(seed);
  const program = programOf(templateOf(prng));
  const world = worldOf(prng);
  const island = new IslandInstance(program, world);
  const client = new ModelClient(program.table, island.snapshot());
  for (let step = 0; step < EDITS; step++) {
    for (let edits = prng.between(1, 3); edits > 0; edits--) {
      // An edit draws when it runs.
      const edit = editOf(prng);
      if (prng.chance(0.1)) {
        edit(world);
        island.refresh();
      } else edit(island.writable as World);
    }
    const patch = island.takePatch();
    if (patch !== null) {
      client.apply(patch);
      for (const { instance, slot, value } of patch.bound) client.set(instance, slot, value);
    }
    const where = `seed ${seed}, step ${step}`;
    compare(program, world, island, client, where);
    if (prng.chance(0.1)) compareHandlers(program, world, island, client, where);
  }
  island.close();
}

function compare(
  program: IslandProgram,
  world: World,
  island: IslandInstance,
  client: ModelClient,
  where: string,
): void {
  const fresh = new IslandInstance(program, copyOf(world));
  const loaded = new ModelClient(program.table, fresh.snapshot());
  assertEquals(client.html(), loaded.html(), where);
  assertEquals(island.html(), fresh.html(), where);
  const again = new ModelClient(program.table, island.snapshot());
  assertEquals(again.html(), client.html(), where);
  assertEquals(again.numbers(), client.numbers(), where);
  assertEquals(island.takePatch(), null, where);
  fresh.close();
}

/** The same handlers in the same places, with the same arguments. */
function compareHandlers(
  program: IslandProgram,
  world: World,
  island: IslandInstance,
  client: ModelClient,
  where: string,
): void {
  const fresh = new IslandInstance(program, copyOf(world));
  const loaded = new ModelClient(program.table, fresh.snapshot());
  const calls = (of: IslandInstance, page: ModelClient) => {
    picked.length = 0;
    for (const { instance, slot } of page.addresses("on")) of.run(instance, slot);
    return [...picked];
  };
  assertEquals(calls(island, client), calls(fresh, loaded), where);
  island.takePatch();
}
