/** The example handlers: what they answer, and that the committed modules are of their sources. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { HANDLERS, hashIn, sourceHash } from "../../scripts/build_handlers.ts";
import { ROOT } from "../../scripts/steps.ts";
import { Prng } from "../sim/prng.ts";
import { type MountedHost, mountedHost } from "./mounted_host.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";

/** What a newcomer should be able to look through, in bytes. */
const EXAMPLE_BYTES_MAX = 10_240;

async function examples(): Promise<MountedHost> {
  const read = async (name: string) => ({
    module: await Deno.readFile(join(ROOT, "wasm", "handlers", `${name}.wasm`)),
  });
  return mountedHost({
    "/stats": await read("stats"),
    "/negotiate": await read("negotiate"),
    "/text": await read("text"),
  });
}

Deno.test("every committed module was built from the sources as they are", async () => {
  for (const handler of HANDLERS) {
    const module = new WebAssembly.Module(await Deno.readFile(join(ROOT, handler.output)));
    const stale = `${handler.output} is stale: run deno task handlers`;
    assertEquals(hashIn(module), await sourceHash(handler), stale);
  }
});

Deno.test("the hash of a module's sources differs when a source or an option does", async () => {
  const hashes = await Promise.all(HANDLERS.map(sourceHash));
  assertEquals(new Set(hashes).size, HANDLERS.length);
  const [stats, negotiate] = HANDLERS;
  assert(stats !== undefined && negotiate !== undefined);
  assert(await sourceHash({ ...stats, compiler: "zig" }) !== hashes[0]);
});

