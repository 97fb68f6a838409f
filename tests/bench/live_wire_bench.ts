/**
 * What the live UI costs on the wire, and from a click to its patch: the scenarios of the comparison with
 * godom and LiveView through the real runtime, then round trips through real servers.
 *
 *     deno task bench live_wire
 *
 * Bytes are exact, those of the `ui` bodies: a WebSocket adds 2 to 4 of them down and 6 to 8 up. Targets
 * and the figures of the other systems come from one comparison with data of the same shape. Times are
 * medians, and those of this machine.
 */
import { deflateRawSync } from "node:zlib";
import { decodeUp } from "../../core/wire/messages.ts";
import {
  BROWSER_INIT_REQUEST,
  BROWSER_INPUT,
  BROWSER_METHOD,
  browserFrame,
  type FromBrowser,
} from "../../ui/client/bridge_wire.ts";
import type { LiveUiSession } from "../../ui/live_session.ts";
import type { CompiledIsland, PageIsland } from "../../ui/live_ports.ts";
import { compiled, Rig } from "../ui/runtime_rig.ts";
import {
  BenchCounter,
  BenchTable,
  COUNTER_TEMPLATE,
  SERVED_ROWS,
  TABLE_TEMPLATE,
  tableName,
} from "./live_app.ts";
import type { RoundsAnswer, RoundsRequest } from "./live_rounds.ts";
import { type Runtime, withDriver, withServer } from "./live_stage.ts";
import { quantile } from "./live_tab.ts";

type Call = readonly [method: string, ...args: readonly unknown[]];

/** What others need for the same, in bytes. */
interface Others {
  /** What this was designed to need. */
  readonly target?: number;
  readonly godom?: number;
  readonly liveView?: number;
}

/** Something that happens to a table. */
interface Scenario {
  readonly name: string;
  readonly call: (turn: number) => Call;
  /** What makes the next turn like the first. */
  readonly undo?: (turn: number) => Call;
  readonly others: Readonly<Record<number, Others>>;
}

const SIZES: readonly number[] = [1_000, 10_000];
/** How long one scenario is repeated for its median time, in milliseconds. */
const SCENARIO_MS = 400;
const CLICKS = 2_000;
const WINDOWS: readonly number[] = [1, 16];
const ROUND_TABS = 20;
const RUNTIMES: readonly Runtime[] = ["Deno", "Bun"];
/** Round trips a second, one after the other. */
const ROUNDS_MIN = 25_000;
/** Round trips a second of godom, by rows. */
const GODOM_ROUNDS: Readonly<Record<number, number>> = { 10: 12_912, 1_000: 131, 10_000: 4 };
const TYPED = "Hello world";
const NEW_ROW = { id: "new", name: "Name", city: "City", amount: "12.00" };

const SCENARIOS: readonly Scenario[] = [
  {
    name: "one cell",
    call: (turn) => ["edit", 500, `${turn % 10}hanged: row ${turn % 10}0`],
    others: { 1_000: { target: 27, godom: 37, liveView: 97 }, 10_000: { target: 27 } },
  },
  {
    name: "swap two rows",
    call: () => ["swap", 1, 998],
    others: {
      1_000: { target: 15, godom: 39_505, liveView: 93 },
      10_000: { target: 15, godom: 435_503 },
    },
  },
  {
    name: "insert a row at the top",
    call: () => ["insert", NEW_ROW],
    undo: () => ["remove", 0],
    others: {
      1_000: { target: 34, godom: 413, liveView: 9_916 },
      10_000: { target: 34, liveView: 117_919 },
    },
  },
  {
    name: "remove a row",
    call: () => ["remove", 500],
    undo: (turn) => ["insert", { ...NEW_ROW, id: `new ${turn}` }],
    others: {
      1_000: { target: 11, godom: 64, liveView: 5_066 },
      10_000: { target: 11, liveView: 60_065 },
    },
  },
  {
    name: "sort all rows",
    call: (turn) => ["sort", turn % 2 === 0 ? 1 : -1],
    others: {
      1_000: { target: 1_883, godom: 39_247, liveView: 9_857 },
      10_000: { target: 19_884, liveView: 117_824 },
    },
  },
  {
    name: "a cell of every tenth row",
    call: (turn) => ["editEveryTenth", `${turn % 10}very tenth of them`],
    others: { 1_000: { target: 2_599, godom: 3_499, liveView: 3_747 } },
  },
];

