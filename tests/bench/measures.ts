/** What is measured of a system with its own clients, which all are in one process. */
import process from "node:process";
import { benchId, benchRecord, type LocalClient, type PeerClient } from "./peers/peer.ts";

/** Opens a client at the server's port, or at another one that leads there. */
export type Connect = (port?: number) => Promise<PeerClient>;

/** Figures by name. */
export type Figures = Readonly<Record<string, number>>;

/** What a system lends to a measure. */
export interface MeasureContext {
  readonly connect: Connect;
  readonly local: (size: number) => Promise<LocalClient> | undefined;
  readonly subscribe: (number: number, heard: () => void) => Promise<void> | undefined;
}

type Measure = (context: MeasureContext, sizes: readonly number[]) => Promise<Figures>;

/** How long to wait for what must come, in milliseconds. */
const WAIT_MS_MAX = 120_000;
/** How long nothing more may come before a count stands, in milliseconds. */
const QUIET_MS = 1_500;
/** Records that a system writes as one where only their presence counts. */
const FILL_BATCH = 2_000;
/** How far apart the writes are whose latency is measured, in milliseconds. */
const PACE_MS = 5;

/** Every measure, by the name that the processes know. */
export const measures: Readonly<Record<string, Measure>> = {
  writes,
  oneByOne,
  manyWriters,
  latency,
  fill,
  firstSync,
  resync,
  see,
  count,
  idle,
  local,
  fanOut,
};

/** One client writes as fast as it can until another one has it all. */
async function writes(
  { connect }: MeasureContext,
  [size = 0]: readonly number[],
): Promise<Figures> {
  const [writer, reader] = [await connect(), await connect()];
  await write(writer, reader, 0, Math.ceil(size / 5));
  const from = Math.ceil(size / 5);
  const start = performance.now();
  await write(writer, reader, from, from + size);
  return { perSecond: size / (performance.now() - start) * 1000 };
}

/** One client writes, and waits each time until another one sees it. */
async function oneByOne(
  { connect }: MeasureContext,
  [size = 0]: readonly number[],
): Promise<Figures> {
  const [writer, reader] = [await connect(), await connect()];
  const warm = Math.ceil(size / 5);
  for (let n = 0; n < warm; n++) await write(writer, reader, n, n + 1);
  const start = performance.now();
  for (let n = warm; n < warm + size; n++) await write(writer, reader, n, n + 1);
  return { perSecond: size / (performance.now() - start) * 1000 };
}

/** Many clients write at once until yet another one has it all. */
async function manyWriters(
  { connect }: MeasureContext,
  [size = 0, clients = 0]: readonly number[],
): Promise<Figures> {
  const writers: PeerClient[] = [];
  for (let i = 0; i < clients; i++) writers.push(await connect());
  const reader = await connect();
  const start = performance.now();
  for (let n = 0; n < size; n++) await writers[n % clients]?.put(benchId(n), benchRecord(n));
  await until(reader, () => reader.count() >= size);
  return { perSecond: size / (performance.now() - start) * 1000 };
}

