/**
 * Random requests reach a module byte for byte: whatever their size, in whatever order, ASCII or not.
 * `WASM_FUZZ_REQUESTS` asks for more of them, `WASM_FUZZ_SEED` for others.
 */
import { assertEquals } from "@std/assert";
import { Prng } from "../sim/prng.ts";
import { mountedHost } from "./mounted_host.ts";
import { DUTIES } from "./runtimes.ts";

const COUNT = Number(Deno.env.get("WASM_FUZZ_REQUESTS") ?? 2_000);
const SEED = Number(Deno.env.get("WASM_FUZZ_SEED") ?? 20_261_121);

Deno.test("random requests reach a module byte for byte", async () => {
  const module = await Deno.readFile(DUTIES);
  const host = mountedHost({
    "/pool": { module },
    "/one": { module, options: { mode: "durable" } },
  });
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const prng = new Prng(seed);
    const mount = prng.pick(["/pool", "/one"]);
    const query = encodeURI(textFrom(prng, lengthFrom(prng, 2_000))).replaceAll("#", "%23");
    const method = prng.pick(["GET", "POST", "PUT", "PATCH", "DELETE"]);
    const headers = headersFrom(prng);
    const body = new Uint8Array(prng.bytes(lengthFrom(prng, 40_000)));
    const init = { method, headers, ...(method === "GET" ? {} : { body }) };
    const what = `seed ${seed}`;

    const echoed = await host.ask(`${mount}/echo?${query}`, init);
    const wanted = method === "GET" ? new Uint8Array() : body;
    assertEquals(new Uint8Array(await echoed.arrayBuffer()), wanted, what);
    assertEquals(echoed.headers.get("content-type"), headers.get("content-type"), what);

    // The module hands on the bytes as they are in its memory.
    const lines = new Uint8Array(await (await host.ask(`${mount}/lines`, init)).arrayBuffer());
    assertEquals(String.fromCharCode(...lines), linesOf(headers), what);

    const target = `/echo?${query}`;
    const seen = await host.ask(`${mount}/reflect?${query}`, { headers: { "x-custom": "a" } });
    const { query: found } = await seen.json();
    assertEquals(found, new URL(`http://localhost${target}`).search.slice(1), what);
  }
  assertEquals(host.failures, []);
  host.close();
});

Deno.test("what a module sees of a request has nothing of the one before", async () => {
  const host = mountedHost({
    "/one": { module: await Deno.readFile(DUTIES), options: { mode: "durable" } },
  });
  for (const length of [30_000, 8_000, 100, 0, 60_000, 1]) {
    const secret = "secret".repeat(Math.ceil(length / 6)).slice(0, length);
    await host.tell("/one/reflect", {
      method: "POST",
      body: secret,
      headers: { "x-custom": "mine" },
    });
    const next = await host.tell("/one/reflect");
    assertEquals(/secret|mine/.test(next), false);
    assertEquals(await host.tell("/one/slots"), "200 4 4 4 4 0:0 0:0 0:0 0:0 0:0 0:0");
  }
  host.close();
});

/** Mostly short, sometimes none, sometimes as long as it may be. */
function lengthFrom(prng: Prng, max: number): number {
  if (prng.chance(0.1)) return 0;
  return prng.chance(0.2) ? prng.between(0, max) : prng.between(0, 40);
}

function textFrom(prng: Prng, length: number): string {
  const isPlain = prng.chance(0.5);
  const points = Array.from(
    { length },
    () => isPlain ? prng.between(0x21, 0x7e) : prng.pick([0x61, 0xe4, 0x20ac, 0x1f600]),
  );
  return String.fromCodePoint(...points);
}

/** Headers as a client may send them: bytes from 0x80 on as well. */
function headersFrom(prng: Prng): Headers {
  const headers = new Headers({ "content-type": prng.pick(["text/plain", "a/b", "x/y; z=1"]) });
  for (let left = prng.between(0, 6); left > 0; left--) {
    const isPlain = prng.chance(0.7);
    const units = Array.from(
      { length: 1 + lengthFrom(prng, 1_000) },
      () => isPlain ? prng.between(0x21, 0x7e) : prng.between(0xa1, 0xff),
    );
    headers.append(`x-${prng.between(0, 20)}`, String.fromCharCode(...units));
  }
  return headers;
}

function linesOf(headers: Headers): string {
  let lines = "";
  headers.forEach((value, name) => lines += `${name}: ${value}\n`);
  return lines;
}
