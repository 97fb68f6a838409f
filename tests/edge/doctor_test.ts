/** The doctor: one planted fault for each thing that it looks at, and what it says to do. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { examine, worst } from "../../edge/doctor.ts";
import type { Finding } from "../../edge/doctor_data.ts";
import { loadApp } from "../../edge/load_app.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { inFolder, RunningProgram, runProgram, TODO_APP } from "./program.ts";
import { creation, todoApp } from "./served_app.ts";

/** 2026-11-01 */
const NOW = Date.UTC(2026, 10, 1);

/** A fault, as SQL on a data file that is whole, and the finding that tells of it. */
const FAULTS: readonly (readonly [sql: string, subject: string, level: string, text: RegExp])[] = [
  ["DELETE FROM changes WHERE cursor = 2", "log", "fail", /1 scopes have a log with a gap/],
  ["UPDATE scopes SET cursor = 9", "log", "fail", /gap or a wrong end/],
  ["UPDATE scopes SET floor = 1", "log", "fail", /gap or a wrong end/],
  ["UPDATE changes SET time = time + 99 WHERE cursor = 1", "time", "fail", /1 changes are older/],
  ["UPDATE rows SET cursor = 77 WHERE id = 'todo-1'", "rows", "fail", /2 rows and the log/],
  ["UPDATE rows SET live = 0 WHERE id = 'todo-2'", "rows", "fail", /1 rows and the log/],
  ["DELETE FROM rows WHERE id = 'todo-3'", "rows", "fail", /1 rows and the log/],
  ["UPDATE rows SET json = '{' WHERE id = 'todo-1'", "json", "fail", /1 records are not JSON/],
  ["UPDATE outcomes SET cursor = 55", "clients", "fail", /3 outcomes are beyond/],
  ["UPDATE outcomes SET client = 'nobody'", "clients", "fail", /3 outcomes are beyond/],
  ["INSERT INTO clients VALUES (42, 'c', '', 1, 0)", "scopes", "fail", /1 belong to no scope/],
  ["DELETE FROM scopes", "scopes", "fail", /9 belong to no scope/],
  ["UPDATE scopes SET tree = 1", "trees", "warn", /1 scopes have a tree that is not at/],
  ["PRAGMA user_version = 99", "schema", "fail", /version 99, and this program knows/],
  ["PRAGMA user_version = 1", "schema", "warn", /version 1 of/],
  ["PRAGMA application_id = 7", "schema", "fail", /no data file of Driftless/],
  ["UPDATE meta SET value = '7' WHERE name = 'app_version'", "app version", "fail", /version 7/],
  ["UPDATE scopes SET time = 4000000000000", "clock", "warn", /newest change is of 2096/],
];

Deno.test("the doctor finds each planted fault, and nothing where there is none", async (t) => {
  await inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const whole = await dataFile(folder);
    const file = join(folder, "faulty.db");
    const findings = () => examineFile(file);
    await t.step("none", async () => {
      await Deno.copyFile(whole, file);
      const all = await findings();
      assertEquals(worst(all), "ok", JSON.stringify(all));
      assert(all.length >= 16);
    });
    for (const [sql, subject, level, text] of FAULTS) {
      await t.step(sql, async () => {
        await Deno.copyFile(whole, file);
        const db = new DatabaseSync(file);
        db.exec(sql);
        db.close();
        const found = (await findings()).filter((finding) => finding.level !== "ok");
        const named = found.find((finding) => finding.subject === subject);
        assertEquals(named?.level, level, JSON.stringify(found));
        assertMatch(named?.text ?? "", text);
        assert((named?.advice ?? "").length > 10);
      });
    }
    await t.step("a damaged page", async () => {
      const bytes = await Deno.readFile(whole);
      bytes.fill(0x5a, 3 * 4096, 6 * 4096);
      await Deno.writeFile(file, bytes);
      const found = (await findings()).filter(({ level }) => level === "fail");
      assert(found.some(({ text }) => /damaged|SQLite says/.test(text)), JSON.stringify(found));
    });
  });
});

