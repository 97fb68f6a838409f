/** The command line, in processes of its own: what it takes, prints, refuses, and how it ends. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { LivePeer } from "./live_peer.ts";
import { assertFailed, inFolder, MAIN, RunningProgram, runProgram, TODO_APP } from "./program.ts";
import { eventually, inTime } from "./raw_peer.ts";
import { creation, task } from "./served_app.ts";

const SECRET = "a secret of these tests, long enough";

/** Command lines that mean nothing, and what the one line on stderr says. */
const MISUSED: readonly (readonly [args: string, reason: RegExp])[] = [
  ["dance", /Cannot understand "dance": see driftless --help/],
  ["bakcup file.db", /Cannot understand "bakcup": did you mean "backup"\?/],
  ["exprot", /did you mean "export"\?/],
  ["doc", /did you mean "doctor"\?/],
  ["serve --loud", /Cannot understand the option --loud: see driftless serve --help/],
  ["serve --prot 1", /Cannot understand the option --prot: did you mean --port\?/],
  ["--watsh", /did you mean --watch\?/],
  ["serve -x", /Cannot understand the option -x/],
  ["serve app.ts more", /Cannot understand "more": see driftless serve --help/],
  ["serve --collection todo", /Cannot use --collection with "serve"/],
  ["export --id x", /Cannot use --id with "export"/],
  ["serve --watch=yes", /Cannot use --watch=yes: the option takes no value/],
  ["serve --watch", /Cannot watch: name an app file/],
  ["serve --static .", /Cannot use --static without an app file/],
  ["serve --port 1 --port 2", /Cannot use --port more than once/],
  ["serve --port http", /--port http: give a number from 0 to 65535/],
  ["serve --port -1", /Cannot use --port alone: write --port PORT/],
  ["serve --port=-1", /--port -1: give a number from 0 to 65535/],
  ["serve --port 65536", /from 0 to 65535/],
  ["serve --port 1.5", /from 0 to 65535/],
  ["serve --port", /Cannot use --port alone/],
  ["serve --data --port", /Cannot use --data alone/],
  ["serve --log loud", /error, info or debug/],
  ["serve --sqlite-driver oracle", /--sqlite-driver oracle: give node or db/],
  ["serve --origin app.example", /like https:\/\/app\.example/],
  ["serve --origin https://app.example/", /like https:\/\/app\.example/],
  ["serve --origin chrome-extension://a/", /like https:\/\/app\.example/],
  ["serve --origin null", /like https:\/\/app\.example/],
  ["import", /Cannot import: name a JSON file/],
  ["import list.json --app app.ts --scope", /--scope/],
  ["backup", /Cannot back up: name the file to write/],
  ["restore", /Cannot restore: name the backup/],
  ["init a --template vue", /--template vue: give todo or server/],
  ["token", /for whom/],
  ["token anna --days 0", /--days 0: give a number from 1 to 3650/],
  ["token anna --days 3651", /from 1 to 3650/],
  ["token anna --inspect x", /at once/],
  ["doctor --port x", /--port x: give a number/],
  ["embed", /Cannot embed pages: name an app file/],
  ["embed app.ts", /Cannot embed pages: give --out FILE/],
];

