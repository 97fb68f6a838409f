/** One client machine, its storage, and everything that it wanted done. */
import type { AnyApp, Principal } from "../../core/app.ts";
import type { Change } from "../../core/change.ts";
import { SyncClient } from "../../core/client.ts";
import type { RejectedMutation, SettledMutation } from "../../core/client_output.ts";
import type { Divergence } from "../../core/confirmation.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { Mutation } from "../../core/mutation.ts";
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
} from "../../core/persistence.ts";
import type { Random } from "../../core/ports.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import type { ViewChange } from "../../core/view.ts";
import type { DownMessage, UpMessage, WireMutation } from "../../core/wire/messages.ts";
import { notesApp } from "./notes_app.ts";
import { ManualClock } from "./server_rig.ts";

/** One thing that the machine wanted done. */
export type Effect =
  | { readonly kind: "persist"; readonly batch: PersistBatch }
  | { readonly kind: "send"; readonly message: UpMessage }
  | { readonly kind: "needSnapshot" }
  | { readonly kind: "changed"; readonly changes: readonly ViewChange[] | "everything" }
  | { readonly kind: "rejected"; readonly rejected: RejectedMutation }
  | { readonly kind: "synced"; readonly cursor: number }
  | { readonly kind: "rooted"; readonly cursor: number; readonly root: Uint8Array }
  | { readonly kind: "failed"; readonly error: DriftlessError; readonly retryAfterMs: number }
  | { readonly kind: "event"; readonly topic: string; readonly data: string };

/** What is on the device: the queue and the rows, each moved by whole batches. */
export class DeviceStorage {
  identity: ClientIdentity | null = null;
  readonly #queue = new Map<number, PendingRecord>();
  readonly #rows = new Map<string, SnapshotRow>();
  #cursor = 0;
  #epoch = "";

  saveQueue({ identity, put, drop }: PersistBatch): void {
    this.identity = identity;
    for (const record of put) this.#queue.set(record.order, record);
    for (const order of drop) this.#queue.delete(order);
  }

