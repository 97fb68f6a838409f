/** A client that syncs, and nothing besides: what every kind of client is made of. */
import type { AnyApp } from "../../core/app.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Pending } from "../../core/queue.ts";
import { callBack } from "./callbacks.ts";
import { ClientEngine } from "./client_engine.ts";
import type { EngineEvents } from "./client_events.ts";
import { type CollectionReads, openReads } from "./collection_reads.ts";
import type { Changes, ClientOptions } from "./create_client.ts";
import type { EngineParts } from "./engine_parts.ts";
import { MutationQueue } from "./mutation_queue.ts";
import { Topics } from "./topics.ts";

/** What a client has besides syncing: it hears of everything first. */
export interface Extras extends Partial<Omit<EngineEvents, "event">> {
  /** A call was made. */
  made?(mutation: Mutation): void;
  /** Mutations have no effect: they were let go, or not stored. */
  forgotten?(ids: readonly string[]): void;
}

/** A client of any app; `Client` has its methods' documentation and types. */
export class SyncShell {
  readonly #app: AnyApp;
  readonly #engine: ClientEngine;
  readonly #extras: Extras;
  readonly #topics: Topics;
  readonly queue: MutationQueue;
  readonly #listeners = new Set<(changes: Changes) => void>();

  constructor(
    app: AnyApp,
    options: ClientOptions,
    parts: EngineParts,
    withExtras: (engine: ClientEngine) => Extras = () => ({}),
  ) {
    this.#app = app;
    this.#topics = new Topics((message) => this.#engine.send(message));
    this.#engine = new ClientEngine(app, options, parts, {
      changed: (changes) => this.#notify(changes),
      greeted: () => {
        this.#topics.resume();
        extras.greeted?.();
      },
      lost: () => extras.lost?.(),
      peers: (message) => extras.peers?.(message),
      event: (topic, data) => this.#topics.deliver(topic, data),
      settled: (settled) => extras.settled?.(settled),
      rejected: (rejected) => {
        extras.rejected?.(rejected);
        callBack(options.onRejected, rejected);
      },
    });
    const extras = this.#extras = withExtras(this.#engine);
    this.queue = new MutationQueue({
      take: (step) => this.#engine.take(step),
      entries: () => this.#engine.running().entries,
      gone: (ids) => extras.forgotten?.(ids),
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

  async mutate(name: string, args: unknown): Promise<Mutation> {
    const { mutation, durable } = this.#engine.take((machine) => machine.mutate(name, args));
    this.#extras.made?.(mutation);
    try {
      await durable;
    } catch (error) {
      this.#extras.forgotten?.([mutation.id]);
      throw error;
    }
    return mutation;
  }

  collection(name: string): CollectionReads<JsonObject> {
    return openReads({ app: this.#app, view: () => this.#engine.running().view }, name);
  }

  subscribe(listener: (changes: Changes) => void): () => void {
    // Its own, so that one who subscribes the same function twice can stop one of them.
    const own = (changes: Changes) => listener(changes);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
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
    callBack(() => this.#extras.changed?.(changes));
    for (const listener of [...this.#listeners]) callBack(listener, changes);
  }
}
