/** What `createClient` returns: a client that syncs, and what an app sees of it besides. */
import { type ReadonlySignal, signal } from "@preact/signals-core";
import type { AnyApp } from "../../core/app.ts";
import type { SettledMutation } from "../../core/client_output.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import { callBack } from "./callbacks.ts";
import type { ClientEngine } from "./client_engine.ts";
import type { PeersMessage } from "./client_events.ts";
import { type ClientStatus, STOPPED } from "./client_status.ts";
import { checkCollection } from "./collection_reads.ts";
import { type CollectionView, openCollection } from "./collection_view.ts";
import type { Changes, ClientOptions } from "./create_client.ts";
import type { EngineParts } from "./engine_parts.ts";
import { History } from "./history.ts";
import { LazyReconciler } from "./lazy_reconciler.ts";
import { ClientPresence } from "./presence.ts";
import { type Query, RowQuery } from "./query.ts";
import type { QueryOptions } from "./query_options.ts";
import type { AuditReport } from "./reconcile_report.ts";
import { Reactive } from "./reactive.ts";
import { reportStorage } from "./storage_report.ts";
import { type Extras, SyncShell } from "./sync_shell.ts";
import { shareTabs } from "./tab_share.ts";
import { VersionedPersistence } from "./versioned_persistence.ts";

/** A client of any app; {@linkcode Client} has its methods' documentation and types. */
export class ClientShell extends SyncShell {
  readonly #app: AnyApp;
  readonly #features: Features;
  readonly #reconciler: LazyReconciler;
  readonly presence: ClientPresence;
  readonly history: History;
  readonly status: ReadonlySignal<ClientStatus>;

  constructor(app: AnyApp, options: ClientOptions) {
    const status = signal(STOPPED);
    let reconciler!: LazyReconciler;
    const parts: EngineParts = {
      share: shareTabs,
      reconciler: (needs) =>
        reconciler = new LazyReconciler(
          needs,
          (progress) => callBack(options.onReconcile, progress),
        ),
      versioned: (...args) => new VersionedPersistence(...args),
      report: reportStorage,
      shown: (next) => {
        status.value = next;
      },
    };
    let features!: Features;
    super(app, options, parts, (engine) => features = new Features(app, options, engine));
    this.#app = app;
    this.#features = features;
    this.presence = features.presence;
    this.history = features.history;
    this.status = status;
    this.#reconciler = reconciler;
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.presence.stop();
  }

  async audit(): Promise<AuditReport> {
    this.#features.engine.running();
    // So that there is somebody to compare with, unless there is nobody.
    await this.sync().catch(() => {});
    return await this.#reconciler.audit();
  }

  override collection(name: string): CollectionView<JsonObject> {
    const { engine, followers: reactive } = this.#features;
    return openCollection({
      app: this.#app,
      reactive,
      view: () => engine.running().view,
      mutate: (mutator, args) => this.mutate(mutator, args),
    }, name);
  }

  query(name: string, options: QueryOptions<JsonObject> = {}): Query<JsonObject> {
    checkCollection(this.#app, name);
    return new RowQuery(this.#features.followers, name, options);
  }
}

/** Presence, undo and followed reads of one client. */
class Features implements Extras {
  readonly engine: ClientEngine;
  readonly presence: ClientPresence;
  readonly history: History;
  readonly followers: Reactive;

  constructor(app: AnyApp, options: ClientOptions, engine: ClientEngine) {
    this.engine = engine;
    this.presence = new ClientPresence({
      send: (message) => engine.send(message),
      clientId: () => engine.running().client,
      failed: (error) => callBack(options.onError, error),
    });
    this.history = new History(app, (step) => engine.take(step), () => engine.running());
    this.followers = new Reactive(() => engine.view);
  }

  changed(changes: Changes): void {
    if (changes.length > 0) this.followers.changed(changes);
  }

  greeted(): void {
    this.presence.resume();
  }

  lost(): void {
    this.presence.pause();
  }

  peers(message: PeersMessage): void {
    this.presence.received(message);
  }

  made(mutation: Mutation): void {
    this.history.made(mutation);
  }

  settled(settled: SettledMutation): void {
    this.history.settled(settled);
  }

  /** What is in quarantine is no step to undo. */
  rejected(): void {
    const { quarantined } = this.engine.running();
    this.history.forgotten(quarantined.map(({ mutation }) => mutation.id));
  }

  forgotten(ids: readonly string[]): void {
    this.history.forgotten(ids);
  }
}
