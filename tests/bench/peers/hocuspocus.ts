/** Hocuspocus with SQLite in the comparison: what its SQLite extension does, on the runtime's own SQLite. */
import { DatabaseSync } from "node:sqlite";
import { freePort, type Peer } from "./peer.ts";
import { documentClient, type YDocument, type Yjs } from "./y_websocket.ts";

interface Stored {
  readonly documentName: string;
  readonly state: Uint8Array;
}
interface Session {
  handleMessage(bytes: Uint8Array): void;
  handleClose(event: { code: number; reason: string }): void;
}
interface HocuspocusServer {
  readonly Hocuspocus: new (options: object) => {
    handleConnection(socket: unknown, request: Request): Session;
  };
}
interface Socket {
  on(name: "message", listener: (bytes: Uint8Array) => void): void;
  on(name: "close", listener: (code: number, reason: Uint8Array) => void): void;
}
interface Ws {
  readonly WebSocketServer: new (options: { host: string; port: number }) => {
    on(name: "connection", listener: (socket: Socket) => void): void;
  };
}
interface DatabaseExtension {
  readonly Database: new (options: {
    fetch(document: { readonly documentName: string }): Promise<Uint8Array | null>;
    store(document: Stored): Promise<void>;
  }) => unknown;
}
interface HocuspocusProviders {
  readonly HocuspocusProvider: new (options: {
    url: string;
    name: string;
    document: YDocument;
    onSynced(): void;
  }) => { disconnect(): void; connect(): Promise<unknown>; destroy(): void };
}

export const hocuspocus: Peer = {
  name: "Hocuspocus",
  packages: {
    "yjs": "13.6.33",
    "@hocuspocus/server": "4.7.0",
    "@hocuspocus/provider": "4.8.0",
    "@hocuspocus/extension-database": "4.7.0",
    "ws": "8.23.0",
  },
  durability: "SQLite, the whole document 2 to 10 s later",
  async serve(load, folder) {
    const { Hocuspocus } = await load("@hocuspocus/server") as HocuspocusServer;
    const { Database } = await load("@hocuspocus/extension-database") as DatabaseExtension;
    const db = new DatabaseSync(`${folder}/hocuspocus.db`);
    db.exec("CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, data BLOB NOT NULL)");
    const read = db.prepare("SELECT data FROM documents WHERE name = ?");
    const write = db.prepare(
      "INSERT INTO documents VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data",
    );
    const port = await freePort();
    const database = new Database({
      fetch: ({ documentName }) =>
        Promise.resolve((read.get(documentName)?.data ?? null) as Uint8Array | null),
      store: ({ documentName, state }) => {
        write.run(documentName, state);
        return Promise.resolve();
      },
    });
    // Its own server is for Node alone; on other runtimes sockets are handed to it like this.
    const server = new Hocuspocus({ quiet: true, extensions: [database] });
    const { WebSocketServer } = await load("ws") as Ws;
    new WebSocketServer({ host: "127.0.0.1", port }).on("connection", (socket) => {
      const session = server.handleConnection(socket, new Request("http://127.0.0.1/"));
      socket.on("message", (bytes) => session.handleMessage(new Uint8Array(bytes)));
      socket.on("close", (code, reason) => {
        session.handleClose({ code, reason: new TextDecoder().decode(reason) });
      });
    });
    return port;
  },
  async connect(load, port) {
    const { Doc } = await load("yjs") as Yjs;
    const { HocuspocusProvider } = await load("@hocuspocus/provider") as HocuspocusProviders;
    const document = new Doc();
    const { promise: synced, resolve } = Promise.withResolvers<void>();
    const provider = new HocuspocusProvider({
      ...{ url: `ws://127.0.0.1:${port}`, name: "bench", document },
      onSynced: () => resolve(),
    });
    await synced;
    return documentClient(document, provider);
  },
};
