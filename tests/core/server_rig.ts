/** A server on the store in memory, with a clock that a test moves. */
import type { AnyApp, Principal } from "../../core/app.ts";
import type { Change } from "../../core/change.ts";
import type { ScopeCommit } from "../../core/claims.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Mutation, PushedMutation } from "../../core/mutation.ts";
import type { Clock } from "../../core/ports.ts";
import { type MutationResult, SyncServer } from "../../core/server.ts";
import type { Store } from "../../core/store.ts";
import { notesApp } from "./notes_app.ts";
import { call, START_MS } from "./rows.ts";

/** Time as a test tells it. */
export class ManualClock implements Clock {
  time: number;

  constructor(time = START_MS) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }
}

export const ann: Principal = { id: "ann" };
export const bob: Principal = { id: "bob" };

/** What {@linkcode ServerRig} is made of; everything may be left out. */
export interface ServerRigOptions {
  readonly app?: AnyApp;
  readonly store?: Store;
  readonly clock?: ManualClock;
  readonly open?: boolean;
}

/** A server, and short ways to use it. */
export class ServerRig {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly server: SyncServer;
  readonly failures: { readonly error: unknown; readonly where: string }[] = [];

  constructor(options: ServerRigOptions = {}) {
    const { app = notesApp, open = false } = options;
    this.clock = options.clock ?? new ManualClock();
    this.store = options.store ?? new MemoryStore("epoch-1");
    this.server = new SyncServer({
      app,
      store: this.store,
      clock: this.clock,
      open,
      onFailure: (error, where) => this.failures.push({ error, where }),
    });
  }

  /** Pushes mutations of one principal in one request. */
  push(mutations: readonly PushedMutation[], principal: Principal | null = ann): MutationResult[] {
    return [...this.server.push([{ principal, mutations }]).results[0] ?? []];
  }

  /** Pushes one mutation. */
  pushOne(mutation: PushedMutation, principal: Principal | null = ann): MutationResult {
    return this.push([mutation], principal)[0] as MutationResult;
  }

  /** Pushes, and gives back what the commits told. */
  commit(...mutations: readonly Mutation[]): ScopeCommit {
    const { commits } = this.server.push([{ principal: ann, mutations }]);
    return commits[0] as ScopeCommit;
  }

  /** Every change of the log that is still there. */
  log(scope = "home"): readonly Change[] {
    return this.store.changes(scope, this.store.head(scope).floor, Infinity);
  }

  /** The live records of a collection. */
  records(entity: string, scope = "home"): Readonly<Record<string, unknown>> {
    const rows = this.store.rows(scope, entity);
    return Object.fromEntries(rows.map(({ id, json }) => [id, JSON.parse(json) as unknown]));
  }
}

/** The mutations of one client, numbered as it makes them. */
export class Author {
  readonly client: string;
  seq = 0;
  /** Its clock, in milliseconds. */
  time = START_MS;

  constructor(client: string) {
    this.client = client;
  }

  call(name: string, args: unknown = null, fields: object = {}): Mutation {
    const seq = ++this.seq;
    return call(name, args, {
      id: `${this.client}-${seq}`,
      scope: "home",
      client: this.client,
      seq,
      createdAt: this.time,
      ...fields,
    });
  }

  /** Adds to a counter: an effect that shows when it happens twice. */
  add(id: string, by = 1): Mutation {
    return this.call("counter.add", { id, by });
  }

  /** Writes a note. */
  note(id: string, title = "t"): Mutation {
    return this.call("note.create", { id, data: { title } });
  }
}
