/** y-websocket 2 with LevelDB in the comparison: its own server program, a document as a map of records. */
import { createRequire } from "node:module";
import { createServer } from "node:http";
import process from "node:process";
import { benchId, type BenchRecord, benchRecord, openSocket, type Peer } from "./peer.ts";

/** What is used of a Yjs document. */
export interface YDocument {
  getMap(name: string): YMap;
  transact(work: () => void): void;
  destroy(): void;
}
interface YMap {
  set(id: string, record: BenchRecord): void;
  get(id: string): BenchRecord | undefined;
  values(): Iterable<BenchRecord>;
  readonly size: number;
  observe(listener: () => void): void;
}
/** What is used of Yjs. */
export interface Yjs {
  readonly Doc: new () => YDocument;
}
interface Provider {
  readonly synced: boolean;
  on(name: "sync", listener: (isSynced: boolean) => void): void;
  disconnect(): void;
  connect(): void;
  destroy(): void;
}
interface YWebsocket {
  readonly WebsocketProvider: new (
    url: string,
    room: string,
    doc: YDocument,
    options: object,
  ) => Provider;
}
interface ServerUtils {
  setupWSConnection(socket: unknown, request: unknown): void;
}
interface Ws {
  readonly WebSocketServer: new (options: { server: unknown }) => {
    on(name: "connection", listener: (socket: unknown, request: unknown) => void): void;
  };
}

export const yWebsocket: Peer = {
  name: "y-websocket",
  packages: { yjs: "13.6.33", "y-websocket": "2.1.0", ws: "8.23.0" },
  durability: "LevelDB, written later without fsync",
  async serve(load, folder) {
    process.env.YPERSISTENCE = `${folder}/level`;
    // The package's own server, without its command line: that cannot say which port it took.
    const require = createRequire(`${process.cwd()}/package.json`);
    const utils = require("y-websocket/bin/utils") as ServerUtils;
    const { WebSocketServer } = await load("ws") as Ws;
    const server = createServer();
    new WebSocketServer({ server }).on("connection", utils.setupWSConnection);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  },
  async connect(load, port) {
    const { Doc } = await load("yjs") as Yjs;
    const { WebsocketProvider } = await load("y-websocket") as YWebsocket;
    const doc = new Doc();
    // Other tabs of a browser are no part of this.
    const options = { disableBc: true, WebSocketPolyfill: WebSocket };
    const provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, "bench", doc, options);
    await new Promise<void>((resolve) => provider.on("sync", (isSynced) => isSynced && resolve()));
    return documentClient(doc, provider);
  },
  async local(load, size) {
    const { Doc } = await load("yjs") as Yjs;
    const items = new Doc().getMap("item");
    for (let n = 0; n < size; n++) items.set(benchId(n), benchRecord(n));
    return {
      put: (id, record) => items.set(id, record),
      // It has no queries: whoever wants one reads everything.
      top: () => {
        const open = [...items.values()].filter(({ done }) => !done);
        return open.sort((a, b) => a.rank - b.rank).slice(0, 10).map(({ title }) => title);
      },
    };
  },
  async subscribe(port, _number, heard) {
    await openSocket(`ws://127.0.0.1:${port}/bench`, heard);
  },
};

/** A client whose copy is a map in a Yjs document. */
export function documentClient(
  doc: YDocument,
  provider: { disconnect(): void; connect(): unknown; destroy(): void },
): Awaited<ReturnType<Peer["connect"]>> {
  const items = doc.getMap("item");
  return {
    put: (id, record) => items.set(id, record),
    batch: (writes) => doc.transact(writes),
    get: (id) => items.get(id),
    count: () => items.size,
    onChange: (listener) => items.observe(listener),
    pause: () => provider.disconnect(),
    resume: () => void provider.connect(),
    close: () => {
      provider.destroy();
      doc.destroy();
    },
  };
}