Deno.test("the doctor judges the machine: clock, port, secret, folder, app", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const data = join(folder, "none.db");
    const of = async (subject: string, more: Partial<Parameters<typeof examine>[0]>) => {
      const found = (await examineFile(data, more)).find((it) => it.subject === subject);
      return [found?.level, found?.text];
    };
    assertEquals((await of("clock", { now: Date.UTC(2025, 11, 31) }))[0], "fail");
    assertEquals((await of("clock", { now: NaN }))[0], "fail");
    assertEquals((await of("clock", {}))[0], "ok");
    assertEquals((await of("secret", { secret: "x".repeat(31) }))[0], "fail");
    assertEquals((await of("secret", { secret: "x".repeat(32) }))[0], "ok");
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    assertEquals(await of("port", { port }), ["warn", `127.0.0.1:${port} is taken`]);
    taken.close();
    assertEquals((await of("port", { hostname: "203.0.113.9" }))[0], "fail");
    assertEquals((await of("folder", { data: join(folder, "no/where.db") }))[0], "fail");
    assertEquals((await of("file", {}))[0], "ok");
    const gone = () => loadApp(join(folder, "gone.ts"));
    assertEquals((await of("app", { loadApp: gone }))[0], "fail");
    assertMatch((await of("app", {}))[1] ?? "", /"doors" version 1 has todo, note/);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["app.ts"]);
    const signal = AbortSignal.abort();
    await assertRejects(() => examineFile(data, { signal }), DOMException);
  }));

Deno.test("the command prints what it found, and its status is 0, 1 or 2", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    await dataFile(folder);
    const doctor = (...args: string[]) => runProgram(["doctor", ...args], { folder });
    const server = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
    const well = await doctor("app.ts", "--port", "0");
    assertEquals(well.code, 0, well.stdout);
    assertMatch(well.stdout, /^(ok {4}\S.+\n)+$/);
    assertMatch(well.stdout, /\nok {4}app +"todos" version 1 has todo\n$/);
    const warned = await doctor("--port", `${server.port}`);
    assertEquals(warned.code, 1, warned.stdout);
    assertMatch(warned.stdout, /\nwarn {2}port .+ is taken\n +→ if that is not your server/);
    assertEquals(await server.stop(), 0);

    const broken = await doctor("none.ts", "--json", "--port", "0");
    assertEquals(broken.code, 2);
    const { level, findings } = JSON.parse(broken.stdout);
    assertEquals(level, "fail");
    const failed = findings.filter((finding: Finding) => finding.level === "fail");
    assertEquals(failed.map(({ subject }: Finding) => subject), ["app"]);
    if (Deno.uid() !== 0) return;
    await Deno.chmod(join(folder, "driftless.db"), 0o666);
    const open = await doctor("--port", "0");
    assertEquals(open.code, 1);
    assertMatch(open.stdout, /warn {2}permissions .+every user/);
  }));

/** A data file with three changes in its log, made by the server itself. */
async function dataFile(folder: string): Promise<string> {
  const server = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
  for (const id of ["1", "2", "3"]) {
    const body = JSON.stringify(creation(id));
    const response = await fetch(`${server.url}/_sync/push`, { method: "POST", body });
    assertEquals((await response.json()).results[0].ok, true);
  }
  assertEquals(await server.stop(), 0);
  return join(folder, "driftless.db");
}

function examineFile(
  data: string,
  more: Partial<Parameters<typeof examine>[0]> = {},
): Promise<readonly Finding[]> {
  return examine({
    version: "0.0.0",
    data,
    open: openSqlite,
    hostname: "127.0.0.1",
    port: 0,
    secret: "",
    loadApp: () => Promise.resolve(todoApp()),
    now: data.endsWith("faulty.db") ? Date.now() : NOW,
    ...more,
  });
}
