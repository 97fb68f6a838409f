/** What users do about mutations that wait: call them again, or otherwise, or let them go. */
import type { SyncClient } from "../../core/client.ts";
import { DriftlessError } from "../../core/errors.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import type { QueueEntry } from "../../core/quarantine.ts";
import { BrokenPromise, type World } from "./world.ts";
import type { Witness } from "./witness.ts";

/** Looks after one of the mutations of a device; `false` when there is none. */
export function curate(world: World, machine: SyncClient, witness: Witness): boolean {
  const { entries } = machine;
  const aside = entries.filter(isAside);
  const [first, ...rest] = aside.length > 0 && world.prng.chance(0.7) ? aside : entries;
  if (first === undefined) return false;
  const entry = world.prng.pick([first, ...rest]);
  const roll = world.prng.float();
  try {
    if (isAside(entry) && roll < 0.6) callAgain(world, machine, witness, entry, roll < 0.3);
    else letGo(world, machine, witness, entry);
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    world.log(`${entry.id} stays: ${error.code}`);
    if (JSON.stringify(machine.entries) !== JSON.stringify(entries)) {
      throw new BrokenPromise("quarantine", `${entry.id} was refused, and something has changed`);
    }
  }
  return true;
}

function callAgain(
  world: World,
  machine: SyncClient,
  witness: Witness,
  { id, args }: QueueEntry,
  isEdited: boolean,
): void {
  const before = machine.entries.filter(isAside);
  const { mutations, token } = isEdited ? machine.edit(id, eased(args)) : machine.retry(id);
  const after = new Set(machine.entries.filter(isAside).map((other) => other.id));
  world.log(`${id} is called again as ${mutations.map((mutation) => mutation.id).join(" ")}`);
  witness.released(
    before.map((other) => other.id).filter((other) => !after.has(other)),
    token,
    true,
  );
  for (const [index, mutation] of mutations.entries()) {
    witness.made(mutation, token, index === mutations.length - 1);
  }
}

function letGo(
  world: World,
  machine: SyncClient,
  witness: Witness,
  { id, state }: QueueEntry,
): void {
  const { ids, token } = machine.discard(id);
  world.log(`${ids.join(" ")} is let go`);
  if (state === "sent" || state === "acknowledged") {
    throw new BrokenPromise("quarantine", `${id} was let go on its way`);
  }
  witness.released(ids, token, false);
}

/** Arguments that ask for less. */
function eased(args: Json): Json {
  return isJsonObject(args) && typeof args.by === "number" ? { ...args, by: 1 } : args;
}

function isAside({ state }: QueueEntry): boolean {
  return state === "refused" || state === "held";
}
