/** The confirmed rows that a device has to have, by the moves that it was seen to make. */
import type { Change } from "../../core/change.ts";
import { type LoadedSnapshot, Snapshot } from "../../core/snapshot.ts";
import { RowSet } from "./row_set.ts";

/** Rows in two forms: for a view, and to be compared in one step. */
export class DeviceRows {
  snapshot = new Snapshot();
  readonly set = new RowSet();

  /** They are these, or with `gone` these are what differs. */
  replace(loaded: Omit<LoadedSnapshot, "time">): void {
    const { rows, gone } = loaded;
    if (gone === undefined) {
      this.snapshot = new Snapshot();
      this.set.clear();
    }
    this.snapshot.replace(loaded);
    for (const { entity, id } of gone ?? []) this.set.set(entity, id, null);
    for (const { entity, id, json } of rows) this.set.set(entity, id, json);
  }

  apply(change: Change, epoch: string): void {
    this.snapshot.apply(change, epoch);
    this.set.set(change.entity, change.id, change.json);
  }
}
