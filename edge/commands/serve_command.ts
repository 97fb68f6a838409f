/** `driftless serve`: an app file, or the built-in demo, on one port. */
import { dirname, join, resolve, sep } from "node:path";
import process from "node:process";
import type { AnyApp } from "../../core/app.ts";
import { ofClient } from "../asset.ts";
import { withRootPage } from "../island_pages.ts";
import { compileIslands, readTemplates, templateFolderOf } from "../island_templates.ts";
import { watchFolder, type Watching, withReload } from "../live_reload.ts";
import { loadApp } from "../load_app.ts";
import { createLog, errorText, type Log } from "../log.ts";
import { createPages, pageFolderOf, type PageFolders } from "../pages.ts";
import { type RunningServer, serve, type ServeOptions, SHUTDOWN_MS_MAX } from "../serve.ts";
import { loadSqliteDriver, SQLITE_DRIVERS } from "../sqlite_driver.ts";
import {
  type Call,
  type Command,
  DATA,
  DONE,
  DRIVER,
  FAILED,
  type Program,
  STOPPED,
  UsageError,
  type Values,
} from "./command.ts";
import { stopSignal } from "./interruption.ts";
import { type MountOption, mountOption, withMounts } from "./serve_mounts.ts";
import { phoneLines, phoneOrigin, QR } from "./serve_qr.ts";

/** How long an edited app waits for the requests of the old one, in milliseconds. */
const FOLLOW_MS_MAX = 300;

/** Extensions of browsers; their schemes are none that `URL` has origins for. */
const EXTENSION_ORIGIN = /^[a-z]+(?:-[a-z]+)*-extension:\/\/[a-z0-9-]+$/;

/** The server. */
export const serveCommand: Command = {
  name: "serve",
  operands: "[APP]",
  summary: "serve an app file, or the built-in demo",
  about: `
APP is a TypeScript or JavaScript file whose default export is what defineApp returns. What it imports
from "@driftless/driftless" and "valibot" the program has inside. Pages are the files of the folder
"public"; browsers get TypeScript without its types, and the app file at its own name. Templates of
islands are in the folder "templates": what is wrong with one keeps the server from starting.

DRIFTLESS_SECRET signs tokens; without it only this machine is let in, and may do everything.
SIGINT and SIGTERM end the server: requests are finished, the data file is closed, status 0.`,
  options: {
    host: { value: "HOST", help: "where to listen", initial: "127.0.0.1" },
    port: { value: "PORT", help: "which port; 0 takes a free one", initial: "8000" },
    origin: {
      value: "ORIGIN",
      help: "also let pages of this origin in; may be repeated",
      isRepeated: true,
    },
    static: {
      value: "DIR",
      help: 'the folder of its pages; without it "public" beside the app file',
    },
    wasm: {
      value: "PATH=FILE",
      help: "let a WebAssembly module answer a path and what is below; may be repeated",
      isRepeated: true,
    },
    watch: { help: "follow edits of the app and its pages, for development" },
    qr: QR,
    log: { value: "LEVEL", help: "error, info or debug", initial: "info" },
    data: DATA,
    "sqlite-driver": DRIVER,
  },
  examples: [
    "driftless serve",
    "driftless serve app.ts --watch",
    "driftless serve app.ts --wasm /stats=stats.wasm",
    "DRIFTLESS_SECRET=… driftless serve app.ts --host 0.0.0.0 --port 80 --data /var/lib/app.db",
  ],
  run: runServe,
};

/** A server that is given another app while it runs. */
interface Serving {
  server: RunningServer;
  app: AnyApp;
}

async function runServe({ operands: [file], values, program }: Call): Promise<number> {
  const log = createLog(values.choice("log", ["error", "info", "debug"]));
  const settings = await settingsOf(values, log, program);
  const isWatched = values.has("watch");
  if (file === undefined && isWatched) throw new UsageError("Cannot watch: name an app file");
  if (file === undefined && values.has("static")) {
    throw new UsageError("Cannot use --static without an app file");
  }
  const phone = values.has("qr")
    ? phoneOrigin(settings.hostname, settings.origins ?? [])
    : undefined;
  const mounts = values.list("wasm").map(mountOption);
  const app = await withMounts(
    file === undefined ? program.demo.app : await loadApp(file),
    mounts,
  );
  const boot = crypto.randomUUID().slice(0, 8);
  const edition = { number: 1, app };
  const folder = file === undefined ? undefined : values.optional("static") ?? pageFolderOf(file);
  if (file !== undefined) {
    settings.assets = ofClient(settings.assets ?? {});
    settings.templates = await readTemplates(templateFolderOf(file));
    const pages = withRootPage(createPages({ app: file, folder }, log), () => edition.app);
    settings.pages = isWatched ? withReload(pages, () => `${boot}-${edition.number}`) : pages;
  }
  surviveApp(log);
  const serving = { server: await serve({ ...settings, app }), app };
  greet(serving, { program, data: settings.data, folder, isWatched, mounts, phone });
  const watching = isWatched && file !== undefined
    ? watchAll(serving, settings, { app: file, folder, mounts }, () => {
      edition.number++;
      edition.app = serving.app;
    })
    : [];
  const signal = await stopSignal();
  process.stderr.write(`driftless: ${signal}, stopping\n`);
  // A second signal, or a shutdown that hangs, ends the process without further courtesy.
  void stopSignal().then(() => process.exit(STOPPED));
  const hung = setTimeout(() => process.exit(FAILED), SHUTDOWN_MS_MAX + 500);
  for (const watched of watching) await watched.stop();
  await serving.server.stop();
  clearTimeout(hung);
  return DONE;
}

