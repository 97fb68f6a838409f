/** A client's process that is killed loses nothing that it was told is durable, and doubles nothing. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { FilePersistence } from "../../ui/client/file_persistence.ts";
import { Prng } from "../sim/prng.ts";
import { saveNth, stepsOf, textOf } from "./file_persistence_history.ts";

const KILLS = 200;
/** Files that are written to, and killed at, side by side. */
const FILES = 4;
const SEED = 20261121;
/** The most steps that a process is let make. */
const STEPS_MAX = 24;
/** The longest that a process lives behind its last step that counts, in milliseconds. */
const DELAY_MS_MAX = 2;
/** The longest that a process lives that is killed while it starts, in milliseconds. */
const START_MS_MAX = 120;
const CHILD = join(import.meta.dirname ?? ".", "file_persistence_kill_child.ts");

Deno.test("FilePersistence loses no stored step in 200 kills", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-kill-" });
  try {
    const steps = await Promise.all(
      Array.from(
        { length: FILES },
        (_, file) => killAgainAndAgain(join(folder, `${file}.log`), new Prng(SEED + file)),
      ),
    );
    console.log(`seed ${SEED}: ${KILLS} kills, ${steps.join(" + ")} stored steps, none lost`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Kills at one file, and checks it after each; returns how many steps it has at the end. */
async function killAgainAndAgain(path: string, random: Prng): Promise<number> {
  const model = new MemoryPersistence();
  let acknowledged = 0;
  let applied = 0;
  for (let kill = 0; kill < KILLS / FILES; kill++) {
    const isStart = random.float() < 0.2;
    const steps = isStart ? 0 : 1 + Math.floor(random.float() * STEPS_MAX);
    const delayMs = random.float() * (isStart ? START_MS_MAX : DELAY_MS_MAX);
    acknowledged = Math.max(acknowledged, await killWriter(path, steps, delayMs));
    const storage = new FilePersistence(path);
    const stored = await storage.load();
    await storage.close();
    const found = stepsOf(stored);
    assert(
      found === acknowledged || found === acknowledged + 1,
      `kill ${kill}: ${found} steps are there, ${acknowledged} were acknowledged`,
    );
    while (applied < found) await saveNth(model, ++applied);
    assertEquals(textOf(stored), textOf(await model.load()), `kill ${kill}`);
  }
  return acknowledged;
}

/** Lets a process go on with the history and kills it; the last step that it said is stored, or 0. */
async function killWriter(path: string, steps: number, delayMs: number): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", CHILD, path],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const problems = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  // The first line tells what was found.
  while (steps > 0 && text.split("\n").length - 2 < steps) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  child.kill("SIGKILL");
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    text += value;
  }
  const { signal } = await child.status;
  assertEquals(signal, "SIGKILL", await problems);
  assertEquals(await problems, "");
  return Number(text.split("\n").at(-2) ?? 0);
}
