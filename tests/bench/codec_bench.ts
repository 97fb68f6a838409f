/**
 * What a message of the wire costs to write and to read, beside protobufjs on the same schema.
 *
 *     deno run -A tests/bench/codec_bench.ts
 *
 * Both sides work on the bodies as the schema has them. The rounds alternate, so that a busy machine
 * slows both; each figure is the best of its rounds, in nanoseconds.
 */
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { Down, Up } from "../../core/wire/messages_gen.ts";

/** One message and the two codecs for it. */
interface Case {
  readonly name: string;
  readonly value: object;
  readonly ours: Codec;
  readonly theirs: Codec;
}

interface Codec {
  encode(value: object): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

const ROUNDS = 12;
/** Messages in one round. */
const MESSAGES = 20_000;

const root = protobuf.parse(
  readFileSync(new URL("../../core/wire/messages.proto", import.meta.url), "utf8"),
).root.resolveAll();

const id = "0190b1f2c3d44e5f8a9b0c1d2e3f4a5b";
const json = JSON.stringify({ title: "x".repeat(60), done: false });
const change = (op: number, data: string) => ({ entity: 0, id, op, data, elapsed: 3 });

const CASES: readonly Case[] = [
  onBoth("Up", Up as unknown as Codec, "push of 1", {
    push: { mutations: [{ id, name: "todo.toggle", seq: 41, args: json, createdAt: 1.7e12 }] },
    channel: 1,
  }),
  onBoth("Down", Down as unknown as Codec, "ack of 1", {
    ack: { results: [{ id, cursor: 9_000, lastSeq: 41, code: "", error: "", changesPlusOne: 2 }] },
    channel: 1,
  }),
  onBoth("Down", Down as unknown as Codec, "poke of 1", {
    poke: { from: 9e3, entities: ["todo"], changes: [change(1, json)], time: 1.7e12, more: false },
    channel: 1,
  }),
  onBoth("Down", Down as unknown as Codec, "poke of 100, not ASCII", {
    poke: {
      from: 9_000,
      entities: ["todo"],
      changes: Array.from({ length: 100 }, () => change(1, `${json}äöü`)),
      time: 1.7e12,
      more: true,
    },
    channel: 1,
  }),
  onBoth("Up", Up as unknown as Codec, "ping", { ping: {}, channel: 0 }),
];

function onBoth(type: string, ours: Codec, name: string, value: object): Case {
  const reflected = root.lookupType(`driftless.${type}`);
  const theirs: Codec = {
    encode: (message) => reflected.encode(message).finish(),
    decode: (bytes) => reflected.decode(bytes),
  };
  return { name, value, ours, theirs };
}

function nsEach(run: () => unknown, count: number): number {
  const start = performance.now();
  for (let left = count; left > 0; left--) run();
  return (performance.now() - start) * 1e6 / count;
}

console.log("ns per message".padEnd(26), ["write", "theirs", "read", "theirs"].join("\t"));
for (const { name, value, ours, theirs } of CASES) {
  const bytes = ours.encode(value);
  const runs = [
    () => ours.encode(value),
    () => theirs.encode(value),
    () => ours.decode(bytes),
    () => theirs.decode(bytes),
  ];
  const count = Math.ceil(MESSAGES * 64 / (64 + bytes.length));
  const best = runs.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, run] of runs.entries()) {
      best[index] = Math.min(best[index] ?? Infinity, nsEach(run, count));
    }
  }
  const figures = best.map((ns) => String(Math.round(ns)));
  console.log(`${name} (${bytes.length} B)`.padEnd(26), figures.join("\t"));
}
