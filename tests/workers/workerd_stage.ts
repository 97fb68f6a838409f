/** A stage with real workerd: a bundle for Workers, and a process of its own that runs it. */
import { join } from "node:path";
import type { MiniflareOptions } from "miniflare";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
const HOST = join(import.meta.dirname ?? ".", "workerd_host.ts");

/** What to run. */
export interface WorkerdOptions {
  /** The folder with `entry.js` and what it imports; the objects' storage is there as well. */
  readonly folder: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** @default {a free one} */
  readonly port?: number;
  /** @default {the example's} */
  readonly compatibilityDate?: string;
  readonly compatibilityFlags?: readonly string[];
  /** Classes of objects by the names of their bindings. */
  readonly objects?: Readonly<Record<string, string>>;
}

/** workerd, running. */
export interface Workerd extends AsyncDisposable {
  readonly url: string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** Bundles a module for Workers into the folder, beside the compiled kernel. */
export async function bundleWorker(path: string, folder: string, name: string): Promise<string> {
  const external = ["node:*", "cloudflare:*", "*.wasm"].flatMap((name) => ["--external", name]);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--platform", "browser", ...external],
      ...["-o", join(folder, name), path],
    ],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await Deno.copyFile(join(ROOT, "wasm", "kernel.wasm"), join(folder, "kernel.wasm"));
  return await Deno.readTextFile(join(folder, name));
}

/** Starts workerd on a folder. */
export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const { folder, port = 0, bindings = {}, objects = { SCOPES: "ScopeObject" } } = options;
  const { compatibilityDate = "2026-01-01", compatibilityFlags = ["nodejs_compat"] } = options;
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  const settings: MiniflareOptions = {
    port,
    host: "127.0.0.1",
    compatibilityDate,
    compatibilityFlags: [...compatibilityFlags],
    modulesRoot: folder,
    modules: names.filter((name) => /\.(js|wasm)$/.test(name)).sort((a, b) =>
      Number(b === "entry.js") - Number(a === "entry.js")
    ).map((name) => ({
      type: name.endsWith(".js") ? "ESModule" : "CompiledWasm",
      path: join(folder, name),
    })),
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([name, className]) => [name, { className, useSQLite: true }]),
    ),
    durableObjectsPersist: join(folder, "objects"),
    bindings: { ...bindings },
  };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", HOST, JSON.stringify({ options: settings })],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) throw new Error("workerd has not started");
    text += value;
  }
  const { url, pid } = JSON.parse(text) as { url: string; pid: number };
  const ended = async () => {
    await lines.cancel();
    await child.status;
  };
  let isOver = false;
  return {
    url,
    async kill() {
      isOver = true;
      Deno.kill(pid, "SIGKILL");
      child.kill("SIGKILL");
      await child.stdin.close().catch(() => {});
      await ended();
    },
    async [Symbol.asyncDispose]() {
      if (isOver) return;
      await child.stdin.close();
      await ended();
    },
  };
}
