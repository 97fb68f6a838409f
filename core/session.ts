/**
 * One live connection as the server sees it: a synchronous machine of channels.
 *
 * A channel is one client of one scope. It is *behind* until it has been given the log up to its end,
 * page by page at the client's own pace; from then on every commit is poked to it.
 */
import type { Principal } from "./app.ts";
import { DriftlessError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { IN_FLIGHT_MAX, PULL_LIMIT_MAX } from "./limits.ts";
import { checkInteger, checkMutation, checkName, checkScope, type Mutation } from "./mutation.ts";
import { type CommitPoke, firstPoke } from "./poke.ts";
import type { Clock } from "./ports.ts";
import type { MutationResult, SyncServer } from "./server.ts";
import {
  decodeUp,
  type DownMessage,
  encodeDown,
  PROTOCOL_VERSION,
  type UpMessage,
  type WireMutation,
} from "./wire/messages.ts";

/** Channels of one connection. */
export const CHANNELS_MAX = 16;
/** Topics that one channel subscribes to. */
export const TOPICS_MAX = 64;
/** A client further behind than this is better served by a snapshot. */
export const CATCH_UP_CHANGES_MAX = 10_000;

/** What a session wants done. */
export interface SessionOutput {
  send(bytes: Uint8Array): void;
  /** Decide these mutations, then tell `decided`. */
  push(channel: number, mutations: readonly Mutation[]): void;
  /** Give this to every session of the scope. */
  publish(scope: string, topic: string, data: string): void;
  /** The session now has a channel in this scope. */
  joined(scope: string): void;
}

/** What a {@linkcode LiveSession} is made of. */
export interface SessionOptions {
  readonly server: SyncServer;
  readonly principal: Principal | null;
  readonly clock: Clock;
  readonly output: SessionOutput;
}

interface Channel {
  readonly scope: string;
  readonly client: string;
  readonly topics: Set<string>;
  /** The end of what was sent. */
  cursor: number;
  behind: boolean;
  /** Mutations handed on that are not decided. */
  undecided: number;
  /**
   * Commits that wait for answers: effects of a mutation that its client still counts as undecided
   * would show twice. No more than commits that were made while a push of this channel waited.
   */
  readonly held: CommitPoke[];
}

/** The server's half of one live connection. */
export class LiveSession {
  readonly #options: SessionOptions;
  readonly #channels = new Map<number, Channel>();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The scopes that this session has a channel in. */
  scopes(): ReadonlySet<string> {
    return new Set(Array.from(this.#channels.values(), ({ scope }) => scope));
  }

  /**
   * Takes one message. What is wrong with it is answered with a failure on its channel.
   *
   * @throws {DriftlessError} `malformed` when the bytes are no message: the connection is of no use
   */
  received(bytes: Uint8Array): void {
    const { channel, message } = decodeUp(bytes);
    try {
      this.#handle(channel, message);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      this.#fail(channel, error);
    }
  }

  /** Answers a channel with a failure; a push that fails has no other answer. */
  fail(number: number, error: DriftlessError, retryAfterMs = 0): void {
    this.#fail(number, error, retryAfterMs);
    const channel = this.#channels.get(number);
    if (channel === undefined) return;
    channel.undecided = 0;
    this.#release(number, channel, Infinity);
  }

  /** The results of pushes, in their order. */
  decided(number: number, results: readonly MutationResult[]): void {
    this.#send(number, { kind: "ack", results });
    const channel = this.#channels.get(number);
    if (channel === undefined) return;
    channel.undecided = Math.max(0, channel.undecided - results.length);
    this.#release(
      number,
      channel,
      channel.undecided === 0 ? Infinity : results.at(-1)?.cursor ?? 0,
    );
  }

  /** A commit is durable: the channels that are up to date hear of it. */
  committed(scope: string, poke: CommitPoke): void {
    for (const [number, channel] of this.#channels) {
      if (channel.scope !== scope || channel.behind) continue;
      if (channel.undecided > 0) channel.held.push(poke);
      else this.#poke(number, channel, poke);
    }
  }

  /** The log of a scope ends at `cursor` now, whoever wrote it: the channels there are given the rest. */
  advanced(scope: string, cursor: number): void {
    for (const [number, channel] of this.#channels) {
      if (channel.scope === scope && !channel.behind && channel.cursor < cursor) {
        this.#give(number, channel);
      }
    }
  }

  /** A message to a topic of a scope. */
  published(scope: string, topic: string, data: string): void {
    for (const [number, channel] of this.#channels) {
      if (channel.scope === scope && channel.topics.has(topic)) {
        this.#send(number, { kind: "event", topic, data });
      }
    }
  }

  /** Asks again whether the principal may read; closes the channels where not. */
  recheck(): void {
    for (const [number, { scope }] of this.#channels) {
      if (this.#mayRead(scope)) continue;
      this.#channels.delete(number);
      this.#fail(number, forbidden());
    }
  }

  #handle(number: number, message: UpMessage): void {
    if (message.kind === "hello") return this.#hello(number, message);
    if (message.kind === "ping") {
      return this.#send(number, { kind: "pong", time: this.#options.clock.now() });
    }
    const channel = this.#channels.get(number);
    if (channel === undefined) {
      throw new DriftlessError("invalid_mutation", "Cannot read the message: say hello first");
    }
    switch (message.kind) {
      case "push":
        return this.#push(number, channel, message.mutations);
      case "next":
        return this.#page(number, channel, checkInteger(message.cursor, "cursor"));
      case "subscribe":
        if (channel.topics.size >= TOPICS_MAX && !channel.topics.has(message.topic)) {
          throw new DriftlessError("rate_limited", `Cannot follow more than ${TOPICS_MAX} topics`);
        }
        channel.topics.add(checkName(message.topic, "topic"));
        return;
      case "unsubscribe":
        channel.topics.delete(message.topic);
        return;
      case "publish":
        return this.#publish(channel, message.topic, message.data);
    }
  }

  #hello(number: number, hello: UpMessage & { readonly kind: "hello" }): void {
    const { server, principal, clock, output } = this.#options;
    if (hello.protocol !== PROTOCOL_VERSION) {
      throw new DriftlessError(
        "upgrade_required",
        `This server speaks protocol ${PROTOCOL_VERSION}, not ${hello.protocol}`,
      );
    }
    if (!this.#channels.has(number) && this.#channels.size >= CHANNELS_MAX) {
      throw new DriftlessError("rate_limited", `Cannot open more than ${CHANNELS_MAX} channels`);
    }
    const scope = checkScope(hello.scope);
    const client = checkName(hello.client, "client");
    const cursor = checkInteger(hello.cursor, "cursor");
    // A channel that is not granted must not keep what it was granted before.
    this.#channels.delete(number);
    if (!this.#mayRead(scope)) throw forbidden();
    const lastSeq = server.lastSeq(scope, client, principal);
    const head = server.head(scope);
    const strange = hello.epoch !== "" && hello.epoch !== server.epoch;
    const far = head.cursor - cursor > CATCH_UP_CHANGES_MAX;
    const reset = strange || far || cursor > head.cursor || cursor < head.floor;
    const channel: Channel = {
      scope,
      client,
      topics: new Set(),
      cursor,
      behind: true,
      undecided: 0,
      held: [],
    };
    this.#channels.set(number, channel);
    output.joined(scope);
    const { epoch } = server;
    const time = clock.now();
    this.#send(number, { kind: "welcome", epoch, cursor: head.cursor, lastSeq, time, reset });
    if (!reset && cursor < head.cursor) this.#page(number, channel);
    else channel.behind = reset;
  }

  /** Pokes what was held, up to a cursor. */
  #release(number: number, channel: Channel, end: number): void {
    const { held } = channel;
    for (let poke = held[0]; poke !== undefined && poke.to <= end; poke = held[0]) {
      held.shift();
      if (!channel.behind) this.#poke(number, channel, poke);
    }
  }

  #poke(number: number, channel: Channel, poke: CommitPoke): void {
    if (poke.to <= channel.cursor) return;
    if (poke.fits && channel.cursor === poke.from) {
      this.#options.output.send(poke.frame(number));
      channel.cursor = poke.to;
    } else {
      this.#give(number, channel);
    }
  }

  /** Sends a page that nobody asked for: where that fails, no other channel hears less for it. */
  #give(number: number, channel: Channel): void {
    try {
      this.#page(number, channel);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      channel.behind = true;
      this.#fail(number, error);
    }
  }

  /** Sends a page of the log. A place that the log does not reach leaves the channel where it is. */
  #page(number: number, channel: Channel, from: number = channel.cursor): void {
    const { server } = this.#options;
    const page = server.pull(channel.scope, from, PULL_LIMIT_MAX);
    const changes = firstPoke(page.changes);
    const more = page.hasMore || changes.length < page.changes.length;
    channel.cursor = changes.at(-1)?.cursor ?? from;
    channel.behind = more;
    this.#send(number, { kind: "poke", from, changes, more });
  }

  #push(number: number, channel: Channel, wired: readonly WireMutation[]): void {
    if (wired.length === 0 || wired.length > IN_FLIGHT_MAX) {
      throw new DriftlessError(
        "invalid_mutation",
        `Cannot read the message: a push holds 1 to ${IN_FLIGHT_MAX} mutations`,
      );
    }
    const { scope, client } = channel;
    const mutations = wired.map(({ args, ...rest }) =>
      checkMutation({ ...rest, scope, client, args: parseJson(args, "invalid_mutation") })
    );
    channel.undecided += mutations.length;
    this.#options.output.push(number, mutations);
  }

  #publish(channel: Channel, topic: string, data: string): void {
    const { server, principal, output } = this.#options;
    const { scope } = channel;
    if (!server.allows({ principal, scope, action: "write" })) throw forbidden();
    parseJson(data, "invalid_mutation");
    output.publish(scope, checkName(topic, "topic"), data);
  }

  #mayRead(scope: string): boolean {
    const { server, principal } = this.#options;
    return server.allows({ principal, scope, action: "read" });
  }

  #fail(channel: number, { code, message: error }: DriftlessError, retryAfterMs = 0): void {
    this.#send(channel, { kind: "failure", code, error, retryAfterMs });
  }

  #send(channel: number, message: DownMessage): void {
    this.#options.output.send(encodeDown(channel, message));
  }
}

function forbidden(): DriftlessError {
  return new DriftlessError("forbidden", "You may not read this scope");
}
