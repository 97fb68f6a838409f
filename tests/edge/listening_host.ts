/** A host that records what its listener tells it, and the shape of a case that is run on one. */
import { strict as assert } from "node:assert";
import type { Listen, Listener, ListenOptions, Socket, SocketHandlers } from "../../edge/socket.ts";
import { inTime } from "./raw_peer.ts";

/** One behaviour that every listener has, on every runtime. */
export interface ListenerCase {
  readonly name: string;
  /** It waits for a clock of the listener or leaves one running: run beside others of its kind. */
  readonly waits?: true;
  run(listen: Listen): Promise<void>;
}

/** A socket that the host accepted, with all that it was told about it. */
export interface Accepted {
  readonly socket: Socket;
  readonly messages: Uint8Array[];
  readonly closes: number[];
  drains: number;
}

export interface Host {
  readonly port: number;
  readonly listener: Listener;
  readonly accepted: Accepted[];
  readonly failures: unknown[];
}

export type HostOptions = Partial<Omit<ListenOptions, "hostname" | "port" | "failed">> & {
  /** Runs after the message was recorded. @default echoes */
  readonly message?: (accepted: Accepted, bytes: Uint8Array) => void;
  /** Takes text messages; without it they are refused. */
  readonly text?: (accepted: Accepted, text: string) => void;
  readonly protocol?: string;
  /** How many errors of the host's own functions may be reported. @default {[0]} */
  readonly failures?: readonly number[];
};

export async function withHost(
  listen: Listen,
  options: HostOptions,
  body: (host: Host) => Promise<void>,
): Promise<void> {
  const accepted: Accepted[] = [];
  const failures: unknown[] = [];
  const { message = echo, text, protocol, failures: counts = [0], ...overrides } = options;
  const accept = (socket: Socket): SocketHandlers => {
    const one: Accepted = { socket, messages: [], closes: [], drains: 0 };
    accepted.push(one);
    return {
      message(bytes) {
        one.messages.push(bytes);
        message(one, bytes);
      },
      ...(text && { text: (said: string) => text(one, said) }),
      closed: (code) => void one.closes.push(code),
      drained: () => void one.drains++,
    };
  };
  const listener = await listen({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("hello"),
    upgrade: () => protocol === undefined ? { accept } : { accept, protocol },
    failed: (error) => void failures.push(error),
    ...overrides,
  });
  try {
    await body({ port: listener.port, listener, accepted, failures });
  } finally {
    await inTime(listener.shutdown(100), "the shutdown");
  }
  assert.ok(counts.includes(failures.length), `the host failed: ${failures.join(", ")}`);
  for (const { closes } of accepted) assert.equal(closes.length, 1, "closed is called once");
}

/** The first accepted socket, once there is one. */
export function first(host: Host): Accepted {
  const [accepted] = host.accepted;
  assert.ok(accepted, "a socket was accepted");
  return accepted;
}

function echo({ socket }: Accepted, bytes: Uint8Array): void {
  socket.send(bytes);
}

/** How a case went, as a line of JSON carries it between processes. */
export interface Outcome {
  readonly name: string;
  readonly error?: string;
}

/** Runs cases side by side. */
export function runCases(cases: readonly ListenerCase[], listen: Listen): Promise<Outcome[]> {
  return Promise.all(cases.map(async ({ name, run }) => {
    try {
      await run(listen);
      return { name };
    } catch (error) {
      return { name, error: error instanceof Error ? `${error.stack}` : String(error) };
    }
  }));
}
