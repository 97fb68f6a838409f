/** The confirmed rows of a scope at a cursor, as one client holds them. */
import type { Change } from "./change.ts";
import { canonicalText, frozenJson, type JsonObject } from "./json.ts";

/** Names a row. */
export interface RowName {
  /** The collection's name. */
  readonly entity: string;
  /** The record's id. */
  readonly id: string;
}

/** A confirmed row: its record as canonical JSON. */
export interface SnapshotRow extends RowName {
  /** The record as canonical JSON. */
  readonly json: string;
}

/** The rows of a scope at a cursor, as a server hands them out: all, or what differs from those here. */
export interface LoadedSnapshot {
  /** The history that the cursor counts in. */
  readonly epoch: string;
  readonly cursor: number;
  /** The time of the newest change, in milliseconds. */
  readonly time: number;
  /** Every row; beside `gone` those to put. */
  readonly rows: readonly SnapshotRow[];
  /** When it is there, these rows are to be removed, and those in neither list stay as they are. */
  readonly gone?: readonly RowName[];
}

/** Confirmed rows. Records stay text until somebody reads them: most of a large scope never is. */
export class Snapshot {
  #cursor = 0;
  #epoch = "";
  #tables = new Map<string, Map<string, string | JsonObject>>();

  /** The position in the scope's log that these rows are the state at. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The history that the cursor counts in; `""` before the first sync. */
  get epoch(): string {
    return this.#epoch;
  }

  get(entity: string, id: string): JsonObject | undefined {
    const table = this.#tables.get(entity);
    const held = table?.get(id);
    if (table === undefined || typeof held !== "string") return held as JsonObject | undefined;
    const data = frozenJson(held) as JsonObject;
    table.set(id, data);
    return data;
  }

  /** The record of a row as canonical JSON. */
  json(entity: string, id: string): string | undefined {
    const held = this.#tables.get(entity)?.get(id);
    return held === undefined ? undefined : textOf(held);
  }

  /** The ids of a collection, in no order. */
  ids(entity: string): Iterable<string> {
    return this.#tables.get(entity)?.keys() ?? [];
  }

  count(entity: string): number {
    return this.#tables.get(entity)?.size ?? 0;
  }

  entities(): Iterable<string> {
    return this.#tables.keys();
  }

  /** Every row. */
  *rows(): Iterable<SnapshotRow> {
    for (const [entity, table] of this.#tables) {
      for (const [id, held] of table) {
        yield { entity, id, json: textOf(held) };
      }
    }
  }

  /** Moves on by one change, which must be the next one. */
  apply(change: Change, epoch: string): void {
    this.#cursor = change.cursor;
    this.#epoch = epoch;
    if (change.json === null) this.#tables.get(change.entity)?.delete(change.id);
    else this.#table(change.entity).set(change.id, change.json);
  }

  /** Moves to a cursor by all its rows, or by those that differ there. */
  replace(
    { rows, gone, cursor, epoch }: Pick<LoadedSnapshot, "rows" | "gone" | "cursor" | "epoch">,
  ): void {
    this.#cursor = cursor;
    this.#epoch = epoch;
    if (gone === undefined) this.#tables = new Map();
    else for (const { entity, id } of gone) this.#tables.get(entity)?.delete(id);
    for (const { entity, id, json } of rows) this.#table(entity).set(id, json);
  }

  /** Notes the history of an empty scope, which has no change to tell it. */
  adopt(epoch: string): void {
    this.#epoch = epoch;
  }

  #table(entity: string): Map<string, string | JsonObject> {
    let table = this.#tables.get(entity);
    if (table === undefined) this.#tables.set(entity, table = new Map());
    return table;
  }
}

function textOf(held: string | JsonObject): string {
  return typeof held === "string" ? held : canonicalText(held);
}