/** Commands that fail, and what the one line on stderr says. */
const FAILING: readonly (readonly [args: string, reason: RegExp])[] = [
  ["serve --host 0.0.0.0", /Cannot listen on 0\.0\.0\.0 without a secret.*DRIFTLESS_SECRET/],
  ["serve --host ::", /without a secret/],
  ["serve --host 127.0.0.1.evil.example", /without a secret/],
  ["embed none.ts -o pages.ts", /Cannot embed pages: there is no app file "none\.ts"/],
  ["serve --data none/data.db", /cannot be opened or created.*none\/data\.db/],
  ["serve --data text.db", /not a SQLite database.*text\.db/],
  ["serve none.ts", /Cannot load the app file "none\.ts": there is no such file/],
  ["serve .", /Cannot load the app file "\."/],
  ["serve syntax.ts", /Cannot load the app file "syntax\.ts": .*syntax\.ts:3/],
  ["serve throws.ts", /Cannot load the app file "throws\.ts": first line at .*throws\.ts:1/],
  ["serve broken.ts", /Cannot load the app file "broken\.ts": .*none\.ts/],
  ["serve five.ts", /Cannot use the app file "five\.ts": its default export/],
  ["serve nothing.js", /Cannot use the app file "nothing\.js": its default export/],
  ["import none.json", /Cannot read "none\.json": there is no such file/],
  ["import latin.json", /Cannot read "latin\.json"/],
  ["import text.db --app app.ts --collection todo", /not JSON/],
  ["import list.json --app app.ts", /name a collection/],
  ["import list.json --app app.ts --collection none", /the app has todo/],
  ["import list.json --app app.ts --collection todo --id none", /field "none"/],
  ["export --data none.db", /there is no data file "none\.db"/],
  ["token anna", /DRIFTLESS_SECRET/],
  ["backup out.db --data none.db", /Cannot back up: there is no data file "none\.db"/],
  ["backup out.db --data text.db", /not a SQLite database/],
  ["restore none.db", /Cannot restore: there is no file "none\.db"/],
  ["restore text.db --data new.db", /not a SQLite database/],
  ["init .", /Cannot begin in "\.": there are files in it/],
  // Where JSR is reached, the driver itself says what is wrong.
  [
    "export --sqlite-driver db --data text.db",
    /Cannot load the SQLite driver "db": .+ built-in|not a SQLite database/,
  ],
];

const FILES = {
  "app.ts": TODO_APP,
  "syntax.ts": "const a = 1;\nexport default {\n  let x;\n};\n",
  "throws.ts": `throw new Error("first line\\nsecond line");\n`,
  "broken.ts": `import "./none.ts";\nexport default 1;\n`,
  "five.ts": "export default 5;\n",
  "nothing.js": "export const app = 1;\n",
  "text.db": "this is not a database, and not JSON either\n".repeat(100),
  "latin.json": new Uint8Array([0x5b, 0x22, 0xe9, 0x22, 0x5d]),
  "list.json": JSON.stringify([{ id: "a", title: "A", done: false }]),
};

Deno.test("the program explains itself", () =>
  inFolder({}, async (folder) => {
    const lines = ["--help", "-h", "serve --help --port 1", "--version"];
    const [help, short, ofServe, version] = await Promise.all(
      lines.map((line) => runProgram(line.split(" "), { folder })),
    );
    assertEquals([help?.code, help?.stderr], [0, ""]);
    assertEquals(short, help);
    const names = [
      "init",
      "serve",
      "import",
      "export",
      "backup",
      "restore",
      "token",
      "doctor",
      "verify",
      "embed",
      "wasm-limit",
    ];
    for (const word of [...names, "DRIFTLESS_SECRET", "Exit status", "130"]) {
      assertStringIncludes(help?.stdout ?? "", word);
    }
    assertMatch(
      ofServe?.stdout ?? "",
      /^driftless serve \[APP\] \[options\]\n[^]+ --port PORT +which/,
    );
    const pages = await Promise.all(names.map((name) => runProgram([name, "--help"], { folder })));
    for (const [i, { code, stdout, stderr }] of pages.entries()) {
      assertEquals([code, stderr], [0, ""], names[i]);
      assertMatch(
        stdout,
        /\nOptions:\n( {2}--\S.+\n)+\nExamples:\n( .*driftless .+\n)+\nExit status:/,
      );
      for (const line of stdout.split("\n")) assert(line.length <= 104, line);
    }
    assertEquals(version, { code: 0, stdout: `driftless ${config.version}\n`, stderr: "" });
    assertEquals([...Deno.readDirSync(folder)], [], "nothing was created");
  }));

Deno.test("a command line that cannot be is refused in one line", async (t) => {
  await inFolder(FILES, async (folder) => {
    const queue = [...MISUSED, ...FAILING];
    const runs = new Map<string, Awaited<ReturnType<typeof runProgram>>>();
    // A process each, two at a time.
    await Promise.all([1, 2].map(async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        runs.set(next[0], await runProgram(next[0].split(" "), { folder }));
      }
    }));
    for (const [status, lines] of [[2, MISUSED], [1, FAILING]] as const) {
      for (const [line, reason] of lines) {
        await t.step(line, () => {
          const run = runs.get(line);
          assert(run !== undefined);
          assertFailed(run, reason, status);
        });
      }
    }
    await t.step("a short secret", async () => {
      const run = await runProgram(["serve"], { folder, secret: "short" });
      assertFailed(run, /fewer than 32 characters/);
    });
    assertEquals(await Deno.readTextFile(join(folder, "text.db")), FILES["text.db"]);
  });
});

