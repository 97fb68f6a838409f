/** A client of the live door, by the runtime's own WebSocket: it says what it is told, and hears all. */
import { assert, assertEquals } from "@std/assert";
import {
  decodeDown,
  type DownMessage,
  encodeUp,
  type Envelope,
  PROTOCOL_VERSION,
  type UpMessage,
} from "../../core/wire/messages.ts";
import { inTime } from "./raw_peer.ts";

type Kind = DownMessage["kind"];
type Down<K extends Kind> = Extract<DownMessage, { readonly kind: K }>;

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** What a hello may say. */
export interface Hello {
  readonly client?: string;
  readonly scope?: string;
  readonly cursor?: number;
  readonly epoch?: string;
  readonly protocol?: number;
}

/** One live connection. */
export class LivePeer {
  readonly ended: Promise<Ending>;
  readonly #socket: WebSocket;
  readonly #received: Envelope<DownMessage>[] = [];
  #isOver = false;
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#received.push(decodeDown(new Uint8Array(data)));
      this.#wake();
    };
    this.ended = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        this.#isOver = true;
        this.#wake();
        resolve({ code, reason });
      };
    });
  }

  /** Gets a ticket and connects with it. */
  static async open(port: number, headers: Record<string, string> = {}): Promise<LivePeer> {
    const url = `http://127.0.0.1:${port}/_live/ticket`;
    const response = await fetch(url, { method: "POST", headers });
    const { ticket } = await response.json();
    assertEquals(response.status, 200);
    return await LivePeer.connect(`ws://127.0.0.1:${port}/_live?ticket=${ticket}`);
  }

  static async connect(url: string): Promise<LivePeer> {
    const socket = new WebSocket(url);
    const peer = new LivePeer(socket);
    await inTime(
      new Promise<void>((resolve, reject) => {
        socket.onopen = () => resolve();
        socket.onerror = () => reject(new Error(`Cannot connect to ${url}`));
      }),
      "the connection",
    );
    socket.onerror = null;
    return peer;
  }

  say(message: UpMessage, channel = 0): void {
    this.#socket.send(encodeUp(channel, message));
  }

  /** Sends what no honest client would. */
  sayBytes(data: Uint8Array<ArrayBuffer> | string): void {
    this.#socket.send(data);
  }

  /** The next message, which must be of this kind. */
  async hear<K extends Kind>(kind: K, channel = 0): Promise<Down<K>> {
    const envelope = await this.#next();
    assertEquals([envelope.message.kind, envelope.channel], [kind, channel]);
    return envelope.message as Down<K>;
  }

  /** Says hello and gives back the welcome; pages that follow are still to be heard. */
  async greet(hello: Hello = {}, channel = 0): Promise<Down<"welcome">> {
    const { client = "client", scope = "s", cursor = 0, epoch = "" } = hello;
    const { protocol = PROTOCOL_VERSION } = hello;
    this.say({ kind: "hello", protocol, client, scope, cursor, epoch }, channel);
    return await this.hear("welcome", channel);
  }

  /** Pushes tasks, numbered from `first` on. */
  pushTasks(first: number, count = 1, channel = 0): void {
    const mutations = Array.from({ length: count }, (_, i) => {
      const id = `task-${channel}-${first + i}`;
      const args = JSON.stringify({ id, data: { title: id, done: false } });
      return { id: `m-${id}`, name: "todo.create", seq: first + i, args, createdAt: 0 };
    });
    this.say({ kind: "push", mutations }, channel);
  }

  /** Expects that nothing was sent before the answer to a ping. */
  async assertQuiet(): Promise<void> {
    this.say({ kind: "ping" });
    await this.hear("pong");
  }

  async close(): Promise<void> {
    this.#socket.close();
    await inTime(this.ended, "the end of the connection");
  }

  async #next(): Promise<Envelope<DownMessage>> {
    for (;;) {
      const envelope = this.#received.shift();
      if (envelope !== undefined) return envelope;
      assert(!this.#isOver, "the connection ended before the message came");
      await inTime(new Promise<void>((resolve) => this.#wake = resolve), "a message");
    }
  }
}
