/** Where a request goes, and who may come: what a worker decides before it asks an object. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { createWorker } from "../../edge/workers.ts";
import { island } from "../../ui/live_ui.ts";
import { DriftlessError } from "../../core/errors.ts";
import { PUSH_BATCH_MAX } from "../../core/limits.ts";
import { ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { requestOf } from "../core/reconcile_request.ts";
import {
  durableMount,
  joinAnswers,
  pushParts,
  scopeOfBody,
  splitTicket,
  withMounts,
  withTicket,
} from "../../edge/workers/routing.ts";
import { OWN_ORIGINS_MAX } from "../../edge/arriving_admission.ts";
import { objectsOf, WorkerAdmission } from "../../edge/workers/worker_options.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const SECRET = "0123456789abcdef0123456789abcdef";

Deno.test("a body tells its scope, and none means the default one", () => {
  assertEquals(scopeOfBody("/_sync/pull", bytes({ scope: "s" })), "s");
  for (const body of [bytes({}), bytes({ scope: "" }), bytes({ scope: null }), new Uint8Array()]) {
    assertEquals(scopeOfBody("/_sync/pull", body), "_default");
    assertEquals(scopeOfBody("/_live/ticket", body), "_default");
  }
  for (const body of [bytes([]), Uint8Array.of(0xff), Uint8Array.of(0x7b), bytes({ scope: 7 })]) {
    assertEquals(scopeOfBody("/_live/ticket", body), "_default");
  }
  assertEquals(scopeOfBody("/_live/ticket", bytes({ scope: "s" })), "s");
  const request = ReconcileRequest.encode({ ...ReconcileRequest.decode(requestOf()), scope: "s" });
  assertEquals(scopeOfBody("/_sync/reconcile", request), "s");
  for (
    const [path, body, code] of [
      ["/_sync/pull", bytes([]), "malformed"],
      ["/_sync/pull", Uint8Array.of(0xff), "malformed"],
      ["/_sync/pull", new TextEncoder().encode("{"), "malformed"],
      ["/_sync/pull", bytes({ scope: 7 }), "invalid_mutation"],
      ["/_sync/pull", bytes({ scope: 7, more: "x".repeat(16 * 1024 + 1) }), "malformed"],
      ["/_sync/pull", bytes({ scope: "x".repeat(129) }), "invalid_mutation"],
      ["/_sync/reconcile", Uint8Array.of(0xff), "malformed"],
    ] as const
  ) {
    const error = assertThrows(() => scopeOfBody(path, body), DriftlessError);
    assertEquals(error.code, code);
  }
});

Deno.test("a push is split by scope, and what cannot be read goes with the first", () => {
  const mutations = [{ scope: 7 }, { id: "a", scope: "s" }, 5, { id: "b" }, {
    id: "c",
    scope: "s",
  }];
  const parts = pushParts(bytes({ mutations, app_version: 3 }));
  assertEquals(parts.map(({ scope, places }) => [scope, [...places]]), [
    ["s", [0, 1, 2, 4]],
    ["_default", [3]],
  ]);
  assertEquals(JSON.parse(parts[1]?.text ?? ""), { mutations: [{ id: "b" }], app_version: 3 });
  assertEquals(pushParts(bytes({ mutations: [null] }))[0]?.scope, "_default");
  for (const count of [0, 1, PUSH_BATCH_MAX - 1, PUSH_BATCH_MAX, PUSH_BATCH_MAX + 1]) {
    const push = () => pushParts(bytes({ mutations: Array.from({ length: count }, () => ({})) }));
    if (count > 0 && count <= PUSH_BATCH_MAX) assertEquals(push()[0]?.places.length, count);
    else assertEquals(assertThrows(push, DriftlessError).code, "invalid_mutation");
  }
});

Deno.test("one part's answer is the answer, and of several the first refusal", async () => {
  const mutations = [{ scope: "a" }, { scope: "b" }, { scope: "a" }];
  const parts = pushParts(bytes({ mutations }));
  const a = () => Response.json({ results: [1, 3], epoch: "x" });
  const b = () => Response.json({ results: [2], epoch: "y" });
  const joined = await joinAnswers(parts, [a(), b()]);
  assertEquals(await joined.json(), { results: [1, 2, 3] });
  const single = a();
  assertEquals(await joinAnswers(parts.slice(0, 1), [single]), single);
  const full = Response.json({ code: "unavailable" }, { status: 503 });
  const failed = await joinAnswers(parts, [a(), full]);
  assertEquals([failed, (await failed.json()).code], [full, "unavailable"]);
});

Deno.test("a ticket names its object's scope, whatever letters that has", async () => {
  for (const scope of ["s", "\u{1f600} a/b?c=d.e&f", "_default"]) {
    const answer = await withTicket(Response.json({ ticket: "abc", app_version: 2 }), scope);
    const { ticket, app_version: version } = await answer.json();
    assert(/^[\w-]+\.abc$/.test(ticket), ticket);
    assertEquals([splitTicket(ticket), version], [{ scope, ticket: "abc" }, 2]);
  }
  const refusal = Response.json({ code: "unauthenticated" }, { status: 401 });
  assertEquals(await withTicket(refusal, "s"), refusal);
  await refusal.body?.cancel();
  for (const text of [null, "", "abc", ".abc", "cw.", "!.abc", "_w.abc", "AA.abc"]) {
    assertEquals(assertThrows(() => splitTicket(text), DriftlessError).code, "unauthenticated");
  }
});

Deno.test("without a secret only this machine may ask, and a short secret is none", () => {
  const open = new WorkerAdmission({}, {});
  for (const host of ["localhost:8787", "127.0.0.1", "[::1]:80"]) {
    open.meet(new URL(`http://${host}/`));
  }
  for (const host of ["notes.example", "127.0.0.1.example", "localhost.example", "10.0.0.1"]) {
    assertThrows(() => open.meet(new URL(`http://${host}/`)), TypeError, "DRIFTLESS_SECRET");
  }
  for (const length of [31, 32, 33]) {
    const make = () => new WorkerAdmission({}, { DRIFTLESS_SECRET: "x".repeat(length) });
    if (length < 32) assertThrows(make, TypeError, "fewer than 32");
    else assertEquals(make().open, false);
  }
  const own = new WorkerAdmission({ authenticate: () => Promise.reject(new Error()) }, {});
  own.meet(new URL("https://notes.example"));
  assertEquals(own.open, false);
  assertThrows(() => objectsOf({ binding: "ROOMS" }, {}), TypeError, `"ROOMS"`);
});

Deno.test("a worker knows the newest of its own origins, and never forgets the given ones", () => {
  const admission = new WorkerAdmission(
    { origins: ["https://a.example", "https://b.example"] },
    { DRIFTLESS_SECRET: SECRET },
  );
  for (let i = 1; i <= OWN_ORIGINS_MAX + 1; i++) {
    admission.meet(new URL(`https://${i}.example/path`));
    admission.meet(new URL(`https://${i}.example/other`));
    const { origins } = admission;
    assertEquals(origins.slice(0, 2), ["https://a.example", "https://b.example"]);
    assertEquals(origins.length, 2 + Math.min(i, OWN_ORIGINS_MAX));
    assertEquals(origins.at(-1), `https://${i}.example`);
  }
  assert(!admission.origins.includes("https://1.example"));
});

Deno.test("an island of another scope than the default one is refused at the start", () => {
  class Board {}
  const template = "<p></p>";
  const withIsland = (scope: string) =>
    defineApp({
      name: "boards",
      collections: {},
      islands: { board: island(Board, { template, syncScope: scope }) },
    });
  createWorker(withIsland("_default"));
  assertThrows(() => createWorker(withIsland("team")), TypeError, `it reads the scope "team"`);
});

Deno.test("the nearest mount decides whether a path is one of a module that keeps state", () => {
  const module = new Uint8Array();
  const app = defineApp({ name: "modules", collections: {} })
    .wasm("/a", module, { mode: "durable" })
    .wasm("/a/pool", module);
  const answers = ["/a", "/a/b", "/a/pool", "/a/pool/x", "/ab", "/_live", "/"];
  assertEquals(answers.filter((path) => durableMount(app, path)), ["/a", "/a/b"]);
  app.wasm("/", module, { mode: "durable" });
  assertEquals(answers.filter((path) => durableMount(app, path)), ["/a", "/a/b", "/ab", "/"]);
  const { mounts } = withMounts(app, ({ options }) => options.mode === "durable");
  assertEquals([...mounts.keys()], ["/a", "/"]);
});