  saveRows({ replica }: PersistBatch): void {
    if (replica === undefined) return;
    if (replica.kind === "snapshot") {
      const { rows, gone, onto } = replica;
      if (gone === undefined) this.#rows.clear();
      else if (onto?.cursor !== this.#cursor || onto.epoch !== this.#epoch) return;
      for (const { entity, id } of gone ?? []) this.#rows.delete(`${entity}\0${id}`);
      for (const row of rows) this.#rows.set(`${row.entity}\0${row.id}`, row);
      this.#cursor = replica.cursor;
    } else {
      if (replica.from > this.#cursor) return;
      for (const change of replica.changes) this.#apply(change);
    }
    this.#epoch = replica.epoch;
  }

  load(): PersistedClient {
    const replica = { rows: [...this.#rows.values()], cursor: this.#cursor, epoch: this.#epoch };
    const pending = [...this.#queue.values()].sort((a, b) => a.order - b.order);
    return { identity: this.identity, pending, replica };
  }

  #apply({ cursor, entity, id, json }: Change): void {
    if (cursor <= this.#cursor) return;
    this.#cursor = cursor;
    if (json === null) this.#rows.delete(`${entity}\0${id}`);
    else this.#rows.set(`${entity}\0${id}`, { entity, id, json });
  }
}

/** What a {@linkcode ClientRig} is made of; everything may be left out. */
export interface ClientRigOptions {
  readonly name?: string;
  readonly app?: AnyApp;
  readonly scope?: string;
  readonly principal?: Principal | null;
  readonly clock?: ManualClock;
  readonly persisted?: PersistedClient;
  /** Batches wait until {@linkcode ClientRig.settle}. */
  readonly slowStorage?: boolean;
}

/** A client, and short ways to use it. */
export class ClientRig {
  readonly client: SyncClient;
  readonly clock: ManualClock;
  readonly storage = new DeviceStorage();
  readonly options: ClientRigOptions;
  /** Batches that storage has not answered. */
  readonly unsaved: PersistBatch[] = [];
  /** What was confirmed, and what came out differently than here. */
  readonly settled: SettledMutation[] = [];
  readonly divergences: Divergence[] = [];
  #effects: Effect[] = [];

  constructor(options: ClientRigOptions = {}) {
    this.options = options;
    const { app = notesApp, scope = "home", principal = null, persisted, name = "c" } = options;
    this.clock = options.clock ?? new ManualClock();
    const add = (effect: Effect) => this.#effects.push(effect);
    this.client = new SyncClient({
      app,
      scope,
      clock: this.clock,
      random: namedRandom(name),
      principal,
      ...(persisted === undefined ? {} : { persisted }),
      output: {
        persist: (batch) => {
          this.unsaved.push(batch);
          add({ kind: "persist", batch });
        },
        send: (message) => add({ kind: "send", message }),
        needSnapshot: () => add({ kind: "needSnapshot" }),
        changed: (changes) => add({ kind: "changed", changes }),
        rejected: (rejected) => add({ kind: "rejected", rejected }),
        settled: (settled) => this.settled.push(settled),
        diverged: (divergence) => this.divergences.push(divergence),
        synced: (cursor) => add({ kind: "synced", cursor }),
        rooted: (cursor, root) => add({ kind: "rooted", cursor, root }),
        failed: (error, retryAfterMs) => add({ kind: "failed", error, retryAfterMs }),
        event: (topic, data) => add({ kind: "event", topic, data }),
      },
    });
    if (persisted !== undefined) this.#keep(persisted);
  }

  /** Everything wanted since the last look. */
  take(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** The effects of one kind since the last look; the others are forgotten. */
  taken<K extends Effect["kind"]>(kind: K): readonly (Effect & { readonly kind: K })[] {
    return this.take().filter((effect): effect is Effect & { kind: K } => effect.kind === kind);
  }

  /** Messages sent since the last look. */
  sent(): readonly UpMessage[] {
    return this.taken("send").map(({ message }) => message);
  }

  /** Mutations pushed since the last look. */
  pushed(): readonly WireMutation[] {
    return this.sent().flatMap((message) => message.kind === "push" ? message.mutations : []);
  }

  mutate(name: string, args: unknown = null): Mutation {
    const { mutation } = this.client.mutate(name, args);
    if (!this.options.slowStorage) this.settle();
    return mutation;
  }

  add(id: string, by = 1): Mutation {
    return this.mutate("counter.add", { id, by });
  }

  /** Storage takes every batch and says so. */
  settle(): void {
    for (let batch = this.unsaved.shift(); batch !== undefined; batch = this.unsaved.shift()) {
      this.storage.saveQueue(batch);
      this.storage.saveRows(batch);
      this.client.persisted(batch.token);
    }
  }

  /** Storage refuses the oldest batch. */
  refuseStorage(): DriftlessError {
    const error = new DriftlessError("store_failed", "Cannot save: the disk is full");
    const batch = this.unsaved.shift();
    if (batch !== undefined) this.client.persistFailed(batch.token, error);
    return error;
  }

  receive(message: DownMessage): void {
    this.client.received(message);
    if (!this.options.slowStorage) this.settle();
  }

  /** Connects, and is welcomed by a server that stands here. */
  goLive(fields: Partial<DownMessage & { readonly kind: "welcome" }> = {}): void {
    this.client.connected();
    this.welcome(fields);
  }

  welcome(fields: Partial<DownMessage & { readonly kind: "welcome" }> = {}): void {
    this.receive({
      kind: "welcome",
      epoch: "epoch-1",
      cursor: this.client.cursor,
      lastSeq: this.storage.identity?.decidedSeq ?? 0,
      time: this.clock.now(),
      reset: false,
      ...fields,
    });
  }

  /** The server accepts mutations; their effects are visible at this cursor. */
  accept(cursor: number, ...mutations: readonly { readonly id: string }[]): void {
    const results = mutations.map(({ id }) => ({
      id,
      cursor,
      lastSeq: 0,
      code: null,
      error: null,
    }));
    this.receive({ kind: "ack", results });
  }

  /** The server refuses mutations. */
  refuse(...mutations: readonly { readonly id: string }[]): void {
    const results = mutations.map(({ id }) => (
      { id, cursor: 0, lastSeq: 0, code: "rejected", error: "Not today" } as const
    ));
    this.receive({ kind: "ack", results });
  }

  /** The server accepts a mutation that made changes, the last of them at this cursor. */
  confirm(cursor: number, changeCount: number, { id }: { readonly id: string }): void {
    const result = { id, cursor, lastSeq: 0, code: null, error: null, changeCount };
    this.receive({ kind: "ack", results: [result] });
  }

  /** The same device after a crash or a reload: only what storage holds is left. */
  restart(options: ClientRigOptions = {}): ClientRig {
    return new ClientRig({
      ...this.options,
      clock: this.clock,
      name: `${this.options.name ?? "c"}+`,
      persisted: this.storage.load(),
      ...options,
    });
  }

  value(id: string): unknown {
    return this.client.view.get("counter", id)?.value;
  }

  states(): readonly string[] {
    return this.client.pending.map(({ state }) => state);
  }

  /** Storage starts with what the client was given. */
  #keep({ identity, pending, replica }: PersistedClient): void {
    const rows = { kind: "snapshot", ...replica } as const;
    if (identity === null) return;
    const batch = { token: 0, identity, put: pending, drop: [], replica: rows };
    this.storage.saveQueue(batch);
    this.storage.saveRows(batch);
  }
}

/** A counter's change at a cursor. */
export function counterChange(cursor: number, value: number, id = "k", time = cursor): Change {
  const json = JSON.stringify({ value });
  return { cursor, entity: "counter", id, op: "update", json, time };
}

/** A poke of consecutive changes. */
export function pokeOf(changes: readonly Change[], more = false): DownMessage {
  return { kind: "poke", from: (changes[0]?.cursor ?? 1) - 1, changes, more };
}

/** Bytes that differ from call to call and from name to name, and repeat from run to run. */
function namedRandom(name: string): Random {
  let state = [...name].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7);
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}
