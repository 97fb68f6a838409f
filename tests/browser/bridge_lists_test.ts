/** Lists in the page: order, whose row an event is of, and what the user has there while rows move. */
import type { Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { type BridgeTest, bridgeTest, textsOf } from "../ui/bridge_pages.ts";
import { eventually } from "./harness.ts";

interface Row {
  id: number;
  text: string;
}

class Table {
  rows: Row[] = Array.from({ length: 8 }, (_, id) => ({ id: id + 1, text: `r${id + 1}` }));
  rev = 0;
  hits: number[] = [];
  hit(id: number): void {
    this.hits.push(id);
  }
}

const KEYED = {
  create: () => new Table(),
  template: `<div><ol><li class="head">head</li>
    <li g-for="row in rows" g-key="row.id" class="row">
      <button g-click="hit(row.id)">{{row.text}}</button>
      <b>{{row.text}}</b><input><p class="scroll"><span class="tall">tall</span></p>
      <iframe src="/frame.html" title="frame"></iframe></li></ol><output>{{rev}}</output></div>`,
};

const UNKEYED = {
  create: () => new Table(),
  template: `<div><ul><li g-for="row in rows"><button g-click="hit(row.id)">{{row.text}}</button>
    </li></ul><output>{{rev}}</output></div>`,
};

const FILES = {
  "/frame.html": `<!doctype html><title>Frame</title><p>frame</p>`,
  "/old.js": "delete Element.prototype.moveBefore;",
};

/** Without `moveBefore`, as in older browsers. */
const OLD = `<script src="/old.js"></script>`;

bridgeTest("bridge swaps two rows that are not neighbours", { islands: { table: UNKEYED } }, swaps);

bridgeTest("bridge swaps two keyed rows, beside a row of its own", {
  islands: { table: KEYED },
  files: FILES,
}, async (test) => {
  await swaps(test);
  assertEquals(await textsOf(test.page, "li.head"), ["head"]);
});

bridgeTest("bridge puts rows in each of 120 orders", { islands: { table: UNKEYED } }, everyOrder);

bridgeTest("bridge puts keyed rows in each of 120 orders", {
  islands: {
    table: {
      ...KEYED,
      template: UNKEYED.template.replace(' in rows"', ' in rows" g-key="row.id"'),
    },
  },
}, everyOrder);

bridgeTest("bridge sends the click of a row that moved up as that row's", {
  islands: { table: UNKEYED },
}, async (test) => {
  const { stage, page } = test;
  const table = stage.view("table").state as Table;
  await edit(test, ({ rows }) => rows.shift());
  await page.click("li button >> nth=0");
  // Rows without keys go by their place: what is still on its way counts for who stands there then.
  await eventually(() => Promise.resolve(table.hits), [2]);
  await edit(test, ({ rows }) => rows.reverse());
  await page.click("li button >> nth=0");
  await eventually(() => Promise.resolve(table.hits), [2, 8]);
});

for (const [browser, head] of [["this", ""], ["an older", OLD]] as const) {
  bridgeTest(`bridge keeps focus, caret and scrolling of a row that moves in ${browser} browser`, {
    islands: { table: KEYED },
    files: FILES,
    head,
  }, async (test) => {
    const { page } = test;
    const input = await page.$("li.row:nth-of-type(4) input");
    await input?.fill("abcdef");
    await input?.evaluate((one) => (one as HTMLInputElement).setSelectionRange(2, 4));
    await page.evaluate(() => {
      for (const one of document.querySelectorAll<HTMLElement>(".scroll")) {
        one.style.cssText = "height:20px;overflow:auto";
        (one.firstElementChild as HTMLElement).style.cssText = "display:block;height:200px";
        one.scrollTop = 33;
      }
    });
    for (
      const change of [
        (table: Table) => table.rows.reverse(),
        (table: Table) => table.rows.unshift(...table.rows.splice(5, 1)),
        (table: Table) => table.rows.push(...table.rows.splice(0, 1)),
        (table: Table) => table.rows.sort((a, b) => (a.id * 3) % 8 - (b.id * 3) % 8),
      ]
    ) {
      await edit(test, change);
      const kept = await input?.evaluate((one) => {
        const { selectionStart, selectionEnd, value } = one as HTMLInputElement;
        const scrolled = [...document.querySelectorAll(".scroll")].map((box) => box.scrollTop);
        const isActive = document.activeElement === one;
        return { isActive, selectionStart, selectionEnd, value, scrolled };
      });
      const scrolled = Array(8).fill(33);
      const isActive = true;
      assertEquals(kept, {
        isActive,
        selectionStart: 2,
        selectionEnd: 4,
        value: "abcdef",
        scrolled,
      });
    }
  });
}

bridgeTest("bridge keeps frames and selected text of rows that move", {
  islands: { table: KEYED },
  files: FILES,
}, async (test) => {
  const { page } = test;
  await eventually(() => page.evaluate(() => frames.length), 8);
  await eventually(() => marks(page, (frame) => frame.document.title), Array(8).fill("Frame"));
  await marks(page, (frame) => Object.assign(frame, { mark: 1 }) && "");
  await page.evaluate(() => {
    const text = document.querySelectorAll("li.row b")[3]?.firstChild as Text;
    getSelection()?.setBaseAndExtent(text, 0, text, 2);
  });
  await edit(test, ({ rows }) => rows.reverse());
  await edit(test, ({ rows }) => rows.unshift(...rows.splice(6, 1)));
  const marked = await marks(page, (frame) => "mark" in frame ? "kept" : "loaded again");
  assertEquals(marked, Array(8).fill("kept"));
  assertEquals(await page.evaluate(() => String(getSelection())), "r4");
});

async function swaps(test: BridgeTest): Promise<void> {
  await edit(test, ({ rows }) => {
    [rows[1], rows[6]] = [rows[6] as Row, rows[1] as Row];
  });
  assertEquals(await textsOf(test.page, "li button"), "r1 r7 r3 r4 r5 r6 r2 r8".split(" "));
}

async function everyOrder(test: BridgeTest): Promise<void> {
  const orders = permutations([1, 2, 3, 4, 5]);
  assertEquals(orders.length, 120);
  for (const order of orders) {
    await edit(test, (table) => {
      table.rows = order.map((id) =>
        table.rows.find((row) => row.id === id) ?? { id, text: `r${id}` }
      );
    });
    assertEquals(await textsOf(test.page, "li button"), order.map((id) => `r${id}`));
  }
}

/** Changes the state, and waits until the page has heard. */
async function edit({ stage, page }: BridgeTest, change: (table: Table) => unknown): Promise<void> {
  const view = stage.view("table");
  stage.change(view, (table: Table) => {
    change(table);
    table.rev++;
  });
  await page.waitForFunction(
    (rev) => document.querySelector("output")?.textContent === rev,
    `${(view.state as Table).rev}`,
  );
}

/** What a function says of each frame of the page. */
async function marks(page: Page, read: (frame: Window) => string): Promise<string[]> {
  const frames = await page.$$("iframe");
  return await Promise.all(frames.map(async (one) => {
    const frame = await one.contentFrame();
    return await frame?.evaluate(`(${read})(window)`) as string;
  }));
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest])
  );
}
