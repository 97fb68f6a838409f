/** The page of the tab tests: a client that syncs over the live connection alone. */
import { createClient } from "../../mod.ts";
import app from "./job_app.ts";

/** What a tab keeps for its test. */
export interface TabPage {
  readonly client: ReturnType<typeof createClient<typeof app.collections, TabArgs>>;
  readonly errors: string[];
  /** Appends entries one after the other, until `stop`; tells the test of each that is durable. */
  burst(name: string): Promise<void>;
  stop(): void;
}

type TabArgs = NonNullable<typeof app.argumentTypes>;

declare global {
  var tab: TabPage;
  /** The test's: an entry is durable on the device. */
  var durable: (entry: string) => Promise<void>;
}

/** Longer than any test, in milliseconds: what HTTP would do must not hide what the tabs do not. */
const NEVER_MS = 600_000;

/** So that the record that all append to stays small while a test waits, in milliseconds. */
const PACE_MS = 20;

const query = new URLSearchParams(location.search);
const errors: string[] = [];
const client = createClient(app, {
  scope: "job",
  user: query.get("user") ?? "",
  pushIntervalMs: NEVER_MS,
  onError: (error) => errors.push(`${error.code}: ${error.message}`),
});
await client.start();
let isStopped = false;
globalThis.tab = {
  client,
  errors,
  async burst(name) {
    isStopped = false;
    for (let i = 0; !isStopped; i++) {
      await client.mutate("journal.append", { id: "j", entry: `${name}-${i}` });
      globalThis.durable(`${name}-${i}`);
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  },
  stop: () => isStopped = true,
};
document.title = "ready";