/** An island in a page, and its socket. */
class Scene {
  readonly page: PageIsland;
  /** Bytes of what is said before anything happens. */
  readonly joined: { readonly up: number; readonly down: number };
  readonly #rig: Rig;
  readonly #session: LiveUiSession;
  #down = 0;
  #messages = 0;

  constructor(island: CompiledIsland) {
    this.#rig = new Rig({ island });
    const { host } = this.#rig;
    const [page] = host.page({ principal: null, names: ["island"], url: "/" });
    if (page === undefined) throw new Error(this.#rig.failures.join());
    this.page = page;
    this.#session = host.open({
      principal: null,
      send: (body) => {
        this.#messages++;
        this.#down += body.length;
      },
      isReady: () => true,
      close: (code) => {
        throw new Error(`the server closes: ${code}`);
      },
    });
    const { session, seq, table } = page;
    const { up, down } = this.say(
      { kind: BROWSER_INIT_REQUEST, island: "island", session, seq, table, url: "/" },
      1,
    );
    this.joined = { up, down };
  }

  /** Says something that leads to so many messages; in bytes and microseconds. */
  say(
    message: FromBrowser,
    messages: number,
  ): { readonly up: number; readonly down: number; readonly us: number } {
    const up = uiBody(message);
    // Nobody clicks faster than this, for long.
    this.#rig.time += 100;
    this.#down = this.#messages = 0;
    const start = performance.now();
    this.#session.received(up);
    const us = (performance.now() - start) * 1_000;
    if (this.#messages !== messages || this.#rig.failures.length > 0) {
      throw new Error(`${this.#messages} messages came ${this.#rig.failures.join()}`);
    }
    return { up: up.length, down: this.#down, us };
  }

  call([name, ...args]: Call): { readonly down: number; readonly us: number } {
    return this.say({ kind: BROWSER_METHOD, name, data: JSON.stringify(args) }, 1);
  }
}

class Greeting {
  name = "";
}

/** What is typed into, and how many messages a key leads to. */
const FORMS = [
  ["elsewhere too", `<div><input g-bind="name"><p>{{name}}</p></div>`, 1],
  ["nowhere else", `<div><input g-bind="name"></div>`, 0],
] as const;
const HEADINGS = ["bytes", "target", "", "godom", "", "LiveView", "", "runtime µs"];

function tables(): void {
  for (const size of SIZES) {
    class SizedTable extends BenchTable {
      constructor() {
        super(size);
      }
    }
    const island = compiled(SizedTable, TABLE_TEMPLATE, {
      exports: ["edit", "swap", "insert", "remove", "sort", "editEveryTenth"],
    });
    heading(`${count(size)} rows of 4 texts, down`, HEADINGS);
    for (const { name, call, undo, others } of SCENARIOS) {
      const scene = new Scene(island);
      const { down } = scene.call(call(0));
      if (undo) scene.call(undo(0));
      const times: number[] = [];
      const until = performance.now() + SCENARIO_MS;
      for (let turn = 1; performance.now() < until; turn++) {
        times.push(scene.call(call(turn)).us);
        if (undo) scene.call(undo(turn));
      }
      line(name, [...compared(down, others[size] ?? {}), rounded(quantile(times, 0.5))]);
    }
    firstLoad(new Scene(island), size);
  }
}

function firstLoad({ page, joined }: Scene, size: number): void {
  const html = new TextEncoder().encode(page.html);
  const others = size === 1_000 ? { target: 73_701, liveView: 73_701 + 64_801 } : {};
  const small = size === 1_000 ? { target: 10_478, liveView: 13_326 } : {};
  const godom = size === 1_000 ? 343_598 : 3_544_534;
  line("first load: markup", compared(html.length, { ...others, godom }));
  line("first load: markup, deflated", compared(deflateRawSync(html).length, small));
  line("first load: on the socket", compared(joined.down, { target: 12 }));
  const texts = page.html.replaceAll(/<[^>]*>/g, "").length;
  const tags = ((html.length - texts) / size).toFixed(1);
  console.log(`  up, once: ${joined.up}; of the markup ${tags} bytes a row are tags`);
}

