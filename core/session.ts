/**
 * One live connection as the server sees it: a synchronous machine of channels.
 *
 * A channel is one client of one scope. It is *behind* until it has been given the log up to its end,
 * page by page at the client's own pace; from then on every commit is poked to it.
 */
import type { Principal } from "./app.ts";
import { DriftlessError } from "./errors.ts";
import { parseJson, utf8Length } from "./json.ts";
import { IN_FLIGHT_MAX, PULL_LIMIT_MAX } from "./limits.ts";
import {
  checkInteger,
  checkMutation,
  checkName,
  checkScope,
  type PushedMutation,
  readInPlace,
} from "./mutation.ts";
import { type CommitPoke, firstPoke } from "./poke.ts";
import type { Clock } from "./ports.ts";
import { PRESENCE_BYTES_MAX, type PresenceMember, type PresenceRooms } from "./presence.ts";
import type { MutationResult, SyncServer } from "./server.ts";
import { TOO_OLD_RETRY_MS, VersionError } from "./upgrade.ts";
import {
  decodeUp,
  type DownMessage,
  encodeDown,
  PROTOCOL_VERSION,
  type UpMessage,
  type WireMutation,
} from "./wire/messages.ts";

/** Channels of one connection: the tabs of one browser share it. */
export const CHANNELS_MAX = 64;
/** Topics that one channel subscribes to. */
export const TOPICS_MAX = 64;
/** A client further behind than this is better served by a snapshot. */
export const CATCH_UP_CHANGES_MAX = 10_000;
/** The same for a client that has nothing: a snapshot is compressed, and the log is not. */
export const FIRST_CHANGES_MAX = 200;

/** What a session wants done. */
export interface SessionOutput {
  send(bytes: Uint8Array): void;
  /** Decide these mutations, then tell `decided`. */
  push(channel: number, mutations: readonly PushedMutation[]): void;
  /** Give this to every session of the scope. */
  publish(scope: string, topic: string, data: string): void;
  /**
   * Counts the work of the principal's exchanges, in microseconds; says how long to wait until there is
   * room for more, in milliseconds, or 0.
   */
  spend(work: number): number;
  /** The session now has a channel in this scope. */
  joined(scope: string): void;
  /** A message of the live UI: it belongs to the connection, whatever channels there are. */
  ui(body: Uint8Array): void;
  /** Whether what was sent has left: messages that can wait, wait for it. */
  isReady(): boolean;
}

/** What a {@linkcode LiveSession} is made of. */
export interface SessionOptions {
  readonly server: SyncServer;
  readonly principal: Principal | null;
  readonly clock: Clock;
  /** Shared by all sessions. */
  readonly presence: PresenceRooms;
  readonly output: SessionOutput;
}

interface Channel {
  readonly scope: string;
  readonly client: string;
  /** The version of the app that the client runs, when it says so. */
  readonly appVersion: number | undefined;
  readonly topics: Set<string>;
  /** The channel as presence sees it. */
  readonly member: PresenceMember;
  /** Whether it shows something of its client. */
  shows: boolean;
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
      this.#fail(channel, error, error instanceof VersionError ? error.retryAfterMs : 0);
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
    const { presence } = this.#options;
    for (const [number, { scope, member, shows }] of this.#channels) {
      if (shows && !this.#mayWrite(scope)) presence.hide(member);
      if (this.#mayRead(scope)) continue;
      presence.hide(member);
      this.#close(number);
      this.#fail(number, forbidden());
    }
  }

  /** The connection is gone. */
  closed(): void {
    for (const number of this.#channels.keys()) this.#close(number);
  }

  #handle(number: number, message: UpMessage): void {
    if (message.kind === "hello") return this.#hello(number, message);
    if (message.kind === "ui") return this.#options.output.ui(message.body);
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
      case "presence":
        return this.#present(number, channel, message.watch, message.data);
      case "reconcile":
        return this.#reconcile(number, channel, message.body);
    }
  }

