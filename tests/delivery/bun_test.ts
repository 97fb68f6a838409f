/** Bun on both ends: a client on Bun against the Bun binary, and what the binary leaves alone. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join } from "node:path";
import { createClient } from "../../mod.ts";
import {
  BUN_TARGETS,
  bunArgs,
  bunBinaryName,
  bunCommand,
  chosenBunTargets,
  hostTarget,
} from "../../scripts/compile_bun.ts";
import { ROOT, runToEnd } from "../../scripts/compile_bundle.ts";
import app from "../browser/job_app.ts";
import { startServer } from "../browser/harness.ts";
import { inFolder } from "../edge/program.ts";
import { programCommand } from "./programs.ts";

/** How long it may take to refuse, in milliseconds. */
const SERVES_MS = 30_000;

interface Line {
  readonly what: string;
  readonly value: unknown;
}

Deno.test("a client on Bun converges with one on Deno: offline, refused, and when the server is killed", () =>
  inFolder({}, async (folder) => {
    await using cleanup = new AsyncDisposableStack();
    const appFile = join(folder, "app.ts");
    await Deno.copyFile(join(ROOT, "tests/browser/job_app.ts"), appFile);
    const options = {
      data: join(folder, "data.db"),
      app: appFile,
      program: await programCommand("bun"),
    };
    let server = await startServer(options);
    cleanup.defer(() => server.stop());
    const other = createClient(app, {
      url: server.url,
      persistence: "memory",
      pushIntervalMs: 100,
    });
    await other.start();
    cleanup.defer(() => other.stop());
    const append = (entry: string) => other.mutate("journal.append", { id: "j", entry });
    const claim = async (id: string) => {
      await other.mutate("note.claim", { id, title: id, by: "Ada" });
      await until(other, () => other.pending.length === 0);
    };
    await claim("o1");

    const { lines, goOn } = await startClient(server.url, folder, cleanup);
    assertEquals(await lines("confirmed"), ["client 1"]);
    await append("other 1");
    assertEquals(await lines("offline"), {
      pending: 3,
      entries: ["client 1", "other 1", "client 2"],
    });
    // What the client cannot know yet.
    await claim("o2");
    await append("other 2");
    await goOn();
    const { entries, reasons, notes } = await lines("online") as {
      readonly entries: readonly string[];
      readonly reasons: readonly string[];
      readonly notes: readonly (readonly [id: string, note: unknown])[];
    };
    assertEquals(entries.toSorted(), ["client 1", "client 2", "other 1", "other 2"]);
    assertEquals(reasons, ["Ada has enough notes"]);
    assertEquals(notes.map(([id]) => id).sort(), ["c1", "o1", "o2"]);

    const { port } = server;
    await server.kill();
    const alone = await lines("alone");
    assertEquals(alone, [...entries, "client 3"]);
    server = await startServer({ ...options, port });
    assertEquals(await lines("together"), alone);
    assertEquals(await lines("stopped"), "Bun");
    const journal = () => JSON.stringify(other.collection("journal").get("j")?.entries);
    await until(other, () => journal() === JSON.stringify(alone));
  }));

Deno.test("the Bun binary takes no secret and no code from files that lie where it runs", () => {
  const files = {
    ".env": "DRIFTLESS_SECRET=a secret of somebody else, long enough\n",
    "bunfig.toml": `preload = ["./preload.ts"]\n`,
    "preload.ts": `await Bun.write("preloaded", "")`,
    "package.json": `{"type":"commonjs","imports":{"#a":"./preload.ts"}}`,
    "tsconfig.json": `{"compilerOptions":{"paths":{"@driftless/driftless":["./preload.ts"]}}}`,
  };
  return inFolder(files, async (folder) => {
    const [program = ""] = await programCommand("bun");
    const { code, stderr } = await new Deno.Command(program, {
      args: ["serve", "--host", "0.0.0.0", "--port", "0"],
      cwd: folder,
      // A secret in the environment, if only an empty one, would go before one in a file.
      clearEnv: true,
      // A server that starts would run on.
      signal: AbortSignal.timeout(SERVES_MS),
    }).output();
    assertEquals(code, 1);
    assertMatch(new TextDecoder().decode(stderr), /Cannot listen on 0\.0\.0\.0 without a secret/);
    assertEquals(
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
      Object.keys(files).sort(),
    );
  });
});

Deno.test("Bun's targets are five, a name each, and one of them is this machine", () => {
  assertEquals(chosenBunTargets([]), BUN_TARGETS);
  assertEquals(new Set(BUN_TARGETS.map(bunBinaryName)).size, 5);
  assert(BUN_TARGETS.includes(hostTarget()));
  assertEquals(chosenBunTargets(["host", "windows-x64"]), [hostTarget(), "windows-x64"]);
  assertThrows(() => chosenBunTargets(["amiga"]), TypeError, "the targets are linux-x64");
  for (const target of BUN_TARGETS) {
    const args = bunArgs(target, "in.js", "out");
    for (const what of ["dotenv", "bunfig", "tsconfig", "package-json"]) {
      assert(args.includes(`--no-compile-autoload-${what}`), what);
    }
  }
});

/** Starts the client on Bun; `lines` waits for the next line, which has to be the one named. */
async function startClient(url: string, folder: string, cleanup: AsyncDisposableStack) {
  const bundle = join(folder, "client.js");
  const source = join(ROOT, "tests/delivery/bun_client.ts");
  const made = await runToEnd(Deno.execPath(), [
    "bundle",
    "--platform",
    "deno",
    "-o",
    bundle,
    source,
  ]);
  assert(made.isSuccess, made.output);
  const [bun = "", ...args] = await bunCommand();
  const child = new Deno.Command(bun, {
    args: [...args, bundle, url],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
  })
    .spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  cleanup.defer(async () => {
    try {
      child.kill("SIGKILL");
    } catch (error) {
      // It has ended, as it should.
      if (!(error instanceof TypeError)) throw error;
    }
    await Promise.allSettled([reader.cancel(), writer.close()]);
    await child.status;
  });
  let text = "";
  const goOn = () => writer.write(new TextEncoder().encode("go on\n"));
  const lines = async (what: string): Promise<unknown> => {
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      assert(!done, `the client ended before it was ${what}`);
      text += value;
    }
    const end = text.indexOf("\n");
    const line: Line = JSON.parse(text.slice(0, end));
    text = text.slice(end + 1);
    assertEquals(line.what, what);
    return line.value;
  };
  return { lines, goOn };
}

/** Resolves when the client's view or queue satisfies a condition. */
function until(client: { subscribe(listener: () => void): () => void }, isTrue: () => boolean) {
  return new Promise<void>((resolve) => {
    const check = () => {
      if (!isTrue()) return;
      stop();
      resolve();
    };
    const stop = client.subscribe(check);
    queueMicrotask(check);
  });
}
