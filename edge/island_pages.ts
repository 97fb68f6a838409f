/**
 * Puts islands into pages: the markup that they have now, and what the bridge needs to take it over.
 *
 *     <div g-island="counter"></div>
 *         → <div g-island="counter" data-table="…" data-session="…" data-seq="4">the island's element</div>
 *
 * Only what lies between the tags of such an element is written; the rest of a page stays as it is, byte
 * for byte. Islands within islands are filled in the same way.
 */
import {
  defaultTreeAdapter as tree,
  type DefaultTreeAdapterMap,
  parse,
  parseFragment,
} from "parse5";
import type { AnyApp } from "../core/app.ts";
import type { Asset } from "./handler.ts";
import { assetOf } from "./asset.ts";
import type { PageFinder } from "./pages.ts";

/** An island as a page shows it first. */
export interface ShownIsland {
  /** The markup of its one element. */
  readonly html: string;
  /** What the page's tab resumes with. */
  readonly session: string;
  /** The patch that the markup is the state at. */
  readonly seq: number;
  /** The numbers of its block instances; empty when they count from 0. */
  readonly numbers: Uint8Array;
  /** The hash of the table that the markup goes by. */
  readonly table: string;
  /** The address of its stylesheet. */
  readonly stylesheet?: string | undefined;
  /** Addresses of the modules of its plugins. */
  readonly plugins?: readonly string[];
}

/** Renders an island by name; undefined when there is none of that name, or it cannot be shown now. */
export type RenderIsland = (name: string) => ShownIsland | undefined;

/** Where browsers load the bridge from. */
export const BRIDGE_PATH = "/_driftless/live.js";
/** Islands of one page, those within islands included; the bridge asks for further ones. */
export const PAGE_ISLANDS_MAX = 64;
/** How deep islands stand within islands when a page is filled; the bridge asks for deeper ones. */
export const PAGE_ISLANDS_DEPTH_MAX = 8;

const HTML = "text/html; charset=utf-8";

type Node = DefaultTreeAdapterMap["node"];
type Element = DefaultTreeAdapterMap["element"];

