/**
 * The islands of an app with what their templates are compiled to. Templates stand in the app file, or in
 * the folder `templates` beside it:
 *
 *     templates/board.html        island(Board, { file: "board.html" })
 *     templates/parts/card.html   <g-partial name="parts/card">
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import type { Islands } from "../core/app.ts";
import { type Island, island as checkedIsland } from "../ui/island.ts";
import type { PartialSource } from "../ui/partials.ts";
import type { IslandProgram } from "../ui/program.ts";
import { compileIsland } from "../ui/template.ts";
import { nearestName, TemplateError, TemplateErrors } from "../ui/template_error.ts";

/** Templates by their path in the folder, without `.html`. */
export type Templates = Readonly<Record<string, PartialSource>>;

/** An island, its name and its program. */
export interface CompiledIsland {
  readonly name: string;
  readonly island: Island;
  readonly program: IslandProgram;
}

/** Bytes of one template. */
export const TEMPLATE_BYTES_MAX = 1024 * 1024;
/** Templates of one app. */
export const TEMPLATES_MAX = 1_000;

const EXTENSION = ".html";
const ISLAND_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** The folder of an app's templates; undefined when there is none. */
export function templateFolderOf(app: string): string | undefined {
  const folder = join(dirname(resolve(app)), "templates");
  return existsSync(folder) ? folder : undefined;
}

/**
 * Reads the templates of a folder; none for undefined.
 *
 * @example
 * ```ts
 * import { readTemplates } from "@driftless/driftless/server";
 * import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 *
 * const folder = await mkdtemp(join(tmpdir(), "templates-"));
 * await mkdir(join(folder, "parts"));
 * await writeFile(join(folder, "parts", "word.html"), "<b>{{of}}</b>");
 * const templates = await readTemplates(folder);
 * if (templates["parts/word"]?.template !== "<b>{{of}}</b>") throw new Error();
 * await rm(folder, { recursive: true });
 * ```
 *
 * @throws {TypeError} when there are too many, or one is too large
 */
export async function readTemplates(folder: string | undefined): Promise<Templates> {
  if (folder === undefined) return {};
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(EXTENSION))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.split(sep).some((part) => part.startsWith(".")))
    .sort();
  if (paths.length > TEMPLATES_MAX) {
    throw new TypeError(`Cannot read more than ${TEMPLATES_MAX} templates in ${folder}`);
  }
  const templates: Record<string, PartialSource> = {};
  for (const path of paths) {
    const name = path.replaceAll(sep, "/");
    const bytes = await readFile(join(folder, path));
    if (bytes.length > TEMPLATE_BYTES_MAX) {
      throw new TypeError(`Cannot use ${name}: a template has at most ${TEMPLATE_BYTES_MAX} bytes`);
    }
    const template = bytes.toString("utf8");
    templates[name.slice(0, -EXTENSION.length)] = { file: `templates/${name}`, template };
  }
  return templates;
}

/**
 * Compiles all islands.
 *
 * @throws {TypeError} when one of them is not what `island` returns, or its name is no word
 * @throws {TemplateError} when something is wrong with a template
 * @throws {TemplateErrors} when several things are
 */
export function compileIslands(
  islands: Islands,
  templates: Templates = {},
): readonly CompiledIsland[] {
  const errors: TemplateError[] = [];
  const compiled: CompiledIsland[] = [];
  for (const [name, value] of Object.entries(islands)) {
    const island = islandOf(name, value);
    try {
      compiled.push({ name, island, program: programOf(name, island, templates) });
    } catch (error) {
      if (error instanceof TemplateError) errors.push(error);
      else if (error instanceof TemplateErrors) errors.push(...error.errors);
      else throw error;
    }
  }
  const [first] = errors;
  if (first === undefined) return compiled;
  throw errors.length === 1 ? first : new TemplateErrors(errors);
}

function islandOf(name: string, value: object): Island {
  try {
    if (!ISLAND_NAME.test(name)) {
      throw new TypeError("its name is no word of letters, digits, hyphens and underscores");
    }
    // An app file may have an `island` of another copy of this module: what counts is the shape.
    const { Class, ...options } = value as Island;
    return checkedIsland(Class, options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot use the island "${name}": ${reason}`, { cause });
  }
}

function programOf(name: string, island: Island, templates: Templates): IslandProgram {
  const { Class, file, template = "", partials = {}, plugins } = island;
  const source = file === undefined
    ? { file: `island "${name}"`, template }
    : templateOf(name, file, templates);
  return compileIsland({
    name,
    ...source,
    sample: new Class(),
    partials: { ...templates, ...partials },
    ...(plugins === undefined ? {} : { plugins: Object.keys(plugins) }),
  });
}

function templateOf(name: string, file: string, templates: Templates): PartialSource {
  const key = file.endsWith(EXTENSION) ? file.slice(0, -EXTENSION.length) : file;
  const found = Object.hasOwn(templates, key) ? templates[key] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(templates).map((it) => it + EXTENSION);
  throw new TemplateError(
    { file: `templates/${key}${EXTENSION}`, line: 1, column: 1 },
    `the island "${name}" has this template, and there is no such file`,
    nearestName(`${key}${EXTENSION}`, names),
  );
}