Deno.test("the example handlers are small, import nothing, and are all in the README", async () => {
  const readme = await Deno.readTextFile(join(ROOT, "wasm", "handlers", "README.md"));
  for (const { output, sources } of HANDLERS) {
    if (!output.startsWith("wasm/")) continue;
    const bytes = await Deno.readFile(join(ROOT, output));
    assert(bytes.length <= EXAMPLE_BYTES_MAX, output);
    assertEquals(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
    for (const path of [output, ...sources]) assert(readme.includes(path.split("/").at(-1) ?? ""));
  }
});

Deno.test("stats agrees with JavaScript on any list of numbers", async () => {
  const host = await examples();
  for (let seed = 1; seed <= 60; seed++) {
    const prng = new Prng(seed);
    const scale = 10 ** prng.between(-6, 9);
    const numbers = Array.from(
      { length: prng.between(1, 200) },
      () => prng.chance(0.2) ? prng.between(-99, 99) : (prng.float() - 0.5) * scale,
    );
    const body = prng.chance(0.5) ? JSON.stringify(numbers) : numbers.join("\r\n");
    const seen = await (await host.ask("/stats", { method: "POST", body })).json();
    const sum = numbers.reduce((total, it) => total + it, 0);
    const mean = sum / numbers.length;
    const variance = numbers.reduce((total, it) => total + (it - mean) ** 2, 0) / numbers.length;
    const wanted: Record<string, number> = {
      count: numbers.length,
      sum,
      mean,
      min: Math.min(...numbers),
      max: Math.max(...numbers),
      variance,
      stddev: Math.sqrt(variance),
    };
    assertEquals(Object.keys(seen), Object.keys(wanted));
    const size = Math.max(...numbers.map(Math.abs));
    for (const [name, value] of Object.entries(wanted)) {
      const unit = name === "variance"
        ? size * size
        : name === "sum"
        ? size * numbers.length
        : size;
      assertAlmostEquals(seen[name], value, unit * 1e-12 + 1e-300, `${name}, seed ${seed}`);
    }
  }
  host.close();
});

Deno.test("G13: the variance of close numbers far from zero is what it is", async () => {
  const host = await examples();
  const body = [4, 7, 13, 16].map((it) => it + 1e9).join();
  const seen = await (await host.ask("/stats", { method: "POST", body })).json();
  assertEquals([seen.variance, seen.mean, seen.sum], [22.5, 1_000_000_010, 4_000_000_040]);
  assertAlmostEquals(seen.stddev, Math.sqrt(22.5), 1e-12);
  host.close();
});

Deno.test("stats reads every way to write a number, and tells what it cannot read", async () => {
  const host = await examples();
  const post = (body: string) => host.tell("/stats", { method: "POST", body });
  const seen = await post("[1e3, -2.5E-1;+.5\t7.\n0.000125 123456789012345678901234567890]");
  assertEquals(JSON.parse(seen.slice(4)).count, 6);
  assertAlmostEquals(JSON.parse(seen.slice(4)).max, 123456789012345678901234567890, 1e16);
  assertEquals(JSON.parse(seen.slice(4)).min, -0.25);
  assertEquals(await post("[]"), '422 {"error":"Cannot tell: there are no numbers"}');
  assertEquals(await post("1, two"), '400 {"error":"Cannot read the number at byte 3"}');
  assertEquals(await post("1e"), '400 {"error":"Cannot read the number at byte 0"}');
  assertEquals((await host.ask("/stats")).headers.get("allow"), "POST");
  assertEquals((await host.ask("/stats")).status, 405);
  host.close();
});

Deno.test("negotiate answers in the form that the caller likes best", async () => {
  const host = await examples();
  const typeFor = async (accept: string) => {
    const response = await host.ask("/negotiate?a=1", { headers: { accept } });
    assertEquals(response.headers.get("vary"), "Accept");
    return `${response.status} ${response.headers.get("content-type")?.split(";")[0]}`;
  };
  assertEquals(await typeFor("*/*"), "200 application/json");
  assertEquals(await typeFor("text/html"), "200 text/html");
  assertEquals(await typeFor("text/html;q=0.5, text/plain;q=0.7"), "200 text/plain");
  assertEquals(await typeFor("text/html;q=0.999,text/plain;q=1.0"), "200 text/plain");
  assertEquals(await typeFor("image/png, text/*;q=0.1"), "200 text/plain");
  assertEquals(await typeFor("image/png"), "406 text/plain");
  assertEquals(await typeFor("text/html;q=0"), "406 text/plain");
  host.close();
});

Deno.test("negotiate tells what it was sent, whatever it was", async () => {
  const host = await examples();
  const body = 'a "quoted" \\ <b>&\u0001\n ä 😀';
  const sent = { method: "POST", body };
  const json = await (await host.ask("/negotiate/deep?x=1&y", sent)).json();
  assertEquals(json, { method: "POST", path: "/negotiate/deep", query: "x=1&y", body });
  const html = await host.tell("/negotiate", { ...sent, headers: { accept: "text/html" } });
  assert(html.includes("&lt;b&gt;&amp;") && !html.includes("<b>"));
  const plain = await host.tell("/negotiate", { headers: { accept: "text/plain" } });
  assertEquals(plain, "200 method: GET\npath: /negotiate\nquery: \nbody: \n");
  assertEquals((await host.ask("/negotiate", { method: "DELETE" })).status, 405);
  host.close();
});

Deno.test("text changes what it is given, in the query or as a body", async () => {
  const host = await examples();
  const post = (path: string, body: string) => host.tell(path, { method: "POST", body });
  assertEquals(await host.tell("/text/crc32?text=123456789"), "200 cbf43926");
  assertEquals(await post("/text/crc32", ""), "200 00000000");
  assertEquals(await host.tell("/text/upper?a=b&text=hello+gomode%21%2"), "200 HELLO GOMODE!%2");
  assertEquals(await post("/text/reverse", "añb😀"), "200 😀bña");
  const long = "abc".repeat(100_000);
  assertEquals(await post("/text/upper", long), `200 ${long.toUpperCase()}`);
  assertEquals((await host.ask("/text/other")).status, 404);
  host.close();
});

Deno.test("the example handlers answer hostile requests, and stay the size they are", async () => {
  const host = await examples();
  const bodies = [
    "",
    "\0",
    "%",
    "[".repeat(5000),
    "9".repeat(5000),
    "1e99999",
    "\xff\xfe",
    "é".repeat(999),
  ];
  for (
    const path of [
      "/stats",
      "/negotiate?%",
      "/text/reverse?text=%",
      "/text/upper",
      "/text/crc32?=&&=",
    ]
  ) {
    for (const body of bodies) {
      assert((await host.ask(path, { method: "POST", body })).status < 500);
      assert((await host.ask(path, { headers: { accept: encodeURI(body) } })).status < 500);
    }
  }
  assertEquals(host.failures, []);
  host.close();
});

Deno.test("the example handlers answer on Bun and on workerd", async () => {
  const onBun = await bunReport("examples");
  assertEquals(onBun.map(({ problem }) => problem), [null, null, null, null]);
  const onWorkerd = await workerdReport("examples", await Deno.readFile(BROKEN));
  assertEquals(onWorkerd.map(({ problem }) => problem), [null, null, null, null]);
});
