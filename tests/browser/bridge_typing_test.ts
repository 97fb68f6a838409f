/** Typing at a distance: text and caret are exactly what they would be without a server. */
import type { Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { startDelay } from "../ui/bridge_delay.ts";
import { connected } from "../ui/bridge_pages.ts";
import { BridgeStage } from "../ui/bridge_stage.ts";
import { complaintsOf, eventually, launchBrowser } from "./harness.ts";

const RTTS_MS = [0, 50, 100, 200, 400];
const KEYS_MS = [20, 40, 90];
const KINDS = ["plain", "upper", "shouted"] as const;
const TEXT = "The quick brown fox";
const INSERTED = "XyZ";
const INSERTED_AT = 4;

/** A field that stays as it is typed, one that a setter changes, and one that a handler changes. */
class Texts {
  plain = "";
  raw = "";
  shouted = "";
  get upper(): string {
    return this.raw.toUpperCase();
  }
  set upper(text: string) {
    this.raw = text;
  }
  shout(): void {
    this.shouted = this.shouted.toUpperCase();
  }
}

const TEXTS = {
  create: () => new Texts(),
  template: `<form><input id="plain" g-bind="plain"><input id="upper" g-bind="upper">
    <textarea id="shouted" g-bind="shouted" g-input="shout"></textarea>
    <output>{{plain}}|{{upper}}|{{shouted}}</output></form>`,
};

for (const kind of KINDS) {
  Deno.test(`bridge keeps text and caret while a ${kind} field is typed in at any distance`, async () => {
    await using stage = await BridgeStage.start({ islands: { texts: TEXTS } });
    const browser = await launchBrowser();
    try {
      await Promise.all(RTTS_MS.map(async (rttMs) => {
        await using delay = startDelay(stage.port, rttMs);
        const page = await browser.newPage();
        const complaints = complaintsOf(page);
        for (const keyMs of KEYS_MS) {
          await page.goto(delay.url);
          await connected(page, stage);
          await typeBoth(page, kind, keyMs);
        }
        assertEquals(complaints, []);
        await page.close();
      }));
    } finally {
      await browser.close();
    }
  });
}

/** Types at the end, then in the middle. */
async function typeBoth(page: Page, kind: (typeof KINDS)[number], keyMs: number): Promise<void> {
  const asShown = (text: string) => kind === "plain" ? text : text.toUpperCase();
  await page.focus(`#${kind}`);
  await page.keyboard.type(TEXT, { delay: keyMs });
  const typed = asShown(TEXT);
  await eventually(() => look(page, kind), [typed, typed.length, typed]);
  for (let step = TEXT.length; step > INSERTED_AT; step--) await page.keyboard.press("ArrowLeft");
  await page.keyboard.type(INSERTED, { delay: keyMs });
  const text = asShown(TEXT.slice(0, INSERTED_AT) + INSERTED + TEXT.slice(INSERTED_AT));
  await eventually(() => look(page, kind), [text, INSERTED_AT + INSERTED.length, text]);
}

/** What the field shows, where its caret is, and what the server has. */
async function look(page: Page, kind: (typeof KINDS)[number]): Promise<[string, number, string]> {
  return await page.evaluate(([name, index]) => {
    const field = document.querySelector(`#${name}`) as HTMLInputElement;
    const output = document.querySelector("output")?.textContent?.split("|") ?? [];
    return [field.value, field.selectionStart, output[index as number]] as [string, number, string];
  }, [kind, KINDS.indexOf(kind)] as const);
}
