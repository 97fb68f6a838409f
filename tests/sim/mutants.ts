/**
 * Planted bugs: each is one textual change of the engine, of the host or of the shell, and the
 * simulation has to break a promise over it. What it cannot catch says why.
 *
 *     deno task sim --mutants          all of them
 *     deno task sim --mutants --name "no dedupe"
 */
import { RECONCILE_MUTANTS } from "./reconcile_mutants.ts";

/** One planted bug. */
export interface Mutant {
  readonly name: string;
  /** The file to change, from the root of the repository. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Why no promise is broken. */
  readonly survives?: string;
}

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** What failed first: a seed, or one of the cases; `null` when nothing did. */
  readonly by: string | null;
  readonly promise: string;
}

const CLIENT = "core/client.ts";
const STATE = "core/client_state.ts";
const QUEUE = "core/queue.ts";
const SERVER = "core/server.ts";
const SESSION = "core/session.ts";
const VIEW = "core/view.ts";

/** The folders that a world is made of. */
const PARTS = [
  ...["core", "core/reconcile", "core/wire", "ui/client", "wasm", "tests/sim", "tests/sim/cases"],
];
/** Seeds that a mutant has to get through, and after them the cases. */
export const SEEDS_HUNTED = 400;
/** A mutant that never comes to an end is caught too, after this time. */
const RUN_MS_MAX = 120_000;

