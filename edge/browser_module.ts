/**
 * Turns a module of an app into what a browser loads: without its types, and with its packages at
 * the paths where this server has them.
 *
 * Types are blanked out, so that every line and column stays where it was. What has to be compiled
 * (`enum`, `namespace`, JSX) is refused; so is a package that the server does not have. A browser says
 * nothing of why a module was not served, so a refusal is a module too: one that throws the reason.
 */
import nodeModule from "node:module";
import { init, parse } from "es-module-lexer/minimal/js";

/** As much as is used of `Bun.Transpiler`. */
interface BunGlobal {
  readonly Transpiler: new (options: { loader: "ts"; target: "browser" }) => {
    transformSync(source: string): string;
  };
}

/** A module for browsers. */
export interface BrowserModule {
  readonly body: string;
  /** The files that it imports: specifiers that begin with a dot, as written. */
  readonly files: readonly string[];
  /** Why a browser cannot run it; undefined when it can. */
  readonly problem?: string;
}

/** Packages that this server has for browsers, and where. */
export const BROWSER_PACKAGES: Readonly<Record<string, string>> = {
  "@driftless/driftless": "/_driftless/client.js",
  "@driftless/driftless/sync": "/_driftless/sync.js",
  "@driftless/driftless/ui": "/_driftless/ui.js",
  "valibot": "/_driftless/valibot.js",
};

/** Turns the source of a module, named for its messages, into what a browser loads. */
export async function browserModule(source: string, name: string): Promise<BrowserModule> {
  await init();
  try {
    return withPaths(/\.[cm]?ts$/.test(name) ? withoutTypes(source) : source, name);
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return refusal(name, reason.replace(/ at file:\/\/\/stripTypeScriptTypes\.ts/, " at "));
  }
}

/** A module that throws why there is no other. */
export function refusal(name: string, reason: string): BrowserModule {
  const problem = `Cannot load ${name} in a browser: ${reason}`;
  return { body: `throw new Error(${JSON.stringify(problem)});\n`, files: [], problem };
}

function withoutTypes(source: string): string {
  const bun = (globalThis as { Bun?: BunGlobal }).Bun;
  if (bun === undefined) return nodeModule.stripTypeScriptTypes(source);
  return new bun.Transpiler({ loader: "ts", target: "browser" }).transformSync(source);
}

function withPaths(source: string, name: string): BrowserModule {
  const files: string[] = [];
  let body = "";
  let end = 0;
  for (const { n: specifier, s, e, d } of parse(source, name)[0]) {
    if (specifier === undefined) continue;
    if (/^(\.{0,2}\/|https?:)/.test(specifier)) {
      if (specifier.startsWith(".")) files.push(specifier);
      continue;
    }
    const path = Object.hasOwn(BROWSER_PACKAGES, specifier)
      ? BROWSER_PACKAGES[specifier]
      : undefined;
    if (path === undefined) {
      const known = Object.keys(BROWSER_PACKAGES).join(" and ");
      return refusal(name, `it imports "${specifier}", and this server has ${known}`);
    }
    // The quotes of a dynamic import are part of the place.
    body += source.slice(end, s) + (d > -1 ? JSON.stringify(path) : path);
    end = e;
  }
  return { body: body + source.slice(end), files };
}
