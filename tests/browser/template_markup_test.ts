/** What templates become, and what is left of hostile markup, as Chromium reads it. */
import type { Page } from "playwright-core";
import { assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import type { ClientBlock } from "../../ui/program.ts";
import { sanitised } from "../../ui/sanitised_html.ts";
import { TemplateError, TemplateErrors } from "../../ui/template_error.ts";
import { ATTACKS } from "../ui/markup_attacks.ts";
import { randomTemplate } from "../ui/random_templates.ts";
import { compiled } from "../ui/template_rig.ts";
import { eventually, launchBrowser } from "./harness.ts";

async function withPage(run: (page: Page) => Promise<void>): Promise<void> {
  const browser = await launchBrowser();
  try {
    await run(await browser.newPage());
  } finally {
    await browser.close();
  }
}

function blocksOf(template: string): readonly ClientBlock[] {
  try {
    return compiled(template).table.blocks;
  } catch (error) {
    if (error instanceof TemplateError || error instanceof TemplateErrors) return [];
    throw error;
  }
}

Deno.test("a clone of each block in Chromium has each slot where its path says", () =>
  withPage(async (page) => {
    const templates = fc.sample(randomTemplate, { numRuns: 800, seed: 5 });
    const blocks = templates.flatMap(blocksOf);
    assertGreater(blocks.length, 500);
    const wrong = await page.evaluate((all) => {
      const kinds: Record<string, number> = { text: Node.TEXT_NODE, list: Node.COMMENT_NODE };
      kinds.cond = Node.COMMENT_NODE;
      return all.filter(({ html, namespace, slots }) => {
        const holder = document.createElement("template");
        holder.innerHTML = namespace ? `<${namespace}>${html}</${namespace}>` : html;
        const outer = holder.content.cloneNode(true).childNodes;
        const root = namespace ? outer[0]?.childNodes : outer;
        return root?.length !== 1 || slots.some(([kind, path]) => {
          let node: Node | undefined = root[0];
          for (const index of path) node = node?.childNodes[index];
          return node?.nodeType !== (kinds[kind] ?? Node.ELEMENT_NODE);
        });
      }).map(({ html }) => html);
    }, blocks);
    assertEquals(wrong, []);
  }));

Deno.test("nothing of the known attacks runs in Chromium once it is sanitised", () =>
  withPage(async (page) => {
    await page.setContent("<!doctype html><title>t</title><div id=root></div>");
    await page.evaluate(() => {
      const counts = { bad: 0, hit: 0 };
      const bad = () => counts.bad++;
      const hit = () => counts.hit++;
      Object.assign(globalThis, { counts, bad, hit });
    });
    const show = (markup: readonly string[]) =>
      page.evaluate((all) => {
        const root = document.getElementById("root") as HTMLElement;
        for (const html of all) {
          root.innerHTML = html;
          // A second parse of what was read, as morphing and editors do.
          root.innerHTML = String(root.innerHTML);
          for (const link of root.querySelectorAll("a, [onclick], [tabindex]")) {
            // Others would leave the page.
            const isLink = link instanceof HTMLAnchorElement && !/^javascript:/.test(link.href);
            if (!isLink && link instanceof HTMLElement) link.click();
          }
        }
      }, markup);
    const wrapped = ATTACKS.flatMap((attack) => [attack, `<p>${attack}</p>`, `<table>${attack}`]);
    await show(wrapped.map((attack) => sanitised(attack.replaceAll("hit()", "bad()"))));
    // The attacks are real: without sanitising, and later, many of them get through.
    await show(wrapped);
    const counts = () =>
      page.evaluate(() => {
        const { bad, hit } = Reflect.get(globalThis, "counts") as { bad: number; hit: number };
        return { bad, isReal: hit > 20 };
      });
    await eventually(counts, { bad: 0, isReal: true });
  }));
