/** A TCP proxy that counts: what a client and its server say to each other, headers included. */

/** Bytes that went through since the last reset. */
export interface Traffic {
  readonly up: number;
  readonly down: number;
}

/** A proxy in front of a port that may be named later. */
export class CountingProxy {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #running: Promise<void>;
  #up = 0;
  #down = 0;
  /** The port that connections are passed on to. */
  target = 0;

  constructor() {
    this.#running = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** The traffic so far; counting starts anew. */
  take(): Traffic {
    const traffic = { up: this.#up, down: this.#down };
    this.#up = this.#down = 0;
    return traffic;
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) end(conn);
    await this.#running;
  }

  async #accept(): Promise<void> {
    const passing: Promise<void>[] = [];
    for await (const client of this.#listener) passing.push(this.#pass(client));
    await Promise.allSettled(passing);
  }

  async #pass(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
    server.setNoDelay(true);
    (client as Deno.TcpConn).setNoDelay(true);
    this.#open.add(client).add(server);
    await Promise.allSettled([
      this.#copy(client, server, (bytes) => this.#up += bytes),
      this.#copy(server, client, (bytes) => this.#down += bytes),
    ]);
    for (const conn of [client, server]) this.#open.delete(conn);
  }

  async #copy(from: Deno.Conn, to: Deno.Conn, count: (bytes: number) => void): Promise<void> {
    try {
      for await (const chunk of from.readable) {
        count(chunk.length);
        for (let at = 0; at < chunk.length;) at += await to.write(chunk.subarray(at));
      }
    } finally {
      end(from);
      end(to);
    }
  }
}

function end(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // The other direction has closed it.
  }
}
