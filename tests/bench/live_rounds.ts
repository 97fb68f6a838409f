/**
 * Clicks on an island and waits for what comes back, on Bun: what drives the round trips of
 * `live_wire_bench.ts`.
 *
 *     live_rounds.ts PORT     takes requests and gives answers, a line of JSON each
 *
 * A connection may send so many messages at once and no more, so each has a few hundred clicks.
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { BenchTab, clickFrame, messageIn, quantile } from "./live_tab.ts";

/** What to measure. */
export interface RoundsRequest {
  /** The island, whose slot 0 is a button; without a name a bare message goes there and back. */
  readonly island: string;
  /** Clicks that wait for their answer at a time. */
  readonly window: number;
  /** Connections, one after the other. */
  readonly tabs: number;
}

/** What came out. */
export interface RoundsAnswer {
  /** The median of the connections. */
  readonly perSecond: number;
  /** Milliseconds from a click to its patch. */
  readonly p50: number;
  readonly p99: number;
}

/** Below what a connection may send at once. */
const CLICKS = 380;
/** Connections that warm up first: a server that is asked this often has compiled what it runs. */
const WARM_TABS = 60;
const ANSWER_MS_MAX = 20_000;

const CLICK = clickFrame(0);

if (import.meta.main) {
  const port = Number(process.argv[2]);
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await rounds(port, JSON.parse(line) as RoundsRequest)));
  }
}

async function rounds(
  port: number,
  { island, window, tabs }: RoundsRequest,
): Promise<RoundsAnswer> {
  const latencies: number[] = [];
  const rates: number[] = [];
  for (let number = -WARM_TABS; number < tabs; number++) {
    const tab = await BenchTab.open(port, `${island}-${window}-${number}`, island);
    const { times, ms } = await clicks(tab, island !== "", window);
    tab.close();
    if (number < 0) continue;
    rates.push(times.length / ms * 1_000);
    for (const time of times) latencies.push(time);
  }
  return {
    perSecond: quantile(rates, 0.5),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

async function clicks(
  tab: BenchTab,
  isIsland: boolean,
  window: number,
): Promise<{ times: readonly number[]; ms: number }> {
  const sentAt: number[] = [];
  const times: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("a patch did not come")), ANSWER_MS_MAX);
  const click = () => {
    sentAt.push(performance.now());
    if (isIsland) tab.send(CLICK);
    else tab.ping();
  };
  const frames: ArrayBuffer[] = [];
  tab.onFrame = (frame) => {
    times.push(performance.now() - (sentAt[times.length] as number));
    frames.push(frame);
    if (sentAt.length < CLICKS) click();
    else if (times.length === CLICKS) resolve();
  };
  const start = performance.now();
  for (let one = 0; one < window; one++) click();
  await promise;
  const ms = performance.now() - start;
  clearTimeout(timer);
  for (const frame of frames) {
    const message = messageIn(frame);
    const isPatch = (message?.ops?.length ?? 0) > 0;
    if (isPatch !== isIsland) throw new Error(`no patch: ${message?.error}`);
  }
  return { times, ms };
}