  #hello(number: number, hello: UpMessage & { readonly kind: "hello" }): void {
    const { server, principal, clock, output } = this.#options;
    if (hello.protocol !== PROTOCOL_VERSION) {
      throw new VersionError(
        "upgrade_required",
        `This server speaks protocol ${PROTOCOL_VERSION}, not ${hello.protocol}`,
        TOO_OLD_RETRY_MS,
      );
    }
    if (!this.#channels.has(number) && this.#channels.size >= CHANNELS_MAX) {
      throw new DriftlessError("rate_limited", `Cannot open more than ${CHANNELS_MAX} channels`);
    }
    const scope = checkScope(hello.scope);
    const client = checkName(hello.client, "client");
    const cursor = checkInteger(hello.cursor, "cursor");
    // A channel that is not granted must not keep what it was granted before.
    this.#close(number);
    server.checkVersion(hello.appVersion);
    if (!this.#mayRead(scope)) throw forbidden();
    const lastSeq = server.lastSeq(scope, client, principal);
    const head = server.claim(scope);
    const strange = hello.epoch !== "" && hello.epoch !== server.epoch;
    const far = head.cursor - cursor > (cursor === 0 ? FIRST_CHANGES_MAX : CATCH_UP_CHANGES_MAX);
    const reset = strange || far || cursor > head.cursor || cursor < head.floor;
    const channel: Channel = {
      scope,
      client,
      appVersion: hello.appVersion,
      topics: new Set(),
      member: {
        scope,
        client,
        principal: principal?.id ?? "",
        isReady: () => output.isReady(),
        tell: (all, peers) => this.#send(number, { kind: "peers", all, peers }),
      },
      shows: false,
      cursor,
      behind: true,
      undecided: 0,
      held: [],
    };
    this.#channels.set(number, channel);
    output.joined(scope);
    const { epoch } = server;
    const time = clock.now();
    const { cursor: end, root } = head;
    this.#send(number, { kind: "welcome", epoch, cursor: end, lastSeq, time, reset, root });
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
    // Of a page that was cut, the root is that of changes which are still to come.
    const root = more ? undefined : page.root;
    this.#send(number, { kind: "poke", from, changes, more, root });
  }

  #push(number: number, channel: Channel, wired: readonly WireMutation[]): void {
    if (wired.length === 0 || wired.length > IN_FLIGHT_MAX) {
      throw new DriftlessError(
        "invalid_mutation",
        `Cannot read the message: a push holds 1 to ${IN_FLIGHT_MAX} mutations`,
      );
    }
    const { scope, client, appVersion } = channel;
    const { server } = this.#options;
    const mutations = wired.map(({ args, ...rest }) => {
      const place = { ...rest, scope, client };
      const mutation = readInPlace(
        place,
        () => checkMutation({ ...place, args: parseJson(args, "invalid_mutation") }),
      );
      return server.upgraded(mutation, appVersion);
    });
    channel.undecided += mutations.length;
    this.#options.output.push(number, mutations);
  }

  /** Answers a step of finding what differs, wherever the channel stands. */
  #reconcile(number: number, { scope }: Channel, request: Uint8Array): void {
    const { server, output } = this.#options;
    if (!this.#mayRead(scope)) throw forbidden();
    const answer = server.reconcile(scope, request, (work) => output.spend(work));
    if (typeof answer !== "number") return this.#send(number, { kind: "reconcile", body: answer });
    const busy = new DriftlessError("rate_limited", "Cannot compare so many rows at once");
    this.#fail(number, busy, answer);
  }

  #publish({ scope }: Channel, topic: string, data: string): void {
    if (!this.#mayWrite(scope)) throw forbidden();
    parseJson(data, "invalid_mutation");
    this.#options.output.publish(scope, checkName(topic, "topic"), data);
  }

  /**
   * Shows the client to the others. One that cannot be shown (it may not write here, or the scope is
   * full) is told of itself, with nothing: its sync is not to suffer from a failure.
   */
  #present(number: number, channel: Channel, watch: boolean, data: string): void {
    const { scope, client, member } = channel;
    if (utf8Length(data) > PRESENCE_BYTES_MAX) {
      throw new DriftlessError("too_large", `Cannot show more than ${PRESENCE_BYTES_MAX} bytes`);
    }
    if (data !== "") parseJson(data, "invalid_mutation");
    const mayShow = data === "" || this.#mayWrite(scope);
    const isDone = this.#options.presence.set(member, watch, mayShow ? data : "") && mayShow;
    channel.shows = isDone && data !== "";
    if (isDone) return;
    this.#send(number, { kind: "peers", all: false, peers: [{ client, data: "" }] });
  }

  #close(number: number): void {
    const channel = this.#channels.get(number);
    if (channel !== undefined) this.#options.presence.leave(channel.member);
    this.#channels.delete(number);
  }

  #mayWrite(scope: string): boolean {
    const { server, principal } = this.#options;
    return server.allows({ principal, scope, action: "write" });
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
