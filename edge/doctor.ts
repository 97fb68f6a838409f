/** `driftless doctor`: everything that a server stands on, looked at before or while it runs. */
import { createServer } from "node:net";
import process from "node:process";
import type { AnyApp } from "../core/app.ts";
import { DATA_STEPS, examineData, type Finding, type Level } from "./doctor_data.ts";
import { SECRET_UNITS_MIN } from "./identity.ts";
import { openSqlite } from "./sqlite_node.ts";
import type { OpenSqlite } from "./sqlite_driver.ts";

/** What to examine. */
export interface DoctorOptions {
  readonly version: string;
  readonly data: string;
  readonly open: OpenSqlite;
  readonly hostname: string;
  readonly port: number;
  readonly secret: string;
  /** Loads the app; undefined when none was named. */
  readonly loadApp?: (() => Promise<AnyApp>) | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Told after every step. */
  readonly progress?: (done: number, total: number) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/** No clock is right that shows a time before this: 2026, in milliseconds. */
const CLOCK_MS_MIN = Date.UTC(2026, 0, 1);
/** How far the newest change may lie ahead of this machine's clock, in milliseconds. */
const CLOCK_AHEAD_MS_MAX = 60_000;

/** Examines everything. Only a signal makes it throw. */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const { data, open, progress = () => {}, signal, now, loadApp } = options;
  const total = DATA_STEPS + 1;
  const step = async (done: number) => {
    progress(done, total);
    // Lets a signal in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
  };
  const { findings, appVersion, newestMs } = await examineData(data, open, step);
  const environment = [
    runtime(options.version),
    clock(now, newestMs),
    await port(options.hostname, options.port),
    secret(options.secret),
    ...(loadApp === undefined ? [] : await app(loadApp, appVersion)),
  ];
  await step(total);
  return [...findings, ...environment];
}

/** The worst of all. */
export function worst(findings: readonly Finding[]): Level {
  const levels = findings.map(({ level }) => level);
  return levels.includes("fail") ? "fail" : levels.includes("warn") ? "warn" : "ok";
}

function runtime(version: string): Finding {
  const { deno, bun, node } = process.versions as Record<string, string | undefined>;
  const name = bun !== undefined
    ? `Bun ${bun}`
    : deno !== undefined
    ? `Deno ${deno}`
    : `Node ${node}`;
  const db = openSqlite(":memory:");
  const sqlite = db.prepare("SELECT sqlite_version() AS v").get()?.v;
  db.close();
  const text =
    `driftless ${version} on ${name}, SQLite ${sqlite}, ${process.platform} ${process.arch}`;
  return { level: "ok", subject: "versions", text };
}

function clock(now: number, newestMs: number): Finding {
  const subject = "clock";
  const shown = Number.isFinite(now) ? new Date(now).toISOString() : "no time";
  const advice = "set the clock, and keep it with NTP: last-write-wins goes by it";
  if (!(now >= CLOCK_MS_MIN)) {
    return { level: "fail", subject, text: `it shows ${shown}, which is past`, advice };
  }
  if (newestMs > now + CLOCK_AHEAD_MS_MAX) {
    const text = `it shows ${shown}, and the newest change is of ${
      new Date(newestMs).toISOString()
    }`;
    return { level: "warn", subject, text, advice };
  }
  return { level: "ok", subject, text: `it shows ${shown}` };
}

async function port(hostname: string, number: number): Promise<Finding> {
  const subject = "port";
  const place = `${hostname}:${number}`;
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once("error", (error: { code?: string }) => resolve(error.code ?? String(error)));
    server.listen(number, hostname, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return { level: "ok", subject, text: `${place} is free` };
  if (code === "EADDRINUSE") {
    const advice = "if that is not your server, use another: --port 8001";
    return { level: "warn", subject, text: `${place} is taken`, advice };
  }
  const advice = code === "EACCES" ? "use a port above 1023" : "use another --host or --port";
  return { level: "fail", subject, text: `cannot listen on ${place}: ${code}`, advice };
}

function secret(value: string): Finding {
  const subject = "secret";
  if (value === "") {
    const text = "there is none: development mode, this machine only";
    return { level: "ok", subject, text };
  }
  if (value.length >= SECRET_UNITS_MIN) {
    return { level: "ok", subject, text: "DRIFTLESS_SECRET signs tokens" };
  }
  return {
    level: "fail",
    subject,
    text: `DRIFTLESS_SECRET has ${value.length} characters`,
    advice: `use at least ${SECRET_UNITS_MIN}, at random: openssl rand -base64 32`,
  };
}

async function app(load: () => Promise<AnyApp>, stored: number | undefined): Promise<Finding[]> {
  const subject = "app";
  let loaded: AnyApp;
  try {
    loaded = await load();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return [{ level: "fail", subject, text, advice: "driftless serve needs it to load" }];
  }
  const { name, version, collections } = loaded;
  const names = Object.keys(collections).join(", ");
  const fine: Finding = { level: "ok", subject, text: `"${name}" version ${version} has ${names}` };
  if (stored === undefined || stored === version) return [fine];
  return [
    fine,
    stored > version
      ? {
        level: "fail",
        subject: "app version",
        text: `the rows are of version ${stored}`,
        advice: "serve the newer app file, or restore a backup from before it",
      }
      : {
        level: "warn",
        subject: "app version",
        text: `the rows are of version ${stored}`,
        advice: "take a backup; the next serve migrates them, and there is no way back",
      },
  ];
}
