/**
 * What `broken.c` does wrong, one case each, and what the client may see of it. A case costs its own
 * request: the next one on the same mount must be answered.
 */
import type { WasmMountOptions } from "../../../core/wasm_mount.ts";
import { type Outcome, same } from "../duty_world.ts";
import { type MountedHost, mountedHost } from "../mounted_host.ts";

/** One thing that a module does wrong, or that looks wrong and is not. */
interface BrokenCase {
  readonly path: string;
  readonly body?: string;
  /** What the client sees: statuses, and the text after the status where there are several words. */
  readonly sees: readonly string[];
}

/** What the mount of the broken module may use. Half the memory is free when it starts. */
export const BROKEN_LIMITS = {
  memoryBytes: 4 * 1024 * 1024,
  fuel: 20_000_000,
  fetchRounds: 5,
  queue: 1_000,
} as const;

/** Requests at once, after all that was broken. */
const GOOD_REQUESTS = 1_000;

const FAILED = ["500"];
const SENSELESS = ["502"];
const TOO_LONG = ["504"];
/** What `memory.grow` says when there is no more, as an unsigned number. */
const NOT_GROWN = "200 4294967295";

/** The cases. */
export const BROKEN_CASES: readonly BrokenCase[] = [
  { path: "zero", sees: SENSELESS },
  { path: "wild", sees: SENSELESS },
  { path: "last?left=64", sees: ["200 "] },
  { path: "last?left=65", sees: ["200 "] },
  { path: "last?left=63", sees: SENSELESS },
  { path: "last?left=1", sees: SENSELESS },
  { path: "last?left=0", sees: SENSELESS },
  { path: "length?is=4000000", sees: SENSELESS },
  { path: "length?is=2147483647", sees: SENSELESS },
  { path: "length?is=4294967292", sees: SENSELESS },
  { path: "length?is=4294967295", sees: SENSELESS },
  ...[1, 2, 3].flatMap((slot) =>
    ["0", "4294967295", "4194301", "2147483648"].map((is) => ({
      path: `pointer?slot=${slot}&is=${is}`,
      sees: SENSELESS,
    }))
  ),
  ...[0, 1, 2, 3].flatMap((slot) =>
    [1, 3, 5, 6, 7, 9, 255].map((is) => ({ path: `tag?slot=${slot}&is=${is}`, sees: SENSELESS }))
  ),
  { path: "tag?slot=0&is=0", sees: SENSELESS },
  { path: "tag?slot=0&is=4", sees: SENSELESS },
  { path: "tag?slot=1&is=8", sees: SENSELESS },
  { path: "tag?slot=1&is=0", sees: ["200 "] },
  { path: "tag?slot=2&is=8", sees: ["200 "] },
  // What stands beside a tag is padding.
  { path: "tag?slot=2&is=4294967044", sees: ["200 "] },
  ...["0", "1", "100", "101", "199", "600", "1000", "65736", "-2", "-3", "-2147483648"].map((
    is,
  ) => ({
    path: `status?is=${is}`,
    sees: SENSELESS,
  })),
  // A call to others, but none that has a number.
  { path: "status?is=-1", sees: SENSELESS },
  { path: "over", sees: ["200 "] },
  { path: "erase", sees: ["200 erased"] },
  ...[
    "X-A: 1\r\nX-Ok: 1\n",
    "X-A: a\rX-Evil: 1\nX-Ok: 1\n",
    "X-A: a\0\nX-Ok: 1",
    "no colon\nX-Ok: 1\n",
    ": no name\nX-Ok: 1\n",
    "X Y: 1\nX-Ok: 1\n",
    "X-ä: 1\nX-Ok: 1\n",
    "\n\n\nX-Ok: 1\n",
    "Content-Length: 99\nTransfer-Encoding: chunked\nConnection: close\nX-Ok: 1\n",
    "Content-Encoding: gzip\nX-Ok: 1\n",
  ].map((body) => ({ path: "header", body, sees: ["200 ok"] })),
  { path: "type", body: "text/plain\r\nX-Evil: 1", sees: ["200 ", "502"] },
  { path: "type", body: "text/plain\nX-Evil: 1", sees: ["200 ", "502"] },
  { path: "type", body: "\0", sees: ["200 ", "502"] },
  { path: "headers?bytes=65536", sees: ["200 "] },
  { path: "headers?bytes=65544", sees: SENSELESS },
  // The content type is one, too.
  { path: "headers?lines=255", sees: ["200 "] },
  { path: "headers?lines=256", sees: SENSELESS },
  { path: "grow?pages=0", sees: ["200 "] },
  { path: "grow?pages=1", sees: ["200 "] },
  { path: "grow?pages=4096", sees: [NOT_GROWN] },
  { path: "grow?pages=65535", sees: [NOT_GROWN] },
  ...Array.from({ length: 6 }, () => ({ path: "leak?bytes=1000000", sees: ["200 1", "200 0"] })),
  { path: "spin", sees: TOO_LONG },
  // The stack of the module ends before its fuel does, or the other way round.
  { path: "recurse", sees: ["500", "504"] },
  { path: "trap", sees: FAILED },
  { path: "divide", sees: FAILED },
  { path: "outside", sees: FAILED },
  { path: "forever", sees: TOO_LONG },
  ...["", "https://other.test/", "http://[::1]/", "\0", "https://a b/", "data:,x"].map((body) => ({
    path: "ask",
    body,
    sees: ["200 403"],
  })),
  ...["CONNECT", "TRACE", "G ET", "__", "__KV_GET"].map((method) => ({
    path: `ask?method=${encodeURIComponent(method)}`,
    body: "https://other.test/",
    sees: ["200 400", "200 403", "200 500"],
  })),
];

