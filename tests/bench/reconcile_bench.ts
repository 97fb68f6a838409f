/**
 * What an exchange costs: round trips and bytes exactly, processor time roughly, against its targets.
 *
 *     deno task bench reconcile
 *
 * "meta" is all bytes of requests and replies but the UTF-8 bytes of the ids and records that came. d
 * rows differ, spread evenly. Figures are medians over seeds; times depend on the machine and on what
 * else it does, round trips and bytes on nothing. Beside them stand the figures published for negentropy,
 * JavaScript, ids only: the rows themselves would be one more round trip.
 */
import { utf8Length } from "../../core/json.ts";
import { Exchange, type ExchangeStart } from "../../core/reconcile/exchange.ts";
import { answerReconcile, type ReconcileStore } from "../../core/reconcile/responder.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { unpackRows } from "../../core/reconcile/row_packing.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes, OverlayNodes } from "../../core/reconcile/tree_nodes.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { pagesOf } from "../../core/memory_store.ts";
import { COLUMNS, RECORDS, type SnapshotForm, snapshotStream } from "../../edge/snapshot_stream.ts";
import { compressed } from "../../edge/compression.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { Prng } from "../sim/prng.ts";
import { figure } from "./table.ts";

/** How much differs, and what the client knows of it. */
interface Case {
  readonly name: string;
  readonly n: number;
  readonly d: number;
  readonly kind: "updates" | "mixed" | "deletes" | "unknown";
  readonly seeds: number;
  /** What holds in 99 of 100 runs; meta is of the median. */
  readonly target?: { readonly rounds: number; readonly roundsP99?: number; readonly meta: number };
  /** Round trips and bytes of negentropy for such updates, as published. */
  readonly negentropy?: readonly [rounds: number, bytes: number];
}

interface Run {
  readonly rounds: number;
  readonly up: number;
  readonly down: number;
  readonly meta: number;
  readonly serverMs: number;
  readonly clientMs: number;
}

const SCOPE = "bench";
const SIZES = [10_000, 1_000_000];
const CURSOR = 2_000_000;
const TIME = 1_760_000_000_000;
const MANY_SEEDS = 100;
const SEEDS = 20;
const WORDS = "alder birch cedar elm fir hazel larch maple oak pine rowan spruce willow yew".split(
  " ",
);

const kernel = kernelSync();

const cases: readonly Case[] = SIZES.flatMap((n): Case[] => {
  const isLarge = n > 10_000;
  const at = (d: number, large: readonly [number, number], small: readonly [number, number]) => ({
    name: `d=${d}`,
    n,
    d,
    negentropy: isLarge ? large : small,
  });
  return [
    {
      ...at(0, [1, 338], [1, 324]),
      kind: "updates",
      seeds: SEEDS,
      target: { rounds: 1, meta: 60 },
    },
    {
      ...at(1, [3, 4_228], [2, 1_743]),
      kind: "updates",
      seeds: MANY_SEEDS,
      target: { rounds: 1, meta: 220 },
    },
    {
      ...at(10, [3, 20_712], [2, 8_887]),
      kind: "updates",
      seeds: MANY_SEEDS,
      target: { rounds: 1, meta: 350 },
    },
    { name: "d=10 mixed", n, d: 10, kind: "mixed", seeds: MANY_SEEDS },
    {
      name: "d=100",
      n,
      d: 100,
      kind: "updates",
      seeds: MANY_SEEDS,
      target: { rounds: 2, meta: 5_500 },
    },
    {
      ...at(1000, [4, 1_410_698], [2, 164_970]),
      kind: "updates",
      seeds: MANY_SEEDS,
      target: { rounds: isLarge ? 2 : 3, roundsP99: 3, meta: 42_000 },
    },
    { name: "d=1000 mixed", n, d: 1000, kind: "mixed", seeds: SEEDS },
    ...[1, 10, 32, 100].map((d): Case => ({
      name: `${d} purged deletes`,
      n,
      d,
      kind: "deletes",
      seeds: SEEDS,
    })),
    {
      name: "1000 purged deletes",
      n,
      d: 1000,
      kind: "deletes",
      seeds: MANY_SEEDS,
      target: { rounds: 1, roundsP99: 2, meta: 18_000 },
    },
    ...[1, 10, 100, 1000].map((d): Case => ({
      name: `d=${d}, unknown`,
      n,
      d,
      kind: "unknown",
      seeds: SEEDS,
    })),
    ...isLarge ? [{ name: "d=10000", n, d: 10_000, kind: "updates", seeds: 5 } as const] : [],
  ];
});

