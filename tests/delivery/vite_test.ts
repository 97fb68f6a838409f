/**
 * The packed module in a Vite project of a stranger: it type-checks, builds, and syncs in Chromium.
 *
 * The project stands in a folder of its own, with what npm installs there, and nothing of this one.
 */
import { assertEquals } from "@std/assert";
import { extname, join } from "node:path";
import { pack } from "../../scripts/pack.ts";
import { ROOT } from "../../scripts/steps.ts";
import { browserTest, complaintsOf, eventually, startServer } from "../browser/harness.ts";

const APP = join(ROOT, "tests", "delivery", "vite_app.ts");

const PACKAGES: Readonly<Record<string, string>> = {
  "@types/react": "^19.2.0",
  "@types/react-dom": "^19.2.0",
  "react": "^19.2.0",
  "react-dom": "^19.2.0",
  "typescript": "^6.0.3",
  "valibot": "^1.5.0",
  "vite": "^8.3.0",
};

const TSCONFIG = {
  compilerOptions: {
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
    types: [],
    jsx: "react-jsx",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
  },
  include: ["src"],
};

/** Shows the rows, and offers what the test does to them. */
const CLIENT = `import { createClient } from "@driftless/driftless";
import app from "./app";

const url = new URLSearchParams(location.search).get("server") ?? "";
export const client = createClient(app, { url, scope: "home", persistence: "memory" });
const started = client.start();
const add = async (id: string, title: string) => {
  await started;
  await client.collection("todo").create({ title, done: false }, id).stored;
};
const toggle = async (id: string) => {
  await client.mutate("todo.toggle", { id });
};
Object.assign(globalThis, { add, toggle });
`;

const PLAIN = `import { effect } from "@driftless/driftless";
import { client } from "./client";

const query = client.query("todo", { orderBy: "title" });
effect(() => {
  const texts = query.value.map(([, { title, done }]) => \`\${title} \${done ? "done" : "open"}\`);
  document.body.textContent = texts.join(", ");
});
`;

const REACT = `import { useQuery } from "@driftless/driftless/react";
import { createRoot } from "react-dom/client";
import { client } from "./client";

function List() {
  const rows = useQuery(client, "todo", { orderBy: "title" });
  return <>{rows.map(([, { title, done }]) => \`\${title} \${done ? "done" : "open"}\`).join(", ")}</>;
}
createRoot(document.body).render(<List />);
`;

const pageOf = (script: string) =>
  `<!doctype html>\n<title>Packed</title>\n<link rel="icon" href="data:,">\n<body></body>\n` +
  `<script type="module" src="/src/${script}"></script>\n`;

const CONFIG = `export default {
  build: { rollupOptions: { input: ["plain.html", "react.html"] } },
};
`;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

async function run(folder: string, program: string, ...args: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: folder,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
  assertEquals(success, true, `${program} ${args.join(" ")}\n${said}`);
}

async function writeProject(folder: string, tarball: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "package.json": JSON.stringify({
      private: true,
      type: "module",
      dependencies: { ...PACKAGES, "@driftless/driftless": `file:${tarball}` },
    }),
    "tsconfig.json": JSON.stringify(TSCONFIG),
    "vite.config.js": CONFIG,
    "plain.html": pageOf("plain.ts"),
    "react.html": pageOf("react.tsx"),
    "src/app.ts": await Deno.readTextFile(APP),
    "src/client.ts": CLIENT,
    "src/plain.ts": PLAIN,
    "src/react.tsx": REACT,
  };
  await Deno.mkdir(join(folder, "src"), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, path), text);
  }
}

/** Hands out the files of a folder. */
function serveFolder(folder: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const type = TYPES[extname(pathname)] ?? "application/octet-stream";
    const body = await Deno.readFile(join(folder, pathname)).catch(() => null);
    return new Response(body, { status: body ? 200 : 404, headers: { "content-type": type } });
  });
}

browserTest(
  "the packed module type-checks, builds with Vite, and syncs, with and without React",
  async ({ browser, folder }) => {
    const { tarball } = await pack(ROOT);
    const project = join(folder, "project");
    await writeProject(project, tarball);
    await run(project, "npm", "install", "--no-audit", "--no-fund");
    await run(project, "npx", "tsc");
    await run(project, "npx", "vite", "build");
    await using site = serveFolder(join(project, "dist"));
    const origin = `http://127.0.0.1:${site.addr.port}`;
    const data = join(folder, "packed.db");
    const server = await startServer({ data, app: APP, args: ["--origin", origin] });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => server.stop());
    const open = async (name: string) => {
      const page = await (await browser.newContext()).newPage();
      const complaints = complaintsOf(page);
      await page.goto(`${origin}/${name}.html?server=${encodeURIComponent(server.url)}`);
      return { page, complaints, text: () => page.locator("body").innerText() };
    };
    const plain = await open("plain");
    const react = await open("react");
    await plain.page.evaluate(`add("b", "Milk")`);
    await react.page.evaluate(`add("a", "Bread")`);
    for (const { text } of [plain, react]) await eventually(text, "Bread open, Milk open");
    await react.page.evaluate(`toggle("b")`);
    for (const { text } of [plain, react]) await eventually(text, "Bread open, Milk done");
    assertEquals([...plain.complaints, ...react.complaints], []);
  },
);
