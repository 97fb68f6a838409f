/**
 * The folder `/data` of a module: files that are kept elsewhere, and outlast the instance.
 *
 * A module reads files synchronously, and what keeps them answers later. So the names and sizes are
 * known from the beginning, and a file that the module reads and that is not here yet is noted: the
 * read fails with `EAGAIN`, the run is thrown away with all that it wrote, the file is fetched, and
 * the module runs again. What a run that needed nothing more has changed is stored before its
 * response is sent: first what was written, then what was deleted, so that no crash loses a file
 * that was renamed.
 *
 * Empty folders are not kept. What two instances write at the same time, the later one decides, file
 * by file.
 */
import type { WasmFiles } from "../../core/wasm_mount.ts";
import { WasmFault } from "./fault.ts";
import { type FileNode, FileTree, type FolderNode } from "./file_tree.ts";

/** Bytes that the files of `/data` may have in memory, with their names. */
export const DATA_BYTES_MAX = 32 * 1024 * 1024;
/** How often one request is run again for files that it needs. */
export const DATA_ROUNDS_MAX = 50;
/** How long what keeps the files may take for one request, in milliseconds, where nobody says. */
export const DATA_MS_MAX = 30_000;

/** How long a request waits for what keeps the files. */
export interface DataPatience {
  /** Milliseconds, all of it together. */
  readonly msMax: number;
  /** Aborts when nobody waits any more: nothing is fetched then, but what was begun is stored. */
  readonly signal?: AbortSignal | undefined;
}

/** What is known of a file that is kept. */
interface Known {
  readonly size: number;
  readonly version: string | undefined;
  readonly bytes: Uint8Array | undefined;
}

/** The files of one instance. */
export class DataFiles {
  readonly #files: WasmFiles;
  readonly #now: () => number;
  readonly #bytesMax: number;
  readonly #missed = new Set<string>();
  #known: ReadonlyMap<string, Known> = new Map();
  /** Those of `#known` that the run could see: others are not the module's to delete. */
  #shown: readonly string[] = [];
  #tree: FileTree;

  constructor(files: WasmFiles, now: () => number, bytesMax: number = DATA_BYTES_MAX) {
    this.#files = files;
    this.#now = now;
    this.#bytesMax = bytesMax;
    this.#tree = this.#build();
  }

  /** Changes with each run: descriptors of an older one lead nowhere. */
  get tree(): FileTree {
    return this.#tree;
  }

  /** Whether the run needed a file that was not here: its result is worth nothing. */
  get isMissing(): boolean {
    return this.#missed.size > 0;
  }

  /**
   * Runs `work` until it needs nothing more, and stores what it changed.
   *
   * `work` is one call of the module; what it does outside of `/data` may be done several times.
   *
   * @throws {TypeError} when it needs files again and again
   * @throws {WasmFault} `wasm_timeout` when what keeps them takes too long
   * @throws what the signal was aborted with
   */
  async settle<T>(
    work: () => T | Promise<T>,
    { msMax, signal }: DataPatience = { msMax: DATA_MS_MAX },
  ): Promise<T> {
    let msLeft = msMax;
    const wait = async <U>(answer: Promise<U>, signal?: AbortSignal) => {
      const started = performance.now();
      try {
        return await within(answer, msLeft, signal);
      } finally {
        msLeft -= performance.now() - started;
      }
    };
    await wait(this.#list(), signal);
    for (let round = 0; round < DATA_ROUNDS_MAX; round += 1) {
      this.#missed.clear();
      this.#tree = this.#build();
      let outcome: { readonly value: T } | { readonly error: unknown };
      try {
        outcome = { value: await work() };
      } catch (error) {
        outcome = { error };
      }
      // A module that fails for want of a file has not failed.
      if (this.isMissing) {
        await wait(this.#fetch(), signal);
        continue;
      }
      if ("error" in outcome) throw outcome.error;
      await wait(this.#store());
      return outcome.value;
    }
    throw new TypeError(`Cannot run the module: it needs more files after ${DATA_ROUNDS_MAX} runs`);
  }

  /** Sees which files there are; what is known of unchanged ones stays. */
  async #list(): Promise<void> {
    const known = new Map<string, Known>();
    for (const { path, size, version } of await this.#files.list()) {
      const old = this.#known.get(path);
      const isSame = version !== undefined && old?.version === version;
      known.set(path, { size, version, bytes: isSame ? old?.bytes : undefined });
    }
    this.#known = known;
  }

  async #fetch(): Promise<void> {
    const known = new Map(this.#known);
    await Promise.all([...this.#missed].map(async (path) => {
      const bytes = await this.#files.get(path);
      // What was deleted in the meantime is no file, and not an empty one.
      if (bytes === undefined) known.delete(path);
      else known.set(path, { size: bytes.length, version: known.get(path)?.version, bytes });
    }));
    this.#known = known;
  }

  async #store(): Promise<void> {
    const now = new Map(filesOf(this.#tree.root));
    for (const [path, file] of now) {
      if (file.isChanged) await this.#files.put(path, this.#tree.bytesOf(file).slice());
    }
    for (const path of this.#shown) {
      if (!now.has(path)) await this.#files.delete(path);
    }
  }

  #build(): FileTree {
    const tree = new FileTree(this.#bytesMax, this.#now, (path) => this.#missed.add(path));
    for (const [path, { bytes, size }] of this.#known) tree.restoreFile(path, bytes, size);
    this.#shown = Array.from(filesOf(tree.root), ([path]) => path);
    return tree;
  }
}

/** The answer, unless it takes too long or nobody waits for it: then it is left behind. */
async function within<T>(answer: Promise<T>, ms: number, signal?: AbortSignal): Promise<T> {
  const { promise: given, reject: give } = Promise.withResolvers<never>();
  const late = () => give(new WasmFault("wasm_timeout", "Cannot wait longer for the files"));
  const leave = () => give(signal?.reason);
  // Also when nobody waits for it any more.
  answer.catch(() => {});
  if (signal?.aborted === true) leave();
  signal?.addEventListener("abort", leave);
  const timer = setTimeout(late, Math.max(0, ms));
  try {
    return await Promise.race([given, answer]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

function* filesOf(folder: FolderNode, prefix = ""): Iterable<[path: string, file: FileNode]> {
  for (const [name, node] of folder.entries) {
    if (node.kind === "file") yield [prefix + name, node];
    else yield* filesOf(node, `${prefix}${name}/`);
  }
}
