/**
 * Many tabs on one server process: memory of each, how soon all of them have a patch, and what a tab
 * that stops reading does to the others.
 *
 *     deno task bench live_tabs
 *
 * Tabs are sockets of one other process, which shares the machine: a part of each time is theirs.
 */
import { BACKLOG_BYTES_MAX } from "../../ui/live_limits.ts";
import { POST_BYTES } from "./live_app.ts";
import {
  type Driver,
  type LiveServer,
  pause,
  type Runtime,
  withDriver,
  withServer,
} from "./live_stage.ts";
import { StuckTab } from "./live_stuck_tab.ts";
import type { TabsAnswer, TabsRequest } from "./live_tabs.ts";

const RUNTIMES: readonly Runtime[] = ["Deno", "Bun"];
const IDLE = 2_000;
const ACTIVE = 200;
/** Opened before memory is looked at, so that what a first tab costs is not shared out. */
const FIRST = 100;
/** How long memory is given to settle, in milliseconds. */
const SETTLE_MS = 1_000;
const CLICKS = 100;
const STUCK_CLICKS = 700;
/** What a further tab may take, in KiB. */
const TAB_KIB_MAX: Readonly<Record<Runtime, number>> = { Deno: 30, Bun: 8 };
/** A patch to ten thousand may take this long, in milliseconds. */
const FAN_OUT_MS_MAX = 500;
/** How many times as long others may wait because of one that is stuck. */
const STUCK_RATIO_MAX = 2;
/** What the memory of a server may grow by because of it, in MiB. */
const STUCK_MIB_MAX = 64;
/** What a tab may show; the first shows nothing. */
const KINDS = [
  ["a socket that shows nothing", ""],
  ["a tab of an island that all share", "board"],
  ["a tab with an island of its own", "counter"],
] as const;
/** The slots of the board's buttons. */
const ADD = 0;
const POST = 1;
const KIB = 1_024;

/** A server, and what drives it. */
interface Stage {
  readonly runtime: Runtime;
  readonly server: LiveServer;
  readonly ask: (request: TabsRequest) => Promise<TabsAnswer>;
}

function staged<T>(runtime: Runtime, work: (stage: Stage) => Promise<T>): Promise<T> {
  return withServer(
    runtime,
    (server) =>
      withDriver("live_tabs.ts", [`${server.port}`], (driver: Driver) =>
        work({
          runtime,
          server,
          ask: (request) => driver.ask<TabsAnswer>(request),
        })),
  );
}

/** Memory of one tab more once garbage is collected, in KiB. */
async function memory(runtime: Runtime, island: string): Promise<number> {
  return await staged(runtime, async ({ server, ask }) => {
    const weigh = async () => {
      server.collect();
      await pause(SETTLE_MS);
      return server.memory();
    };
    await ask({ kind: "open", island, tabs: FIRST });
    const before = await weigh();
    await ask({ kind: "open", island, tabs: IDLE });
    return (await weigh() - before) / IDLE / KIB;
  });
}

async function memories(runtime: Runtime): Promise<void> {
  const most = TAB_KIB_MAX[runtime];
  let bare: number | undefined;
  for (const [name, island] of KINDS) {
    const kib = await memory(runtime, island);
    line(name, [
      `${kib.toFixed(1)} KiB`,
      bare === undefined ? "" : `the island ${(kib - bare).toFixed(1)} KiB`,
      verdict(kib <= most, `≤ ${most} KiB`),
    ]);
    bare ??= kib;
  }
}

async function fanOut({ ask }: Stage, name: string, slot: number, clicks: number): Promise<void> {
  const { tabs, p50, p99, all } = await ask({ kind: "fan", slot, clicks });
  line(`${name} to ${tabs} tabs`, [
    `p50 ${p50.toFixed(1)} ms`,
    `p99 ${p99.toFixed(1)} ms`,
    `all in ${all.toFixed(1)} ms`,
    verdict(p99 <= FAN_OUT_MS_MAX, `≤ ${FAN_OUT_MS_MAX} ms`),
  ]);
}

async function stuck({ server, ask }: Stage): Promise<void> {
  const before = await ask({ kind: "fan", slot: POST, clicks: CLICKS });
  const rss = server.memory();
  const tab = await StuckTab.open(server.port, "board");
  const first = tab.seq;
  const stuckAt = Date.now();
  const during = await ask({ kind: "fan", slot: POST, clicks: STUCK_CLICKS });
  const grown = (server.memory() - rss) / KIB / KIB;
  const waiting = await tab.readOn(first + STUCK_CLICKS);
  tab.close();
  const after = await ask({ kind: "fan", slot: POST, clicks: CLICKS });
  const ratio = during.mostTabs / ((before.mostTabs + after.mostTabs) / 2);
  const times = ({ p99, mostTabs }: TabsAnswer) => `${mostTabs.toFixed(1)} (${p99.toFixed(1)}) ms`;
  line("16 KiB to 200, p99 of a click (of all)", [
    `before ${times(before)}`,
    `one stuck ${times(during)}`,
    `after ${times(after)}`,
    `×${ratio.toFixed(2)} ${verdict(ratio <= STUCK_RATIO_MAX, `≤ ×${STUCK_RATIO_MAX}`)}`,
  ]);
  const held = waiting.lastSeq - first;
  const at = (click: number) => `${(during.clickedAt[click] ?? NaN) - stuckAt} ms`;
  const kept = Math.floor(BACKLOG_BYTES_MAX / POST_BYTES);
  line("the stuck tab is held back", [`after ${at(held)}, ${held} patches`]);
  line("and is to have a snapshot", [`after ${at(held + kept)}, ${held + kept} patches`]);
  line("when it reads again", [
    `${waiting.patches} patches and ${waiting.hasSnapshot ? "a" : "NO"} snapshot`,
    `${Math.round(waiting.bytes / KIB)} KiB, not ${STUCK_CLICKS * POST_BYTES / KIB}`,
  ]);
  line("server memory meanwhile", [
    `${grown.toFixed(1)} MiB more`,
    verdict(grown <= STUCK_MIB_MAX, `≤ ${STUCK_MIB_MAX} MiB`),
  ]);
}

async function activity(runtime: Runtime): Promise<void> {
  await staged(runtime, async (stage) => {
    const { ask } = stage;
    await ask({ kind: "open", island: "counter", tabs: IDLE });
    await ask({ kind: "open", island: "board", tabs: ACTIVE });
    // To warm up.
    await ask({ kind: "fan", slot: ADD, clicks: CLICKS });
    console.log(`  ${IDLE} tabs are idle, each with its own island`);
    await fanOut(stage, "a count", ADD, CLICKS);
    await fanOut(stage, "16 KiB", POST, CLICKS);
    const each = await ask({ kind: "each", clicks: CLICKS });
    line(`${ACTIVE} tabs click at once, each its own`, [
      `p50 ${each.p50.toFixed(1)} ms`,
      `p99 ${each.p99.toFixed(1)} ms`,
      `all in ${each.all.toFixed(1)} ms`,
    ]);
    await stuck(stage);
    await ask({ kind: "open", island: "board", tabs: IDLE - ACTIVE });
    await fanOut(stage, "a count", ADD, CLICKS);
  });
}

function verdict(isMet: boolean, goal: string): string {
  return `${isMet ? "ok" : "MISSED"} ${goal}`;
}

function line(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(42) + cells.map((cell) => cell.padEnd(28)).join("").trimEnd());
}

if (import.meta.main) {
  for (const runtime of RUNTIMES) {
    console.log(`\nThe server on ${runtime}`);
    await memories(runtime);
    await activity(runtime);
  }
}
