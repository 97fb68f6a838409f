/**
 * Answers that a module could give, as the bytes of its memory: well formed at first, then with some of
 * them changed. The module sends back what it is sent, so that every byte of an answer is ours.
 */
import { Prng } from "../sim/prng.ts";
import { BROKEN_LIMITS } from "./broken/broken_cases.ts";
import { type Outcome, same } from "./duty_world.ts";
import { type MountedHost, mountedHost } from "./mounted_host.ts";

/** Which answers, and how many of them. */
export interface FuzzOptions {
  /** Each answer has a seed of its own: the first one has this one, the next one more. */
  readonly seed: number;
  readonly count: number;
}

/** An answer before it is bytes. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What runtimes other than Deno try. */
export const ELSEWHERE: FuzzOptions = { seed: 1, count: 2_000 };

/** Bytes of the four slots. */
const SLOTS_BYTES = 64;
/** Mutations between two questions whether the host still serves. */
const CHECK_EVERY = 64;
const PROBLEMS_MAX = 5;

const TAG_I32 = 2;
const TAG_STRING = 4;
const TAG_BYTES = 8;

/** Numbers at which something ends: of signs, of sizes, of the memory. */
const EDGES: readonly number[] = [
  ...[0, 1, 2, 3, 4, 7, 8, 16, 63, 64, 99, 100, 101, 199, 200, 204, 304, 599, 600],
  ...[0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0xffff_fff0, 0xffff_ffc0],
  ...[65_535, 65_536, 0x40_0000, 0x40_0000 - 4, 0x40_0000 - 64, 0x10_0000, 0x1000_0000],
];

/**
 * Sends broken answers through a host. A response of a status that is none, an exception, or a host
 * that does not serve afterwards is a problem, and named by its seed.
 */
export async function fuzzAnswers(
  module: WebAssembly.Module | Uint8Array,
  { seed, count }: FuzzOptions,
): Promise<Outcome[]> {
  const host = mountedHost({ "/broken": { module, options: { limits: BROKEN_LIMITS } } });
  const problems: Outcome[] = [];
  const address = await addressOf(host);
  for (let at = 0; at < count && problems.length < PROBLEMS_MAX; at++) {
    const title = `a broken answer, seed ${seed + at}`;
    const prng = new Prng(seed + at);
    const bytes = mutated(prng, bytesOf(answerFrom(prng), address), address);
    const where = prng.chance(0.02) ? `?at=${addressFrom(prng, address)}` : "";
    try {
      const response = await host.ask(`/broken/raw${where}`, { method: "POST", body: bytes });
      await response.arrayBuffer();
      same(response.status >= 200 && response.status <= 599, true);
      // What the host did not foresee is also a 500, but no fault of the module.
      same(host.failures.filter((it) => !it.startsWith("WasmFault: ")), []);
      const isLast = at % CHECK_EVERY === 0 || at === count - 1;
      if (isLast) same(await host.tell("/broken/good?n=1"), "200 good 1");
    } catch (error) {
      problems.push({ title, problem: `${error} ${host.failures.at(-1)}` });
    }
    // They are many, and only the last one is of interest.
    host.failures.length = 0;
  }
  host.close();
  return problems;
}

/** Sends whole answers through a host: what comes out is what went in. */
export async function compareAnswers(
  module: WebAssembly.Module | Uint8Array,
  { seed, count }: FuzzOptions,
): Promise<Outcome[]> {
  const host = mountedHost({ "/broken": { module, options: { limits: BROKEN_LIMITS } } });
  const problems: Outcome[] = [];
  const address = await addressOf(host);
  for (let at = 0; at < count && problems.length < PROBLEMS_MAX; at++) {
    const answer = answerFrom(new Prng(seed + at));
    const body = bytesOf(answer, address);
    try {
      await compare(await host.ask("/broken/raw", { method: "POST", body }), answer);
    } catch (error) {
      problems.push({ title: `a whole answer, seed ${seed + at}`, problem: `${error}` });
    }
  }
  host.close();
  return problems;
}

async function compare(response: Response, answer: Answer): Promise<void> {
  const hasBody = ![204, 205, 304].includes(answer.status);
  const body = new Uint8Array(await response.arrayBuffer());
  same(response.status, answer.status);
  same(response.headers.get("content-type"), answer.type);
  same([...body], hasBody ? [...answer.body] : []);
  const wanted = new Headers();
  for (const [name, value] of answer.headers) wanted.append(name, value);
  for (const [name, value] of wanted) same(response.headers.get(name), value);
}

