/**
 * One live connection as the server sees it: a synchronous machine of channels.
 *
 * A channel is one client of one scope. It is *behind* until it has been given the log up to its end,
 * page by page at the client's own pace; from then on every commit is poked to it.
 */
import type { PullPage, ScopeClaim } from "./claims.ts";
import { DriftlessError } from "./errors.ts";
import { parseJson, utf8Length } from "./json.ts";
import { IN_FLIGHT_MAX, PULL_LIMIT_MAX } from "./limits.ts";
import { checkInteger, checkMutation, checkName, checkScope, readInPlace } from "./mutation.ts";
import { type CommitPoke, firstPoke } from "./poke.ts";
import { PRESENCE_BYTES_MAX } from "./presence.ts";
import type { MutationResult } from "./server.ts";
import { atOnce, type Channel, type SessionOptions, type Settle } from "./session_ports.ts";
import { TOO_OLD_RETRY_MS, VersionError } from "./upgrade.ts";
import {
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

type Hello = UpMessage & { readonly kind: "hello" };
/** A channel that pokes do not bring on. */
type Late = readonly [number: number, channel: Channel];

/** The server's half of one live connection. */
export class LiveSession {
  readonly #options: SessionOptions;
  readonly #settle: Settle;
  readonly #channels = new Map<number, Channel>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#settle = options.settle ?? atOnce;
  }

  /** The scopes that this session has a channel in. */
  scopes(): ReadonlySet<string> {
    return new Set(Array.from(this.#channels.values(), ({ scope }) => scope));
  }

  /** Takes one message. What is wrong with it is answered with a failure on its channel. */
  received(channel: number, message: UpMessage): void {
    try {
      this.#handle(channel, message);
    } catch (error) {
      this.#refuse(channel, error);
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
    const late: Late[] = [];
    for (const [number, channel] of this.#channels) {
      if (channel.scope !== scope || channel.behind) continue;
      if (channel.undecided > 0) channel.held.push(poke);
      else if (!this.#poke(number, channel, poke)) late.push([number, channel]);
    }
    this.#give(late);
  }

  /** The log of a scope ends at `cursor` now, whoever wrote it: the channels there are given the rest. */
  advanced(scope: string, cursor: number): void {
    this.#give(
      [...this.#channels].filter(([, channel]) =>
        channel.scope === scope && !channel.behind && channel.cursor < cursor
      ),
    );
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
    if (message.kind === "ping") {
      return this.#send(number, { kind: "pong", time: this.#options.clock.now() });
    }
    // Nobody is there any more; the islands of the page may keep the connection.
    if (message.kind === "unsubscribe" && message.topic === "") return this.#close(number);
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

  #hello(number: number, hello: Hello): void {
    const { server, principal, output } = this.#options;
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
    // Before the read: what is committed after it waits for the channel, and is not missed.
    output.joined(scope);
    const read = () => ({
      lastSeq: server.lastSeq(scope, client, principal),
      head: server.claim(scope),
    });
    this.#read(number, read, ({ lastSeq, head }) => {
      this.#welcome(number, { ...hello, scope, client, cursor }, lastSeq, head);
    });
  }

  #welcome(number: number, hello: Hello, lastSeq: number, head: ScopeClaim): void {
    const { server, principal, clock, output } = this.#options;
    const { scope, client, cursor } = hello;
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
    let isLate = false;
    for (let poke = held[0]; poke !== undefined && poke.to <= end; poke = held[0]) {
      held.shift();
      // A page that is given holds the rest as well.
      isLate ||= !channel.behind && !this.#poke(number, channel, poke);
    }
    if (isLate) this.#give([[number, channel]]);
  }

  /** Sends a commit, unless the channel has it; says false when the log has to tell what is new. */
  #poke(number: number, channel: Channel, poke: CommitPoke): boolean {
    if (poke.to <= channel.cursor) return true;
    if (!poke.fits || channel.cursor !== poke.from) return false;
    this.#options.output.send(poke.frame(number));
    channel.cursor = poke.to;
    return true;
  }

  /** Sends pages that nobody asked for: where one fails, no other channel hears less for it. */
  #give(late: readonly Late[]): void {
    if (late.length === 0) return;
    const { server } = this.#options;
    const pull = ([, { scope, cursor }]: Late) => {
      try {
        return server.pull(scope, cursor, PULL_LIMIT_MAX);
      } catch (error) {
        if (error instanceof DriftlessError) return error;
        throw error;
      }
    };
    const tell = ([number, channel]: Late, page: PullPage | DriftlessError) => {
      if (!(page instanceof DriftlessError)) {
        return this.#show(number, channel, channel.cursor, page);
      }
      channel.behind = true;
      this.#fail(number, page);
    };
    this.#settle(
      () => late.map((one) => [one, pull(one)] as const),
      (pages) => pages.forEach(([one, page]) => tell(one, page)),
      (error) => {
        if (!(error instanceof DriftlessError)) throw error;
        for (const one of late) tell(one, error);
      },
    );
  }

  /** Sends a page of the log. A place that the log does not reach leaves the channel where it is. */
  #page(number: number, channel: Channel, from: number = channel.cursor): void {
    const { server } = this.#options;
    const pull = () => server.pull(channel.scope, from, PULL_LIMIT_MAX);
    this.#read(number, pull, (page) => this.#show(number, channel, from, page));
  }

  #show(number: number, channel: Channel, from: number, page: PullPage): void {
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
    const tell = (answer: Uint8Array | number) => {
      if (typeof answer !== "number") {
        return this.#send(number, { kind: "reconcile", body: answer });
      }
      const busy = new DriftlessError("rate_limited", "Cannot compare so many rows at once");
      this.#fail(number, busy, answer);
    };
    const spend = (work: number) => output.spend(work);
    this.#read(number, () => server.reconcile(scope, request, spend), tell);
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

  /** Reads the store for what a channel said. */
  #read<T>(number: number, work: () => T, then: (value: T) => void): void {
    this.#settle(work, then, (error) => this.#refuse(number, error));
  }

  /** Answers a channel with what is wrong with what it said. */
  #refuse(channel: number, error: unknown): void {
    if (!(error instanceof DriftlessError)) throw error;
    this.#fail(channel, error, error instanceof VersionError ? error.retryAfterMs : 0);
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
