/** The page of the storage tests: what every storage promises, and storage at the test's disposal. */
import { createClient } from "../../mod.ts";
import { IdbPersistence } from "../../ui/client/idb_persistence.ts";
import {
  identity,
  persistenceCases,
  queued,
  row,
  snapshot,
  step,
} from "../conformance/persistence_suite.ts";
import app from "./job_app.ts";

/** What a page offers to its test. */
export interface StoragePage {
  readonly build: {
    identity: typeof identity;
    queued: typeof queued;
    row: typeof row;
    snapshot: typeof snapshot;
    step: typeof step;
  };
  /** Storage of a tab, by the name of its database; made at the first call. */
  storage(name: string): IdbPersistence;
  /** Runs every case; returns how each that failed went wrong. */
  runCases(): Promise<readonly string[]>;
  /** The code of what a promise rejects with; `"none"` when it resolves. */
  codeOf(work: Promise<unknown>): Promise<string>;
  /** Starts and stops a client that uses no network; returns its id and how much waits. */
  visit(): Promise<readonly [clientId: string, pending: number]>;
  /** Rejections that nobody handled, and errors that nobody caught. */
  readonly complaints: string[];
}

declare global {
  var storagePage: StoragePage;
}

const complaints: string[] = [];
addEventListener("unhandledrejection", ({ reason }) => void complaints.push(String(reason)));
addEventListener("error", ({ message }) => void complaints.push(message));

const opened = new Map<string, IdbPersistence>();

globalThis.storagePage = {
  build: { identity, queued, row, snapshot, step },
  storage(name) {
    let storage = opened.get(name);
    if (storage === undefined) opened.set(name, storage = new IdbPersistence(name));
    return storage;
  },
  async runCases() {
    const failures: string[] = [];
    for (const [index, { name, run }] of persistenceCases.entries()) {
      try {
        await run(() => new IdbPersistence(`case ${index}`));
      } catch (error) {
        failures.push(`${name}: ${error}`);
      }
    }
    return failures;
  },
  codeOf: (work) =>
    work.then(() => "none", (error: Error & { code?: string }) => error.code ?? `${error}`),
  async visit() {
    const client = createClient(app, { scope: "visits" });
    client.setOffline(true);
    await client.start();
    await client.mutate("journal.append", { id: "j", entry: "visit" });
    const seen = [client.clientId, client.pending.length] as const;
    await client.stop();
    return seen;
  },
  complaints,
};
document.title = "ready";
