/** Random edits of the state: what the page shows is always what a fresh render would be. */
import { bridgeTest } from "../ui/bridge_pages.ts";
import { assertFresh } from "../ui/bridge_canon.ts";
import { eventually } from "./harness.ts";

interface Row {
  id: number;
  name: string;
  isOn: boolean;
  tags: string[];
  kind: string;
}

const FRAMES = 2_000;
/** Frames between two looks at the page. */
const FRAMES_PER_LOOK = 25;

class Board {
  rows: Row[] = [];
  others: Row[] = [];
  counts = new Map<string, number>();
  title = "";
  mode = 0;
  rev = 0;
  /** Whose clicks came. */
  last = -1;
  hit(row: Row): void {
    this.last = row.id;
  }
}

const BOARD = {
  create: () => new Board(),
  template: `<main><h1 title="{{title}}" g-class:on="mode == 1">{{title}}</h1>
    <b id="rev">{{rev}}</b>
    <ul><li>head</li>
      <li g-for="row, i in rows" g-key="row.id" g-if="row.kind != 'gone'" g-class:on="row.isOn">
        <button g-click="hit(row)">{{i}} {{row.name}}</button>
        <input g-bind="row.name"><input type="checkbox" g-bind="row.isOn">
        <i g-for="tag in row.tags" g-show="row.isOn">{{tag}}</i>
        <u g-if="row.kind == 'a'">A{{row.name}}</u><s g-else>B<q g-if="row.isOn">{{row.id}}</q></s>
      </li>
      <li>middle</li>
      <li g-for="row in others"><span g-attr:title="row.name">{{row.name}}!</span></li>
    </ul>
    <p g-for="[n, key] in counts">{{key}}={{n}}</p>
    <article g-if="mode == 0">zero</article><article g-else><em>{{title}}</em></article>
    <svg><circle g-for="row in others" r="{{row.id}}"></circle></svg>
    <table><tr g-for="row in rows" g-key="row.id"><td>{{row.name}}</td></tr></table></main>`,
};

bridgeTest(
  "bridge shows what a fresh render shows after each of 2,000 random frames",
  { islands: { board: BOARD } },
  async ({ stage, page }) => {
    const view = stage.view("board");
    const random = generator(20_251);
    let ids = 0;
    const rowOf = (): Row => ({
      id: ids++,
      name: `n${random(100)}`,
      isOn: random(2) === 1,
      tags: Array.from({ length: random(4) }, () => `t${random(9)}`),
      kind: "ab"[random(2)] as string,
    });
    for (let frame = 1; frame <= FRAMES; frame++) {
      stage.change(view, (board: Board) => {
        edit(board, random, rowOf);
        board.rev = frame;
      });
      if (frame % FRAMES_PER_LOOK > 0) continue;
      await eventually(() => page.textContent("#rev"), `${frame}`);
      await assertFresh(page, view);
      await clickSome(frame);
    }

    async function clickSome(frame: number): Promise<void> {
      const board = view.state as Board;
      const shown = board.rows.filter(({ kind }) => kind !== "gone");
      if (shown.length === 0) return;
      const at = frame % shown.length;
      await page.evaluate((index) => {
        (document.querySelectorAll("li > button")[index] as HTMLElement).click();
      }, at);
      await eventually(() => Promise.resolve(board.last), shown[at]?.id);
    }
  },
);

function edit(board: Board, random: (max: number) => number, rowOf: () => Row): void {
  const { rows, others, counts } = board;
  const some = rows[random(rows.length || 1)];
  switch (random(14)) {
    case 0:
      return void rows.splice(random(rows.length + 1), 0, rowOf(), ...random(3) ? [] : [rowOf()]);
    case 1:
      return void rows.splice(random(rows.length + 1), random(3));
    case 2:
      return void rows.sort((a, b) => (a.id * 7919) % 101 - (b.id * 7919) % 101);
    case 3:
      return void rows.reverse();
    case 4: {
      const [moved] = rows.splice(random(rows.length || 1), 1);
      if (moved) rows.splice(random(rows.length + 1), 0, moved);
      return;
    }
    case 5:
      if (some) some.name = `x${random(1000)}`;
      return;
    case 6:
      if (some) some.isOn = !some.isOn;
      return;
    case 7:
      if (some) some.kind = ["a", "b", "gone"][random(3)] as string;
      return;
    case 8:
      if (some) some.tags = Array.from({ length: random(5) }, () => `t${random(9)}`);
      return;
    case 9:
      return void counts.set(`k${random(6)}`, random(100));
    case 10:
      return void counts.delete(`k${random(6)}`);
    case 11:
      return void others.splice(random(others.length + 1), random(2), rowOf());
    case 12:
      board.mode = random(3);
      return;
    default:
      board.title = ["", "a", "<b>&", "long title ".repeat(random(4))][random(4)] as string;
      if (rows.length > 30) rows.length = 5;
  }
}

/** Numbers below a limit, the same ones in each run. */
function generator(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    const mixed = Math.imul(state ^ state >>> 13, 0x297a2d39);
    return ((mixed ^ mixed >>> 16) >>> 0) % max;
  };
}
