/**
 * The house: which room a file stands in, what it may import, which names it may not use, and how
 * it may be named. Pure tables and questions; the lint plugin and the tests ask them.
 *
 * Every path here is relative to the repository and written with `/`.
 */

/** A part of the repository with its own rules. */
export type Room =
  | "core"
  | "wire"
  | "wasm"
  | "ui"
  | "client"
  | "demo"
  | "extension"
  | "edge"
  | "entry"
  | "scripts"
  | "tests";

/** One `import` or `export … from`. */
export interface ImportEdge {
  /** Path of the importing file. */
  readonly from: string;
  /** As written. */
  readonly specifier: string;
  /** Nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
}

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 70;
/** Folders that a path may name: `core/wire/…` is two. */
export const FOLDERS_MAX = 2;
/** `tests/` mirrors the rest of the tree, one folder further down. */
export const TEST_FOLDERS_MAX = 3;

const PRODUCT: readonly Room[] = [
  "core",
  "wire",
  "wasm",
  "ui",
  "client",
  "demo",
  "extension",
  "edge",
];

const ROOMS_SEEN: Readonly<Record<Room, readonly Room[]>> = {
  core: ["core", "wire"],
  wire: ["core", "wire"],
  wasm: ["wasm"],
  ui: ["core", "wire", "ui"],
  client: ["core", "wire", "wasm", "client"],
  demo: ["core", "wire", "wasm", "ui", "client", "demo"],
  extension: ["client", "extension"],
  edge: ["core", "wire", "wasm", "ui", "demo", "edge"],
  entry: [...PRODUCT, "entry"],
  scripts: [...PRODUCT, "entry", "scripts", "tests"],
  tests: [...PRODUCT, "entry", "scripts", "tests"],
};

/** The part of `ui/` that its browser half shares: how patches travel, and what tables hold. */
const UI_WIRE = /^ui\/(?:(?:\w+_)?wire(?:_\w+)?(?:\.ts$|\/)|(?:patch_ops|program)\.ts$)/;

/** Packages with a run-time import, by room; a room without a line takes any but the dev ones. */
const PACKAGES_SEEN: Readonly<Partial<Record<Room, readonly string[]>>> = {
  core: [],
  wire: [],
  wasm: [],
  ui: ["parse5"],
  client: ["@preact/signals-core"],
  demo: ["@preact/signals-core", "valibot"],
  extension: [],
};

/** The bindings: each may import its own framework, which a page that asks for it has anyway. */
const FRAMEWORKS: Readonly<Record<string, readonly string[]>> = {
  "ui/client/preact.ts": ["preact"],
  "ui/client/react.ts": ["react"],
  "ui/client/solid.ts": ["solid-js"],
  "ui/client/vue.ts": ["vue"],
};

/** Packages that no user should ever download. */
const DEV_PACKAGES: readonly string[] = [
  "@noble/hashes",
  "@std/assert",
  "axe-core",
  "binaryen",
  "chart.js",
  "echarts",
  "fast-check",
  "hash-wasm",
  "miniflare",
  "playwright-core",
  "plotly.js-basic-dist-min",
  "yaml",
  "protobufjs",
  "snabbdom",
  "terser",
  "typescript",
];

/** Rooms whose code runs where the built-in modules of a server are absent. */
const ROOMS_WITHOUT_NODE: readonly Room[] = PRODUCT.filter((room) => room !== "edge");

/** Storage in a file, for clients on Deno and Bun: an export of its own, which no page imports. */
const FILES_WITH_NODE: readonly string[] = ["ui/client/file_persistence.ts"];

const SERVER_GLOBALS: readonly string[] = ["Bun", "Deno", "process", "require"];

const PAGE_GLOBALS: readonly string[] = [
  "alert",
  "cancelAnimationFrame",
  "document",
  "history",
  "indexedDB",
  "localStorage",
  "location",
  "requestAnimationFrame",
  "sessionStorage",
  "window",
];

/** Time, randomness and I/O: they reach the core through its ports alone. */
const AMBIENT_GLOBALS: readonly string[] = [
  ...SERVER_GLOBALS,
  ...PAGE_GLOBALS,
  "BroadcastChannel",
  "EventSource",
  "MessageChannel",
  "SharedWorker",
  "WebSocket",
  "Worker",
  "XMLHttpRequest",
  "caches",
  "clearInterval",
  "clearTimeout",
  "console",
  "crypto",
  "fetch",
  "globalThis",
  "navigator",
  "performance",
  "queueMicrotask",
  "self",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

const GLOBALS_BARRED: Readonly<Partial<Record<Room, readonly string[]>>> = {
  core: AMBIENT_GLOBALS,
  wire: AMBIENT_GLOBALS,
  wasm: [...SERVER_GLOBALS, ...PAGE_GLOBALS],
  ui: [...SERVER_GLOBALS, ...PAGE_GLOBALS],
  client: SERVER_GLOBALS,
  demo: SERVER_GLOBALS,
  extension: SERVER_GLOBALS,
  edge: PAGE_GLOBALS,
};

/** The files that may hand on another file's names: the doors of the package. */
const DOORS: readonly string[] = [
  "mod.ts",
  "edge/deploy.ts",
  "edge/server.ts",
  "edge/workers.ts",
  "ui/client/sync_client.ts",
  "ui/live_ui.ts",
  "wasm/columns.ts",
  "wasm/slots.ts",
];

const VAGUE_NAME = /(?:^|_)(?:utils?|helpers?|commons?|misc)(?:_|$)/;
const SNAKE_CASE = /^_?[a-z0-9]+(?:_[a-z0-9]+)*$/;

export function roomOf(path: string): Room | null {
  if (path === "main.ts" || path === "mod.ts") return "entry";
  const [top, second] = path.split("/");
  if (top === "core") return path.startsWith("core/wire/") ? "wire" : "core";
  if (top === "ui") {
    return second === "client" || second === "demo" || second === "extension" ? second : "ui";
  }
  if (top === "wasm" || top === "edge" || top === "scripts" || top === "tests") return top;
  return null;
}

/** Whether the size limits hold for the file. */
export function isMeasured(path: string): boolean {
  const room = roomOf(path);
  return room !== null && room !== "scripts" && room !== "tests" && !isGenerated(path);
}

export function isGenerated(path: string): boolean {
  return /_gen\.[a-z.]+$/.test(path);
}

export function isDoor(path: string): boolean {
  return DOORS.includes(path);
}

/** Whether importing is allowed at all; `null` if it is, else the reason as a sentence. */
export function importProblem({ from, specifier, isTypeOnly }: ImportEdge): string | null {
  const room = roomOf(from);
  if (room === null) return null;
  if (/^\.{0,2}\//.test(specifier)) return fileProblem(room, from, specifier);
  if (room === "scripts" || room === "tests") return null;
  if (/^(?:https?|data|blob|file):/.test(specifier)) {
    return `Cannot import ${specifier}: only files and packages are imported`;
  }
  if (specifier.startsWith("node:")) {
    if (!ROOMS_WITHOUT_NODE.includes(room) || FILES_WITH_NODE.includes(from)) return null;
    return `Cannot import ${specifier} in ${room}: it also runs where there is no server runtime`;
  }
  return packageProblem(room, from, specifier, isTypeOnly);
}

/** Global names that the file may not use unless it declares them itself. */
export function barredGlobals(path: string): readonly string[] {
  const room = roomOf(path);
  return (room && GLOBALS_BARRED[room]) ?? [];
}

/** Whether time and randomness are ports in this file. */
export function isPure(path: string): boolean {
  const room = roomOf(path);
  return room === "core" || room === "wire";
}

/** What is wrong with the place and the name of a file; `null` if nothing. */
export function pathProblem(path: string): string | null {
  const parts = path.split("/");
  const file = parts.pop() ?? "";
  const isTest = parts[0] === "tests";
  const foldersMax = isTest ? TEST_FOLDERS_MAX : FOLDERS_MAX;
  if (parts.length > foldersMax) {
    return `Folder ${parts.join("/")} is too deep: at most ${foldersMax} levels are allowed`;
  }
  if (!/\.(?:ts|tsx|js|wat|proto)$/.test(file)) return null;
  const name = file.replace(/(?:\.d)?\.[a-z]+$/, "");
  if (name === "index") return `Name ${file} hides a barrel: name the file by its subject`;
  const vague = [...parts, name].find((part) => VAGUE_NAME.test(part));
  if (vague) return `Name ${vague} says nothing: name it by its subject`;
  if (!SNAKE_CASE.test(name)) return `Name ${file} is not snake_case`;
  return null;
}

function fileProblem(room: Room, from: string, specifier: string): string | null {
  const target = resolve(from, specifier);
  const seen = roomOf(target);
  if (seen === null) return null;
  // The program hands the public module to the app files that it loads.
  if (from === "main.ts" && target === "mod.ts") return null;
  if (room !== "scripts" && room !== "tests" && (target === "mod.ts" || target === "main.ts")) {
    return `Cannot import ${target}: it stands above everything, import the file itself`;
  }
  if (ROOMS_SEEN[room].includes(seen)) return null;
  if (room === "client" && UI_WIRE.test(target)) return null;
  return `Cannot import ${target} from ${room}: it may import only ${ROOMS_SEEN[room].join(", ")}`;
}

function packageProblem(
  room: Room,
  from: string,
  specifier: string,
  isTypeOnly: boolean,
): string | null {
  const name = specifier.replace(/^(?:npm|jsr):\/?/, "");
  const isIn = (names: readonly string[]) =>
    names.some((known) =>
      name === known || name.startsWith(`${known}/`) || name.startsWith(`${known}@`)
    );
  if (isIn(DEV_PACKAGES)) {
    return `Cannot import ${specifier}: it is a package for tests and scripts`;
  }
  if (room === "wasm") return `Cannot import ${specifier}: wasm imports only itself`;
  const allowed = PACKAGES_SEEN[room];
  if (isTypeOnly || !allowed || isIn(allowed) || isIn(FRAMEWORKS[from] ?? [])) return null;
  const list = allowed.length > 0
    ? `only ${allowed.join(", ")}`
    : "no package except for its types";
  return `Cannot import ${specifier} from ${room}: it may import ${list}`;
}

function resolve(from: string, specifier: string): string {
  const parts = specifier.startsWith("/") ? [] : from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
