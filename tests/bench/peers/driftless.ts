/** Driftless in the comparison: the program on Deno, the client module on Bun. */
import { join } from "node:path";
import * as v from "valibot";
import process from "node:process";
import { collection, defineApp } from "../../../core/app.ts";
import { decodeDown, encodeUp, PROTOCOL_VERSION } from "../../../core/wire/messages.ts";
import { issueToken } from "../../../edge/identity.ts";
import { createClient } from "../../../ui/client/create_client.ts";
import { MemoryPersistence } from "../../../ui/client/memory_persistence.ts";
import { benchId, benchRecord, openSocket, type Peer } from "./peer.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..", "..");
const PROGRAM = ["deno", "run", "--quiet", "--no-check", "-A", join(ROOT, "main.ts")];
const APP_FILE = join(ROOT, "tests", "bench", "peers", "driftless.ts");
/** Mutations that wait before the writer lets the network have a turn. */
const BACKLOG_MAX = 4_000;

const item = collection(
  "item",
  v.object({ title: v.string(), rank: v.number(), done: v.boolean() }),
);
const app = defineApp({ name: "bench", collections: { item } });

export default app;

export const driftless: Peer = {
  name: "Driftless",
  packages: {},
  durability: "SQLite, WAL, synchronous=FULL: on the disk",
  seed: (file, folder) => [
    ...[...PROGRAM, "import", file, "--app", APP_FILE, "--data", join(folder, "data.db")],
    ...["--scope", "_default", "--collection", "item"],
  ],
  command: (folder, origin) => [
    ...[...PROGRAM, "serve", APP_FILE],
    ...["--port", "0", "--data", join(folder, "data.db")],
    ...["--origin", origin],
  ],
  serve: () => Promise.reject(new TypeError("Cannot serve Driftless: it is a program of its own")),
  async connect(_load, port) {
    const url = `http://127.0.0.1:${port}`;
    const { promise: synced, resolve: onSync } = Promise.withResolvers<unknown>();
    const client = createClient(app, {
      url,
      persistence: "memory",
      onSync,
      ...await credentials("writer"),
    });
    await client.start();
    await synced;
    const items = client.collection("item");
    return {
      put(id, record): void | Promise<void> {
        client.mutate("item.create", { id, data: record }).catch(console.error);
        if (client.pending.length <= BACKLOG_MAX) return;
        return new Promise<void>((resolve) => {
          const stop = client.subscribe(() => {
            if (client.pending.length > BACKLOG_MAX / 2) return;
            stop();
            resolve();
          });
        });
      },
      get: (id) => items.get(id),
      count: () => items.count(),
      onChange: (listener) => void client.subscribe(listener),
      pause: () => client.setOffline(true),
      resume: () => client.setOffline(false),
      close: () => client.stop(),
    };
  },
  async local(_load, size) {
    const persistence = new MemoryPersistence();
    const rows = Array.from({ length: size }, (_, n) => ({
      ...{ entity: "item", id: benchId(n), json: JSON.stringify(benchRecord(n)) },
    }));
    await persistence.saveRows([{ kind: "snapshot", rows, cursor: size, epoch: "bench" }]);
    const client = createClient(app, { url: "http://127.0.0.1:9", persistence });
    client.setOffline(true);
    await client.start();
    let query: { readonly value: readonly (readonly [string, { title: string }])[] } | undefined;
    return {
      put: (id, data) => client.mutate("item.update", { id, data }),
      top() {
        if (query === undefined) {
          query = client.query("item", { where: { done: false }, orderBy: "rank", limit: 10 });
          // Kept up to date as long as somebody follows it.
          (query as unknown as { subscribe(listener: () => void): unknown }).subscribe(() => {});
        }
        return query.value.map(([, { title }]) => title);
      },
    };
  },
  async subscribe(port, number, heard) {
    const { token = "" } = await credentials(`listener-${number}`);
    const response = await fetch(`http://127.0.0.1:${port}/_live/ticket`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
    });
    const { ticket } = await response.json() as { ticket: string };
    const { promise: welcomed, resolve } = Promise.withResolvers<void>();
    const url = `ws://127.0.0.1:${port}/_live?ticket=${ticket}`;
    const socket = await openSocket(url, (bytes) => {
      const { kind } = decodeDown(bytes).message;
      if (kind === "welcome") resolve();
      else if (kind === "poke") heard();
    });
    const hello = { client: `listener-${number}`, scope: "_default", cursor: 0, epoch: "" };
    socket.send(encodeUp(0, { kind: "hello", protocol: PROTOCOL_VERSION, ...hello }));
    await welcomed;
  },
};

/** A token where the server asks for one: so that many may come from one address. */
async function credentials(subject: string): Promise<{ token?: string }> {
  const secret = process.env.DRIFTLESS_SECRET;
  return secret === undefined ? {} : { token: await issueToken(subject, 600, secret) };
}
