/**
 * How many mutations a second the SQLite store takes, against a bare loop with one INSERT for each.
 *
 *     deno run -A tests/bench/store_bench.ts
 *
 * A mutation is what the server does for one: reads the row, appends a change, writes row, outcome
 * and client, reads the head. The rounds alternate, so that a busy machine slows both; each figure
 * is a median. Mutation ids are random, or sort by time.
 */
import { join } from "node:path";
import { openSqlite } from "../../edge/sql.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";

/** One thing to measure: `run` commits a transaction of that many mutations. */
interface Contender {
  readonly name: string;
  run(mutations: number): void;
  close(): void;
}

const ROUNDS = 9;
const SIZES = [1, 10, 100, 1000];
/** Mutations in one round, at least; and never less than a few transactions. */
const MUTATIONS_MIN = 4_000;
const ROWS = 10_000;
const JSON_TEXT = JSON.stringify({ done: false, title: "x".repeat(60) });

const randomIds = Array.from({ length: 700_000 }, () => crypto.randomUUID().replaceAll("-", ""));

function storeOn(path: string, name: string, mutationId: (n: number) => string): Contender {
  const store = openSqliteStore(path);
  const client = randomIds[0] ?? "";
  const stamps = `00mfx3k2p.0000001c.${client}`;
  const time = Date.now();
  let seq = 0;
  const mutate = () => {
    seq++;
    const id = randomIds[seq * 7_919 % ROWS] ?? "";
    store.row("scope", "todo", id);
    const { cursor } = store.head("scope");
    const next = cursor + 1;
    store.append("scope", {
      cursor: next,
      entity: "todo",
      id,
      op: "update",
      json: JSON_TEXT,
      time: time + seq,
    });
    const row = { entity: "todo", id, json: JSON_TEXT, stamps, live: true, cursor: next };
    store.putRow("scope", row);
    store.putOutcome("scope", {
      mutation: mutationId(seq),
      client,
      seq,
      cursor: next,
      code: null,
      error: null,
      time: time + seq,
    });
    store.putClient("scope", { client, principal: "user", lastSeq: seq, time: time + seq });
  };
  const run = (mutations: number) =>
    store.transaction(() => {
      for (let i = 0; i < mutations; i++) mutate();
    });
  return { name, run, close: () => store.close() };
}

function bareOn(path: string): Contender {
  const db = openSqlite(path);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, json TEXT) STRICT");
  const insert = db.prepare("INSERT INTO t VALUES (?, ?)");
  let id = 0;
  const run = (mutations: number) => {
    db.exec("BEGIN IMMEDIATE");
    for (let i = 0; i < mutations; i++) insert.run(++id, JSON_TEXT);
    db.exec("COMMIT");
  };
  return { name: "bare", run, close: () => db.close() };
}

/** Microseconds for one mutation: for each size, the median of each contender. */
function measure(contenders: readonly Contender[]): ReadonlyMap<number, readonly number[]> {
  const medians = new Map<number, number[]>();
  for (const size of SIZES) {
    const times = contenders.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, { run }] of contenders.entries()) {
        const mutations = Math.max(MUTATIONS_MIN, size * 5);
        const start = performance.now();
        for (let done = 0; done < mutations; done += size) run(size);
        times[at]?.push((performance.now() - start) * 1000 / mutations);
      }
    }
    medians.set(size, times.map(median));
  }
  return medians;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function main(): void {
  const folder = Deno.makeTempDirSync({ prefix: "driftless-bench-" });
  const contenders = [
    storeOn(join(folder, "sorted.db"), "sorted", (n) => {
      return n.toString(36).padStart(9, "0") + randomIds[n]?.slice(9);
    }),
    storeOn(join(folder, "random.db"), "random", (n) => randomIds[n] ?? ""),
    bareOn(join(folder, "bare.db")),
  ];
  try {
    for (const { run } of contenders) run(ROWS);
    console.log(`median of ${ROUNDS} rounds; µs and mutations/s; "×" is against bare`);
    console.log("transaction of |     bare      |    sorted ids         |    random ids");
    for (const [size, [sorted = 0, random = 0, bare = 0]] of measure(contenders)) {
      const store = (us: number) => `${figures(us)}  ${(us / bare).toFixed(1).padStart(5)}×`;
      console.log(
        `${`${size}`.padStart(14)} | ${figures(bare)} | ${store(sorted)} | ${store(random)}`,
      );
    }
  } finally {
    for (const contender of contenders) contender.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

function figures(us: number): string {
  return `${us.toFixed(1).padStart(6)} ${Math.round(1e6 / us).toString().padStart(7)}`;
}

if (import.meta.main) main();