Deno.test("a server tells where it is, serves an app from outside, and keeps what it acknowledged", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const args = ["app.ts", "--port", "0", "--data", "own.db"];
    const first = await RunningProgram.serve(args, { folder });
    assertMatch(first.stdout, /^driftless \S+ serves "todos" at http:\/\/127\.0\.0\.1:\d+\n/);
    await eventually(() => first.stdout.includes("development mode"), "the warning");
    assertStringIncludes(first.stdout, "own.db");
    assertEquals((await getJson(`${first.url}/healthz`)).status, "ok");
    assertEquals((await fetchText(`${first.url}/`)).status, 404, "an app has no pages");
    const [result] = (await postJson(`${first.url}/_sync/push`, creation("1"))).results;
    assertEquals(result.ok, true);

    const taken = await runProgram(["serve", "--port", `${first.port}`], { folder });
    assertFailed(taken, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${first.port}: .*taken`));

    assertEquals(await first.stop("SIGINT"), 0, first.stderr);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "app.ts",
      "driftless.db",
      "own.db",
    ]);
    const second = await RunningProgram.serve(args, { folder });
    const { data } = await postJson(`${second.url}/_sync/snapshot`, {});
    assertEquals(data, { todo: { "todo-1": { title: "Task 1", done: false } } });
    assertEquals(await second.stop(), 0, second.stderr);
  }));

Deno.test("a server without an app serves the demo, and JavaScript is as good as TypeScript", () =>
  inFolder({ "app.js": TODO_APP.replaceAll(": boolean", "") }, async (folder) => {
    const [demo, script] = await Promise.all([
      RunningProgram.serve(["--port", "0", "--data", "demo.db"], { folder }),
      RunningProgram.serve(["app.js", "--port", "0", "--host", "localhost"], { folder }),
    ]);
    const page = await fetchText(`${demo.url}/`);
    assertEquals([page.status, page.text.slice(0, 15)], [200, "<!doctype html>"]);
    assertMatch(script.url, /^http:\/\/localhost:\d+$/);
    const [result] = (await postJson(`${script.url}/_sync/push`, creation("1"))).results;
    assertEquals(result.ok, true);
    assertEquals(await Promise.all([demo.stop(), script.stop()]), [0, 0]);
  }));

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} ends a server with open connections in time, and it says goodbye`, () =>
    inFolder({ "app.ts": TODO_APP }, async (folder) => {
      const program = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
      const peer = await LivePeer.open(program.port);
      await peer.greet({ scope: "_default" });
      // A browser connects ahead of need, and says nothing.
      const idle = signal === "SIGTERM" ? await Deno.connect({ port: program.port }) : null;
      // A server that takes longer than it may exits with 1.
      assertEquals(await program.stop(signal), 0, program.stderr);
      assertEquals((await inTime(peer.ended, "the end")).code, 1001);
      assertStringIncludes(program.stderr, `"event":"stopped"`);
      idle?.close();
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
        "app.ts",
        "driftless.db",
      ]);
    }));
}

Deno.test("a server with a secret knows whom its tokens name, on every address", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const options = { folder, secret: SECRET };
    const issue = (...args: string[]) => runProgram(["token", ...args], options);
    const [program, anna, wrong] = await Promise.all([
      RunningProgram.serve(["app.ts", "--port", "0", "--host", "0.0.0.0"], options),
      issue("anna"),
      issue("anna", "--days", "0"),
    ]);
    assertMatch(program.url, /^http:\/\/0\.0\.0\.0:\d+$/);
    assertFailed(wrong, /--days 0: give a number from 1/, 2);
    assertEquals([anna.code, anna.stderr], [0, ""]);
    assert(!program.stdout.includes("development"), program.stdout);
    const url = `http://127.0.0.1:${program.port}/_sync/push`;
    const statusOf = async (scope: string, headers: Record<string, string>) => {
      const body = JSON.stringify(creation("1", { scope }));
      const response = await fetch(url, { method: "POST", body, headers });
      await response.text();
      return response.status;
    };
    const bearer = { authorization: `Bearer ${anna.stdout.trim()}` };
    assertEquals(await statusOf("anna", bearer), 200);
    assertEquals(await statusOf("ben", bearer), 403);
    assertEquals(await statusOf("anna", { authorization: `${bearer.authorization}x` }), 401);
    assertEquals(await statusOf("anna", { ...bearer, origin: "https://app.example" }), 403);
    assertEquals(await program.stop(), 0);
    assert(!program.stderr.includes(anna.stdout.trim()), "no token in the log");
  }));