/** From the call of a write to the moment that another client sees it. */
async function latency(
  { connect }: MeasureContext,
  [size = 0]: readonly number[],
): Promise<Figures> {
  const [writer, reader] = [await connect(), await connect()];
  const warm = Math.ceil(size / 5);
  const times: number[] = [];
  for (let n = 0; n < size + warm; n++) {
    const start = performance.now();
    await write(writer, reader, n, n + 1);
    const elapsed = performance.now() - start;
    if (n >= warm) times.push(elapsed);
    await pause(PACE_MS);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(size * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Brings so many records to the server, and waits until another client has them. */
async function fill({ connect }: MeasureContext, [size = 0]: readonly number[]): Promise<Figures> {
  const [writer, reader] = [await connect(), await connect()];
  if (writer.batch === undefined) {
    await write(writer, reader, 0, size);
  } else {
    for (let from = 0; from < size; from += FILL_BATCH) {
      const to = Math.min(size, from + FILL_BATCH);
      writer.batch(() => {
        for (let n = from; n < to; n++) void writer.put(benchId(n), benchRecord(n));
      });
      await until(reader, () => reader.count() >= to);
    }
  }
  // A server that writes later gets the time for it.
  await pause(QUIET_MS * 2);
  await writer.close();
  return { size };
}

/** A new client gets everything. */
async function firstSync(
  { connect }: MeasureContext,
  [size = 0, port = 0]: readonly number[],
): Promise<Figures> {
  const start = performance.now();
  const client = await connect(port);
  await until(client, () => client.count() >= size);
  return { ms: performance.now() - start };
}

/** A client that was away while another one changed some records. Asks for a line when it is away. */
async function resync(
  { connect }: MeasureContext,
  [size = 0, port = 0, changed = 0]: readonly number[],
): Promise<Figures> {
  const [client, editor] = [await connect(port), await connect()];
  await until(client, () => client.count() >= size);
  await until(editor, () => editor.count() >= size);
  await client.pause();
  for (let n = 0; n < changed; n++) {
    await editor.put(benchId(size + n), benchRecord(n + 1));
  }
  await pause(QUIET_MS);
  await asked("away");
  const start = performance.now();
  await client.resume();
  await until(client, () => client.count() >= size + changed);
  const ms = performance.now() - start;
  // An acknowledgement may still be under way.
  await pause(QUIET_MS / 3);
  return { ms };
}

/** One client writes, another one sees it all: and at that moment this process says so. */
async function see({ connect }: MeasureContext, [size = 0]: readonly number[]): Promise<Figures> {
  const [writer, reader] = [await connect(), await connect()];
  await write(writer, reader, 0, size);
  await asked("seen");
  return {};
}

/** What a new client finds. */
async function count({ connect }: MeasureContext): Promise<Figures> {
  const client = await connect();
  let found = -1;
  while (found !== client.count()) {
    found = client.count();
    await pause(QUIET_MS);
  }
  return { found };
}

/** Clients that do nothing. */
async function idle(
  { connect }: MeasureContext,
  [clients = 0]: readonly number[],
): Promise<Figures> {
  await connect();
  await pause(QUIET_MS);
  await asked("before");
  for (let i = 0; i < clients; i++) await connect();
  await pause(QUIET_MS);
  await asked("open");
  return {};
}

/** Writes without a network, alone and with a query that is read after each. */
async function local(
  { local }: MeasureContext,
  [size = 0, writes = 0]: readonly number[],
): Promise<Figures> {
  const client = await local(size);
  if (client === undefined) throw new TypeError("it has none");
  const run = async (isRead: boolean, seed: number) => {
    const start = performance.now();
    for (let n = 0; n < writes; n++) {
      const at = n * 7_919 % size;
      // Its promise is about storage; a rejection ends the process.
      void client.put(benchId(at), benchRecord(at + seed));
      if (isRead && client.top().length === 0) throw new TypeError("the query finds nothing");
      // The storage of one turn must not pile up.
      if (n % 50 === 0) await pause(0);
    }
    return (performance.now() - start) / writes * 1000;
  };
  await run(false, 1);
  const write = await run(false, 2);
  client.top();
  await run(true, 3);
  return { write, query: await run(true, 4) };
}

/** One client writes; how long until every one of many sockets has heard of it. */
async function fanOut(
  { connect, subscribe }: MeasureContext,
  [sockets = 0, rounds = 0]: readonly number[],
): Promise<Figures> {
  const writer = await connect();
  const heard = new Set<number>();
  let all = () => {};
  for (let opened = 0; opened < sockets; opened += 50) {
    const numbers = Array.from({ length: Math.min(50, sockets - opened) }, (_, i) => opened + i);
    await Promise.all(numbers.map((number) =>
      subscribe(number, () => {
        if (heard.add(number).size === sockets) all();
      })
    ));
  }
  await pause(QUIET_MS);
  const times: number[] = [];
  for (let n = 0; n <= rounds; n++) {
    heard.clear();
    const told = new Promise<void>((resolve) => all = resolve);
    const start = performance.now();
    await writer.put(benchId(n), benchRecord(n));
    await told;
    times.push(performance.now() - start);
    await pause(PACE_MS * 10);
  }
  const sorted = times.slice(1).sort((a, b) => a - b);
  return { ms: sorted[sorted.length >> 1] ?? NaN };
}

/** Writes some records and waits until another client has them. */
async function write(
  writer: PeerClient,
  reader: PeerClient,
  from: number,
  to: number,
): Promise<void> {
  for (let n = from; n < to; n++) await writer.put(benchId(n), benchRecord(n));
  await until(reader, () => reader.count() >= to);
}

function until(client: PeerClient, isTrue: () => boolean): Promise<void> {
  if (isTrue()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`it has only ${client.count()} records`)),
      WAIT_MS_MAX,
    );
    client.onChange(() => {
      if (!isTrue()) return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Says a word to who started this process, and waits for a line. */
async function asked(word: string): Promise<void> {
  console.log(word);
  await new Promise((resolve) => process.stdin.once("data", resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
