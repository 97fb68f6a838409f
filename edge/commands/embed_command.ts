/** `driftless embed`: the pages of an app as one module, for platforms that have no files. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { ofClient } from "../asset.ts";
import type { Asset } from "../handler.ts";
import { readTemplates, templateFolderOf, type Templates } from "../island_templates.ts";
import type { Log } from "../log.ts";
import { allPages, pageFolderOf } from "../pages.ts";
import { type Call, type Command, DONE, UsageError } from "./command.ts";

/** Writes pages and templates into a module. */
export const embedCommand: Command = {
  name: "embed",
  operands: "APP",
  summary: "put an app's pages into one module, for Workers",
  about: `
Writes a module that has, as "assets", all that browsers load: the files of the folder "public", the app
file and what it imports without their types, and the client; and, as "templates", those of the folder
"templates". It is for platforms without files: createWorker(app, { assets, templates }). What a browser
could not run is an error here, and nothing is written.`,
  options: {
    out: { value: "FILE", help: "the file to write; also -o FILE" },
    static: {
      value: "DIR",
      help: 'the folder of its pages; without it "public" beside the app file',
    },
  },
  examples: ["driftless embed app.ts -o embedded.ts"],
  run: runEmbed,
};

async function runEmbed({ operands: [app], values, program }: Call): Promise<number> {
  if (app === undefined) throw new UsageError("Cannot embed pages: name an app file");
  const out = values.optional("out");
  if (out === undefined) throw new UsageError("Cannot embed pages: give --out FILE");
  if (!existsSync(app)) throw new Error(`Cannot embed pages: there is no app file "${app}"`);
  const folder = values.optional("static") ?? pageFolderOf(app);
  const pages = await allPages({ app, folder }, PROBLEMS);
  const assets = { ...ofClient(program.demo.assets), ...pages };
  await writeFile(out, moduleOf(assets, await readTemplates(templateFolderOf(app))));
  process.stdout.write(`embedded ${Object.keys(pages).length} pages in "${out}"\n`);
  return DONE;
}

/** A page that no browser could run is not put anywhere. */
const PROBLEMS: Log = {
  error(_event, { error = "" } = {}) {
    throw new Error(`${error}`);
  },
  info() {},
  debug() {},
};

function moduleOf(assets: Readonly<Record<string, Asset>>, templates: Templates): string {
  const lines = Object.entries(assets).map(([path, { type, body, etag }]) => {
    const text = typeof body === "string" ? body : textOf(body);
    const value = text === undefined
      ? `Uint8Array.fromBase64(${JSON.stringify((body as Uint8Array).toBase64())})`
      : JSON.stringify(text);
    const facts = `type: ${JSON.stringify(type)}, etag: ${JSON.stringify(etag)}`;
    return `  ${JSON.stringify(path)}: { ${facts}, body: ${value} },\n`;
  });
  return "/** What browsers load of the app. Written by `driftless embed`: edits are lost. */\n" +
    `export const assets = {\n${lines.join("")}};\n` +
    `export const templates = ${JSON.stringify(templates)};\n`;
}

/** The text of bytes that are UTF-8 without a mark at their start. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