Deno.test("an origin that is named is let in", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const origin = "https://app.example";
    const others = [
      "http://a.b:1",
      "chrome-extension://mnfjkldjomcpaecnjmkb",
      "moz-extension://5a1d-2",
    ];
    const more = [origin, ...others].flatMap((named) => ["--origin", named]);
    const args = ["app.ts", "--port", "0", ...more];
    const program = await RunningProgram.serve(args, { folder });
    const own = [program.url, `http://localhost:${program.port}`];
    for (const named of [origin, ...others, ...own]) {
      const response = await fetch(`${program.url}/healthz`, { headers: { origin: named } });
      assertEquals([response.status, response.headers.get("access-control-allow-origin")], [
        200,
        named,
      ]);
      await response.text();
    }
    const other = await fetch(`${program.url}/healthz`, { headers: { origin: "http://a.b" } });
    assertEquals([other.status, (await other.json()).code], [403, "forbidden"]);
    assertEquals(await program.stop(), 0);
  }));

Deno.test("an app that leaves broken promises and timers behind does not end the server", () => {
  const app = `
    import { collection, defineApp } from "@driftless/driftless";
    import * as v from "valibot";
    export default defineApp({
      name: "careless",
      collections: { todo: collection("todo", v.object({ title: v.string(), done: v.boolean() })) },
      mutators: {
        promise() { Promise.reject(new Error("a promise of the app")); },
        timer() { setTimeout(() => { throw new Error("a timer of the app"); }); },
        async late() { await 1; throw new Error("a mutator that waits"); },
      },
    });`;
  return inFolder({ "app.ts": app }, async (folder) => {
    const program = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
    const mutations = ["promise", "timer", "late"].map((name) => ({ id: name, name }));
    const { results } = await postJson(`${program.url}/_sync/push`, { mutations });
    assertEquals(results.map(({ code = "ok" }) => code), ["ok", "ok", "mutator_failed"]);
    for (const what of ["a promise of the app", "a timer of the app"]) {
      await eventually(() => program.stderr.includes(what), what);
    }
    const [result] = (await postJson(`${program.url}/_sync/push`, creation("1"))).results;
    assertEquals(result.ok, true);
    assertEquals(await program.stop(), 0);
  });
});

Deno.test("records come in with a bar and a report, once, while a server runs and tells of them", () => {
  const count = 3_000;
  const good = Array.from(
    { length: count },
    (_, i) => ({ id: i, title: `Task ${i}`, done: false }),
  );
  const bad = [{ id: "bad", title: "", done: false }, { id: "worse", title: 5 }];
  const files = { "app.ts": TODO_APP, "list.json": JSON.stringify([...good, ...bad]) };
  return inFolder(files, async (folder) => {
    const program = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
    const peer = await LivePeer.open(program.port);
    await peer.greet({ scope: "_default" });
    const importing = ["import", "list.json", "--app", "app.ts", "--collection", "todo"];
    const first = await runProgram(importing, { folder });
    assertEquals(first.code, 1, "some were refused");
    const total = `${count + 2} records into scope "_default"`;
    assertEquals(first.stdout, `imported ${count} of ${total}, 2 refused\n`);
    assertMatch(first.stderr, /importing \d+ %\s+[\d,]+ of 3,002\s+[\d,]+\/s\n/);
    assertMatch(first.stderr, /importing 100 %\s+3,002 of 3,002/);
    assertMatch(
      first.stderr,
      /\n\s+bad: Cannot accept the todo record: title: .+\n\s+worse: .+\n$/,
    );

    const seen: string[] = [];
    while (seen.length < count) {
      const { changes, more } = await peer.hear("poke");
      seen.push(...changes.map(({ id }) => id));
      if (more) peer.say({ kind: "next", cursor: changes.at(-1)?.cursor ?? 0 });
    }
    assertEquals(seen, good.map(({ id }) => `${id}`));

    const again = await runProgram(importing, { folder });
    assertEquals(again.stdout, `imported 0 of ${total}, ${count} were there, 2 refused\n`);
    const { results } = await postJson(`${program.url}/_sync/push`, { mutations: [task("own")] });
    assertEquals(results[0].ok, true, "the server writes as before");
    await peer.close();
    assertEquals(await program.stop(), 0);
  });
});