type Settings = { -readonly [Key in keyof ServeOptions]: ServeOptions[Key] };

async function settingsOf(
  values: Values,
  log: Log,
  program: Program,
): Promise<Omit<Settings, "app">> {
  const secret = process.env.DRIFTLESS_SECRET;
  return {
    hostname: values.text("host"),
    port: values.integer("port", 0, 65_535),
    data: values.text("data"),
    log,
    version: program.version,
    origins: values.list("origin").map(checkOrigin),
    assets: program.demo.assets,
    openDatabase: await loadSqliteDriver(values.choice("sqlite-driver", SQLITE_DRIVERS)),
    ...(secret === undefined || secret === "" ? {} : { secret }),
  };
}

function greet(
  { server, app }: Serving,
  about: {
    readonly program: Program;
    readonly data: string;
    readonly folder: string | undefined;
    readonly isWatched: boolean;
    readonly mounts: readonly MountOption[];
    readonly phone: string | undefined;
  },
): void {
  const { program, data, folder, isWatched, mounts, phone } = about;
  const lines = [
    `driftless ${program.version} serves "${app.name}" at ${server.url}`,
    `  data   ${data}`,
    ...(folder === undefined ? [] : [`  pages  ${folder}`]),
    ...mounts.map(({ path, file }) => `  wasm   ${path} ${file}`),
    ...(isWatched ? ["  watch  an edited file is followed by the server and by every page"] : []),
    ...(server.open
      ? [
        "  open   development mode: everyone on this machine may do everything; " +
        "set DRIFTLESS_SECRET for users",
      ]
      : []),
    ...(phone === undefined ? [] : phoneLines(phone, server.url)),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Watches the folder of the app, and that of its pages where that lies elsewhere. */
function watchAll(
  serving: Serving,
  settings: Omit<Settings, "app">,
  { app, folder, mounts }: PageFolders & { readonly mounts: readonly MountOption[] },
  changed: () => void,
): readonly Watching[] {
  const home = dirname(resolve(app));
  const pages = folder === undefined ? undefined : resolve(folder) + sep;
  const isPage = (name: string) => pages !== undefined && join(home, name).startsWith(pages);
  const watching = [
    watchFolder(home, async (names) => {
      // The server has no part in pages, and pages have none in templates.
      if (names.every(isPage) || await follow(serving, settings, { app, mounts }, names)) {
        if (!names.every(isTemplate)) changed();
      }
    }),
  ];
  if (pages?.startsWith(home + sep) === false) {
    watching.push(watchFolder(pages, () => Promise.resolve(changed())));
  }
  return watching;
}

/** Takes the app as it is now, on the same port and data; says whether there is anything new. */
async function follow(
  serving: Serving,
  settings: Omit<Settings, "app">,
  { app: file, mounts }: { readonly app: string; readonly mounts: readonly MountOption[] },
  names: readonly string[],
): Promise<boolean> {
  let { app } = serving;
  const before = settings.templates ?? {};
  let templates = before;
  try {
    if (!names.every(isTemplate)) app = await withMounts(await loadApp(file, true), mounts);
    templates = await readTemplates(templateFolderOf(file));
    compileIslands(app.islands, templates);
  } catch (error) {
    process.stderr.write(
      `driftless: ${textOf(error)}; the server goes on with the app as it was\n`,
    );
    return false;
  }
  settings.templates = templates;
  const port = Number(new URL(serving.server.url).port || 80);
  await serving.server.stop(FOLLOW_MS_MAX);
  try {
    serving.server = await serve({ ...settings, port, app });
    serving.app = app;
    process.stdout.write(`  new    ${names.join(", ")}\n`);
    return true;
  } catch (error) {
    process.stderr.write(
      `driftless: ${textOf(error)}; the server goes on with the app as it was\n`,
    );
    settings.templates = before;
    serving.server = await serve({ ...settings, port, app: serving.app }).catch((again) => {
      process.stderr.write(`driftless: ${textOf(again)}\n`);
      process.exit(FAILED);
    });
    return false;
  }
}

/** Whether a file beside the app is a template: the state of islands outlives its edits, and pages stay. */
function isTemplate(name: string): boolean {
  return /^templates[\\/].+\.html$/.test(name);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What an app's own code leaves behind, a rejected promise or a timer that throws, ends no server. */
function surviveApp(log: Log): void {
  process.on("unhandledRejection", (error) => {
    log.error("app failed", { where: "a promise", error: errorText(error) });
  });
  process.on("uncaughtException", (error) => {
    log.error("app failed", { where: "a callback", error: errorText(error) });
  });
}

function checkOrigin(text: string): string {
  if (EXTENSION_ORIGIN.test(text)) return text;
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  if (origin !== text || origin === "null") {
    throw new UsageError(`Cannot use --origin ${text}: write it like https://app.example`);
  }
  return origin;
}
