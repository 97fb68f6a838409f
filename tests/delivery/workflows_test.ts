/** The workflows: they parse, run tasks that exist, pin what they use, and may do no more than they need. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { parse } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { binaryName, TARGETS } from "../../scripts/compile.ts";
import { BUN_TARGETS, BUN_VERSION, bunBinaryName } from "../../scripts/compile_bun.ts";
import { ROOT } from "../../scripts/compile_bundle.ts";

interface WorkflowStep {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly uses?: string;
  readonly steps?: readonly WorkflowStep[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include?: readonly Record<string, string>[] } };
  readonly "timeout-minutes"?: number;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = join(ROOT, ".github", "workflows");

/** By a version or a commit, and from owners that are known. */
const PINNED = /^(?:actions|denoland|oven-sh)\/[\w-]+@(?:v\d+|[0-9a-f]{40})$/;

async function workflowsByName(): Promise<Record<string, Workflow>> {
  const found: Record<string, Workflow> = {};
  for await (const { name } of Deno.readDir(FOLDER)) {
    const text = await Deno.readTextFile(join(FOLDER, name));
    found[name] = parse(text, { strict: true, uniqueKeys: true });
  }
  return found;
}

const workflows = await workflowsByName();
const jobs = Object.values(workflows).flatMap((workflow) => Object.values(workflow.jobs));
const steps = jobs.flatMap((job) => job.steps ?? []);

Deno.test("workflows are the two that are known", () => {
  assertEquals(Object.keys(workflows).sort(), ["release.yml", "test.yml"]);
});

Deno.test("workflows run tasks that deno.json has", () => {
  const named = steps.flatMap(({ run = "" }) =>
    [...run.matchAll(/deno task ([\w:]+)/g)].map(([, task = ""]) => task)
  );
  assertEquals(new Set(named), new Set(["test", "compile", "compile:bun", "build"]));
  assertEquals(named.filter((task) => !Object.hasOwn(config.tasks, task)), []);
});

Deno.test("workflows pin the actions, and the runtimes as the tests do", async () => {
  for (const { uses } of steps) if (uses !== undefined) assertMatch(uses, PINNED);
  const ci = await Deno.readTextFile(join(ROOT, ".ci", "run"));
  const pinned = /deno@(\d+\.\d+\.\d+)/.exec(ci)?.[1];
  for (const { uses = "", with: inputs = {} } of steps) {
    if (uses.startsWith("denoland/setup-deno@")) assertEquals(inputs["deno-version"], pinned);
    if (uses.startsWith("oven-sh/setup-bun@")) assertEquals(inputs["bun-version"], BUN_VERSION);
    if (uses.startsWith("actions/checkout@")) assertEquals(inputs["persist-credentials"], false);
  }
});

Deno.test("workflows may read, and two jobs of a release one thing more", () => {
  const more: Record<string, unknown> = {};
  for (const [file, workflow] of Object.entries(workflows)) {
    assertEquals(workflow.permissions, { contents: "read" });
    for (const [name, job] of Object.entries(workflow.jobs)) {
      if (job.permissions) more[`${file} ${name}`] = job.permissions;
      assert(job.uses !== undefined || (job["timeout-minutes"] ?? 0) > 0, `${name} ends`);
    }
  }
  assertEquals(more, {
    "release.yml assets": { contents: "write" },
    "release.yml jsr": { contents: "read", "id-token": "write" },
  });
});

Deno.test("a release publishes nothing before its tag, its tests and its binaries hold", () => {
  const release = workflows["release.yml"];
  assert(release);
  const before = (name: string): string[] => {
    const { needs = [] } = release.jobs[name] ?? {};
    return [needs].flat().flatMap((one) => [one, ...before(one)]);
  };
  for (const name of ["assets", "jsr"]) {
    assertEquals(before(name), ["run", "binaries", "test", "version"]);
  }
  assertEquals(release.jobs["test"]?.uses, "./.github/workflows/test.yml");
  assert("workflow_call" in (workflows["test.yml"]?.on ?? {}));
  assertEquals(Object.keys(release.on), ["push"]);
});

Deno.test("a release runs every binary that it hands out", () => {
  const { include = [] } = workflows["release.yml"]?.jobs["run"]?.strategy?.matrix ?? {};
  assertEquals(
    include.map(({ file }) => file),
    [...TARGETS.map(binaryName), ...BUN_TARGETS.map(bunBinaryName)],
  );
});

Deno.test("no workflow puts what a stranger may write into a script", () => {
  for (const { run = "" } of steps) {
    const inserted = [...run.matchAll(/\$\{\{\s*([\w.]+)\s*\}\}/g)].map(([, name]) => name);
    assertEquals(inserted.filter((name) => !name?.startsWith("matrix.")), []);
  }
});
