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
  const asked = async (title: string, path: string, init: RequestInit, wanted: string) => {
    try {
      same(await host.tell(path, init), wanted);
      return { title, problem: null };
    } catch (error) {
      return { title, problem: `${error} ${host.failures}` };
    }
  };
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
  ];
  host.close();
  return outcomes;
}
