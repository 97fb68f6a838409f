/**
 * Damage behind the engine's back: rows change, or go, in the browser's database while no client has it
 * open. What the client stored of its own accord since (the log beside the blocks) is left alone.
 */
import { answered, within } from "../client/idb_requests.ts";

interface Row {
  readonly entity: string;
  readonly id: string;
  readonly json: string | null;
}

/** What happens to a row: another text, or `null` for none at all. */
export type Damage = (json: string) => string | null;

/** Damages up to `count` rows of the database, chosen at random; returns the ids of those. */
export async function damageRows(name: string, count: number, damage: Damage): Promise<string[]> {
  const db = await answered(indexedDB.open(name));
  try {
    return await within(db.transaction(["blocks", "log"], "readwrite"), async (tx) => {
      const stored = tx.objectStore("blocks");
      const [keys, blocks, log] = await Promise.all([
        answered(stored.getAllKeys()),
        answered<Row[][]>(stored.getAll()),
        answered<Row[][]>(tx.objectStore("log").getAll()),
      ]);
      const newer = new Set(log.flat().map(({ id }) => id));
      const rows = blocks.flat().filter(({ id }) => !newer.has(id));
      const chosen = new Set(shuffled(rows).slice(0, count).map(({ id }) => id));
      blocks.forEach((block, index) => {
        if (!block.some(({ id }) => chosen.has(id))) return;
        const left = block.flatMap((row) => chosen.has(row.id) ? damaged(row, damage) : [row]);
        stored.put(left, keys[index]);
      });
      return [...chosen];
    });
  } finally {
    db.close();
  }
}

function damaged(row: Row, damage: Damage): readonly Row[] {
  const json = damage(row.json ?? "");
  return json === null ? [] : [{ ...row, json }];
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