/** All of them. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "acknowledges before the commit",
    file: "tests/sim/server_node.ts",
    find: "    this.#waiting.push(waiting);\n",
    replace: `    this.#waiting.push(waiting);
    waiting.decided(waiting.mutations.map(({ id, seq }) => (
      { id, ok: true, cursor: 0, lastSeq: seq, code: null, error: null, changes: [] }
    )));
`,
  },
  {
    name: "no dedupe by id",
    file: SERVER,
    find: "if (seen !== undefined) {",
    replace: "if (seen !== undefined && seen.client === client && seq === 0) {",
  },
  {
    name: "no check of the number",
    file: SERVER,
    find: `if (client !== "" && seq !== lastSeq + 1) {`,
    replace: "if (seq < 0) {",
  },
  {
    name: "outcome not recorded for rejected",
    file: SERVER,
    find: "    this.#store.putOutcome(scope, {",
    replace: "    if (code === null) this.#store.putOutcome(scope, {",
  },
  {
    name: "last number not advanced on a duplicate",
    file: SERVER,
    find: "if (isNext) this.#advance(mutation, principal, time);",
    replace: "",
  },
  {
    name: "access asked before the record",
    file: SERVER,
    find: 'const isKnown = record !== undefined || author?.principal === (principal?.id ?? "");',
    replace: "const isKnown = false;",
  },
  {
    name: "a clock that runs ahead is believed",
    file: SERVER,
    find: ": Math.min(mutation.createdAt, Math.max(now + CLOCK_AHEAD_MS_MAX, next));",
    replace: ": mutation.createdAt;",
  },
  {
    name: "a client's own unseen writes do not move the clock",
    file: SERVER,
    find: "const next = Math.max(head.time, clientTime) + 1;",
    replace: "const next = head.time + 1;",
  },
  {
    name: "a log that was cut is read as whole",
    file: "core/claims.ts",
    find: "if (cursor < head.floor || cursor > head.cursor) {",
    replace: "if (cursor > head.cursor) {",
  },
  {
    name: "acknowledged leaves the view before its changes arrived",
    file: QUEUE,
    find: `return pending.state === "acknowledged" && pending.visibleAt <= cursor;`,
    replace: `return pending.state === "acknowledged" && cursor >= 0;`,
  },
  {
    name: "send before durable",
    file: QUEUE,
    find: `if (pending.state === "local") return;`,
    replace: "",
  },
  {
    name: "queue not requeued after a disconnect",
    file: QUEUE,
    find:
      `for (const pending of this.#entries) if (pending.state === "sent") pending.state = "queued";`,
    replace: "",
  },
  {
    name: "another history keeps its acknowledgements",
    file: QUEUE,
    find: `if (pending.state !== "local") pending.state = "queued";`,
    replace: `if (pending.state === "sent") pending.state = "queued";`,
  },
  {
    name: "cursor set by a push result",
    file: CLIENT,
    find: "        acknowledged.push(pending);\n",
    replace: `        acknowledged.push(pending);
        if (cursor > this.cursor) {
          const nothing = { entity: "none", id: "none", op: "delete", json: null, time: 0 } as const;
          this.#state.snapshot.apply({ ...nothing, cursor }, epoch);
        }
`,
  },
  {
    name: "conflict clears the whole queue",
    file: CLIENT,
    find: "this.#state.queue.remove(new Set([pending]));",
    replace: "this.#state.queue.remove(new Set(this.#state.queue.entries));",
  },
  {
    name: "rejection not rolled back",
    file: CLIENT,
    find: "this.#state.settle({ acknowledged, refused });",
    replace: "this.#state.settle({ acknowledged });",
  },
  {
    name: "drops never reach storage",
    file: STATE,
    find: "      drop: [...visible, ...shed].map(({ order }) => order),\n",
    replace: "",
  },
  {
    name: "drops stored before their decisions",
    file: STATE,
    find: "    const differing = this.view.rebase(",
    replace: `    this.persist({ drop: this.queue.entries.map(({ order }) => order) });
    const differing = this.view.rebase(`,
  },
  {
    name: "a gap in the pokes is passed over",
    file: CLIENT,
    find: "    if (from > cursor) return true;\n",
    replace: "",
  },
  {
    name: "another history is not noticed",
    file: CLIENT,
    find: `return epoch !== this.epoch && this.epoch !== "";`,
    replace: `return epoch === "never";`,
  },
  {
    name: "an answer of another history is taken for ours",
    file: CLIENT,
    find: "    if (this.#isElsewhere(epoch)) return this.#otherHistory();\n    if (this.epoch",
    replace: "    if (this.epoch",
  },
  {
    name: "a snapshot of another history keeps acknowledgements",
    file: CLIENT,
    find: "if (this.#isElsewhere(epoch) && !this.#isStranded) this.#leaveHistory();",
    replace: "",
  },
  {
    name: "a push that failed over HTTP is forgotten",
    file: CLIENT,
    find: "  pushFailed(): void {\n    this.#state.queue.requeue();\n    this.#flush();\n",
    replace: "  pushFailed(): void {\n    this.#state.queue.requeue();\n",
  },
  {
    name: "pokes passed over are never asked for",
    file: CLIENT,
    find: "this.#nextAfter(wasOwed && !this.#isOwed());",
    replace: "",
  },
  {
    name: "what storage refused stays in the queue",
    file: STATE,
    find: "    this.queue.remove(new Set(added));\n",
    replace: "",
  },
  {
    name: "what storage refused is not told again",
    file: "core/unsaved.ts",
    find: "    this.#isBehind = true;\n",
    replace: "    this.#stale = [];\n",
  },
  {
    name: "renumber keeps the old count",
    file: "core/client_identity.ts",
    find: "this.#value = { ...this.#value, client, decidedSeq: 0 };",
    replace: "this.#value = { ...this.#value, client };",
  },
  {
    name: "two calls get one time",
    file: "core/client_identity.ts",
    find: "return Math.max(Math.trunc(this.#clock.now() + clockOffset), time + 1);",
    replace: "return Math.max(Math.trunc(this.#clock.now() + clockOffset), time);",
  },
  {
    name: "rebase skipped when rows moved",
    file: VIEW,
    find: "if (!this.#index.isTouchedBy(moved)) {",
    replace: "if (!this.#index.isTouchedBy(new Map())) {",
  },
  {
    name: "what leaves first counts as confirmed as it was",
    file: VIEW,
    find:
      "if (record === undefined || !equalJson(record, this.#snapshot.get(entity, id))) continue;",
    replace: "if (record === undefined) continue;",
  },
  {
    name: "who follows the view is not told of a rebase",
    file: VIEW,
    find: "    this.#repeatDependants(moved);\n",
    replace: "    this.#repeatDependants(moved);\n    if (moved.size > 1) return [];\n",
  },
  {
    name: "what a client has seen does not move its clock",
    file: "core/client_identity.ts",
    find: "this.#value = { ...this.#value, time: Math.max(this.#value.time, time) };",
    replace: "if (time < 0) this.#value = { ...this.#value, time };",
  },
  {
    name: "pokes taken while answers are owed",
    file: CLIENT,
    find: "return this.#state.identity.decidedSeq < this.#owedSeq;",
    replace: "return this.#state.identity.decidedSeq < 0;",
  },
  {
    name: "pokes do not wait for answers",
    file: SESSION,
    find: "if (channel.undecided > 0) channel.held.push(poke);",
    replace: "if (channel.undecided < 0) channel.held.push(poke);",
  },
  {
    name: "tombstone forgets stamps",
    file: "core/lww.ts",
    find: "  return { ...row, deleted: maxStamp(row.deleted, stamp) };",
    replace: `  return { ...row, base: "", fields: NO_FIELDS, deleted: "0" };`,
  },
  {
    name: "a late field write wins",
    file: "core/lww.ts",
    find: "if (stampOf(row, field) >= stamp) continue;",
    replace: "",
  },
  {
    name: "pokes to who is still catching up",
    file: SESSION,
    find: "if (channel.scope !== scope || channel.behind) continue;",
    replace: "if (channel.scope !== scope) continue;",
    survives:
      "the client passes over pokes from ahead of it, and asks again: only bytes are wasted",
  },
  {
    name: "pokes to every scope",
    file: SESSION,
    find: "if (channel.scope !== scope || channel.behind) continue;",
    replace: "if (channel.behind) continue;",
  },
  {
    name: "no fence around an old connection",
    file: "tests/sim/client_node.ts",
    find: "if (this.#link !== link || this.machine === null) return;",
    replace: "if (this.machine === null) return;",
  },
  {
    name: "what is held stays in line",
    file: STATE,
    find: "    this.queue.remove(new Set(gone));\n",
    replace: "",
  },
  {
    name: "what may have been sent can be withdrawn",
    file: CLIENT,
    find: "if (pending.mayBeSent) {",
    replace: `if (pending.state === "sent" || pending.state === "acknowledged") {`,
  },
  {
    name: "a refusal is not stored",
    file: STATE,
    find: "put: [...waiting.map(pendingRecord), ...aside.map(quarantinedRecord)],",
    replace: "put: waiting.map(pendingRecord),",
  },
  {
    name: "a retry that storage refused loses what it was to replace",
    file: STATE,
    find: "    this.quarantine.put(replaced);\n",
    replace: "",
  },
  {
    name: "what is behind a withdrawal does not wait for storage",
    file: QUEUE,
    find: "if (pending.order > barrier) return;",
    replace: "",
  },
  {
    name: "what merges by stamps is compared as well",
    file: "core/confirmation.ts",
    find: "this.#app.mutators.has(mutation.name) ? this.#run(mutation) : null",
    replace: "this.#run(mutation)",
  },
  {
    name: "the rows of a reset are run on once more",
    file: STATE,
    find: "      pending.isInRows = true;\n",
    replace: "",
    survives: "what is shown twice for one round trip is judged in calm worlds alone",
  },
  {
    name: "storage holds visible mutations for ever",
    file: STATE,
    find: "const stale = this.queue.takeVisible(this.snapshot.cursor).map(({ order }) => order);",
    replace: "const stale: number[] = [];",
    survives: "the next change or answer takes them out; until then an effect shows twice",
  },
  ...RECONCILE_MUTANTS,
];

/** Runs the simulation over a copy of the repository with the bug in it. */
export async function hunt(root: string, mutant: Mutant): Promise<Verdict> {
  const folder = `${root}/build/mutants/${crypto.randomUUID()}`;
  try {
    for (const part of PARTS) await copyFiles(`${root}/${part}`, `${folder}/${part}`);
    await plant(folder, mutant);
    return { mutant, ...await runCopy(folder, SEEDS_HUNTED) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    // The runner of the tests must not find these twice.
    if (isFile && !name.endsWith("_test.ts")) {
      await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
    }
  }
}

async function plant(folder: string, { name, file, find, replace }: Mutant): Promise<void> {
  const path = `${folder}/${file}`;
  const text = await Deno.readTextFile(path);
  if (text.split(find).length !== 2) {
    throw new TypeError(`Cannot plant "${name}": its text does not stand once in ${file}`);
  }
  await Deno.writeTextFile(path, text.replace(find, () => replace));
}

async function runCopy(
  folder: string,
  seeds: number,
): Promise<Omit<Verdict, "mutant">> {
  const signal = AbortSignal.timeout(RUN_MS_MAX);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--allow-read", "tests/sim/run.ts"],
      ...["--cases", "--seed", "1", "--seeds", `${seeds}`],
    ],
    cwd: folder,
    stdin: "null",
    signal,
  }).output();
  const text = new TextDecoder().decode(stdout);
  const [, by = "", promise = ""] = /^(.+) broke "([a-z-]+)"/m.exec(text) ?? [];
  if (by !== "") return { by, promise };
  if (signal.aborted) return { by: "its length", promise: "settles" };
  if (code === 0) return { by: null, promise: "" };
  throw new Error(`The copy did not run: ${new TextDecoder().decode(stderr)}`);
}
