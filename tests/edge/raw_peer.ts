/** A peer that speaks bytes, not an API: it may send what no honest client would. */
import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket as TcpSocket } from "node:net";

export interface Frame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** Bits 4 to 6 of the first byte. */
  readonly reserved?: number;
  /** The length that the frame claims, where it is not the payload's. */
  readonly claims?: number;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Far above what any step takes, so that a hang is a failure and a slow machine is not. */
const HANG_MS = 20_000;

export class RawPeer {
  /** Resolves when the connection is gone, however it went. */
  readonly gone: Promise<void>;
  readonly #tcp: TcpSocket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  private constructor(tcp: TcpSocket) {
    this.#tcp = tcp;
    tcp.on("error", () => {});
    tcp.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    tcp.on("end", () => tcp.end());
    this.gone = new Promise((resolve) => {
      tcp.on("close", () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const tcp = connect({ port, host: "127.0.0.1" });
    tcp.setNoDelay(true);
    await once(tcp, "connect");
    return new RawPeer(tcp);
  }

  /** Connects and completes the WebSocket handshake. */
  static async open(port: number, extraHeaders = ""): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.write(handshake(extraHeaders));
    const head = await peer.head();
    assert.match(head, /^HTTP\/1\.1 101 /);
    return peer;
  }

  write(bytes: Uint8Array | string): void {
    if (!this.#tcp.destroyed) this.#tcp.write(bytes);
  }

  /** Writes and waits until the kernel has it all, or the connection is gone. */
  async writeAll(bytes: Uint8Array): Promise<void> {
    if (this.#tcp.destroyed || this.#tcp.write(bytes)) return;
    await Promise.race([new Promise((resolve) => this.#tcp.once("drain", resolve)), this.gone]);
  }

  stopReading(): void {
    this.#tcp.pause();
  }

  readAgain(): void {
    this.#tcp.resume();
  }

  /** Leaves without a word. */
  vanish(): void {
    this.#tcp.destroy();
  }

  /** Leaves in anger: the server's next write fails. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  /** Everything up to the blank line of an HTTP message. */
  async head(): Promise<string> {
    return (await this.#take(() => {
      const end = this.#received.indexOf("\r\n\r\n");
      return end < 0 ? undefined : end + 4;
    })).toString("latin1");
  }

  async take(length: number): Promise<Buffer> {
    return await this.#take(() => this.#received.length < length ? undefined : length);
  }

  /** Everything until `marker`, the marker included. */
  async until(marker: string): Promise<string> {
    return (await this.#take(() => {
      const at = this.#received.indexOf(marker);
      return at < 0 ? undefined : at + marker.length;
    })).toString("latin1");
  }

  /** All that arrives before the connection is gone. */
  async rest(): Promise<string> {
    await inTime(this.gone, "the connection to end");
    return this.#received.toString("latin1");
  }

  /** The next frame from the server, which must not be masked. */
  async frame(): Promise<Frame> {
    const first = await this.take(2);
    assert.equal((first[1] ?? 0) & 0x80, 0, "a server does not mask");
    let length = first[1] ?? 0;
    if (length === 126) length = (await this.take(2)).readUInt16BE();
    else if (length === 127) length = Number((await this.take(8)).readBigUInt64BE());
    return { opcode: (first[0] ?? 0) & 0x0f, payload: new Uint8Array(await this.take(length)) };
  }

  /** The code of the close frame that must come next, other frames being skipped. */
  async closeCode(): Promise<number> {
    for (;;) {
      const { opcode, payload } = await this.frame();
      if (opcode === OPCODE.close) return Buffer.from(payload).readUInt16BE();
    }
  }

  async #take(measure: () => number | undefined): Promise<Buffer> {
    for (;;) {
      const length = measure();
      if (length !== undefined) {
        const taken = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return taken;
      }
      if (this.#ended) {
        throw new Error(`The connection ended after ${this.#received.toString("latin1")}`);
      }
      await inTime(new Promise<void>((resolve) => this.#wake = resolve), "bytes from the server");
    }
  }
}

export function handshake(extraHeaders = "", path = "/_live"): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n` +
    `${extraHeaders}\r\n`;
}

export function frame(
  opcode: number,
  payload: Uint8Array,
  options: FrameOptions = {},
): Uint8Array {
  const { fin = true, masked = true, reserved = 0, claims = payload.length } = options;
  const maskBit = masked ? 0x80 : 0;
  const head = Buffer.alloc(claims < 126 ? 2 : claims < 65536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  if (head.length === 2) head[1] = maskBit | claims;
  else if (head.length === 4) {
    head[1] = maskBit | 126;
    head.writeUInt16BE(claims, 2);
  } else {
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(claims), 2);
  }
  if (!masked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** Fails, saying what was awaited, where `promise` hangs. */
export async function inTime<T>(promise: Promise<T>, awaited: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited in vain for ${awaited}`)), HANG_MS);
  });
  try {
    return await Promise.race([promise, hang]);
  } finally {
    clearTimeout(timer);
  }
}

export async function eventually(condition: () => boolean, awaited: string): Promise<void> {
  const deadline = Date.now() + HANG_MS;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `Waited in vain for ${awaited}`);
    await pause(10);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * How many connections of a listening port this kernel counts as established, seen from the
 * server's side; `undefined` where the kernel does not show it.
 */
export function established(port: number): number | undefined {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].filter((path) => existsSync(path));
  if (tables.length === 0) return undefined;
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = tables.flatMap((path) => readFileSync(path, "utf8").split("\n").slice(1));
  return rows.filter((row) => {
    const [, localAddress, , state] = row.trim().split(/\s+/);
    return localAddress?.endsWith(local) === true && state === "01";
  }).length;
}
