/**
 * What it costs to hand a request to a module and to read its answer, on the runtime that this runs
 * on; prints the figures as JSON. `wasm_boundary_bench.ts` runs it on several.
 */
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { defineApp } from "../../core/app.ts";
import { runExchange } from "../../edge/wasm/fetches.ts";
import { WasmInstance } from "../../edge/wasm/instance.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import { prepare, type PreparedMount } from "../../edge/wasm/prepare.ts";
import { openSlots } from "../../wasm/slots.ts";
import { echoModule, replayedModule, suspendedModule } from "./boundary_modules.ts";
import { valueFigures } from "./boundary_values.ts";
import { contender, medians } from "./rounds.ts";

/** Nanoseconds by what was measured. */
export type Figures = Record<string, number>;

type Pairs = readonly (readonly [name: string, value: string])[];

const BODY_BYTES = 1_024;
/** Requests that differ, so that no text is known from the one before. */
const TARGETS = 64;
/** Iterations between two fetches: about as long as a page is rendered. */
const WORK = 200_000;
const ASYNC_ROUNDS = 31;
const ASYNC_BATCH = 64;
const START_BATCH = 8;
/** How often everything is measured. */
const PASSES = 3;

const log = { error: () => {}, info: () => {}, debug: () => {} };
const targets = Array.from({ length: TARGETS }, (_, at) => `/orders/${at * 7919}?page=${at}&of=99`);
const pairs: Pairs = [
  ["accept", "application/json, text/plain;q=0.9, */*;q=0.8"],
  ["accept-encoding", "gzip, deflate, br, zstd"],
  ["content-type", "application/octet-stream"],
  ["content-length", `${BODY_BYTES}`],
  ["user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"],
  ["x-request-id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],
];
const text = "0123456789abcdef".repeat(BODY_BYTES / 16);
const body = new TextEncoder().encode(text);

function mounted(module: Uint8Array<ArrayBuffer>): PreparedMount {
  const fetch = () => Promise.resolve(new Response("an answer"));
  const options = { bindings: { fetch: { allow: ["api.test"], fetch } } };
  return prepare({ path: "/", module: new WebAssembly.Module(module), options }, log);
}

/** One exchange, from pairs to pairs: by slots, by JSON and by protobuf. */
function exchanges(): Figures {
  const { handler, outbound } = mounted(echoModule());
  const instance = new WasmInstance(handler);
  let turn = 0;
  let seen = 0;
  const slots = () => {
    let headers = "";
    for (let at = 0; at < pairs.length; at++) {
      const [name, value] = pairs[at] as Pairs[number];
      headers += name + ": " + value + "\n";
    }
    const target = targets[turn++ % TARGETS] as string;
    const answer = runExchange(instance, { method: "POST", target, headers, body }, outbound);
    if (answer instanceof Promise) throw new Error("Cannot wait");
    seen += answer.headers.length + answer.status;
    return answer;
  };
  const call = instance.exports["call"] as (address: number) => number;
  const memory = new Uint8Array(instance.exports.memory.buffer);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const [asked, answered] = [65_536, 131_072];
  const answerObject = {
    status: 200,
    headers: { "content-type": "application/octet-stream", vary: "Accept", etag: '"33a64df551"' },
    body: text,
  };
  const json = encoder.encode(JSON.stringify(answerObject));
  memory.set(json, answered);
  const byJson = () => {
    const path = targets[turn++ % TARGETS];
    const value = JSON.stringify({ method: "POST", path, headers: pairs, body: text });
    encoder.encodeInto(value, memory.subarray(asked, asked + 3 * value.length));
    const at = call(answered);
    const answer = JSON.parse(decoder.decode(memory.subarray(at, at + json.length)));
    seen += answer.status;
  };
  const root = protobuf.parse(`syntax = "proto3";
    message Header { string name = 1; string value = 2; }
    message Request { string method = 1; string path = 2; repeated Header headers = 3;
      bytes body = 4; }
    message Answer { int32 status = 1; repeated Header headers = 2; bytes body = 3; }`).root;
  const [Request, Answer] = [root.lookupType("Request"), root.lookupType("Answer")];
  const headers = pairs.map(([name, value]) => ({ name, value }));
  const wire = Answer.encode({ status: 200, headers: headers.slice(0, 4), body }).finish();
  const [protobufAt] = [200_000];
  memory.set(wire, protobufAt);
  const byProtobuf = () => {
    const path = targets[turn++ % TARGETS];
    const fields = pairs.map(([name, value]) => ({ name, value }));
    memory.set(Request.encode({ method: "POST", path, headers: fields, body }).finish(), asked);
    const at = call(protobufAt);
    const answer = Answer.decode(memory.subarray(at, at + wire.length));
    seen += (answer as unknown as { status: number }).status;
  };
  const copied = () => seen += slots().body.slice().length;
  const [view = 0, copy = 0, asJson = 0, asProtobuf = 0] = medians([
    contender("slots", slots),
    contender("copied", copied),
    contender("JSON", byJson),
    contender("protobuf", byProtobuf),
  ]);
  return { view, copy, json: asJson, protobuf: asProtobuf };
}

/** A whole request of the web, to a module and to JavaScript. */
async function whole(): Promise<Figures> {
  const app = defineApp({ name: "b", collections: {} })
    .wasm("/", new WebAssembly.Module(echoModule()) as WebAssembly.Module);
  const mounts = new WasmMounts(app.mounts, { log });
  const headers = pairs.map(([name, value]) => [name, value] as [string, string]);
  let turn = 0;
  const request = () =>
    new Request(`http://localhost${targets[turn++ % TARGETS]}`, { method: "POST", headers, body });
  const plain = async () => {
    const asked = request();
    const seen: string[] = [];
    asked.headers.forEach((value, name) => seen.push(name, value));
    const bytes = new Uint8Array(await asked.arrayBuffer());
    return new Response(bytes, {
      status: 200,
      headers: [
        ["x-content-type-options", "nosniff"],
        ["content-type", "application/octet-stream"],
        ["cache-control", "no-cache"],
        ["x-request-id", "0123456789abcdef"],
        ["vary", "Accept"],
        ["etag", '"33a64df551425fcc55e4d42a148795d9f25f89d4"'],
      ],
    });
  };
  const [asPlain = 0, asModule = 0] = await asyncMedians([plain, () => mounts.fetch(request())]);
  // What a trap costs whoever comes next.
  const trap = async () => {
    const method = "TRAP";
    await mounts.fetch(new Request("http://localhost/", { method })).catch(() => {});
    await mounts.fetch(request());
  };
  const [asTrap = 0] = await asyncMedians([trap]);
  mounts.close();
  return { plain: asPlain, module: asModule, trap: asTrap };
}

/** Requests of a module one after the other, with work in between. */
async function fetches(): Promise<Figures> {
  const sent = { method: "GET", target: "/", headers: "", body: new Uint8Array() };
  const run = (module: Uint8Array<ArrayBuffer>) => {
    const { handler, outbound, suspending } = mounted(module);
    return async () => {
      const instance = new WasmInstance(handler);
      return await (suspending === undefined
        ? runExchange(instance, sent, outbound)
        : suspending.enter(instance, sent, outbound));
    };
  };
  const [replayed = 0, suspended = 0] = await asyncMedians(
    [run(replayedModule(WORK)), run(suspendedModule(WORK))],
    { batch: 1, rounds: 5 },
  );
  return { replayed, suspended };
}

/** From a module to an instance, and from bytes to an instance. Some at a time: memories pile up. */
async function starts(): Promise<Figures> {
  const stats = readFileSync(new URL("../../wasm/handlers/stats.wasm", import.meta.url));
  const bytes = new Uint8Array(stats);
  const { handler } = mounted(bytes);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
  const timed = async (start: () => unknown) => {
    const figures: number[] = [];
    for (let round = 0; round < ASYNC_ROUNDS; round++) {
      if (round % START_BATCH === 0) await pause();
      const before = performance.now();
      start();
      figures.push((performance.now() - before) * 1e6);
    }
    return figures.sort((a, b) => a - b)[ASYNC_ROUNDS >> 1] ?? NaN;
  };
  return {
    warm: await timed(() => new WasmInstance(handler)),
    cold: await timed(() => new WasmInstance(mounted(bytes).handler)),
  };
}

/** The least that a property in memory takes: one slot, of a memory that never grows. */
class Floor {
  readonly #view: DataView<ArrayBuffer>;
  readonly #at: number;

  constructor(view: DataView<ArrayBuffer>, at: number) {
    this.#view = view;
    this.#at = at;
  }

  get x(): number {
    const view = this.#view;
    return view.getUint8(this.#at) === 3 ? view.getFloat64(this.#at + 8, true) : 0;
  }

  set x(value: number) {
    this.#view.setUint32(this.#at, 3, true);
    this.#view.setFloat64(this.#at + 8, value, true);
  }
}

/** Records of slots against the least that they could take. */
function accessors(): Figures {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const slots = openSlots(memory);
  const row = slots.shape(["x", "y", "z"]).create<number>({ x: 0.5, y: 1.5, z: 2.5 });
  const at = slots.addressOf(row);
  const floor = new Floor(new DataView(memory.buffer), at);
  let sum = 0;
  let turn = 0;
  const [floorRead = 0, read = 0, floorWrite = 0, write = 0] = medians([
    contender("floor read", () => sum += floor.x),
    contender("read", () => sum += row.x),
    // What is read does not go into what is written: the sum would soon be infinite.
    contender("floor write", () => floor.x = (turn++ & 0xff) + 0.5),
    contender("write", () => row.x = (turn++ & 0xff) + 0.5),
  ]);
  return { floorRead, read, floorWrite, write };
}

/** The median nanoseconds of each, in turns. */
async function asyncMedians(
  contenders: readonly (() => Promise<unknown>)[],
  { batch = ASYNC_BATCH, rounds = ASYNC_ROUNDS } = {},
): Promise<readonly number[]> {
  const figures = contenders.map((): number[] => []);
  // The first third only warms up.
  for (let round = -Math.ceil(rounds / 2); round < rounds; round++) {
    for (const [index, once] of contenders.entries()) {
      const start = performance.now();
      for (let left = batch; left > 0; left--) await once();
      if (round >= 0) figures[index]?.push((performance.now() - start) * 1e6 / batch);
    }
  }
  return figures.map((all) => all.sort((a, b) => a - b)[all.length >> 1] ?? 0);
}

/** The best of some passes: others who are at work on this machine make all of it slower, never faster. */
async function best(measure: () => Figures | Promise<Figures>): Promise<Figures> {
  const passes: Figures[] = [];
  for (let pass = 0; pass < PASSES; pass++) passes.push(await measure());
  const names = Object.keys(passes[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, Math.min(...passes.map((pass) => pass[name] ?? NaN))]),
  );
}

const boundary: Figures = {
  ...await best(exchanges),
  ...await best(whole),
  ...await best(fetches),
  ...await best(starts),
  ...await best(accessors),
};
console.log(JSON.stringify({ boundary, values: valueFigures() }));
