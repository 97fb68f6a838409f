/** What is compared: groups of rows that come out of the same runs, for every system and the floor. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CountingProxy } from "../cities/counting_proxy.ts";
import { measurePeer, type PeerServer, startPeer, withPeer } from "./peer_stage.ts";
import { benchId, benchRecord, type Peer } from "./peers/peer.ts";

/** Figures by the names of rows. */
export type RowFigures = Readonly<Record<string, number>>;

/** One row of the table. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  /** Which figures are better. */
  readonly better: "more" | "less";
  /** What Driftless wants to come to, in the row's unit. */
  readonly target?: number;
}

/** Rows of the same runs. */
export interface Group {
  readonly word: string;
  readonly rows: readonly Row[];
  /** Rounds at the most; bytes and losses need no more than one. */
  readonly rounds: number;
  measure(peer: Peer, scale: number): Promise<RowFigures>;
  /** The same by nothing but the machine, where there is such a thing. */
  floor?(scale: number): Promise<RowFigures> | RowFigures;
  /** Whether the system can take part. */
  takes?(peer: Peer): boolean;
}

const WRITES = 5_000;
const SINGLE_WRITES = 400;
const WRITERS = 100;
const WRITERS_WRITES = 1_000;
const LATENCY_WRITES = 200;
const SYNC_RECORDS = 10_000;
const LARGE_RECORDS = 140_000;
/** How long one sync may take, in milliseconds. */
const SYNC_MS_MAX = 45_000;
const CHANGED = 10;
const SEEN = 500;
const IDLE_CLIENTS = 150;
const LOCAL_RECORDS: readonly number[] = [1_000, 10_000, 100_000];
const LOCAL_WRITES = 200;
const FAN_OUT_SOCKETS = 1_000;
/** A little less than the server takes in all: the writer needs a place, and so do its requests. */
const CROWD_SOCKETS = 9_990;
const FAN_OUT_ROUNDS = 15;
/** Records in one transaction of the floor. */
const FLOOR_BATCH = 100;

export const groups: readonly Group[] = [
  {
    word: "writes",
    rounds: 3,
    rows: [
      { name: "one client, writes in a row, until another has all", unit: "/s", better: "more" },
      { name: "one client, one write at a time, seen by another", unit: "/s", better: "more" },
      { name: `${WRITERS} clients at once, until one more has all`, unit: "/s", better: "more" },
      {
        name: "from mutate to another client's view, p50",
        unit: "ms",
        better: "less",
        target: 0.5,
      },
      { name: "from mutate to another client's view, p99", unit: "ms", better: "less", target: 4 },
    ],
    async measure(peer, scale) {
      const run = (...args: readonly [string, ...number[]]) =>
        withPeer(peer, ({ port }) => {
          const [measure, size = 0, ...more] = args;
          return measurePeer(peer, [measure, port, Math.ceil(size * scale), ...more]);
        });
      const { p50 = NaN, p99 = NaN } = await run("latency", LATENCY_WRITES);
      return named(this.rows, [
        (await run("writes", WRITES)).perSecond,
        (await run("oneByOne", SINGLE_WRITES)).perSecond,
        (await run("manyWriters", WRITERS_WRITES, WRITERS)).perSecond,
        p50,
        p99,
      ]);
    },
    floor(scale) {
      return named(this.rows, [
        transactionsPerSecond(WRITES * scale, FLOOR_BATCH),
        transactionsPerSecond(SINGLE_WRITES * scale, 1),
        transactionsPerSecond(WRITERS_WRITES * scale, 1),
      ]);
    },
  },
  syncGroup("sync", SYNC_RECORDS, 2, 200_000),
  syncGroup("large", LARGE_RECORDS, 1),
  {
    word: "lost",
    rounds: 3,
    rows: [
      {
        name: `of ${SEEN} records that a peer saw, lost by SIGKILL of the server`,
        unit: "",
        better: "less",
        target: 0,
      },
    ],
    async measure(peer) {
      const data = await Deno.makeTempDir({ prefix: "driftless-bench-" });
      try {
        const server = await startPeer(peer, data);
        // Its clients end as well: none of them may bring back what the server has lost.
        await measurePeer(peer, ["see", server.port, SEEN], { answer: () => server.kill() })
          .finally(server.kill);
        const again = await startPeer(peer, data);
        const { found = 0 } = await measurePeer(peer, ["count", again.port]).finally(again.kill);
        return named(this.rows, [SEEN - found]);
      } finally {
        await Deno.remove(data, { recursive: true });
      }
    },
  },
  {
    word: "idle",
    rounds: 1,
    rows: [{ name: "memory of the server for each idle client", unit: "KiB", better: "less" }],
    async measure(peer) {
      return await withPeer(peer, async (server) => {
        const memory: number[] = [];
        await measurePeer(
          peer,
          ["idle", server.port, IDLE_CLIENTS],
          { answer: () => void memory.push(server.memory()) },
        );
        const [before = NaN, after = NaN] = memory;
        return named(this.rows, [(after - before) / IDLE_CLIENTS / 1024]);
      });
    },
  },
  ...LOCAL_RECORDS.map(localGroup),
  fanOutGroup("fan", FAN_OUT_SOCKETS),
  fanOutGroup("crowd", CROWD_SOCKETS),
];

