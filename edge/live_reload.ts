/**
 * Development: whoever edits an app sees it at once, in the server and in every page.
 *
 *     a file changes → the server takes the new app, on the same data → its edition is another one
 *     a page asks for the edition → it is another one → the page loads itself anew
 */
import { watch } from "node:fs";
import { extname } from "node:path";
import type { Asset } from "./handler.ts";
import { assetOf } from "./asset.ts";
import type { PageFinder } from "./pages.ts";

/** Files of an app being watched. */
export interface Watching {
  /** Waits for what is being done about the last change. */
  stop(): Promise<void>;
}

/** An editor writes a file in several steps: how long to wait for the last, in milliseconds. */
const SETTLE_MS = 80;
/** How often a page asks, in milliseconds. */
const ASK_MS = 400;
const EDITION_PATH = "/_driftless/edition";
const SCRIPT_PATH = "/_driftless/reload.js";

/** Files that an app and its pages are made of. A data file is not, however often it changes. */
const SOURCES: readonly string[] = [
  ".css",
  ".html",
  ".js",
  ".json",
  ".mjs",
  ".svg",
  ".ts",
  ".wasm",
];

const SCRIPT =
  `/** Loads the page anew when the server has another edition of the app than the page. */
const own = new URL(import.meta.url).searchParams.get("edition");
setInterval(async () => {
  const answer = await fetch("${EDITION_PATH}").catch(() => undefined);
  if (answer?.ok && await answer.text() !== own) location.reload();
}, ${ASK_MS});
`;

/**
 * Calls back, once for a burst, with the files of a folder that changed; never while `work` runs.
 */
export function watchFolder(
  folder: string,
  work: (names: readonly string[]) => Promise<void>,
): Watching {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let names = new Set<string>();
  let running = Promise.resolve();
  const run = () => {
    timer = undefined;
    running = running.then(() => {
      const changed = [...names];
      names = new Set();
      return changed.length === 0 ? undefined : work(changed);
    });
  };
  const watcher = watch(folder, { recursive: true }, (_, name) => {
    if (name === null || !isSource(name)) return;
    names.add(name);
    clearTimeout(timer);
    timer = setTimeout(run, SETTLE_MS);
  });
  return {
    async stop() {
      watcher.close();
      clearTimeout(timer);
      await running;
    },
  };
}

/** Pages that load themselves anew when `edition` gives another text. */
export function withReload(pages: PageFinder, edition: () => string): PageFinder {
  const script = assetOf("text/javascript; charset=utf-8", SCRIPT);
  return async (path) => {
    if (path === SCRIPT_PATH) return script;
    if (path === EDITION_PATH) return assetOf("text/plain; charset=utf-8", edition());
    const asset = await pages(path);
    return asset?.type.startsWith("text/html") === true ? withScript(asset, edition()) : asset;
  };
}

function withScript({ type, body }: Asset, edition: string): Asset {
  const html = typeof body === "string" ? body : new TextDecoder().decode(body);
  const tag = `<script type="module" src="${SCRIPT_PATH}?edition=${edition}"></script>`;
  const place = /<\/head>/i.exec(html)?.index ?? html.length;
  return assetOf(type, html.slice(0, place) + tag + html.slice(place));
}

function isSource(name: string): boolean {
  const parts = name.split(/[\\/]/);
  const isHidden = parts.some((part) => part.startsWith(".") || part === "node_modules");
  return !isHidden && SOURCES.includes(extname(name));
}