function typing(): void {
  heading("clicking and typing", HEADINGS);
  const counter = new Scene(compiled(BenchCounter, COUNTER_TEMPLATE));
  const clicks = Array.from(
    { length: CLICKS },
    () => counter.say({ kind: BROWSER_METHOD, slot: 1 }, 1),
  );
  const [{ up, down } = { up: NaN, down: NaN }] = clicks;
  line("a click, up", compared(up, { target: 6, godom: 16, liveView: 96 }));
  line("a click, down", [
    ...compared(down, { target: 10, godom: 30, liveView: 94 }),
    rounded(quantile(clicks.map(({ us }) => us), 0.5)),
  ]);
  for (const [place, template, messages] of FORMS) {
    const scene = new Scene(compiled(Greeting, template));
    const keys = Array.from(TYPED, (_, at) => {
      const value = TYPED.slice(0, at + 1);
      return scene.say({ kind: BROWSER_INPUT, input: at + 1, value }, messages);
    });
    const sum = (of: "up" | "down") => keys.reduce((all, key) => all + key[of], 0);
    line(
      `11 keys, shown ${place}, up`,
      compared(sum("up"), { target: 154, godom: 110, liveView: 1_375 }),
    );
    line(
      `11 keys, shown ${place}, down`,
      compared(sum("down"), { target: 176, godom: 792, liveView: 1_353 }),
    );
  }
}

async function roundTrips(): Promise<void> {
  const windows = WINDOWS.flatMap((window) => [`window ${window}`, "p50 ms", "p99 ms"]);
  for (const runtime of RUNTIMES) {
    heading(`round trips a second through the server on ${runtime}`, [...windows, "godom", "", ""]);
    await withServer(
      runtime,
      ({ port }) =>
        withDriver("live_rounds.ts", [`${port}`], async (driver) => {
          const measured = async (name: string, island: string, godom?: number) => {
            const answers: RoundsAnswer[] = [];
            for (const window of WINDOWS) {
              const request: RoundsRequest = { island, window, tabs: ROUND_TABS };
              answers.push(await driver.ask<RoundsAnswer>(request));
            }
            const cells = answers.flatMap(({ perSecond, p50, p99 }) => [
              ...[count(perSecond), p50.toFixed(3), p99.toFixed(3)],
            ]);
            if (godom === undefined) return line(name, cells);
            const { perSecond = NaN } = answers[0] ?? {};
            const isMet = perSecond >= ROUNDS_MIN ? "ok" : "BELOW";
            line(name, [...cells, count(godom), ratio(perSecond / godom), isMet]);
          };
          await measured("a ping and its pong, no island", "");
          await measured("a click that counts", "board");
          for (const size of SERVED_ROWS) {
            await measured(`one cell of ${count(size)} rows`, tableName(size), GODOM_ROUNDS[size]);
          }
        }),
    );
  }
  console.log(`  the target is ${count(ROUNDS_MIN)} with window 1; godom has that`);
}

/** The message's bytes as the bridge writes them. */
function uiBody(message: FromBrowser): Uint8Array {
  const up = decodeUp(browserFrame(message)).message;
  if (up.kind !== "ui") throw new TypeError("Cannot happen: it is a message of the live UI");
  return up.body;
}

function compared(bytes: number, { target, godom, liveView }: Others): string[] {
  const other = (value?: number) =>
    value === undefined ? ["–", ""] : [count(value), bytes === 0 ? "" : ratio(value / bytes)];
  const isMet = target === undefined ? "" : bytes <= target ? "ok" : "OVER";
  return [
    count(bytes),
    target === undefined ? "–" : count(target),
    isMet,
    ...other(godom),
    ...other(liveView),
  ];
}

function ratio(value: number): string {
  return `×${value < 10 ? value.toFixed(1) : count(value)}`;
}

function rounded(us: number): string {
  return us < 10 ? us.toFixed(1) : count(us);
}

function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function heading(title: string, names: readonly string[]): void {
  console.log("");
  line(title, names);
}

function line(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(50) + cells.map((cell) => cell.padStart(11)).join(""));
}

if (import.meta.main) {
  typing();
  tables();
  await roundTrips();
}
