/** A TCP proxy that does what networks do: no WebSockets, or a connection cut before the answer. */

import { decodeUp } from "../../core/wire/messages.ts";

/** What a proxy does to those that come: all, all but the answer to the next push, or nothing. */
export type Manners = "passes" | "cuts the answer" | "closed";

const UPGRADE = /^upgrade: *websocket/im;
const PUSH = /^POST \/_sync\/push /;
/** A whole binary message, the bit that tells a client's, and the length of one whose length follows. */
const BINARY = 0x82;
const MASKED = 0x80;
const LENGTH_OF_16 = 126;

/** A proxy in front of a server on this machine. */
export class RoughProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #running: Promise<void>;
  readonly #target: () => number;
  /** Once it has cut an answer it is closed. */
  manners: Manners = "passes";
  /** Whether WebSockets are let through. */
  hasSockets = true;
  /** WebSockets that were not let through. */
  refusals = 0;

  /** `target` is the server's port, which may change. */
  constructor(target: () => number) {
    this.#target = target;
    this.#running = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Cuts the connections that there are. */
  cut(): void {
    for (const conn of this.#open) end(conn);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    await this.#running;
  }

  async #accept(): Promise<void> {
    const passing: Promise<void>[] = [];
    for await (const client of this.#listener) passing.push(this.#pass(client));
    await Promise.allSettled(passing);
  }

  async #pass(client: Deno.Conn): Promise<void> {
    if (this.manners === "closed") return end(client);
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target() });
    this.#open.add(client).add(server);
    let isHeld = false;
    const up = copy(client, server, (chunk) => {
      if (!this.hasSockets && UPGRADE.test(latin1(chunk))) {
        this.refusals++;
        return false;
      }
      if (this.manners === "cuts the answer" && isPush(chunk)) isHeld = true;
      return true;
    });
    const down = copy(server, client, () => {
      if (!isHeld) return true;
      this.manners = "closed";
      // Another way that is open already would be one for the same push again.
      this.cut();
      return false;
    });
    await Promise.allSettled([up, down]);
    for (const conn of [client, server]) this.#open.delete(conn);
  }
}

/** Whether it is a push, over HTTP or in one of the messages of a socket. */
function isPush(chunk: Uint8Array): boolean {
  if (PUSH.test(latin1(chunk))) return true;
  return messagesOf(chunk).some((bytes) => decodeUp(bytes).message.kind === "push");
}

/** The binary messages of a client in a chunk that begins with one. */
function messagesOf(chunk: Uint8Array): readonly Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; chunk[at] === BINARY && ((chunk[at + 1] ?? 0) & MASKED) !== 0;) {
    let length = (chunk[at + 1] ?? 0) & ~MASKED;
    at += 2;
    if (length >= LENGTH_OF_16) {
      length = (chunk[at] ?? 0) << 8 | (chunk[at + 1] ?? 0);
      at += 2;
    }
    const mask = chunk.subarray(at, at += 4);
    messages.push(chunk.slice(at, at += length).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
  }
  return messages;
}

function latin1(chunk: Uint8Array): string {
  return new TextDecoder("latin1").decode(chunk);
}

/** Copies until one end is gone, or a chunk is not to be passed on. */
async function copy(
  from: Deno.Conn,
  to: Deno.Conn,
  isPassed: (chunk: Uint8Array) => boolean,
): Promise<void> {
  try {
    for await (const chunk of from.readable) {
      if (!isPassed(chunk)) break;
      for (let at = 0; at < chunk.length;) at += await to.write(chunk.subarray(at));
    }
  } finally {
    end(from);
    end(to);
  }
}

function end(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other direction has closed it.
  }
}