/** An element of an island in a text. */
interface Place {
  readonly name: string;
  readonly isShadow: boolean;
  /** Where its attributes end, before the `>` of its start tag, in UTF-16 units. */
  readonly attributesEnd: number;
  readonly contentStart: number;
  readonly contentEnd: number;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Whether a page may have islands: a quick look, which errs on the side of yes. */
export function mayHaveIslands(html: string): boolean {
  return /\sg-island\s*=/i.test(html);
}

/** The page with its islands in it; as it is, when it has none. */
export function fillPage(html: string, render: RenderIsland): string {
  const root = parse(html, { sourceCodeLocationInfo: true });
  const places = placesIn(root);
  if (places.length === 0) return html;
  const filling = new Filling(render);
  const edits = filling.edits(places, 0);
  const heads = filling.links();
  if (!hasBridge(root)) heads.push(`<script type="module" src="${BRIDGE_PATH}"></script>`);
  if (heads.length > 0) {
    const at = headEnd(root, html);
    edits.push({ from: at, to: at, text: heads.join("") });
  }
  return edited(html, edits);
}

/** Pages, and one for an app that has an island `root` and no page of its own. */
export function withRootPage(pages: PageFinder, app: () => AnyApp): PageFinder {
  return async (path) => await pages(path) ?? (path === "/" ? rootPage(app()) : undefined);
}

/** The page of an app that has an island `root`; undefined when it has none. */
export function rootPage({ name, islands }: AnyApp): Asset | undefined {
  return Object.hasOwn(islands, "root") ? assetOf(HTML, rootHtml(name)) : undefined;
}

/** The page of an island `root`. */
export function rootHtml(title: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>${escaped(title)}</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
  </head>
  <body>
    <div g-island="root"></div>
  </body>
</html>
`;
}

/** The filling of one page. */
class Filling {
  readonly #render: RenderIsland;
  readonly #stylesheets = new Set<string>();
  readonly #plugins = new Set<string>();
  #count = 0;

  constructor(render: RenderIsland) {
    this.#render = render;
  }

  /** What the islands that were shown want in the page's head. */
  links(): string[] {
    return [
      ...Array.from(this.#stylesheets, (it) => `<link rel="stylesheet" href="${escaped(it)}">`),
      ...Array.from(this.#plugins, (it) => `<script type="module" src="${escaped(it)}"></script>`),
    ];
  }

  edits(places: readonly Place[], depth: number): Edit[] {
    return places.flatMap((place) => this.#edits(place, depth));
  }

  #edits(
    { name, isShadow, attributesEnd, contentStart, contentEnd }: Place,
    depth: number,
  ): Edit[] {
    if (depth >= PAGE_ISLANDS_DEPTH_MAX || this.#count >= PAGE_ISLANDS_MAX) return [];
    this.#count++;
    const island = this.#render(name);
    if (island === undefined) return [];
    const { stylesheet, plugins = [] } = island;
    for (const plugin of plugins) this.#plugins.add(plugin);
    if (stylesheet !== undefined && !isShadow) this.#stylesheets.add(stylesheet);
    const inner = this.#filled(island.html, depth + 1);
    // A stylesheet of the page does not reach into a shadow root.
    const style = stylesheet === undefined
      ? ""
      : `<link rel="stylesheet" href="${escaped(stylesheet)}">`;
    const text = isShadow ? `<template shadowrootmode="open">${inner}${style}</template>` : inner;
    return [
      { from: attributesEnd, to: attributesEnd, text: attributesOf(island) },
      { from: contentStart, to: contentEnd, text },
    ];
  }

  #filled(html: string, depth: number): string {
    if (!mayHaveIslands(html)) return html;
    const places = placesIn(parseFragment(html, { sourceCodeLocationInfo: true }));
    return edited(html, this.edits(places, depth));
  }
}

function attributesOf({ table, session, seq, numbers }: ShownIsland): string {
  const counted = numbers.length === 0 ? "" : ` data-numbers="${numbers.toBase64()}"`;
  return ` data-table="${escaped(table)}" data-session="${escaped(session)}" data-seq="${seq}"` +
    counted;
}

/** The outermost elements of islands, in the order of the text. */
function placesIn(node: Node): readonly Place[] {
  if (tree.isElementNode(node)) {
    const place = placeOf(node);
    if (place !== undefined) return [place];
  }
  return "childNodes" in node ? node.childNodes.flatMap(placesIn) : [];
}

function placeOf({ attrs, sourceCodeLocation }: Element): Place | undefined {
  const name = attrs.find((attr) => attr.name === "g-island")?.value;
  const { startTag, endTag } = sourceCodeLocation ?? {};
  // Without an end tag of its own nobody knows where an element ends.
  if (name === undefined || !startTag || !endTag) return undefined;
  const last = Object.values(sourceCodeLocation?.attrs ?? {}).map(({ endOffset }) => endOffset);
  return {
    name,
    isShadow: attrs.some((attr) => attr.name === "g-shadow"),
    attributesEnd: Math.max(...last),
    contentStart: startTag.endOffset,
    contentEnd: endTag.startOffset,
  };
}

function hasBridge(node: Node): boolean {
  if (tree.isElementNode(node) && node.tagName === "script") {
    const source = node.attrs.find(({ name }) => name === "src")?.value ?? "";
    return source.split(/[?#]/)[0]?.endsWith(BRIDGE_PATH) === true;
  }
  return "childNodes" in node && node.childNodes.some(hasBridge);
}

/** Where the head ends, or the page. */
function headEnd(root: DefaultTreeAdapterMap["document"], html: string): number {
  const page = root.childNodes.find((node) => tree.isElementNode(node) && node.tagName === "html");
  if (page === undefined || !tree.isElementNode(page)) return html.length;
  for (const part of page.childNodes) {
    if (!tree.isElementNode(part)) continue;
    const { startTag, endTag } = part.sourceCodeLocation ?? {};
    if (part.tagName === "head" && endTag) return endTag.startOffset;
    if (part.tagName === "body" && endTag) return endTag.startOffset;
    if (part.tagName === "body" && startTag) return startTag.endOffset;
  }
  return html.length;
}

function edited(html: string, edits: readonly Edit[]): string {
  let text = "";
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    text += html.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return text + html.slice(at);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll(`"`, "&quot;").replaceAll("<", "&lt;");
}
