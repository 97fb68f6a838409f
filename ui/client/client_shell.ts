/** What `createClient` returns: the engine, and what an app sees of it. */
import type { ReadonlySignal } from "@preact/signals-core";
import type { AnyApp } from "../../core/app.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Pending } from "../../core/queue.ts";
import { callBack } from "./callbacks.ts";
import { ClientEngine } from "./client_engine.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Changes, ClientOptions, CollectionView } from "./create_client.ts";
import { Topics } from "./topics.ts";

/** A client of any app; {@linkcode Client} has its methods' documentation and types. */
export class ClientShell {
  readonly #app: AnyApp;
  readonly #engine: ClientEngine;
  readonly #topics: Topics;
  readonly #listeners = new Set<(changes: Changes) => void>();

  constructor(app: AnyApp, options: ClientOptions) {
    this.#app = app;
    this.#topics = new Topics((message) => this.#engine.send(message));
    this.#engine = new ClientEngine(app, options, {
      changed: (changes) => this.#notify(changes),
      greeted: () => this.#topics.resume(),
      event: (topic, data) => this.#topics.deliver(topic, data),
    });
  }

  start(): Promise<void> {
    return this.#engine.start();
  }

  stop(): Promise<void> {
    return this.#engine.stop();
  }

  sync(): Promise<void> {
    return this.#engine.sync();
  }

  mutate(name: string, args: unknown): Promise<Mutation> {
    return this.#engine.mutate(name, args);
  }

  collection(name: string): CollectionView<unknown> {
    if (!Object.hasOwn(this.#app.collections, name)) {
      throw new TypeError(`Cannot read the collection "${name}": the app has none of that name`);
    }
    const view = () => this.#engine.running().view;
    return {
      get: (id) => view().get(name, id),
      has: (id) => view().get(name, id) !== undefined,
      all: () => view().all(name),
      find: (accept) => view().all(name).filter(([id, record]) => accept(record, id)),
      count: () => view().count(name),
    };
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

  #notify(changes: Changes): void {
    for (const listener of [...this.#listeners]) callBack(listener, changes);
  }
}
