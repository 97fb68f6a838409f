/** The example handlers, asked once each: a sign of life for every runtime. */
import { type Outcome, same } from "./duty_world.ts";
import { mountedHost } from "./mounted_host.ts";

/** The modules of `wasm/handlers/`. */
export interface Examples {
  readonly stats: WebAssembly.Module | Uint8Array;
  readonly negotiate: WebAssembly.Module | Uint8Array;
  readonly text: WebAssembly.Module | Uint8Array;
}

/** Asks each of them. */
export async function runExamples({ stats, negotiate, text }: Examples): Promise<Outcome[]> {
  const host = mountedHost({
    "/stats": { module: stats },
    "/negotiate": { module: negotiate },
    "/text": { module: text },
  });
  const tried = async (title: string, run: () => Promise<void>) => {
    try {
      await run();
      return { title, problem: null };
    } catch (error) {
      return { title, problem: `${error} ${host.failures}` };
    }
  };
  const asked = (title: string, path: string, init: RequestInit, wanted: string) =>
    tried(title, async () => same(await host.tell(path, init), wanted));
  const numbers = { method: "POST", body: "[4, 7, 13, 16]" };
  const told = '{"count":4,"sum":40,"mean":10,"min":4,"max":16,"variance":22.5,"stddev":';
  const accept = { headers: { accept: "text/plain" } };
  const outcomes = [
    await asked("stats, in C", "/stats", numbers, `200 ${told}4.74341649025257}`),
    await asked(
      "negotiate, in AssemblyScript",
      "/negotiate/a?b=c",
      accept,
      "200 method: GET\npath: /negotiate/a\nquery: b=c\nbody: \n",
    ),
    await asked("text, in Zig", "/text/crc32?text=123456789", {}, "200 cbf43926"),
    await tried(
      "the headers of a response are its own, though they come again and again",
      async () => {
        const before = Object.fromEntries((await host.ask("/negotiate/", accept)).headers);
        const changed = await host.ask("/negotiate/", accept);
        changed.headers.set("content-type", "text/other");
        changed.headers.append("set-cookie", "a=1");
        const after = Object.fromEntries((await host.ask("/negotiate/", accept)).headers);
        same(JSON.stringify(after), JSON.stringify(before));
        same(before["x-content-type-options"], "nosniff");
      },
    ),
  ];
  host.close();
  return outcomes;
}
