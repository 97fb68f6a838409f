/**
 * What leaves the house: the names and signatures of the public modules, and the published files. Both
 * are recorded, so that neither changes by accident.
 *
 *     deno run -A scripts/snapshots.ts     records them as they are now
 */
import { dirname, join } from "node:path";

/** A record: the file that holds it, and how its lines are found. */
export interface Snapshot {
  readonly path: string;
  lines(): Promise<readonly string[]>;
}

interface Declaration {
  readonly kind: string;
  readonly def?: unknown;
}

interface DocumentedModule {
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly Declaration[];
  }[];
}

type Named = { readonly name: string };

const ROOT = dirname(import.meta.dirname ?? ".");
/** Lists of members in what `deno doc` tells of an interface or a class. */
const MEMBERS: readonly string[] = ["properties", "methods", "constructors", "callSignatures"];
/** What may differ while the signature is the same. */
const UNSIGNED: readonly string[] = ["location", "jsDoc", "resolution"];
/** Hex digits of a signature's hash: they tell two versions of one line apart. */
const HASH_DIGITS = 8;

/** Every exported name and member with its kind and the hash of its signature. */
export const publicSurface: Snapshot = {
  path: "tests/scripts/public_surface.txt",
  async lines() {
    const { exports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
    const lines: string[] = [];
    for (const [entry, path] of Object.entries<string>(exports)) {
      const { nodes } = JSON.parse(await deno("doc", "--json", path)) as {
        readonly nodes: Readonly<Record<string, DocumentedModule>>;
      };
      for (const { symbols } of Object.values(nodes)) {
        for (const { name, declarations } of symbols) {
          for (const declaration of declarations) {
            lines.push(...await linesOf(`${entry} ${name}`, declaration));
          }
        }
      }
    }
    return lines.sort();
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

async function linesOf(name: string, { kind, def }: Declaration): Promise<string[]> {
  const members = Object.entries(def ?? {}).filter(([key]) => MEMBERS.includes(key));
  const rest = Object.entries(def ?? {}).filter(([key]) => !MEMBERS.includes(key));
  const lines = [`${name} ${kind} ${await hashOf(Object.fromEntries(rest))}`];
  for (const [list, items] of members as [string, readonly Named[]][]) {
    for (const item of items) {
      const member = list === "callSignatures" ? "()" : item.name;
      lines.push(`${name}.${member} ${list} ${await hashOf(item)}`);
    }
  }
  return lines;
}

async function hashOf(signature: unknown): Promise<string> {
  const text = JSON.stringify(
    signature,
    (key, value) => UNSIGNED.includes(key) ? undefined : value,
  );
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex().slice(0, HASH_DIGITS);
}

/** What a command of `deno` prints, both ways. */
async function deno(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [printed, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`Cannot run deno ${args.join(" ")}: ${said}`);
  return args.includes("--json") ? printed ?? "" : `${printed}${said}`;
}

if (import.meta.main) {
  for (const { path, lines } of SNAPSHOTS) {
    const found = await lines();
    await Deno.writeTextFile(join(ROOT, path), textOf(found));
    console.log(`${path}  ${found.length} lines`);
  }
}