/** Writes and queries of a client that has so many records and no network. */
function localGroup(records: number): Group {
  const count = records.toLocaleString("en");
  return {
    word: "local",
    rounds: 3,
    rows: [
      { name: `local write among ${count} records`, unit: "µs", better: "less" },
      { name: `local write and query among ${count} records`, unit: "µs", better: "less" },
    ],
    takes: ({ local }) => local !== undefined,
    async measure(peer, scale) {
      const size = Math.ceil(records * scale);
      const { write, query } = await measurePeer(peer, ["local", 0, size, LOCAL_WRITES]);
      return named(this.rows, [write, query]);
    },
  };
}

/** One write to so many sockets. */
function fanOutGroup(word: string, sockets: number): Group {
  const count = sockets.toLocaleString("en");
  const env = { DRIFTLESS_SECRET: "a secret of this comparison, long enough" };
  return {
    word,
    rounds: 1,
    rows: [{ name: `one write until all of ${count} sockets have it`, unit: "ms", better: "less" }],
    takes: ({ subscribe }) => subscribe !== undefined,
    async measure(peer, scale) {
      const size = Math.ceil(sockets * scale);
      return await withPeer(
        peer,
        async ({ port }) => {
          const figures = await measurePeer(
            peer,
            ["fanOut", port, size, FAN_OUT_ROUNDS],
            { env },
          );
          return named(this.rows, [figures.ms]);
        },
        { env },
      );
    },
  };
}

/** First sync and resync of so many records, through a proxy that counts bytes. */
function syncGroup(word: string, records: number, rounds: number, target?: number): Group {
  const count = records.toLocaleString("en");
  return {
    word,
    rounds,
    rows: [
      { name: `first sync of ${count} records`, unit: "ms", better: "less" },
      {
        name: `first sync of ${count} records`,
        unit: "bytes",
        better: "less",
        ...(target === undefined ? {} : { target }),
      },
      { name: `resync of ${CHANGED} among ${count}`, unit: "bytes", better: "less" },
      { name: `resync of nothing among ${count}`, unit: "bytes", better: "less" },
    ],
    async measure(peer, scale) {
      const size = Math.ceil(records * scale);
      const proxy = new CountingProxy();
      try {
        return await withPeer(peer, async (server) => {
          proxy.target = server.port;
          const first = await sync(peer, server, proxy, ["firstSync", size]);
          const ten = await sync(peer, server, proxy, ["resync", size, CHANGED]);
          const none = await sync(peer, server, proxy, ["resync", size + CHANGED, 0]);
          return named(this.rows, [first.ms, first.bytes, ten.bytes, none.bytes]);
        }, { origin: proxy.url, records: size });
      } finally {
        await proxy.close();
      }
    },
  };
}

/** Both directions count, from the start or from when the client is away. */
async function sync(
  peer: Peer,
  server: PeerServer,
  proxy: CountingProxy,
  [measure, size, ...more]: readonly [string, number, ...number[]],
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const proxied = Number(new URL(proxy.url).port);
  proxy.take();
  const args = [measure, server.port, size, proxied, ...more] as const;
  const { ms = NaN } = await measurePeer(peer, args, {
    answer: () => void proxy.take(),
    limitMs: SYNC_MS_MAX,
  });
  const { up, down } = proxy.take();
  return { ms, bytes: up + down };
}

/** Records that a bare loop of transactions puts on the disk in a second. */
function transactionsPerSecond(records: number, batch: number): number {
  const folder = Deno.makeTempDirSync({ prefix: "driftless-bench-" });
  const db = new DatabaseSync(join(folder, "floor.db"));
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    db.exec("CREATE TABLE item (id TEXT PRIMARY KEY, json TEXT) WITHOUT ROWID, STRICT");
    const insert = db.prepare("INSERT INTO item VALUES (?, ?)");
    const start = performance.now();
    for (let n = 0; n < records;) {
      db.exec("BEGIN IMMEDIATE");
      for (const end = n + batch; n < end; n++) {
        insert.run(benchId(n), JSON.stringify(benchRecord(n)));
      }
      db.exec("COMMIT");
    }
    return records / (performance.now() - start) * 1000;
  } finally {
    db.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

function named(
  rows: readonly Row[],
  figures: readonly (number | undefined)[],
): Record<string, number> {
  return Object.fromEntries(
    figures.map((figure, at) => [keyOf(rows[at] as Row), figure ?? NaN]),
  );
}

/** What tells two rows apart. */
export function keyOf({ name, unit }: Row): string {
  return unit === "" ? name : `${name}, ${unit}`;
}
