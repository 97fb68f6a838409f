/** What a server on Deno Deploy may be told. */
import type { Admission } from "../admission.ts";
import type { Asset } from "../handler.ts";
import type { Templates } from "../island_templates.ts";
import type { KvConnection } from "../kv/connection.ts";
import type { Log } from "../log.ts";

/** What Deno tells of a request beside it. */
export interface DeployInfo {
  /** Who sent it. */
  readonly remoteAddr?: { readonly hostname?: string } | undefined;
}

/** Options of `createDeploy`. */
export interface DeployOptions {
  /**
   * The app file, as `import.meta.resolve("./app.ts")` names it: pages are the files of the folder
   * `public` beside it, templates of islands those of `templates`. Without it there are none.
   */
  readonly appFile?: string | URL;
  /** The database; it is left open. @default {await Deno.openKv()} */
  readonly kv?: KvConnection;
  /** Further files by path, beside what browsers load of Driftless itself. */
  readonly assets?: Readonly<Record<string, Asset>>;
  /** Templates of islands by name, in place of those beside the app file. */
  readonly templates?: Templates;
  /** Origins besides the server's own whose pages may use it. */
  readonly origins?: readonly string[];
  /** Who it is, in place of tokens that `DRIFTLESS_SECRET` signs. */
  readonly authenticate?: Admission["authenticate"];
  /** Hears of failures, and of what an operator wants to know. @default {lines on the console} */
  readonly log?: Log;
  /** What `/healthz` tells of the program's version. */
  readonly version?: string;
}