/** Where the module puts the bytes that it is sent. */
async function addressOf({ ask }: MountedHost): Promise<number> {
  return Number(await (await ask("/broken/where")).text());
}

function answerFrom(prng: Prng): Answer {
  const value = () => textFrom(prng, prng.between(1, 30), [[0x21, 0x7e], [0xa0, 0xff]]);
  const name = () => `x-${textFrom(prng, prng.between(1, 12), [[0x61, 0x7a], [0x30, 0x39]])}`;
  return {
    status: prng.pick([200, 200, 201, 204, 205, 301, 304, 404, 500, prng.between(200, 599)]),
    type: prng.pick(["text/plain", "application/json", "text/html; charset=utf-8", "a/b;c=d"]),
    headers: Array.from({ length: prng.between(0, 4) }, () => [name(), value()] as const),
    body: Uint8Array.from(
      prng.bytes(prng.chance(0.1) ? prng.between(0, 9_000) : prng.between(0, 60)),
    ),
  };
}

function textFrom(
  prng: Prng,
  length: number,
  ranges: readonly [[number, number], [number, number]],
) {
  return String.fromCharCode(...Array.from({ length }, () => prng.between(...prng.pick(ranges))));
}

/** The slots, then what they point to, for a place at this address. */
function bytesOf(
  { status, type, headers, body }: Answer,
  address: number,
): Uint8Array<ArrayBuffer> {
  const lines = headers.map(([name, value]) => `${name}: ${value}\n`).join("");
  const texts = [latin1(type), body, latin1(lines)];
  const length = texts.reduce((sum, text) => sum + 4 + text.length, SLOTS_BYTES);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = TAG_I32;
  view.setInt32(4, status, true);
  let at = SLOTS_BYTES;
  for (const [index, text] of texts.entries()) {
    const slot = 16 * (index + 1);
    bytes[slot] = index === 1 && text.length % 2 === 0 ? TAG_BYTES : TAG_STRING;
    view.setUint32(slot + 4, address + at, true);
    view.setUint32(at, text.length, true);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0));
}

/** Some changes: of single bytes of the slots, of words, of lengths, of what stands in a header. */
function mutated(
  prng: Prng,
  bytes: Uint8Array<ArrayBuffer>,
  address: number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer);
  const heads = [1, 2, 3].map((slot) => view.getUint32(slot * 16 + 4, true) - address);
  for (let left = prng.between(1, 4); left > 0; left--) {
    const kind = prng.between(0, 5);
    if (kind === 0) bytes[prng.between(0, SLOTS_BYTES - 1)] = prng.between(0, 255);
    if (kind === 1) {
      bytes[prng.pick([0, 16, 32, 48])] = prng.pick([0, TAG_I32, prng.between(0, 10)]);
    }
    if (kind === 2) view.setUint32(4 * prng.between(0, 15), addressFrom(prng, address), true);
    if (kind === 3) view.setUint32(prng.pick(heads as [number, ...number[]]), edgeFrom(prng), true);
    if (kind === 5) asCall(prng, view, address);
    if (kind === 4) {
      bytes[prng.between(SLOTS_BYTES, bytes.length - 1)] = prng.pick([0, 10, 13, 58, 32, 255, 128]);
    }
  }
  return bytes;
}

/** A call to others, or several of them: how many, and where they are. */
function asCall(prng: Prng, view: DataView, address: number): void {
  view.setInt32(4, prng.pick([-1, -2, -3]), true);
  if (view.getInt32(4, true) !== -2) return;
  view.setUint8(16, TAG_I32);
  view.setUint32(20, prng.between(0, 17), true);
  view.setUint8(32, TAG_I32);
  view.setUint32(36, addressFrom(prng, address), true);
}

function edgeFrom(prng: Prng): number {
  return (prng.pick(EDGES as [number, ...number[]]) + prng.between(-1, 1)) >>> 0;
}

/** An address near something, or anywhere. */
function addressFrom(prng: Prng, address: number): number {
  if (prng.chance(0.3)) return prng.next() >>> 0;
  return prng.chance(0.5) ? edgeFrom(prng) : (address + prng.between(-8, 200)) >>> 0;
}
