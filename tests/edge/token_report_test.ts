/** Tokens looked into: what is said of good ones, and of each way in which one can be bad. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { sign } from "hono/jwt";
import { issueToken } from "../../edge/identity.ts";
import { inspectToken } from "../../edge/token_report.ts";
import { assertFailed, inFolder, runProgram } from "./program.ts";

const SECRET = "a secret of these tests, long enough";
const NOW = Date.UTC(2026, 10, 1);
const SECONDS = NOW / 1000;

const claims = (more: Record<string, unknown> = {}) => ({
  sub: "anna",
  iat: SECONDS,
  exp: SECONDS + 3_600,
  ...more,
});

Deno.test("a good token is told by its claims and called good, up to the second in which it expires", async () => {
  const token = await sign(claims({ role: "admin" }), SECRET, "HS256");
  const { lines, isGood } = await inspectToken(token, SECRET, NOW);
  assertEquals(isGood, true);
  assertEquals(lines, [
    "algorithm  HS256",
    "subject    anna",
    "issued     2026-11-01T00:00:00.000Z (0 minutes ago)",
    "expires    2026-11-01T01:00:00.000Z (in 60 minutes)",
    "role       admin",
    "good: a server with this secret takes it",
  ]);
  const at = async (ms: number) => (await inspectToken(token, SECRET, ms)).isGood;
  const end = NOW + 3_600_000;
  assertEquals([await at(end - 1), await at(end), await at(end + 1)], [true, false, false]);
});

Deno.test("a bad token is told what is wrong with it, all at once", async () => {
  const good = await sign(claims(), SECRET, "HS256");
  const [header = "", body = "", signature = ""] = good.split(".");
  const part = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const cases: readonly (readonly [token: string, secret: string, ...problems: RegExp[]])[] = [
    ["", SECRET, /1 parts between dots/],
    ["abc", SECRET, /1 parts between dots/],
    ["a.b.c", SECRET, /not JSON in base64url/],
    [`${header}.${part([1])}.${signature}`, SECRET, /not JSON/],
    [good, "", /signature was not checked/],
    [good, `${SECRET}!`, /signature is not of this DRIFTLESS_SECRET/],
    [`${header}.${part(claims({ sub: "ben" }))}.${signature}`, SECRET, /token was changed/],
    [`${part({ alg: "none" })}.${body}.`, SECRET, /HS256 alone, and this one says none/],
    [`${part({})}.${body}.x`, SECRET, /this one says \(none\)/],
    [await sign({ exp: SECONDS + 9 }, SECRET, "HS256"), SECRET, /names nobody/],
    [await sign(claims({ nbf: SECONDS + 60 }), SECRET, "HS256"), SECRET, /not good yet/],
    [
      await sign({ sub: "", exp: SECONDS - 1 }, `${SECRET}2`, "HS256"),
      SECRET,
      /signature/,
      /names nobody/,
      /has expired/,
    ],
  ];
  for (const [token, secret, ...problems] of cases) {
    const { lines, isGood } = await inspectToken(token, secret, NOW);
    assertEquals(isGood, false, token);
    const bad = lines.filter((line) => line.startsWith("bad: "));
    assertEquals(bad.length, problems.length, bad.join("\n"));
    for (const [i, problem] of problems.entries()) assertMatch(bad[i] ?? "", problem);
  }
});

Deno.test("a token's text cannot paint on a terminal, nor flood it", async () => {
  const sub = `\u001b[31mred\n${"x".repeat(500)}`;
  const token = await sign(claims({ sub }), SECRET, "HS256");
  const { lines } = await inspectToken(token, SECRET, NOW);
  const subject = lines.find((line) => line.startsWith("subject")) ?? "";
  assert(subject.length < 220 && subject.includes("?[31mred?"), subject);
});

Deno.test("the command makes what it then calls good, and takes a token from stdin", () =>
  inFolder({}, async (folder) => {
    const options = { folder, secret: SECRET };
    const made = await runProgram(["token", "anna", "--days", "2"], options);
    assertEquals(made.code, 0, made.stderr);
    const token = made.stdout.trim();
    const good = await runProgram(["token", "--inspect", token], options);
    assertEquals(good.code, 0, good.stdout);
    assertMatch(good.stdout, /subject {4}anna\nissued .+\nexpires .+ \(in 2 days\)\ngood: .+\n$/);
    const elsewhere = await runProgram(["token", "--inspect", token], { folder });
    assertEquals(elsewhere.code, 1);
    assertStringIncludes(elsewhere.stdout, "bad: the signature was not checked");
    const old = await issueToken("anna", -60, SECRET);
    const late = await runProgram(["token", "--inspect", old], options);
    assertEquals(late.code, 1);
    assertStringIncludes(late.stdout, "bad: it has expired; make another: driftless token anna");
    const empty = await runProgram(["token", "--inspect=-"], options);
    assertEquals([empty.code, empty.stdout.includes("no JSON Web Token")], [1, true]);
    assertFailed(await runProgram(["token", "anna"], { folder, secret: "short" }), /at least 32/);
  }));
