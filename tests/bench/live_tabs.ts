/**
 * Many tabs in one process on Bun: what drives `live_tabs_bench.ts`.
 *
 *     live_tabs.ts PORT     takes requests and gives answers, a line of JSON each
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { BenchTab, clickFrame, quantile } from "./live_tab.ts";

/** What to do. */
export type TabsRequest =
  /** Opens tabs of an island; without a name, sockets that show nothing. */
  | { readonly kind: "open"; readonly island: string; readonly tabs: number }
  /** Clicks a button of the board some times, and waits each time until all of its tabs have it. */
  | { readonly kind: "fan"; readonly slot: number; readonly clicks: number }
  /** Each of so many tabs of their own islands clicks at about the same time. */
  | { readonly kind: "each"; readonly clicks: number };

/** What came out. */
export interface TabsAnswer {
  /** Tabs of the board. */
  readonly tabs: number;
  /** Milliseconds from the click to a tab, over all clicks and tabs. */
  readonly p50: number;
  readonly p99: number;
  /** The median of the time until 99 of 100 tabs have it, in milliseconds. */
  readonly mostTabs: number;
  /** The median of the time until the last tab has it, in milliseconds. */
  readonly all: number;
  /** When each click was sent, in milliseconds of the wall clock. */
  readonly clickedAt: readonly number[];
}

/** The island that everyone shares. */
const SHARED = "board";
/** Tabs that connect at the same time. */
const OPENING_MAX = 32;
const LATE_MS = 20_000;
/** Tabs of their own islands that are active. */
const ACTIVE = 200;
/** Between clicks, in milliseconds: so that one is over when the next begins. */
const GAP_MS = 5;
/** Silence would end a connection. */
const PING_MS = 10_000;

const sharing: BenchTab[] = [];
const alone: BenchTab[] = [];
let opened = 0;
let pingedAt = performance.now();

if (import.meta.main) {
  const port = Number(process.argv[2]);
  for await (const line of createInterface({ input: process.stdin })) {
    await pingAll();
    console.log(JSON.stringify(await answer(port, JSON.parse(line) as TabsRequest)));
  }
}

async function answer(port: number, request: TabsRequest): Promise<TabsAnswer> {
  if (request.kind === "fan") return await fan(request.slot, request.clicks);
  if (request.kind === "each") return await each(request.clicks);
  await open(port, request.island, request.tabs);
  return result([], []);
}

async function open(port: number, island: string, tabs: number): Promise<void> {
  let left = tabs;
  const kept = island === SHARED ? sharing : alone;
  await Promise.all(Array.from({ length: OPENING_MAX }, async () => {
    while (left-- > 0) {
      kept.push(await BenchTab.open(port, `tab-${opened++}`, island));
      await pingAll();
    }
  }));
}

async function fan(slot: number, clicks: number): Promise<TabsAnswer> {
  const frame = clickFrame(slot);
  const clickedAt: number[] = [];
  const clicked: number[][] = [];
  for (let click = 0; click < clicks; click++) {
    await pause(GAP_MS);
    const latencies: number[] = [];
    clicked.push(latencies);
    const start = performance.now();
    const all = everyOne(sharing, () => latencies.push(performance.now() - start));
    clickedAt.push(Date.now());
    // Not always the same: who clicks is not the first that is told.
    sharing[click * 7 % sharing.length]?.send(frame);
    await all;
  }
  return result(clicked, clickedAt);
}

async function each(clicks: number): Promise<TabsAnswer> {
  const frame = clickFrame(1);
  const clicked: number[][] = [];
  const active = alone.slice(0, ACTIVE);
  for (let click = 0; click < clicks; click++) {
    const sentAt = new Map<BenchTab, number>();
    const latencies: number[] = [];
    clicked.push(latencies);
    const all = everyOne(
      active,
      (tab) => latencies.push(performance.now() - (sentAt.get(tab) ?? NaN)),
    );
    for (const tab of active) {
      sentAt.set(tab, performance.now());
      tab.send(frame);
    }
    await all;
  }
  return result(clicked, []);
}

/** Resolves when each tab has a patch; `heard` is told of each. */
async function everyOne(tabs: readonly BenchTab[], heard: (tab: BenchTab) => void): Promise<void> {
  let missing = tabs.length;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${missing} tabs have no patch`)), LATE_MS);
  for (const tab of tabs) {
    tab.onMessage = (message) => {
      if (message === undefined) return;
      if (!message.ops?.length) return reject(new Error(`no patch: ${message.error}`));
      heard(tab);
      if (--missing === 0) resolve();
    };
  }
  await promise;
  clearTimeout(timer);
}

async function pingAll(): Promise<void> {
  if (performance.now() - pingedAt < PING_MS) return;
  pingedAt = performance.now();
  for (const tab of [...sharing, ...alone]) tab.ping();
  await pause(100);
}

/** From the latencies of each click. */
function result(
  clicked: readonly (readonly number[])[],
  clickedAt: readonly number[],
): TabsAnswer {
  const latencies = clicked.flat();
  const median = (part: number) => quantile(clicked.map((times) => quantile(times, part)), 0.5);
  return {
    tabs: sharing.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    mostTabs: median(0.99),
    all: median(1),
    clickedAt,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
