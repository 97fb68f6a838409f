/** Loads an app file from anywhere, TypeScript or JavaScript. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { AnyApp } from "../core/app.ts";
import { modulesReady, moduleUrl } from "./app_modules.ts";

/** What Bun says of a file that it cannot parse. */
interface BunBuildError {
  readonly message: string;
  readonly position: { readonly file: string; readonly line: number } | null;
}

/**
 * The app that a file exports by default. `isAgain` reads an edited file anew.
 *
 * @throws {Error} when the file cannot be loaded, or exports something else
 */
export async function loadApp(path: string, isAgain = false): Promise<AnyApp> {
  if (!existsSync(path)) {
    throw new Error(`Cannot load the app file "${path}": there is no such file`);
  }
  let module: { readonly default?: unknown };
  await modulesReady();
  try {
    module = await import(moduleUrl(resolve(path), isAgain));
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
  const [first] = cause instanceof AggregateError ? cause.errors as readonly BunBuildError[] : [];
  if (first?.position) return `${first.message} at ${first.position.file}:${first.position.line}`;
  const lines = stripVTControlCharacters(cause.message).split("\n").map((line) => line.trim());
  const stack = (cause.stack ?? "").split("\n").map((line) => line.trim());
  // Whoever waits for the import is in the stack as well, as "async". Bun writes paths, and its own
  // files lie in "/$bunfs".
  const isPlace = (line: string) => /^at (?!async )(?:.*[ (])?(?:file:|\/(?!\$bunfs\/))/.test(line);
  const place = lines.find(isPlace) ?? stack.find(isPlace);
  const text = place === undefined || lines[0] === place ? `${lines[0]}` : `${lines[0]} ${place}`;
  return text.replace(/\?edition=\d+/g, "");
}

function isApp(value: unknown): value is AnyApp {
  if (typeof value !== "object" || value === null) return false;
  const { name, collections, mutators } = value as Partial<AnyApp>;
  return typeof name === "string" && typeof collections === "object" && mutators instanceof Map;
}