/** A server's rows, and its tree over them. */
class Side {
  readonly rows = new Map<string, string>();
  readonly ids: readonly string[];
  readonly nodes = new MemoryNodes();
  readonly tree = new RowTree(kernel, SCOPE, this.nodes);
  floor = 0;
  cursor = CURSOR;
  readonly store: ReconcileStore;

  constructor(n: number) {
    const prng = new Prng(n);
    for (let i = 0; i < n; i++) this.rows.set(newId(prng), record(prng));
    this.ids = [...this.rows.keys()];
    this.tree.update(changes(this.rows));
    this.store = {
      epoch: "server",
      read: (work) => work(),
      head: () => ({ cursor: this.cursor, floor: this.floor, time: TIME }),
      row: (_, entity, id) => {
        const json = this.rows.get(id);
        return json === undefined
          ? undefined
          : { entity, id, json, stamps: "", live: true, cursor: 1 };
      },
      tree: () => this.tree,
      written: () => [],
    };
  }
}

if (import.meta.main) {
  let missed = 0;
  for (const n of SIZES) {
    const side = new Side(n);
    console.log(
      `\n${n.toLocaleString("en")} rows of 100 bytes with ids of 16, kernel ${kernel.kind}`,
    );
    console.log(
      line(["case", "RT", "p99", "up", "down", "meta", "max", "srv ms", "cli ms"]) +
        "  target, and what negentropy needs",
    );
    for (const one of cases.filter((other) => other.n === n)) missed += report(one, side);
    await reportSnapshot(side);
  }
  console.log(missed === 0 ? "\nEvery target holds" : `\n${missed} targets are missed`);
  Deno.exit(missed === 0 ? 0 : 1);
}

/** 1 when the target is missed. */
function report(one: Case, side: Side): number {
  const runs = Array.from({ length: one.seeds }, (_, seed) => measured(one, side, seed));
  const of = (pick: (run: Run) => number) => runs.map(pick).sort((a, b) => a - b);
  const middle = (values: readonly number[]) => values[values.length >> 1] as number;
  const high = (values: readonly number[]) => values[Math.ceil(values.length * 0.99) - 1] as number;
  const [rounds, meta] = [of((run) => run.rounds), of((run) => run.meta)];
  const { target, negentropy } = one;
  const isMet = target === undefined ||
    middle(rounds) <= target.rounds && middle(meta) <= target.meta &&
      high(rounds) <= (target.roundsP99 ?? target.rounds);
  const cells = [
    one.name,
    String(middle(rounds)),
    String(high(rounds)),
    ...[of((run) => run.up), of((run) => run.down), meta].map((values) => bytes(middle(values))),
    bytes(meta.at(-1) as number),
    ...[of((run) => run.serverMs), of((run) => run.clientMs)].map((values) =>
      figure(middle(values))
    ),
  ];
  const goal = target
    ? `${isMet ? "ok  " : "MISSED"} RT ${target.rounds}${
      target.roundsP99 ? ` (p99 ${target.roundsP99})` : ""
    }, ${bytes(target.meta)} B`
    : "";
  const other = negentropy
    ? `; negentropy ${negentropy[0]} RT${one.d > 0 ? " + 1" : ""}, ${bytes(negentropy[1])} B, ${
      figure(negentropy[1] / middle(meta))
    } times as many`
    : "";
  console.log(`${line(cells)}  ${goal}${other}`);
  return isMet ? 0 : 1;
}

