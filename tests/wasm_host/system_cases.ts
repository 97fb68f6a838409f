/** An ordinary C program as a handler: it starts, and has a system with files; on every runtime. */
import type { WasmBindings, WasmFiles, WasmMode } from "../../core/wasm_mount.ts";
import type { Outcome } from "./duty_world.ts";
import { type MountedHost, mountedHost } from "./mounted_host.ts";

/** A host with the program, and the files that outlast it. */
interface SystemWorld {
  readonly host: MountedHost;
  readonly files: Map<string, string>;
}

const CASES: Readonly<Record<string, (world: SystemWorld) => Promise<void>>> = {
  "a C library's module is started once, and tells the time": async ({ host }) => {
    expect(await host.tell("/system/starts"), "200 once");
    expect(await host.tell("/system/system"), "200 slept dated hello");
  },
  "its files in /tmp are written and read": async ({ host }) => {
    expect(await host.tell("/system/tmp"), "200 x");
  },
  "G9: its files in /data outlast an instance, and are appended to": async ({ host, files }) => {
    for (const text of ["x", "xx", "xxx"]) expect(await host.tell("/system/data"), `200 ${text}`);
    files.set("notes/other", "");
    expect(await host.tell("/system/list"), "200 a other ");
    expect(JSON.stringify([...files]), '[["notes/a","xxx"],["notes/other",""]]');
  },
  "G10: a file that it never read is renamed, and deleted": async ({ host, files }) => {
    files.set("notes/a", "kept elsewhere");
    expect(await host.tell("/system/move"), "200 ");
    expect(JSON.stringify([...files]), '[["notes/b","kept elsewhere"]]');
    expect(await host.tell("/system/remove"), "200 remove: No such file or directory");
    files.set("notes/a", "new");
    expect(await host.tell("/system/remove"), "200 ");
    expect([...files.keys()].join(), "notes/b");
  },
  "G10: it does not get out of its folders": async ({ host }) => {
    const answer = await host.tell("/system/escape");
    expect(/^200 show: (?:Capabilities insufficient|No such file)/.test(answer), true, answer);
  },
  "G14: it has digests, codes and ciphers of the host's": async ({ host }) => {
    expect(
      await host.tell("/system/digest"),
      "200 ba7816bf cf83e135 5d5d1395 sealed cea7403d read refused",
    );
  },
  "a digest of bytes that are not there costs its own request": async ({ host }) => {
    expect((await host.tell("/system/outside")).slice(0, 4), "500 ");
    expect(await host.tell("/system/tmp"), "200 x");
  },
  "a module that ends itself costs its own request": async ({ host }) => {
    expect((await host.tell("/system/exit")).slice(0, 4), "500 ");
    expect(await host.tell("/system/tmp"), "200 x");
  },
};

/** Runs every case in a world of its own, with an instance a request and with one for all. */
export async function runSystemCases(module: WebAssembly.Module | Uint8Array): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [name, run] of Object.entries(CASES)) {
    for (const mode of ["instance", "durable"] as const) {
      const world = systemWorld(module, mode);
      let problem: string | null = null;
      try {
        await run(world);
      } catch (error) {
        problem = `${error instanceof Error ? error.message : error}; ${world.host.failures}`;
      } finally {
        world.host.close();
      }
      outcomes.push({ title: `${name} (${mode})`, problem });
    }
  }
  return outcomes;
}

function systemWorld(module: WebAssembly.Module | Uint8Array, mode: WasmMode): SystemWorld {
  const files = new Map<string, string>();
  const bindings: WasmBindings = { env: { GREETING: "hello" }, files: keptIn(files) };
  const options = { mode, bindings };
  return { files, host: mountedHost({ "/system": { module, options } }) };
}

function keptIn(files: Map<string, string>): WasmFiles {
  return {
    list: () => Promise.resolve([...files].map(([path, text]) => ({ path, size: text.length }))),
    get(path) {
      const text = files.get(path);
      return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
    },
    put(path, bytes) {
      files.set(path, new TextDecoder().decode(bytes));
      return Promise.resolve();
    },
    delete(path) {
      files.delete(path);
      return Promise.resolve();
    },
  };
}

function expect(actual: unknown, expected: unknown, shown = actual): void {
  if (actual !== expected) throw new Error(`got ${shown}, expected ${expected}`);
}
