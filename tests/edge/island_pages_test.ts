/** Pages with islands in them. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  BRIDGE_PATH,
  fillPage,
  mayHaveIslands,
  PAGE_ISLANDS_DEPTH_MAX,
  PAGE_ISLANDS_MAX,
  rootHtml,
  type ShownIsland,
} from "../../edge/island_pages.ts";

const BRIDGE = `<script type="module" src="${BRIDGE_PATH}"></script>`;
const ATTRIBUTES = ` data-table="hash" data-session="s1" data-seq="3"`;

function shown(html: string, more: Partial<ShownIsland> = {}): ShownIsland {
  return { html, session: "s1", seq: 3, numbers: new Uint8Array(), table: "hash", ...more };
}

Deno.test("a page shows its islands, and is otherwise as it was", () => {
  const page =
    `<!DOCTYPE html>\n<html><head><title>a</title></head>\n<body class='x'>\n  <b>before\n` +
    `<div id=a g-island="counter" class=y>old</div> after <br/></BODY></html>\n`;
  const filled = fillPage(page, (name) => name === "counter" ? shown("<p>5</p>") : undefined);
  const expected = page.replace("</head>", `${BRIDGE}</head>`)
    .replace("class=y>old<", `class=y${ATTRIBUTES}><p>5</p><`);
  assertEquals(filled, expected);
});

Deno.test("a page without islands, and one that only speaks of them, stays as it is", () => {
  const fail = () => {
    throw new Error("it was rendered");
  };
  for (
    const page of [
      "<p>hello</p>",
      `<!-- <div g-island="counter"></div> --><p>a</p>`,
      `<script>const a = '<div g-island="counter"></div>';</script>`,
      `<p>&lt;div g-island="counter"></p>`,
    ]
  ) {
    assertEquals(fillPage(page, fail), page);
  }
  assertEquals(mayHaveIslands("<p>hello</p>"), false);
  assertEquals(mayHaveIslands(`<p\ng-island = "a">`), true);
});

Deno.test("a page that loads the bridge itself does not get it twice", () => {
  const page = `<head><script type=module src="${BRIDGE_PATH}?ns=a"></script></head>` +
    `<div g-island=a></div>`;
  const filled = fillPage(page, () => shown("<p></p>"));
  assertEquals(filled.split("live.js").length, 2);
});

Deno.test("a page without a head gets the bridge in its body", () => {
  const filled = fillPage(`<div g-island=a></div>`, () => shown("<p></p>"));
  assertEquals(filled, `<div g-island=a${ATTRIBUTES}><p></p></div>${BRIDGE}`);
});

Deno.test("islands within islands are filled, up to the limit of depth", () => {
  let renders = 0;
  const filled = fillPage(`<div g-island="a"></div>`, () => {
    renders++;
    return shown(`<div><i g-island="a"></i></div>`);
  });
  assertEquals(renders, PAGE_ISLANDS_DEPTH_MAX);
  assertEquals(filled.split("data-session").length - 1, PAGE_ISLANDS_DEPTH_MAX);
});

Deno.test("a page has islands up to the limit, and further ones are left to the bridge", () => {
  for (const count of [PAGE_ISLANDS_MAX - 1, PAGE_ISLANDS_MAX, PAGE_ISLANDS_MAX + 1]) {
    let renders = 0;
    fillPage(`<div g-island="a"></div>`.repeat(count), () => {
      renders++;
      return shown("<p></p>");
    });
    assertEquals(renders, Math.min(count, PAGE_ISLANDS_MAX));
  }
});

Deno.test("an island that is not there leaves what the page has in its place", () => {
  const page = `<head></head><div g-island="none">wait</div>`;
  assertStringIncludes(fillPage(page, () => undefined), `<div g-island="none">wait</div>`);
});

Deno.test("a shadow root, numbers, stylesheets and plugins reach the page", () => {
  const page = `<head></head><i g-island=a g-shadow></i><i g-island=b></i><i g-island=b></i>`;
  const filled = fillPage(page, (name) =>
    shown(`<p>${name}</p>`, {
      numbers: new Uint8Array([255, 1]),
      stylesheet: `/${name}.css?x="1"`,
      plugins: ["/chart.js"],
    }));
  const attributes = `${ATTRIBUTES} data-numbers="/wE="`;
  const link = (name: string) => `<link rel="stylesheet" href="/${name}.css?x=&quot;1&quot;">`;
  assertEquals(
    filled,
    `<head>${link("b")}<script type="module" src="/chart.js"></script>${BRIDGE}</head>` +
      `<i g-island=a g-shadow${attributes}><template shadowrootmode="open"><p>a</p>${link("a")}` +
      `</template></i>` + `<i g-island=b${attributes}><p>b</p></i>`.repeat(2),
  );
});

Deno.test("what a page's attributes and title hold cannot end them", () => {
  const filled = fillPage(`<div g-island=a></div>`, () => shown("<p></p>", { session: `"><b>` }));
  assertStringIncludes(filled, `data-session="&quot;>&lt;b>"`);
  assertStringIncludes(rootHtml("a</title><script>"), "<title>a&lt;/title>&lt;script></title>");
});
