/** The page of the main-job tests: a client of the job app, at the test's disposal. */
import { createClient } from "../../mod.ts";
import app from "./job_app.ts";

/** What a page keeps for its test. */
export interface JobPage {
  readonly client: ReturnType<typeof createClient<typeof app.collections, JobArgs>>;
  /** Refused mutations, as reported: the mutation's id and the reason. */
  readonly rejected: { id: string; reason: string }[];
  readonly errors: string[];
}

type JobArgs = NonNullable<typeof app.argumentTypes>;

declare global {
  var job: JobPage;
}

const query = new URLSearchParams(location.search);
const rejected: JobPage["rejected"] = [];
const errors: string[] = [];
const client = createClient(app, {
  scope: query.get("scope") ?? "job",
  user: query.get("user") ?? "",
  storageName: query.get("storage") ?? "",
  heartbeatMs: 1_000,
  pushIntervalMs: 300,
  onRejected: ({ mutation, error }) => rejected.push({ id: mutation.id, reason: error.message }),
  onError: (error) => errors.push(`${error.code}: ${error.message}`),
});
await client.start();
globalThis.job = { client, rejected, errors };
document.title = "ready";
