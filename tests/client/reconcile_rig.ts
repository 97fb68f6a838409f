/** Clients whose stored rows are damaged behind their back, beside a server that keeps digests. */
import { MemoryStore } from "../../core/memory_store.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import type { ClientOptions } from "../../ui/client/create_client.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import type { ReconcileProgress } from "../../ui/client/reconcile_report.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { Device, eventually, RigServer, type RigServerOptions } from "./rig.ts";

/** A server whose store keeps digests. */
export function startServer(options: RigServerOptions = {}): Promise<RigServer> {
  const store = new MemoryStore(crypto.randomUUID(), kernelSync());
  return RigServer.start({ store, ...options });
}

/** What a client told of its rows. */
export class Witness {
  readonly seen: ReconcileProgress[] = [];

  /** The states, without repeats in a row. */
  get states(): readonly ReconcileProgress["state"][] {
    return this.seen.map(({ state }) => state)
      .filter((state, index, all) => state !== all[index - 1]);
  }

  /** Options that tell it. */
  get options(): Pick<ClientOptions, "onReconcile"> {
    return { onReconcile: (progress) => void this.seen.push(progress) };
  }

  /** How often a state was told. */
  count(state: ReconcileProgress["state"]): number {
    return this.seen.filter((one) => one.state === state).length;
  }
}

/** Counters `k0`, `k1`, … in a scope, each with its number as value, written by a device of their own. */
export async function fill(url: string, count: number, scope = "_default"): Promise<void> {
  await using writer = await Device.start({ url, scope });
  for (let index = 0; index < count; index++) await writer.add(index + 1, `k${index}`);
  await writer.settled();
}

/** Storage of a client that has synced the scope and was stopped. */
export async function syncedStorage(url: string, scope = "_default"): Promise<MemoryPersistence> {
  const persistence = new MemoryPersistence();
  await using device = await Device.start({ url, scope, persistence });
  await device.client.sync();
  await device.client.stop();
  return persistence;
}

/** Puts other rows in the place of those that are stored, at the same cursor. */
export async function damage(
  persistence: MemoryPersistence,
  change: (rows: readonly SnapshotRow[]) => readonly SnapshotRow[],
): Promise<void> {
  const replica = await persistence.readRows();
  if (replica === null) throw new Error("There is nothing to damage");
  await persistence.saveRows([{ ...replica, kind: "snapshot", rows: change(replica.rows) }]);
}

/** The values of all counters of a client, by id. */
export function countersOf({ client }: Device): Readonly<Record<string, number>> {
  const all = client.collection("counter").all();
  return Object.fromEntries(all.map(([id, { value }]) => [id, value]));
}

/** What a client that starts from nothing sees. */
export async function truth(
  url: string,
  scope = "_default",
): Promise<Readonly<Record<string, number>>> {
  await using device = await Device.start({ url, scope });
  await device.client.sync();
  return countersOf(device);
}

/** Waits until the client knows that its rows are the server's. */
export async function verified({ client }: Device): Promise<void> {
  await eventually(() => client.status.value.integrity, "verified");
}
