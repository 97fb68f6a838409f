/**
 * How many mutations a second the SQLite store takes, against a bare loop with one INSERT for each;
 * and what the trees add to a write, against the same store without them.
 *
 *     deno task bench store
 *
 * A mutation is what the server does for one: reads the row, appends a change, writes row, outcome
 * and client, reads the head. The rounds alternate, so that a busy machine slows both; each figure
 * is a median. Mutation ids are random, or sort by time. CPU time is that of this process, in which
 * waiting for the disk, and for other processes, does not count.
 */
import { join } from "node:path";
import process from "node:process";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../edge/sqlite_store.ts";

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
/** Rows of the scope, and mutations of a transaction, for what the trees add. */
const TREE_ROWS = [100_000, 1_000_000];
const TREE_SIZES = [1, 100, 1000];
const TREE_MUTATIONS_MIN = 1_000;
/** Rows that are written at once to fill a file. */
const FILL_ROWS = 10_000;
/** Changes of the log that are kept then; the rest of a file are rows. */
const FILL_CHANGES = 10_000;
const JSON_TEXT = JSON.stringify({ done: false, title: "x".repeat(60) });

const randomIds = Array.from({ length: 700_000 }, () => crypto.randomUUID().replaceAll("-", ""));

function storeOn(
  path: string,
  name: string,
  mutationId: (n: number) => string,
  { rows = ROWS, ...options }: SqliteStoreOptions & { readonly rows?: number } = {},
): Contender {
  const store = openSqliteStore(path, options);
  const client = randomIds[0] ?? "";
  const stamps = `00mfx3k2p.0000001c.${client}`;
  const time = Date.now();
  let seq = store.client("scope", client)?.lastSeq ?? 0;
  const mutate = () => {
    seq++;
    // A record that stays as it is would change no tree.
    const json = `{"done":false,"title":"${"x".repeat(50)}${seq + 1e9}"}`;
    const id = rowId(seq * 7_919 % rows);
    store.row("scope", "todo", id);
    const { cursor } = store.head("scope");
    const next = cursor + 1;
    store.append("scope", {
      cursor: next,
      entity: "todo",
      id,
      op: "update",
      json,
      time: time + seq,
    });
    const row = { entity: "todo", id, json, stamps, live: true, cursor: next };
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

/** A random id for each of a million rows. */
function rowId(n: number): string {
  const [high, low] = [randomIds[n % 1_009] ?? "", n.toString(16)];
  return high.slice(low.length) + low;
}

function sortedId(n: number): string {
  return n.toString(36).padStart(9, "0") + (randomIds[n % randomIds.length] ?? "").slice(9);
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
  inFolder(compareWithBare);
  for (const rows of TREE_ROWS) inFolder((folder) => compareTrees(folder, rows));
}

/** What the trees add to a write, to the file and to its opening. */
function compareTrees(folder: string, rows: number): void {
  const [without, withTrees] = [join(folder, "without.db"), join(folder, "with.db")];
  fill(without, rows);
  Deno.copyFileSync(without, withTrees);
  const start = performance.now();
  openSqliteStore(withTrees).close();
  const buildMs = performance.now() - start;
  const bytes = (path: string) => Deno.statSync(path).size / rows;
  const added = bytes(withTrees) - bytes(without);
  console.log(
    `\n${rows.toLocaleString("en")} rows: building the tree ${buildMs.toFixed(0)} ms; ` +
      `${added.toFixed(0)} bytes a row beside ${bytes(without).toFixed(0)}`,
  );
  const contenders = [
    storeOn(without, "without", sortedId, { rows, kernel: null }),
    storeOn(withTrees, "with", sortedId, { rows }),
  ];
  console.log(
    "µs of a mutation |  wall without   with    added     × |  CPU without   with    added     ×",
  );
  for (const size of TREE_SIZES) {
    const [wall, cpu] = measureBoth(contenders, size).map(([without = 0, added = 0]) =>
      [without, without + added, added].map((us) => us.toFixed(1).padStart(8)).join("") +
      `${(1 + added / without).toFixed(2).padStart(7)}`
    );
    console.log(`${`${size}`.padStart(7)} at once  | ${wall} | ${cpu}`);
  }
  for (const { close } of contenders) close();
}

/** Medians, for wall and CPU: microseconds without trees, and what the trees add in a round. */
function measureBoth([without, withTrees]: readonly Contender[], size: number): number[][] {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const [before, after] = [without, withTrees].map((contender) => {
      const mutations = Math.max(TREE_MUTATIONS_MIN, size * 4);
      const [start, used] = [performance.now(), process.cpuUsage()];
      for (let done = 0; done < mutations; done += size) contender?.run(size);
      const { user, system } = process.cpuUsage(used);
      return [(performance.now() - start) * 1000 / mutations, (user + system) / mutations];
    });
    return [before ?? [], after ?? []] as const;
  });
  return [0, 1].map((kind) => [
    median(rounds.map(([before]) => before[kind] ?? 0)),
    median(rounds.map(([before, after]) => (after[kind] ?? 0) - (before[kind] ?? 0))),
  ]);
}

/** Makes a file of so many rows, with a log of the newest. */
function fill(path: string, rows: number): void {
  const { run, close } = storeOn(path, "fill", sortedId, { rows, kernel: null });
  for (let done = 0; done < rows; done += FILL_ROWS) run(FILL_ROWS);
  close();
  const store = openSqliteStore(path, { kernel: null });
  store.trim("scope", { changes: FILL_CHANGES, before: Infinity, outcomes: 256 });
  store.close();
  const db = openSqlite(path);
  db.exec("VACUUM");
  db.close();
}

function compareWithBare(folder: string): void {
  const contenders = [
    storeOn(join(folder, "sorted.db"), "sorted", sortedId),
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
  }
}

function inFolder(work: (folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "driftless-bench-" });
  try {
    work(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function figures(us: number): string {
  return `${us.toFixed(1).padStart(6)} ${Math.round(1e6 / us).toString().padStart(7)}`;
}

if (import.meta.main) main();
