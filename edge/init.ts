/**
 * `driftless init`: a new app in a folder.
 *
 * Where the module "@driftless/driftless" comes from depends on what runs: from JSR it is JSR's; from
 * a checkout it is the checkout's, by `links`; an executable brings no source along, so it writes what
 * it gives to browsers into `vendor/`. The program that serves the app has the module inside anyhow.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Asset } from "./handler.ts";
import { newAppFiles, type Template } from "./init_files.ts";

/** What to write, and where. */
export interface InitOptions {
  readonly folder: string;
  readonly template: Template;
  /** Adds what is missing in a folder that has files. */
  readonly isForced: boolean;
  readonly version: string;
  /** The URL of the program's own file. */
  readonly url: string;
  /** What the program gives to browsers. */
  readonly assets: Readonly<Record<string, Asset>>;
}

/** What was done. */
export interface InitReport {
  readonly folder: string;
  readonly start: string;
  readonly written: readonly string[];
  /** Files that were there and are as they were. */
  readonly kept: readonly string[];
}

const PACKAGE = "@driftless/driftless";
const VALIBOT = "npm:valibot@^1.5.0";
const APP_NAME_UNITS_MAX = 64;

/**
 * Writes a new app.
 *
 * @throws {Error} when the folder has files and `isForced` is false; nothing was written
 */
export async function init(options: InitOptions): Promise<InitReport> {
  const { folder, template, isForced } = options;
  const present = existsSync(folder) ? await readdir(folder) : [];
  // A repository that was just made, and what editors and file managers leave, is as good as empty.
  if (!isForced && present.some((name) => !name.startsWith("."))) {
    throw new Error(
      `Cannot begin in "${folder}": there are files in it; name a new folder, or use --force to ` +
        `add what is missing (a file that is there is never touched)`,
    );
  }
  const name = basename(resolve(folder)).slice(0, APP_NAME_UNITS_MAX);
  const { start, config, vendor } = sourceOf(options);
  const files = { ...newAppFiles(template, { name, config, start }), ...vendor };
  const written: string[] = [];
  const kept: string[] = [];
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    try {
      await writeFile(file, text, { flag: "wx" });
      written.push(path);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
      kept.push(path);
    }
  }
  return { folder, start, written, kept };
}

interface Source {
  readonly start: string;
  readonly config: string;
  /** Further files. */
  readonly vendor: Readonly<Record<string, string>>;
}

function sourceOf({ url, version, assets }: InitOptions): Source {
  const jsr = `jsr:${PACKAGE}@^${version}`;
  if (/^https?:/.test(url)) {
    const start = `deno run --allow-net --allow-read --allow-write --allow-env --allow-sys ` +
      `${jsr}/cli serve app.ts --watch`;
    return { start, config: configOf(start, { [PACKAGE]: jsr, valibot: VALIBOT }), vendor: {} };
  }
  const home = dirname(fileURLToPath(url));
  // An executable may have its sources inside, where nobody else finds them.
  if (isRuntime() && existsSync(join(home, "mod.ts")) && existsSync(join(home, "deno.json"))) {
    const start = `deno run --allow-net --allow-read --allow-write --allow-env --allow-sys ` +
      `${quoted(join(home, "main.ts"))} serve app.ts --watch`;
    const config = configOf(start, { [PACKAGE]: jsr, valibot: VALIBOT }, { links: [home] });
    return { start, config, vendor: {} };
  }
  return vendored(fileURLToPath(url), assets);
}

/** From an executable, or from one bundled file, and with no network at all. */
function vendored(file: string, assets: InitOptions["assets"]): Source {
  const program = isRuntime()
    ? `${quoted(process.execPath)} run ${"Bun" in globalThis ? "" : "-A "}${quoted(file)}`
    : quoted(process.execPath);
  const start = `${program} serve app.ts --watch`;
  const packages = {
    [PACKAGE]: "client.js",
    [`${PACKAGE}/ui`]: "ui.js",
    valibot: "valibot.js",
  };
  const imports: Record<string, string> = {};
  const vendor: Record<string, string> = {};
  for (const [name, path] of Object.entries(packages)) {
    const body = assets[`/_driftless/${path}`]?.body;
    if (typeof body !== "string") throw new Error(`Cannot begin: the program has no ${path}`);
    imports[name] = `./vendor/${path}`;
    vendor[`vendor/${path}`] = body;
  }
  // The client loads it by itself, from beside.
  const lazy = assets["/_driftless/reconcile.js"]?.body;
  if (typeof lazy === "string") vendor["vendor/reconcile.js"] = lazy;
  // What browsers load has no types, so there is nothing to check against.
  return { start, config: configOf(start, imports, {}, "--no-check "), vendor };
}

/** Whether a runtime runs this program, rather than an executable that has one inside. */
function isRuntime(): boolean {
  return /^(deno|bun)(\.exe)?$/.test(basename(process.execPath));
}

function configOf(
  start: string,
  imports: Readonly<Record<string, string>>,
  more: Readonly<Record<string, unknown>> = {},
  testOptions = "",
): string {
  const config = {
    tasks: { start, test: `deno test ${testOptions}--allow-env --allow-read` },
    imports,
    compilerOptions: { lib: ["deno.window", "dom", "dom.iterable", "esnext"] },
    ...more,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function quoted(path: string): string {
  return /^[\w./:@+-]+$/.test(path) ? path : `"${path}"`;
}
