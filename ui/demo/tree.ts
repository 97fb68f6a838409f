/**
 * The page of the tree: a copy of some thousand records is damaged behind the engine's back, and comes
 * back for what differs.
 *
 * Tests find their way by `data-testid`:
 *
 *     side-here, side-server  (data-state: unknown, same or differs); within it records and root
 *     damage-one, damage-many, story
 *     cost (data-way: exchange or snapshot)
 */
import type { ExchangeProgress } from "../../core/reconcile/exchange.ts";
import { type Client, createClient } from "../client/create_client.ts";
import { IdbPersistence } from "../client/idb_persistence.ts";
import type { ReconcileProgress } from "../client/reconcile_report.ts";
import { openKernel } from "../../wasm/kernel.ts";
import app, { type BoardApp, FILL_STARS_MAX } from "./app.ts";
import { type Damage, damageRows } from "./tree_damage.ts";
import { type BothDigests, readDigests } from "./tree_digests.ts";
import { BLOCKS, type BlockState, TreeSide } from "./tree_side.ts";
import { cloneOf, partOf, setText } from "./template.ts";

const SCOPE = "stars";
const DATABASE = "driftless-demo/tree";
/** Enough that each of 1,024 leaves has some. */
const STARS = 4_000;
const LOST_STARS = 40;
/** How long each step is shown to somebody who watches, in milliseconds. */
const STEP_MS = 900;

const ENDS: readonly ReconcileProgress["state"][] = ["repaired", "snapshot", "stuck"];

const kernel = openKernel();
const here = new TreeSide("here", "This browser");
const server = new TreeSide("server", "Server");
/** How the client comes back: all that it told of its exchange, and how that ended. */
let exchange: ExchangeProgress | undefined;
let healed = Promise.withResolvers<ReconcileProgress["state"]>();

async function start(): Promise<void> {
  elementOf("sides").append(here.element, server.element);
  let client = await opened();
  await client.sync();
  await fill(client);
  await show(await digests(client));
  tell(`${STARS.toLocaleString("en")} records on both sides, and 32 bytes to prove it.`);
  const deeds: readonly (readonly [id: string, count: number, damage: Damage])[] = [
    ["damage-one", 1, faded],
    ["damage-many", LOST_STARS, () => null],
  ];
  const buttons = deeds.map(([id]) => elementOf(id) as HTMLButtonElement);
  const enable = (isOn: boolean) => buttons.forEach((button) => button.disabled = !isOn);
  deeds.forEach(([, count, damage], index) => {
    (buttons[index] as HTMLButtonElement).onclick = async () => {
      enable(false);
      try {
        client = await damageAndHeal(client, count, damage);
      } catch (error) {
        tell(error instanceof Error ? error.message : String(error));
      } finally {
        enable(true);
      }
    };
  });
  enable(true);
}

async function opened(isOffline = false): Promise<Client<BoardApp>> {
  const client = createClient(app, {
    scope: SCOPE,
    persistence: new IdbPersistence(DATABASE),
    onReconcile: (progress) => {
      exchange = progress.exchange ?? exchange;
      if (ENDS.includes(progress.state)) healed.resolve(progress.state);
    },
  });
  client.setOffline(isOffline);
  await client.start();
  return client;
}

/** The first visitor brings the stars. */
async function fill(client: Client<BoardApp>): Promise<void> {
  for (let from = client.collection("star").count(); from < STARS; from += FILL_STARS_MAX) {
    tell(`Bringing the stars: ${from.toLocaleString("en")} of ${STARS.toLocaleString("en")}`);
    await client.mutate("star.fill", { from, count: Math.min(FILL_STARS_MAX, STARS - from) });
    await client.sync();
  }
}