function measured(one: Case, side: Side, seed: number): Run {
  const own = differing(one, side, new Prng(seed * 7919 + one.d));
  const nodes = new OverlayNodes(side.nodes);
  const tree = side.tree.over(nodes);
  tree.update([...own].map(([id, json]) => ({ entity: "task", id, json })));
  const isLost = one.kind === "deletes" || one.kind === "unknown";
  const cursor = one.kind === "unknown" ? side.cursor : side.cursor - one.d;
  side.floor = one.kind === "deletes" ? side.cursor : 0;
  const start: ExchangeStart = {
    kernel,
    tree,
    nodes,
    random: new Prng(seed),
    cursor,
    epoch: isLost ? "server" : "client",
    serverEpoch: "server",
    serverCursor: side.cursor,
    row: (_, id) => own.has(id) ? own.get(id) ?? undefined : side.rows.get(id),
  };
  let [serverMs, clientMs, delivered] = [0, 0, 0];
  const timed = <T>(work: () => T): [T, number] => {
    const begin = performance.now();
    return [work(), performance.now() - begin];
  };
  const [exchange, beginMs] = timed(() => new Exchange(start));
  let [requests, ms] = timed(() => exchange.start());
  clientMs += beginMs + ms;
  while (exchange.outcome === undefined) {
    const replies = requests.map((request) => {
      const [{ reply }, spent] = timed(() => answerReconcile(side.store, SCOPE, request));
      serverMs += spent;
      delivered += deliveredBytes(reply);
      return reply;
    });
    requests = replies.flatMap((reply) => {
      [requests, ms] = timed(() => exchange.received(reply));
      clientMs += ms;
      return requests;
    });
  }
  if (exchange.outcome.kind !== "repaired") {
    throw new Error(`${one.name} ended as a snapshot, seed ${seed}`);
  }
  check(one, side, own, exchange.outcome);
  const { round, bytesUp, bytesDown } = exchange.progress;
  return {
    rounds: round,
    up: bytesUp,
    down: bytesDown,
    meta: bytesUp + bytesDown - delivered,
    serverMs,
    clientMs,
  };
}

/** The rows that the client has otherwise: by id, `null` for one that it lacks. */
function differing({ kind, d }: Case, { ids }: Side, prng: Prng): Map<string, string | null> {
  const own = new Map<string, string | null>();
  while (own.size < d) {
    const turn = kind === "deletes" ? 4 : kind === "mixed" ? own.size % 10 : 0;
    if (turn >= 4 && turn < 7) own.set(newId(prng), record(prng));
    else {
      const id = ids[prng.next() % ids.length] as string;
      own.set(id, turn < 4 ? record(prng) : null);
    }
  }
  return own;
}

/** Throws unless the repair is what the client's rows differ by. */
function check(
  { name }: Case,
  side: Side,
  own: ReadonlyMap<string, string | null>,
  outcome: { rows: readonly { id: string; json: string }[]; gone: readonly { id: string }[] },
): void {
  const repaired = new Map<string, string | undefined>();
  for (const { id, json } of outcome.rows) repaired.set(id, json);
  for (const { id } of outcome.gone) repaired.set(id, undefined);
  const isRight = repaired.size === own.size &&
    [...own.keys()].every((id) => repaired.has(id) && repaired.get(id) === side.rows.get(id));
  if (!isRight) throw new Error(`${name} was repaired wrongly`);
}

async function reportSnapshot(side: Side): Promise<void> {
  const rows = [...side.rows].map(([id, json]) => ({
    entity: "task",
    id,
    json,
    stamps: "",
    live: true,
    cursor: 1,
  }));
  const sizeOf = async (form: SnapshotForm, coding: string) => {
    const headers = { "accept-encoding": coding };
    const request = new Request("http://localhost/", { headers });
    const body = snapshotStream(pagesOf(side.cursor, rows), form, `,"cursor":${side.cursor}}`);
    let size = 0;
    for await (const part of compressed(request, new Response(body)).body ?? []) {
      size += part.length;
    }
    return bytes(size);
  };
  console.log(
    `a full snapshot: ${await sizeOf(RECORDS, "")} B as records, ${await sizeOf(
      COLUMNS,
      "",
    )} B in ` +
      `columns, ${await sizeOf(COLUMNS, "gzip")} B of these with gzip, ` +
      `${await sizeOf(COLUMNS, "br")} B with Brotli`,
  );
}

function deliveredBytes(reply: Uint8Array): number {
  const { rows } = ReconcileReply.decode(reply);
  return rows === undefined ? 0 : unpackRows(rows).reduce(
    (sum, { id, json }) => sum + utf8Length(id) + utf8Length(json ?? ""),
    0,
  );
}

function* changes(rows: ReadonlyMap<string, string>): IterableIterator<RowChange> {
  for (const [id, json] of rows) yield { entity: "task", id, json };
}

function newId(prng: Prng): string {
  return prng.next().toString(16).padStart(8, "0") + prng.next().toString(16).padStart(8, "0");
}

/** A record of about 100 bytes. */
function record(prng: Prng): string {
  const words = Array.from(
    { length: 6 + prng.next() % 3 },
    () => WORDS[prng.next() % WORDS.length],
  );
  return `{"done":${prng.next() % 2 === 0},"position":${prng.next()},"title":"${words.join(" ")}"}`;
}

function line(cells: readonly string[]): string {
  return cells.map((cell, index) => index === 0 ? cell.padEnd(20) : cell.padStart(10)).join("");
}

function bytes(count: number): string {
  return count.toLocaleString("en");
}
