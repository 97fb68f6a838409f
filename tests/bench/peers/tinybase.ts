/** TinyBase with a file in the comparison: a mergeable store behind its own synchronizer and server. */
import { benchId, type BenchRecord, benchRecord, freePort, openSocket, type Peer } from "./peer.ts";

interface Store {
  transaction(actions: () => void): void;
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
interface QueryParts {
  readonly select: (cell: string) => void;
  readonly where: (cell: string, value: boolean) => void;
}
interface Queries {
  setQueryDefinition(id: string, table: string, define: (parts: QueryParts) => void): void;
  getResultSortedRowIds(
    id: string,
    cell: string,
    isDescending: boolean,
    offset: number,
    limit: number,
  ): string[];
  getResultCell(id: string, row: string, cell: string): string;
}
interface TinyBase {
  createStore(): Store;
  createQueries(store: Store): Queries;
  createMergeableStore(): Store;
}
interface ServerSynchronizer {
  createWsServer(server: unknown, persister: (path: string) => unknown): unknown;
}
interface ClientSynchronizer {
  createWsSynchronizer(
    store: Store,
    socket: WebSocket,
    requestTimeoutSeconds: number,
  ): Promise<Synchronizer>;
}
interface FilePersister {
  createFilePersister(store: Store, path: string): unknown;
}
interface Ws {
  readonly WebSocketServer: new (options: { host: string; port: number }) => unknown;
}

const TABLE = "item";
/** By default it gives up after a second, and stays without what came later. */
const REQUEST_SECONDS_MAX = 30;

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
      const opened = await createWsSynchronizer(store, socket, REQUEST_SECONDS_MAX);
      await opened.startSync();
      return opened;
    };
    let synchronizer = await open();
    return {
      put: (id, record) => store.setRow(TABLE, id, { ...record }),
      batch: (writes) => store.transaction(writes),
      get: (id) => store.hasRow(TABLE, id) ? store.getRow(TABLE, id) as BenchRecord : undefined,
      count: () => store.getRowCount(TABLE),
      onChange: (listener) => void store.addTablesListener(listener),
      pause: async () => void await synchronizer.destroy(),
      resume: async () => void (synchronizer = await open()),
      close: async () => void await synchronizer.destroy(),
    };
  },
  async local(load, size) {
    const { createStore, createQueries } = await load("tinybase") as TinyBase;
    const store = createStore();
    for (let n = 0; n < size; n++) store.setRow(TABLE, benchId(n), { ...benchRecord(n) });
    let queries: Queries | undefined;
    return {
      put: (id, record) => store.setRow(TABLE, id, { ...record }),
      top: () => {
        if (queries === undefined) {
          queries = createQueries(store);
          queries.setQueryDefinition("open", TABLE, ({ select, where }) => {
            select("title");
            select("rank");
            where("done", false);
          });
        }
        const ids = queries.getResultSortedRowIds("open", "rank", false, 0, 10);
        return ids.map((id) => queries?.getResultCell("open", id, "title") ?? "");
      },
    };
  },
  async subscribe(port, _number, heard) {
    await openSocket(`ws://127.0.0.1:${port}/bench`, heard);
  },
};
