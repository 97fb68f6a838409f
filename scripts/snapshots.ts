/**
 * What leaves the house: the names and signatures of the public modules, and the published files. Both
 * are recorded, so that neither changes by accident.
 *
 *     deno task snapshots     records them as they are now
 */
import { dirname, join } from "node:path";
import { deno, publicModules } from "./public_modules.ts";
import { signaturesOf } from "./signatures.ts";

/** A record: the file that holds it, and how its lines are found. */
export interface Snapshot {
  readonly path: string;
  lines(): Promise<readonly string[]>;
}

const ROOT = dirname(import.meta.dirname ?? ".");

/** Every exported name and member with its signature. */
export const publicSurface: Snapshot = {
  path: "tests/scripts/public_surface.txt",
  async lines() {
    const lines: string[] = [];
    const files = new Map<string, ReadonlyMap<string, string[]>>();
    for (const { entry, symbols } of await publicModules()) {
      for (const { name, declarations } of symbols) {
        // Each once, whatever the number of its overloads.
        for (const url of new Set(declarations.map(({ location }) => location.filename))) {
          const signatures = files.get(url) ??
            signaturesOf(url, await Deno.readTextFile(new URL(url)));
          files.set(url, signatures);
          const found = signatures.get(name);
          if (found === undefined) {
            throw new Error(`Cannot find the signature of ${name} in ${url}`);
          }
          lines.push(...found.map((signature) => `${entry} ${signature}`));
        }
      }
    }
    return lines;
  },
};

/** The files that a release hands out. */
export const publishedFiles: Snapshot = {
  path: "tests/scripts/published_files.txt",
  async lines() {
    const told = await deno("publish", "--dry-run", "--allow-dirty", "--no-check");
    const urls = told.matchAll(/^ +(file:\S+) \(/gm);
    const root = new URL("..", import.meta.url).href;
    return [...urls].map(([, url = ""]) => url.replace(root, "")).sort();
  },
};

export const SNAPSHOTS: readonly Snapshot[] = [publicSurface, publishedFiles];

export function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

if (import.meta.main) {
  for (const { path, lines } of SNAPSHOTS) {
    const found = await lines();
    await Deno.writeTextFile(join(ROOT, path), textOf(found));
    console.log(`${path}  ${found.length} lines`);
  }
}
