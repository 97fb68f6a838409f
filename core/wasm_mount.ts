/** Modules of WebAssembly that answer requests: what an app says of them. Servers run them. */

/**
 * How long an instance of a module lives. `pool`: as many as are needed, each for one request at a
 * time, then for the next. `instance`: a new one for every request. `durable`: one for all, which
 * keeps its memory and takes requests and WebSocket messages in turn.
 */
export type WasmMode = "pool" | "instance" | "durable";

/** What a module may use; what is not named has the server's defaults. */
export interface WasmLimits {
  /** Bytes of linear memory of one instance. An instance that ends a request above is dropped. */
  readonly memoryBytes: number;
  /** Instructions of one request, about, in modules that count them. */
  readonly fuel: number;
  /** Bytes of one request as the module gets it: target, headers and body. More is status 413. */
  readonly requestBytes: number;
  /** Bytes of one response. More is status 502. */
  readonly responseBytes: number;
  /** Outbound requests of one request. */
  readonly fetchRounds: number;
  /** Bytes of the answers to all outbound requests of one request. */
  readonly fetchBytes: number;
  /** How long all outbound requests of one request may take, in milliseconds. */
  readonly fetchMs: number;
  /** Instances alive at once. */
  readonly instances: number;
  /** How long a request waits for an instance, in milliseconds; then status 503. */
  readonly queueMs: number;
  /** Requests that wait for an instance. One more is status 503 at once. */
  readonly queue: number;
}

/** A store of values by key for a module; such as a namespace of Workers KV. */
export interface WasmKv {
  /** The value, or `null` when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /** Keeps a value. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Forgets a value, if there is one. */
  delete(key: string): Promise<void>;
  /** Every key that begins so. */
  list(prefix: string): Promise<readonly string[]>;
}

/** A file that outlasts the instances of a module. */
export interface WasmStoredFile {
  /** Without a slash at its begin: `notes/today.txt`. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Changes with the file; without one the file is fetched anew for each request that reads it. */
  readonly version?: string;
}

/** What keeps the files of a module's folder `/data`; such as a bucket. */
export interface WasmFiles {
  /** Every file. */
  list(): Promise<readonly WasmStoredFile[]>;
  /** The file, or `undefined` when there is none. */
  get(path: string): Promise<Uint8Array | undefined>;
  /** Keeps a file, in place of one of that path. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  /** Forgets a file, if there is one. */
  delete(path: string): Promise<void>;
}

/** Outbound requests of a module. */
export interface WasmFetchBinding {
  /**
   * Hosts: `api.example.com`, `*.example.com` for all below, or `*`, with `:PORT` where it is not the
   * usual one and `https://` where http is not allowed.
   */
  readonly allow: readonly string[];
  /** Lets the module reach addresses of private networks and of this machine. @default {false} */
  readonly privateAddresses?: boolean;
  /**
   * Every address of a host name, so that names of private addresses are found out. Without it the
   * system is asked, where there is a way to, unless `fetch` is given.
   */
  readonly lookup?: (hostname: string) => Promise<readonly string[]>;
  /** Sends them; redirects are followed by the host, hop by hop. @default {globalThis.fetch} */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** What a module can reach. Nothing, unless it is given. */
export interface WasmBindings {
  /** Answers the module's calls of `__KV_GET`, `__KV_PUT`, `__KV_DELETE` and `__KV_LIST`. */
  readonly kv?: WasmKv;
  /** Lets the module make requests. */
  readonly fetch?: WasmFetchBinding;
  /** Keeps the files of `/data`, for modules that use WASI. Their `/tmp` ends with the instance. */
  readonly files?: WasmFiles;
  /** What the module finds in its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The compiled `wasm/columns.wasm`, for a module on Workers that imports `driftless_columns`: other
   * runtimes have it already, and without it these functions are as slow as JavaScript.
   */
  readonly columns?: WebAssembly.Module;
}

/** How a module is mounted. */
export interface WasmMountOptions {
  /** How long its instances live. @default {"pool"} */
  readonly mode?: WasmMode;
  /** Other limits than the server's defaults. */
  readonly limits?: Partial<WasmLimits>;
  /** What the module can reach. */
  readonly bindings?: WasmBindings;
}

/** A module at its path. */
export interface WasmMount {
  /** Requests of this path and of all below it are the module's. */
  readonly path: string;
  /** Compiled, or as bytes. Workers take compiled ones only. */
  readonly module: WebAssembly.Module | Uint8Array<ArrayBuffer>;
  /** As they were given. */
  readonly options: WasmMountOptions;
}