/** Runs all cases on one mount, then as many good requests at once; one outcome for each. */
export async function runBrokenCases(
  module: WebAssembly.Module | Uint8Array,
  mode: WasmMountOptions["mode"] = "pool",
): Promise<Outcome[]> {
  const host = mountedHost({ "/broken": { module, options: { limits: BROKEN_LIMITS, mode } } });
  const outcomes: Outcome[] = [];
  for (const it of BROKEN_CASES) {
    const title = `${mode} ${it.path} ${it.body ?? ""}`;
    try {
      await runCase(host, it);
      same(await host.tell("/broken/good?n=1"), "200 good 1");
      same(host.failures.filter((text) => !text.startsWith("WasmFault: ")), []);
      outcomes.push({ title, problem: null });
    } catch (error) {
      outcomes.push({ title, problem: `${error} ${host.failures.at(-1)}` });
    }
  }
  outcomes.push(await runTogether(host, `${mode}: good requests at once`, 0));
  outcomes.push(await runTogether(host, `${mode}: good requests among broken ones`, 8));
  host.close();
  return outcomes;
}

/** Many good requests at once; after so many of them each time a broken one, if any. */
async function runTogether(host: MountedHost, title: string, among: number): Promise<Outcome> {
  const asked = Array.from({ length: GOOD_REQUESTS }, async (_, n) => {
    const good = host.tell(`/broken/good?n=${n}`);
    const { path, body } = BROKEN_CASES[n / among] ?? {};
    if (path !== undefined) {
      await host.tell(`/broken/${path}`, body === undefined ? {} : { method: "POST", body });
    }
    return await good;
  });
  const wrong = (await Promise.all(asked)).filter((text, n) => text !== `200 good ${n}`);
  return { title, problem: wrong.length > 0 ? `${wrong.length}: ${wrong[0]}` : null };
}

async function runCase({ ask }: MountedHost, { path, body, sees }: BrokenCase): Promise<void> {
  const response = await ask(`/broken/${path}`, body === undefined ? {} : { method: "POST", body });
  const text = await response.text();
  const { headers, status } = response;
  same([headers.has("x-evil"), headers.has("content-length")], [false, false]);
  if (status >= 500) {
    // Nothing of what happened inside.
    const { code, error, ...rest } = JSON.parse(text);
    same([typeof code, typeof error, rest], ["string", "string", {}]);
    same([/\d|unreachable|RuntimeError|memory|fuel/.test(error), sees.includes(`${status}`)], [
      false,
      true,
    ]);
    return;
  }
  const wanted = path === "header"
    ? `200 ${headers.has("x-ok") ? "ok" : "not ok"}`
    : `${status} ${text}`;
  // How many pages there were, `grow` tells; the other words are the same each time.
  const seen = path.startsWith("grow") && /^200 \d{1,2}$/.test(wanted) ? "200 " : wanted;
  if (!sees.includes(seen)) throw new Error(`${JSON.stringify(seen)} is none of ${sees}`);
}
