/** What a tree of the page says, for comparison with a fresh render of the server. */
import type { Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import type { StagedView } from "./bridge_stage.ts";

/** Fails unless the page shows what a fresh render of the island's state shows. */
export async function assertFresh(page: Page, view: StagedView): Promise<void> {
  // A strict page may not even parse a style.
  const html = view.instance.snapshot().html.replace(/ style="[^"]*"/g, "");
  const { shown, fresh } = await page.evaluate(([name, markup]) => {
    const canon = (node: Node): unknown => {
      if (node instanceof Text) return node.data;
      if (!(node instanceof Element)) return "comment";
      const attributes = [...node.attributes].map(({ name, value }) => `${name}=${value}`)
        .filter((text) => !/^(style=.*|hidden=|class=)$/.test(text))
        .filter((text) => !node.matches("input,option") || !/^(value|checked|selected)=/.test(text))
        .sort();
      const { value, checked } = node as HTMLInputElement;
      const inner = node.matches("[g-island]") ? [] : [...node.childNodes]
        .filter((child) => !(child instanceof Text && child.data === "")).map(canon);
      return [node.nodeName, attributes, value, checked, ...inner];
    };
    const template = document.createElement("template");
    template.innerHTML = markup as string;
    const root = document.querySelector(`[g-island="${name}"]`) as Element;
    const place = root.shadowRoot ?? root;
    return {
      shown: canon(place.firstElementChild as Element),
      fresh: canon(template.content.firstElementChild as Element),
    };
  }, [view.name, html]);
  assertEquals(shown, fresh);
}
