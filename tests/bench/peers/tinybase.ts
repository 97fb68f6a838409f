/** TinyBase with a file in the comparison: a mergeable store behind its own synchronizer and server. */
import type { BenchRecord, Peer } from "./peer.ts";
import { freePort } from "./peer.ts";

interface Store {
  setRow(table: string, id: string, row: object): void;
  getRow(table: string, id: string): object;
  hasRow(table: string, id: string): boolean;
  getRowCount(table: string): number;
  addTablesListener(listener: () => void): void;
}
interface Synchronizer {
  startSync(): Promise<unknown>;
  destroy(): Promise<unknown>;
}
interface TinyBase {
  createMergeableStore(): Store;
}
interface ServerSynchronizer {
  createWsServer(server: unknown, persister: (path: string) => unknown): unknown;
}
interface ClientSynchronizer {
  createWsSynchronizer(store: Store, socket: WebSocket): Promise<Synchronizer>;
}
interface FilePersister {
  createFilePersister(store: Store, path: string): unknown;
}
interface Ws {
  readonly WebSocketServer: new (options: { host: string; port: number }) => unknown;
}

const TABLE = "item";

export const tinybase: Peer = {
  name: "TinyBase",
  packages: { tinybase: "10.0.1", ws: "8.23.0" },
  durability: "a JSON file, written after the peer has it, without fsync",
  async serve(load, folder) {
    const { createMergeableStore } = await load("tinybase") as TinyBase;
    const { createFilePersister } = await load(
      "tinybase/persisters/persister-file",
    ) as FilePersister;
    const { createWsServer } = await load(
      "tinybase/synchronizers/synchronizer-ws-server",
    ) as ServerSynchronizer;
    const { WebSocketServer } = await load("ws") as Ws;
    const port = await freePort();
    createWsServer(
      new WebSocketServer({ host: "127.0.0.1", port }),
      (path) => createFilePersister(createMergeableStore(), `${folder}/${path}.json`),
    );
    return port;
  },
  async connect(load, port) {
    const { createMergeableStore } = await load("tinybase") as TinyBase;
    const { createWsSynchronizer } = await load(
      "tinybase/synchronizers/synchronizer-ws-client",
    ) as ClientSynchronizer;
    const store = createMergeableStore();
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/bench`);
      const opened = await createWsSynchronizer(store, socket);
      await opened.startSync();
      return opened;
    };
    let synchronizer = await open();
    return {
      put: (id, record) => store.setRow(TABLE, id, { ...record }),
      get: (id) => store.hasRow(TABLE, id) ? store.getRow(TABLE, id) as BenchRecord : undefined,
      count: () => store.getRowCount(TABLE),
      onChange: (listener) => void store.addTablesListener(listener),
      pause: async () => void await synchronizer.destroy(),
      resume: async () => void (synchronizer = await open()),
      close: async () => void await synchronizer.destroy(),
    };
  },
};
