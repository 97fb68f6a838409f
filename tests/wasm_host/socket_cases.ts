/** The duties of a host towards modules with WebSockets (A10), over real connections. */
import type { Listen } from "../../edge/socket.ts";
import { type DutyWorld, dutyWorld, type Outcome, same } from "./duty_world.ts";

/** What the client heard: text as it is, bytes as an array of numbers, a close as `close CODE`. */
type Heard = string | readonly number[];

/** A client, connected. */
interface Client {
  readonly socket: WebSocket;
  /** What comes next; waits for it. */
  next(): Promise<Heard>;
}

/** One duty. */
interface SocketCase {
  readonly title: string;
  run(open: () => Promise<Client>, world: DutyWorld): Promise<void>;
}

const CASES: readonly SocketCase[] = [
  {
    title: "A10: text is answered with text, in order",
    async run(open) {
      const { socket, next } = await open();
      for (const text of ["hello", "world ä", ""]) socket.send(text);
      same([await next(), await next(), await next()], ["echo: hello", "echo: world ä", "echo: "]);
    },
  },
  {
    title: "A10, G3: bytes are answered with bytes, whatever they are",
    async run(open) {
      const { socket, next } = await open();
      socket.send(Uint8Array.of(0, 255, 254, 10));
      same(await next(), [10, 254, 255, 0]);
    },
  },
  {
    title: "A10: a header asks for bytes where text was sent",
    async run(open) {
      const { socket, next } = await open();
      socket.send("binary");
      same(await next(), [...new TextEncoder().encode("echo: binary")]);
    },
  },
  {
    title: "A10: no body is no answer",
    async run(open) {
      const { socket, next } = await open();
      socket.send("quiet");
      socket.send("loud");
      same(await next(), "echo: loud");
    },
  },
  {
    title: "A10: a header closes the connection, after the answer",
    async run(open) {
      const { socket, next } = await open();
      socket.send("close");
      same([await next(), await next()], ["echo: close", "close 1000"]);
    },
  },
  {
    title: "A10, A11: a panic ends its connection with 1011 and tells nothing; requests go on",
    async run(open, { tell }) {
      const { socket, next } = await open();
      socket.send("panic");
      const heard = [await next()];
      while (!`${heard.at(-1)}`.startsWith("close")) heard.push(await next());
      same(heard.at(-1), "close 1011");
      same(heard.some((it) => /unreachable|panic|trap/i.test(`${it}`)), false);
      same(await tell("/durable/count"), "200 1");
      const again = await open();
      again.socket.send("still there");
      same(await again.next(), "echo: still there");
    },
  },
  {
    title: "A10: the module hears of a client that has gone, in the memory that its requests see",
    async run(open, { tell }) {
      const { socket, next } = await open();
      socket.close();
      await next();
      while (await tell("/durable/closes") !== "200 1") {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  },
];

/** Runs all cases side by side, each on a listener of its own. */
export async function runSocketCases(
  listen: Listen,
  module: WebAssembly.Module | Uint8Array,
): Promise<Outcome[]> {
  return await Promise.all(CASES.map(async ({ title, run }) => {
    const world = dutyWorld(module);
    const listener = await listen({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, peer) => world.handler.fetch(request, peer),
      upgrade: (request, peer) => world.handler.upgrade(request, peer),
      failed: (error) => void world.failures.push(`${error}`),
    });
    const clients: WebSocket[] = [];
    const open = async () => {
      const client = await connected(`ws://127.0.0.1:${listener.port}/durable/room`);
      clients.push(client.socket);
      return client;
    };
    try {
      await run(open, world);
      return { title, problem: null };
    } catch (error) {
      return { title, problem: `${error} ${world.failures}` };
    } finally {
      for (const socket of clients) socket.close();
      await listener.shutdown(100);
      world.close();
    }
  }));
}

async function connected(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const heard: Heard[] = [];
  let wake = () => {};
  const hear = (it: Heard) => {
    heard.push(it);
    wake();
  };
  socket.addEventListener("message", ({ data }) => {
    hear(typeof data === "string" ? data : [...new Uint8Array(data)]);
  });
  socket.addEventListener("close", ({ code }) => hear(`close ${code}`));
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("Cannot connect")));
  });
  return {
    socket,
    async next() {
      while (heard.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return heard.shift() ?? "";
    },
  };
}
