/** Loads an app file from anywhere, TypeScript or JavaScript. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyApp } from "../core/app.ts";

/**
 * The app that a file exports by default.
 *
 * @throws {Error} when the file cannot be loaded, or exports something else
 */
export async function loadApp(path: string): Promise<AnyApp> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot load the app file "${path}": ${reason}`, { cause });
  }
  if (!isApp(module.default)) {
    throw new Error(
      `Cannot use the app file "${path}": its default export is not what defineApp returns`,
    );
  }
  return module.default;
}

function isApp(value: unknown): value is AnyApp {
  if (typeof value !== "object" || value === null) return false;
  const { name, collections, mutators } = value as Partial<AnyApp>;
  return typeof name === "string" && typeof collections === "object" && mutators instanceof Map;
}
