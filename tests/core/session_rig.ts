/** One live session on a server, and everything that it wanted done. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Principal } from "../../core/app.ts";
import type { Mutation, PushedMutation } from "../../core/mutation.ts";
import { CommitPoke } from "../../core/poke.ts";
import { PresenceRooms } from "../../core/presence.ts";
import { LiveSession } from "../../core/session.ts";
import type { Settle } from "../../core/session_ports.ts";
import {
  decodeDown,
  decodeUp,
  type DownMessage,
  encodeUp,
  PROTOCOL_VERSION,
  type UpMessage,
  type WireMutation,
} from "../../core/wire/messages.ts";
import { ann, type ServerRig } from "./server_rig.ts";

interface Published {
  readonly scope: string;
  readonly topic: string;
  readonly data: string;
}

/** One session, and everything that it wanted done since the last look. */
export class SessionRig {
  readonly session: LiveSession;
  readonly pushed: { readonly channel: number; readonly mutations: readonly PushedMutation[] }[] =
    [];
  readonly published: Published[] = [];
  readonly joined: string[] = [];
  /** Whether what was sent has left. */
  isReady = true;
  /** What exchanges cost, and how long to wait, in milliseconds. */
  spend: (work: number) => number = () => 0;
  #frames: Uint8Array[] = [];

  constructor(
    rig: ServerRig,
    principal: Principal | null = ann,
    presence: PresenceRooms = new PresenceRooms({ clock: rig.clock, wake: () => {} }),
    settle: Settle | null = null,
  ) {
    this.session = new LiveSession({
      server: rig.server,
      principal,
      clock: rig.clock,
      presence,
      ...(settle === null ? {} : { settle }),
      output: {
        send: (bytes) => this.#frames.push(bytes),
        push: (channel, mutations) => this.pushed.push({ channel, mutations }),
        publish: (scope, topic, data) => this.published.push({ scope, topic, data }),
        joined: (scope) => this.joined.push(scope),
        isReady: () => this.isReady,
        spend: (work) => this.spend(work),
      },
    });
  }

  /** Says something, and takes what the session answers. */
  say(message: UpMessage, channel = 0): readonly DownMessage[] {
    const up = decodeUp(encodeUp(channel, message));
    this.session.received(up.channel, up.message);
    return this.heard(channel);
  }

  /** What was sent on a channel; nothing may have been sent on another. */
  heard(channel = 0): readonly DownMessage[] {
    const frames = this.#frames.map((bytes) => decodeDown(bytes));
    this.#frames = [];
    for (const frame of frames) assertStrictEquals(frame.channel, channel);
    return frames.map(({ message }) => message);
  }

  /** What was sent on a channel; what was sent on others waits. */
  heardOn(channel: number): readonly DownMessage[] {
    const frames = this.#frames.map((bytes) => decodeDown(bytes));
    this.#frames = this.#frames.filter((_, index) => frames[index]?.channel !== channel);
    return frames.filter((frame) => frame.channel === channel).map(({ message }) => message);
  }

  hello(
    fields: Partial<UpMessage & { readonly kind: "hello" }> = {},
    channel = 0,
  ): readonly DownMessage[] {
    return this.say({
      kind: "hello",
      protocol: PROTOCOL_VERSION,
      client: "c1",
      scope: "home",
      cursor: 0,
      epoch: "",
      ...fields,
    }, channel);
  }

  commit(rig: ServerRig, ...mutations: readonly Mutation[]): readonly DownMessage[] {
    const { scope, changes, root } = rig.commit(...mutations);
    this.session.committed(scope, new CommitPoke(changes, root));
    return this.heard();
  }
}

export function kindsOf(messages: readonly DownMessage[]): readonly string[] {
  return messages.map(({ kind }) => kind);
}

export function assertFailure(messages: readonly DownMessage[], code: string, reason = ""): void {
  assertEquals(kindsOf(messages), ["failure"]);
  const [failure] = messages as [DownMessage & { readonly kind: "failure" }];
  assertStrictEquals(failure.code, code);
  assert(failure.error.includes(reason), failure.error);
}

/** The cursors of all changes that were poked. */
export function cursorsOf(messages: readonly DownMessage[]): readonly number[] {
  return messages.flatMap((message) =>
    message.kind === "poke" ? message.changes.map(({ cursor }) => cursor) : []
  );
}

/** A mutation as a client says it. */
export function wire(id: string, fields: object = {}): WireMutation {
  return { id, name: "counter.add", seq: 1, args: `{"id":"k","by":1}`, createdAt: 5, ...fields };
}
