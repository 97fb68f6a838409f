/** Loads an app file from anywhere, TypeScript or JavaScript. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { AnyApp } from "../core/app.ts";

/**
 * The app that a file exports by default.
 *
 * @throws {Error} when the file cannot be loaded, or exports something else
 */
export async function loadApp(path: string): Promise<AnyApp> {
  if (!existsSync(path)) {
    throw new Error(`Cannot load the app file "${path}": there is no such file`);
  }
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw new Error(`Cannot load the app file "${path}": ${reasonOf(cause)}`, { cause });
  }
  if (!isApp(module.default)) {
    throw new Error(
      `Cannot use the app file "${path}": its default export is not what defineApp returns`,
    );
  }
  return module.default;
}

/** What went wrong and where, in one line: runtimes draw pictures of the source around it. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const lines = stripVTControlCharacters(cause.message).split("\n").map((line) => line.trim());
  const stack = (cause.stack ?? "").split("\n").map((line) => line.trim());
  // Whoever waits for the import is in the stack as well, as "async".
  const isPlace = (line: string) => /^at (?!async ).*file:/.test(line);
  const place = lines.find(isPlace) ?? stack.find(isPlace);
  return place === undefined || lines[0] === place ? `${lines[0]}` : `${lines[0]} ${place}`;
}

function isApp(value: unknown): value is AnyApp {
  if (typeof value !== "object" || value === null) return false;
  const { name, collections, mutators } = value as Partial<AnyApp>;
  return typeof name === "string" && typeof collections === "object" && mutators instanceof Map;
}
