/** A tab without a page: one socket that shows one island, for benchmarks. It runs on Bun. */
import { issueToken } from "../../edge/identity.ts";
import {
  arrivalOf,
  BROWSER_INIT_REQUEST,
  BROWSER_METHOD,
  browserFrame,
  type FromServer,
  PING,
  SERVER_INIT,
} from "../../ui/client/bridge_wire.ts";

/** Signs the tokens of tabs. */
export const BENCH_SECRET = "a secret of benchmarks, and of nothing else";

const INIT_MS_MAX = 20_000;

/** A ticket for one socket of somebody of their own: what many from one place do is bounded. */
export async function benchTicket(port: number, subject: string): Promise<string> {
  const token = await issueToken(subject, 600, BENCH_SECRET);
  const response = await fetch(`http://127.0.0.1:${port}/_live/ticket`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  const { ticket } = await response.json() as { ticket: string };
  if (!response.ok) throw new Error(`no ticket: ${response.status}`);
  return ticket;
}

/** The message that asks for an island. */
export function showFrame(island: string): Uint8Array<ArrayBuffer> {
  return browserFrame({ kind: BROWSER_INIT_REQUEST, island, url: "/" });
}

/** A click on a slot of the island's first block. */
export function clickFrame(slot: number): Uint8Array<ArrayBuffer> {
  return browserFrame({ kind: BROWSER_METHOD, slot });
}

/** The value of which a part of all values is not above; 0.5 is the median. */
export function quantile(values: readonly number[], part: number): number {
  const at = Math.min(values.length - 1, Math.floor(values.length * part));
  return values.toSorted((a, b) => a - b)[at] ?? NaN;
}

/** What a frame of the server says to an island. */
export function messageIn(frame: ArrayBuffer): FromServer | undefined {
  return arrivalOf(new Uint8Array(frame)).message;
}

/** One socket. */
export class BenchTab {
  /** Called for each message but the first. */
  onMessage: (message: FromServer | undefined) => void = () => {};
  /** Called with the bytes of each, in place of {@linkcode onMessage}: who counts time reads them later. */
  onFrame: (frame: ArrayBuffer) => void = (frame) => this.onMessage(messageIn(frame));
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects, and shows an island if there is a name; resolves when it is there. */
  static async open(port: number, subject: string, island: string): Promise<BenchTab> {
    const ticket = await benchTicket(port, subject);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/_live?ticket=${ticket}`);
    socket.binaryType = "arraybuffer";
    const tab = new BenchTab(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("an island did not come")), INIT_MS_MAX);
    socket.onclose = ({ code, reason }) => reject(new Error(`a socket ended: ${code} ${reason}`));
    socket.onopen = () => island === "" ? resolve() : socket.send(showFrame(island));
    let held: Uint8Array | undefined;
    socket.onmessage = ({ data }) => {
      const arrival = arrivalOf(new Uint8Array(data), held);
      const { message } = arrival;
      held = arrival.held;
      if (message?.kind === SERVER_INIT) resolve();
      else if (held === undefined) {
        reject(new Error(`the server says ${message?.code} ${message?.error}`));
      }
    };
    await promise;
    clearTimeout(timer);
    socket.onclose = () => {};
    socket.onmessage = ({ data }) => tab.onFrame(data);
    return tab;
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(frame);
  }

  /** Silence would end the connection. */
  ping(): void {
    this.#socket.send(PING);
  }

  close(): void {
    this.#socket.close();
  }
}
