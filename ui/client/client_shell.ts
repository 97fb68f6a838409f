/** What `createClient` returns: the engine, and what an app sees of it. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { AnyApp } from "../../core/app.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Pending } from "../../core/queue.ts";
import { callBack } from "./callbacks.ts";
import { ClientEngine } from "./client_engine.ts";
import type { ClientStatus } from "./client_status.ts";
import { checkCollection, type CollectionView, openCollection } from "./collection_view.ts";
import type { Changes, ClientOptions } from "./create_client.ts";
import { History } from "./history.ts";
import { MutationQueue, type TakeStep } from "./mutation_queue.ts";
import { ClientPresence } from "./presence.ts";
import { type Query, RowQuery } from "./query.ts";
import type { QueryOptions } from "./query_options.ts";
import { Reactive } from "./reactive.ts";
import { Topics } from "./topics.ts";

/** A client of any app; {@linkcode Client} has its methods' documentation and types. */
export class ClientShell {
  readonly #app: AnyApp;
  readonly #engine: ClientEngine;
  readonly #topics: Topics;
  readonly presence: ClientPresence;
  readonly queue: MutationQueue;
  readonly history: History;
  readonly #listeners = new Set<(changes: Changes) => void>();
  readonly #reactive = new Reactive(() => this.#engine.view);

  constructor(app: AnyApp, options: ClientOptions) {
    this.#app = app;
    this.#topics = new Topics((message) => this.#engine.send(message));
    this.presence = new ClientPresence({
      send: (message) => this.#engine.send(message),
      clientId: () => this.clientId,
      failed: (error) => callBack(options.onError, error),
    });
    this.#engine = new ClientEngine(app, options, {
      changed: (changes) => this.#notify(changes),
      greeted: () => {
        this.#topics.resume();
        this.presence.resume();
      },
      lost: () => this.presence.pause(),
      peers: (message) => this.presence.received(message),
      event: (topic, data) => this.#topics.deliver(topic, data),
      settled: (settled) => this.history.settled(settled),
      rejected: (rejected) => {
        this.#forgetQuarantined();
        callBack(options.onRejected, rejected);
      },
    });
    const machine = () => this.#engine.running();
    this.queue = new MutationQueue({
      take: this.#take,
      entries: () => machine().entries,
      gone: (ids) => this.history.forgotten(ids),
    });
    this.history = new History(app, this.#take, machine);
  }

  start(): Promise<void> {
    return this.#engine.start();
  }

  async stop(): Promise<void> {
    await this.#engine.stop();
    this.presence.stop();
  }

  sync(): Promise<void> {
    return this.#engine.sync();
  }

  async mutate(name: string, args: unknown): Promise<Mutation> {
    const { mutation, durable } = this.#take((machine) => machine.mutate(name, args));
    this.history.made(mutation);
    try {
      await durable;
    } catch (error) {
      this.history.forgotten([mutation.id]);
      throw error;
    }
    return mutation;
  }

  collection(name: string): CollectionView<JsonObject> {
    return openCollection({
      app: this.#app,
      reactive: this.#reactive,
      view: () => this.#engine.running().view,
      mutate: (mutator, args) => this.mutate(mutator, args),
    }, name);
  }

  query(name: string, options: QueryOptions<JsonObject> = {}): Query<JsonObject> {
    checkCollection(this.#app, name);
    return new RowQuery(this.#reactive, name, options);
  }

  subscribe(listener: (changes: Changes) => void): () => void {
    // Its own, so that one who subscribes the same function twice can stop one of them.
    const own = (changes: Changes) => listener(changes);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  get status(): ReadonlySignal<ClientStatus> {
    return this.#engine.status;
  }

  notifyLive(cursor: number): void {
    this.#engine.notifyLive(cursor);
  }

  get isOnline(): boolean {
    return this.#engine.isOnline;
  }

  get cursor(): number {
    return this.#engine.cursor;
  }

  get clientId(): string {
    return this.#engine.running().client;
  }

  get pending(): readonly Readonly<Pending>[] {
    return this.#engine.pending;
  }

  setOffline(offline: boolean): void {
    this.#engine.setOffline(offline);
  }

  subscribeTopic(topic: string, listener: (data: unknown) => void): () => void {
    return this.#topics.subscribe(topic, listener);
  }

  publish(topic: string, data: unknown): void {
    this.#topics.publish(topic, data);
  }

  readonly #take: TakeStep = (step) => this.#engine.take(step);

  /** What is in quarantine is no step to undo. */
  #forgetQuarantined(): void {
    const { quarantined } = this.#engine.running();
    this.history.forgotten(quarantined.map(({ mutation }) => mutation.id));
  }

  #notify(changes: Changes): void {
    if (changes.length > 0) callBack(() => this.#reactive.changed(changes));
    for (const listener of [...this.#listeners]) callBack(listener, changes);
  }
}