async function damageAndHeal(
  before: Client<BoardApp>,
  count: number,
  damage: Damage,
): Promise<Client<BoardApp>> {
  await before.stop();
  const ids = await damageRows(DATABASE, count, damage);
  const client = await opened(true);
  const what = count === 1 ? `Record ${ids[0]} has another text` : `${count} records are gone`;
  tell(`${what}: this browser's root is not the server's any more.`);
  await show(await digests(client));
  await pause();
  healed = Promise.withResolvers();
  client.setOffline(false);
  const end = await healed.promise;
  if (end !== "repaired" || exchange === undefined) throw new Error("All rows were fetched anew");
  const { requests, round: trips, bytesUp, bytesDown } = exchange;
  const bytes = bytesUp + bytesDown;
  const whole = await snapshotBytes();
  tell(
    `Found and healed: ${requests} ${requests === 1 ? "request" : "requests"}, ` +
      `${bytes.toLocaleString("en")} bytes, ${
        (whole / bytes).toFixed(0)
      } times less than all rows.`,
  );
  showCosts([
    { way: "exchange", name: "Exchange", trips, bytes },
    { way: "snapshot", name: "Full download", trips: 1, bytes: whole },
  ]);
  await show(await digests(client));
  return client;
}

async function digests(client: Client<BoardApp>): Promise<BothDigests> {
  return await readDigests(await kernel, SCOPE, "star", client.collection("star").all());
}

/** Compares both sides from the root down, at a pace that can be followed. */
async function show(sides: BothDigests): Promise<void> {
  here.showFacts(sides.here.records, sides.here.root);
  server.showFacts(sides.server.records, sides.server.root);
  const each = (paint: (side: TreeSide) => void) => [here, server].forEach(paint);
  const isSame = sides.here.root === sides.server.root;
  if (isSame) return each((side) => side.showAll("same"));
  each((side) => side.showAll("unknown"));
  each((side) => side.showRoot("differs"));
  await pause();
  const differing = Array.from({ length: BLOCKS }, (_, block) => block)
    .filter((block) => sides.here.blocks[block] !== sides.server.blocks[block]);
  for (let block = 0; block < BLOCKS; block++) {
    const state: BlockState = differing.includes(block) ? "differs" : "same";
    each((side) => side.showBlock(block, state));
    for (let leaf = 0; leaf < BLOCKS; leaf++) {
      if (state === "same") each((side) => side.showLeaf(block, leaf, "same"));
    }
  }
  await pause();
  for (const block of differing) {
    for (let leaf = 0; leaf < BLOCKS; leaf++) {
      const same = sides.here.leaves[block]?.[leaf] === sides.server.leaves[block]?.[leaf];
      each((side) => side.showLeaf(block, leaf, same ? "same" : "differs"));
    }
  }
}

interface Cost {
  readonly way: "exchange" | "snapshot";
  readonly name: string;
  readonly trips: number;
  readonly bytes: number;
}

function showCosts(costs: readonly Cost[]): void {
  const most = Math.max(...costs.map(({ bytes }) => bytes));
  elementOf("costs").replaceChildren(...costs.map(({ way, name, trips, bytes }) => {
    const row = cloneOf("cost");
    row.dataset.way = way;
    setText(partOf(row, "way", HTMLElement), name);
    setText(partOf(row, "trips", HTMLElement), String(trips));
    setText(partOf(row, "bytes", HTMLElement), bytes.toLocaleString("en"));
    partOf(row, "bar", HTMLElement).style.inlineSize = `${100 * bytes / most}%`;
    return row;
  }));
}

/** What all rows cost, as this browser gets them: compressed, without headers. */
async function snapshotBytes(): Promise<number> {
  const url = new URL("/_sync/snapshot", location.href).href;
  performance.clearResourceTimings();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ scope: SCOPE, columns: true }),
  });
  const { length } = await response.text();
  const timing = performance.getEntriesByName(url).at(-1);
  return timing instanceof PerformanceResourceTiming ? timing.encodedBodySize : length;
}

/** Another magnitude, in a text that is as well-formed as the one before. */
function faded(json: string): string {
  return json.replace(/"magnitude":[\d.]+/, '"magnitude":99');
}

function pause(): Promise<void> {
  const ms = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : STEP_MS;
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function tell(text: string): void {
  setText(elementOf("story"), text);
}

function elementOf(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new TypeError(`Cannot find "${id}" on the page`);
  return element;
}

start().catch((error: Error) => tell(error.message));
