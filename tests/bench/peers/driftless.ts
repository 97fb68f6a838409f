/** Driftless in the comparison: the program on Deno, the client module on Bun. */
import { join } from "node:path";
import * as v from "valibot";
import { collection } from "../../../core/app.ts";
import { defineApp } from "../../../core/app.ts";
import { createClient } from "../../../ui/client/create_client.ts";
import type { Peer } from "./peer.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..", "..");
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
  command: (folder) => [
    ...["deno", "run", "--quiet", "--no-check", "-A", join(ROOT, "main.ts"), "serve"],
    ...[join(ROOT, "tests", "bench", "peers", "driftless.ts")],
    ...["--port", "0", "--data", join(folder, "data.db")],
  ],
  serve: () => Promise.reject(new TypeError("Cannot serve Driftless: it is a program of its own")),
  async connect(_load, port) {
    const url = `http://127.0.0.1:${port}`;
    const { promise: synced, resolve: onSync } = Promise.withResolvers<unknown>();
    const client = createClient(app, { url, persistence: "memory", onSync });
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
};
