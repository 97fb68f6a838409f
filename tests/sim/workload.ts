/** What users do: calls of mutators, drawn so that clients get into each other's way. */
import type { JsonObject } from "../../core/json.ts";
import type { View } from "../../core/view.ts";
import type { SimOptions } from "./options.ts";
import { DREAM } from "./simulated_app.ts";
import type { Prng } from "./prng.ts";

/** One call to make. */
export interface Call {
  readonly name: string;
  readonly args: JsonObject | null;
}

const LISTS = ["l0", "l1", "l2"] as const;
const COUNTERS = ["c0", "c1"] as const;
const NOTES = ["n0", "n1", "n2"] as const;
/** Chance that a call goes where the server does not follow, where users look after what waits. */
const DREAM_CHANCE = 0.15;
/** Chance that a call is about many of the rows that were there from the start. */
const STOCK_CHANCE = 0.05;
/** Characters in a row that is there from the start. */
export const STOCK_SIZE = 10;

/** A call that is unlike any other where that matters: `tag` is new in the world. */
export function drawCall(
  prng: Prng,
  options: SimOptions,
  view: View,
  scope: string,
  tag: string,
): Call {
  if (options.curateChance > 0 && prng.chance(DREAM_CHANCE)) return drawDream(prng, view, tag);
  const kinds = ["list", "list", "counter", ...(options.notes ? ["note", "note"] : [])];
  if (options.blobRows > 0 && prng.chance(0.03)) {
    return { name: "blob.fill", args: { rows: options.blobRows, size: options.blobSize, tag } };
  }
  if (options.stock > 0 && prng.chance(STOCK_CHANCE)) return drawStockCall(prng, options, tag);
  switch (prng.pick(kinds as [string, ...string[]])) {
    case "counter":
      return drawCounterCall(prng);
    case "note":
      return drawNoteCall(prng, view, scope, tag);
    default:
      return drawListCall(prng, view, tag);
  }
}

/** What the server will refuse, or what cannot run without that. */
function drawDream(prng: Prng, view: View, tag: string): Call {
  const dreams = view.all("list").flatMap(([id, { items }]) => {
    const [item] = items as readonly string[];
    return id.startsWith("dream") && item !== undefined ? [{ id, item }] : [];
  });
  const [first, ...rest] = dreams;
  if (first === undefined || prng.chance(0.3)) {
    return { name: DREAM, args: { id: `dream-${tag}`, item: tag } };
  }
  const { id, item } = prng.pick([first, ...rest]);
  const to = prng.chance(0.5) ? `dream-${tag}` : prng.pick(LISTS);
  return { name: "list.move", args: { id, to, item } };
}

function drawStockCall(prng: Prng, { stock }: SimOptions, tag: string): Call {
  const rows = Math.min(stock, prng.pick([1, 5, 25, 120]));
  if (prng.chance(0.6)) return { name: "blob.fill", args: { rows, size: STOCK_SIZE, tag } };
  return { name: "blob.clear", args: { from: prng.between(0, stock - rows), rows } };
}

function drawListCall(prng: Prng, view: View, tag: string): Call {
  const id = prng.pick(LISTS);
  const roll = prng.float();
  if (roll < 0.5) return { name: "list.append", args: { id, item: tag } };
  if (roll < 0.75) {
    const items = view.get("list", id)?.items as readonly string[] | undefined ?? [];
    const item = items[prng.between(0, Math.max(0, items.length - 1))];
    if (item === undefined) return { name: "list.append", args: { id, item: tag } };
    return { name: "list.move", args: { id, to: prng.pick(LISTS), item } };
  }
  if (roll < 0.83) return { name: "list.mint", args: { item: tag } };
  if (roll < 0.9) return { name: "list.drop", args: { id } };
  return { name: "list.tally", args: null };
}

function drawCounterCall(prng: Prng): Call {
  const id = prng.pick(COUNTERS);
  const roll = prng.float();
  if (roll < 0.5) return { name: "counter.add", args: { id, by: prng.between(1, 3) } };
  if (roll < 0.8) return { name: "counter.spend", args: { id, by: prng.between(1, 4) } };
  return { name: "counter.fragile", args: { id } };
}

function drawNoteCall(prng: Prng, view: View, scope: string, tag: string): Call {
  const id = prng.pick(NOTES);
  const roll = prng.float();
  if (view.get("note", id) === undefined) {
    // A deleted note may come back; an update of it is refused here, but not always over there.
    return { name: "note.create", args: { id, data: { scope, title: tag, body: tag } } };
  }
  if (roll < 0.35) return { name: "note.update", args: { id, data: { title: tag } } };
  if (roll < 0.65) return { name: "note.update", args: { id, data: { body: tag } } };
  if (roll < 0.8) return { name: "note.shout", args: { id } };
  if (roll < 0.92) return { name: "note.delete", args: { id } };
  return { name: "note.drop", args: { id } };
}
