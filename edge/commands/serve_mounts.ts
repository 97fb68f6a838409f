/** `--wasm /stats=handler.wasm`: modules that answer requests beside an app. */
import { readFile } from "node:fs/promises";
import type { AnyApp } from "../../core/app.ts";
import { createLog } from "../log.ts";
import { prepare } from "../wasm/prepare.ts";
import { UsageError } from "./command.ts";

/** For a look at a module before there is a server. */
const SILENT = createLog("error", () => {});

/** One module, and the path that it answers. */
export interface MountOption {
  readonly path: string;
  readonly file: string;
}

/**
 * Reads what was given.
 *
 * @throws {UsageError} when it is not spelled like that
 */
export function mountOption(text: string): MountOption {
  const [, path, file] = /^(\/[^=]*)=(.+)$/.exec(text) ?? [];
  if (path === undefined || file === undefined) {
    throw new UsageError(`Cannot use --wasm ${text}: write it like /stats=handler.wasm`);
  }
  return { path, file };
}

/**
 * Mounts the modules as they are in their files now; returns the app.
 *
 * @throws {UsageError} when a file cannot be read, or a module or its path cannot be used
 */
export async function withMounts(app: AnyApp, options: readonly MountOption[]): Promise<AnyApp> {
  for (const { path, file } of options) {
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      const reason = error.code === "ENOENT" ? "there is no such file" : error.message;
      throw new UsageError(`Cannot read the module "${file}": ${reason}`);
    });
    try {
      const module = new Uint8Array(bytes);
      app.wasm(path, module);
      prepare({ path, module, options: {} }, SILENT);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UsageError(`${reason} (${file})`);
    }
  }
  return app;
}
