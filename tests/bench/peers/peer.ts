/** What a system in the comparison is: a server in a process of its own, and clients of it. */

/** A record of about 100 bytes as JSON. */
export interface BenchRecord {
  readonly title: string;
  readonly rank: number;
  readonly done: boolean;
}

/** A client with a whole copy of the data. */
export interface PeerClient {
  /** Writes a record to its own copy and sends it; a promise when it should be let breathe. */
  put(id: string, record: BenchRecord): void | Promise<void>;
  /** Does some writes as one, where the system can. */
  batch?(writes: () => void): void;
  get(id: string): BenchRecord | undefined;
  count(): number;
  /** Calls back whenever its copy may have changed. */
  onChange(listener: () => void): void;
  /** Cuts its connection; the copy stays. */
  pause(): void | Promise<void>;
  /** Connects again. */
  resume(): void | Promise<void>;
  close(): void | Promise<void>;
}

/** Loads a module of the system's packages. */
export type Load = (name: string) => Promise<unknown>;

/** A client without a network that holds some records already. */
export interface LocalClient {
  put(id: string, record: BenchRecord): void | Promise<unknown>;
  /** The titles of the ten records of the lowest rank that are not done. */
  top(): readonly string[];
}

/** A system in the comparison. */
export interface Peer {
  readonly name: string;
  /** What npm installs for it, with exact versions. */
  readonly packages: Readonly<Record<string, string>>;
  /** What has happened to a write when another client sees it. */
  readonly durability: string;
  /** What to run in place of {@linkcode Peer.serve}: prints its address or port on its first line. */
  readonly command?: (folder: string, origin: string) => readonly string[];
  /** What brings the records of a JSON file into a data folder before it is served. */
  readonly seed?: (file: string, folder: string) => readonly string[];
  /** Serves a data folder on a free port. */
  serve(load: Load, folder: string): Promise<number>;
  /** A client; resolves when it has what the server has, as far as the system can tell. */
  connect(load: Load, port: number): Promise<PeerClient>;
  /** A client that holds the first `size` records, where the system has local queries or reads. */
  local?(load: Load, size: number): Promise<LocalClient>;
  /** One bare socket that hears of every write; `heard` is called for each message. */
  subscribe?(port: number, number: number, heard: () => void): Promise<void>;
}

/** The n-th record of every system. */
export function benchRecord(n: number): BenchRecord {
  const noise = Math.imul(n + 1, 0x9e3779b1) >>> 0;
  const words = `${noise.toString(36)} record ${n} of the comparison ${noise.toString(16)}`;
  return { title: words.padEnd(58, "."), rank: noise % 100_000, done: n % 3 === 0 };
}

/** The id of the n-th record. */
export function benchId(n: number): string {
  return `record-${n.toString().padStart(7, "0")}`;
}

/** A port that was free a moment ago, for servers that cannot say which one they took. */
export async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Opens a socket on which the server speaks first, or nobody does. */
export async function openSocket(
  url: string,
  heard: (bytes: Uint8Array) => void,
): Promise<WebSocket> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => heard(new Uint8Array(data));
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onclose = () => reject(new Error("a socket was refused"));
  });
  socket.onclose = null;
  return socket;
}