Deno.test("an import that is interrupted says so, and goes on with the same command", () => {
  const count = 15_000;
  const records = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`task-${i}`, { title: `Task ${i}`, done: false }]),
  );
  const files = { "app.ts": TODO_APP, "tasks.json": JSON.stringify({ todo: records }) };
  return inFolder(files, async (folder) => {
    const args = ["import", "tasks.json", "--app", "app.ts", "--scope", "mine"];
    const first = new RunningProgram(args, { folder });
    const hasBegun = () => first.stderr.includes("importing") || first.isOver;
    await eventually(hasBegun, "the first records");
    assertEquals(await first.stop("SIGINT"), 130);
    assertMatch(first.stderr, /driftless: stopped; the same command goes on from here\n$/);
    const done = Number(/^imported (\d+) of 15000/.exec(first.stdout)?.[1]);
    assert(done > 0 && done < count, first.stdout);
    const second = await runProgram(args, { folder });
    const rest = `imported ${count - done} of ${count} records into scope "mine"`;
    assertEquals([second.code, second.stdout], [0, `${rest}, ${done} were there\n`]);
  });
});

Deno.test("what is exported is what was imported, to a file, to a pipe and to a reader that leaves", () => {
  const todo = Object.fromEntries(
    Array.from(
      { length: 5_000 },
      (_, i) => [`id ${i} "é"`, { done: i % 2 === 0, title: `👋 ${i}` }],
    ),
  );
  const files = { "app.ts": TODO_APP, "in.json": `\ufeff${JSON.stringify({ todo })}` };
  return inFolder(files, async (folder) => {
    const imported = await runProgram(["import", "in.json", "--app", "app.ts"], { folder });
    assertEquals(imported.code, 0, imported.stderr);
    const [toFile, toPipe, one, unwritable] = await Promise.all([
      runProgram(["export", "out.json"], { folder }),
      runProgram(["export"], { folder }),
      runProgram(["export", "--collection", "todo"], { folder }),
      runProgram(["export", "none/out.json"], { folder }),
    ]);
    const text = await Deno.readTextFile(join(folder, "out.json"));
    assertEquals(JSON.parse(text), { todo });
    assertEquals(toFile, { ...toPipe, stdout: "" });
    assertEquals(toPipe, {
      code: 0,
      stdout: text,
      stderr: `exported 5000 records of scope "_default"\n`,
    });
    assertEquals(JSON.parse(one.stdout), todo);
    assertFailed(unwritable, /none\/out\.json/);

    const back = ["import", "out.json", "--app", "app.ts", "--data", "copy.db"];
    assertEquals((await runProgram(back, { folder })).code, 0);
    const copy = await runProgram(["export", "--data", "copy.db"], { folder });
    assertEquals(copy.stdout, text);

    const pipe = new Deno.Command("sh", {
      args: ["-c", `"$0" run --quiet -A "$1" export | head -n 1`, Deno.execPath(), MAIN],
      cwd: folder,
    });
    const { stdout, stderr } = await pipe.output();
    assertEquals(new TextDecoder().decode(stdout), "{\n");
    assertEquals(new TextDecoder().decode(stderr), "", "who leaves early is no error");
  });
});

// deno-lint-ignore no-explicit-any -- JSON of shapes that the test itself looks into
async function getJson(url: string): Promise<Record<string, any>> {
  return await (await fetch(url)).json();
}

// deno-lint-ignore no-explicit-any -- as above
async function postJson(url: string, body: unknown): Promise<Record<string, any>> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  return await response.json();
}

async function fetchText(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}
