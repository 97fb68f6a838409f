/** The public modules, as `deno doc` tells of them. */
import { dirname } from "node:path";
import config from "../deno.json" with { type: "json" };

/** One declaration behind a public name; a name may have several, such as a type and a value. */
export interface Declaration {
  readonly kind: string;
  /** The file that it stands in, as a URL. */
  readonly location: { readonly filename: string };
  readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly { readonly kind: string }[] };
  readonly def?: { readonly tsType?: { readonly kind: string } };
}

/** A name that a module exports. */
export interface PublicSymbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** One of the `exports` in `deno.json`. */
export interface PublicModule {
  /** What importers write behind the package's name: `.` or `./…`. */
  readonly entry: string;
  /** The module's own documentation; empty when it has none. */
  readonly doc: string;
  readonly symbols: readonly PublicSymbol[];
}

interface Told {
  readonly module_doc?: { readonly doc?: string };
  readonly symbols: readonly PublicSymbol[];
}

const ROOT = dirname(import.meta.dirname ?? ".");

/** The paths of the public modules, by entry. */
export const ENTRIES: Readonly<Record<string, string>> = config.exports;

/** Everything that the public modules export. */
export async function publicModules(): Promise<readonly PublicModule[]> {
  return await Promise.all(
    Object.entries(ENTRIES).map(async ([entry, path]) => {
      const { nodes } = JSON.parse(await deno("doc", "--json", path)) as {
        readonly nodes: Readonly<Record<string, Told>>;
      };
      const told = Object.values(nodes);
      return {
        entry,
        doc: told.map(({ module_doc: own }) => own?.doc ?? "").join(""),
        symbols: told.flatMap(({ symbols }) => symbols),
      };
    }),
  );
}

/** What a command of `deno` prints, both ways; of JSON only what it is asked for. */
export async function deno(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [printed = "", said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`Cannot run deno ${args.join(" ")}: ${said}`);
  return args.includes("--json") ? printed : `${printed}${said}`;
}
