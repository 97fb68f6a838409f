/**
 * WASI, `wasi_snapshot_preview1`: what a module that is compiled for a system interface imports.
 *
 * All its functions are there, so that every module starts. Sockets, links and signals answer that
 * they are not supported; files are those of `/tmp`, in memory, and of `/data`, where the mount has
 * some. No function waits: a clock that a module waits for is put forward.
 */
import type { DataFiles } from "./data_files.ts";
import { WasmFault } from "./fault.ts";
import { FileTree } from "./file_tree.ts";
import type { ImportSource, InstanceImports, WasmInstance } from "./instance.ts";
import { WasiFileTable } from "./wasi_files.ts";
import { ERRNO, WasiError, WasiMemory } from "./wasi_memory.ts";

/** What a module's system is like. */
export interface WasiOptions {
  /** Arguments, the name of the program first; none without them. */
  readonly args?: readonly string[];
  /** Variables of its environment; none without them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes what it prints, line by line; lines of more than {@linkcode LINE_BYTES_MAX} are cut. */
  readonly log?: (stream: "stdout" | "stderr", line: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Milliseconds since some moment; never less than before. */
  readonly elapsed?: () => number;
  /** Bytes that its files in `/tmp` may have. */
  readonly tmpBytes?: number;
  /** The files of `/data`; without them there is no such folder. */
  readonly data?: DataFiles;
}

/** Bytes that files in `/tmp` may have, where the mount does not say. */
export const TMP_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of one line of a module's output; what is longer goes on in the next one. */
export const LINE_BYTES_MAX = 4096;

/** The name that modules import it under. */
const WASI = "wasi_snapshot_preview1";
/** What one call costs a module, in instructions, beside the bytes that it moves. */
const CALL_UNITS = 500;
/** What one that fails costs besides: the host makes an error of it. */
const ERROR_UNITS = 5_000;
/** What printing costs, in instructions: a log is no place for what loops write. */
const PRINTED_BYTE_UNITS = 50;
const PRINTED_LINE_UNITS = 10_000;
const RANDOM_BYTES_A_CALL = 65_536;
const NANOSECONDS_A_MS = 1_000_000;
const CLOCK = { real: 0, cpuLast: 3 } as const;
const EVENT = { clock: 0, last: 2 } as const;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const IS_ABSOLUTE = 1;

/** Thrown by `proc_exit`: the module has ended itself. */
export class WasiExit extends Error {
  override readonly name = "WasiExit";
  /** 0 when all went well. */
  readonly code: number;

  constructor(code: number) {
    super(`The module has ended itself with code ${code}`);
    this.code = code;
  }
}

type WasiFunction = (...args: never[]) => number | void;

/** WASI for the instances of a module; `options` are asked for anew with each of them. */
export function wasiSource(options: WasiOptions | (() => WasiOptions) = {}): ImportSource {
  return {
    name: WASI,
    make: () => new Wasi(typeof options === "function" ? options() : options).instanceImports(),
    isExit: (error) => error instanceof WasiExit && error.code === 0,
  };
}

/** The system of one instance. */
class Wasi {
  readonly #options: WasiOptions;
  readonly #memory = new WasiMemory();
  readonly #files: WasiFileTable;
  readonly #lines: Readonly<Record<1 | 2, LineWriter>>;
  #instance: WasmInstance | undefined;
  /** How far the clock was put forward, in nanoseconds. */
  #ahead = 0n;
  #latest = 0n;

  constructor(options: WasiOptions) {
    this.#options = options;
    const now = options.now ?? Date.now;
    const tmp = new FileTree(options.tmpBytes ?? TMP_BYTES_MAX, now);
    const { data, log = () => {} } = options;
    this.#lines = {
      1: new LineWriter((line) => this.#print(() => log("stdout", line))),
      2: new LineWriter((line) => this.#print(() => log("stderr", line))),
    };
    this.#files = new WasiFileTable({
      memory: this.#memory,
      preopens: [
        { name: "/tmp", tree: () => tmp },
        ...(data === undefined ? [] : [{ name: "/data", tree: () => data.tree }]),
      ],
      print: (descriptor, bytes) => {
        this.#spend(bytes.length * PRINTED_BYTE_UNITS);
        this.#lines[descriptor].write(bytes);
      },
      spend: (units) => this.#spend(units),
    });
  }

  instanceImports(): InstanceImports {
    const functions = { ...this.#processFunctions(), ...this.#fileFunctions(), ...UNSUPPORTED };
    return {
      imports: Object.fromEntries(
        Object.entries(functions).map(([name, work]) => [name, this.#guarded(work)]),
      ),
      attach: (instance) => {
        this.#instance = instance;
        this.#memory.attach(instance.memory);
      },
    };
  }

  /** Numbers as WebAssembly gives them are signed: pointers and lengths are not. */
  #guarded(work: WasiFunction): (...args: (number | bigint)[]) => number {
    return (...args) => {
      // A start function runs before there is a memory, and before anything of it can be paid for.
      if (this.#instance === undefined) {
        throw new WasmFault("wasm_failed", "Cannot call the system before the module is there");
      }
      this.#spend(CALL_UNITS);
      try {
        const given = args.map((arg) => typeof arg === "number" ? arg >>> 0 : arg);
        return work(...given as never[]) ?? ERRNO.success;
      } catch (error) {
        // Paid for in any case: a module may catch what the host throws, and go on.
        this.#spend(ERROR_UNITS);
        if (error instanceof WasiError) return error.errno;
        throw error;
      }
    };
  }

  #spend(units: number): void {
    this.#instance?.spend(Math.ceil(units));
  }

  #print(log: () => void): void {
    this.#spend(PRINTED_LINE_UNITS);
    log();
  }

  #processFunctions(): Record<string, WasiFunction> {
    const { args = [], env = {} } = this.#options;
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const memory = this.#memory;
    return {
      args_get: (list: number, text: number) => this.#writeStrings(args, list, text),
      args_sizes_get: (count: number, bytes: number) => this.#writeSizes(args, count, bytes),
      environ_get: (list: number, text: number) => this.#writeStrings(pairs, list, text),
      environ_sizes_get: (count: number, bytes: number) => this.#writeSizes(pairs, count, bytes),
      clock_res_get: (clock: number, result: number) => {
        if (clock > CLOCK.cpuLast) throw new WasiError(ERRNO.invalid);
        memory.setU64(result, BigInt(NANOSECONDS_A_MS));
      },
      clock_time_get: (clock: number, _precision: bigint, result: number) => {
        if (clock > CLOCK.cpuLast) throw new WasiError(ERRNO.invalid);
        memory.setU64(result, clock === CLOCK.real ? this.#realTime() : this.#monotonicTime());
      },
      poll_oneoff: (from: number, to: number, count: number, result: number) =>
        this.#poll(from, to, count, result),
      proc_exit: (code: number) => {
        throw new WasiExit(code);
      },
      random_get: (address: number, length: number) => {
        this.#spend(length);
        const bytes = memory.at(address, length);
        for (let at = 0; at < length; at += RANDOM_BYTES_A_CALL) {
          crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_A_CALL));
        }
      },
      sched_yield: () => {},
    };
  }

  #fileFunctions(): Record<string, WasiFunction> {
    const files = this.#files;
    return {
      fd_advise: (fd: number) => files.fdSync(fd),
      fd_allocate: files.fdAllocate.bind(files),
      fd_close: files.fdClose.bind(files),
      fd_datasync: files.fdSync.bind(files),
      fd_fdstat_get: files.fdFdstatGet.bind(files),
      fd_fdstat_set_flags: files.fdFdstatSetFlags.bind(files),
      fd_fdstat_set_rights: (fd: number) => files.fdSync(fd),
      fd_filestat_get: files.fdFilestatGet.bind(files),
      fd_filestat_set_size: files.fdFilestatSetSize.bind(files),
      fd_filestat_set_times: (fd: number, _accessed: bigint, modified: bigint, flags: number) =>
        files.fdFilestatSetTimes(fd, modified, flags),
      fd_pread: files.fdPread.bind(files),
      fd_prestat_dir_name: files.fdPrestatDirName.bind(files),
      fd_prestat_get: files.fdPrestatGet.bind(files),
      fd_pwrite: files.fdPwrite.bind(files),
      fd_read: files.fdRead.bind(files),
      fd_readdir: files.fdReaddir.bind(files),
      fd_renumber: files.fdRenumber.bind(files),
      fd_seek: files.fdSeek.bind(files),
      fd_sync: files.fdSync.bind(files),
      fd_tell: files.fdTell.bind(files),
      fd_write: files.fdWrite.bind(files),
      path_create_directory: (fd: number, path: number, length: number) =>
        files.pathCreateDirectory(fd, [path, length]),
      path_filestat_get: (fd: number, _look: number, path: number, length: number, to: number) =>
        files.pathFilestatGet(fd, [path, length], to),
      path_filestat_set_times: (
        ...[fd, , path, length, , modified, flags]: [
          number,
          number,
          number,
          number,
          bigint,
          bigint,
          number,
        ]
      ) => files.pathFilestatSetTimes(fd, [path, length], modified, flags),
      path_open: (
        ...[fd, , path, length, open, rights, , flags, result]: [
          number,
          number,
          number,
          number,
          number,
          bigint,
          bigint,
          number,
          number,
        ]
      ) => files.pathOpen(fd, [path, length], { open, rights, flags }, result),
      path_remove_directory: (fd: number, path: number, length: number) =>
        files.pathRemoveDirectory(fd, [path, length]),
      path_rename: (
        ...[fd, path, length, newFd, newPath, newLength]: [
          number,
          number,
          number,
          number,
          number,
          number,
        ]
      ) => files.pathRename(fd, [path, length], newFd, [newPath, newLength]),
      path_unlink_file: (fd: number, path: number, length: number) =>
        files.pathUnlinkFile(fd, [path, length]),
    };
  }

  #writeSizes(texts: readonly string[], count: number, bytes: number): void {
    this.#memory.setU32(count, texts.length);
    this.#memory.setU32(bytes, texts.reduce((sum, text) => sum + encoded(text).length, 0));
  }

  #writeStrings(texts: readonly string[], list: number, text: number): void {
    let at = text;
    for (const [index, value] of texts.entries()) {
      const bytes = encoded(value);
      this.#memory.setU32(list + index * 4, at);
      this.#memory.at(at, bytes.length).set(bytes);
      at += bytes.length;
    }
  }

  #realTime(): bigint {
    return nanoseconds((this.#options.now ?? Date.now)());
  }

  #monotonicTime(): bigint {
    const { elapsed = () => performance.now() } = this.#options;
    const time = nanoseconds(elapsed()) + this.#ahead;
    if (time > this.#latest) this.#latest = time;
    return this.#latest;
  }

  /** Everything that is waited for is there at once. */
  #poll(from: number, to: number, count: number, result: number): void {
    const memory = this.#memory;
    if (count === 0) throw new WasiError(ERRNO.invalid);
    this.#spend(count * CALL_UNITS);
    memory.at(from, count * SUBSCRIPTION_BYTES);
    memory.at(to, count * EVENT_BYTES);
    for (let index = 0; index < count; index += 1) {
      const subscription = from + index * SUBSCRIPTION_BYTES;
      const event = to + index * EVENT_BYTES;
      const data = memory.getU64(subscription);
      const type = memory.getU8(subscription + 8);
      if (type === EVENT.clock) this.#advance(subscription);
      memory.at(event, EVENT_BYTES).fill(0);
      memory.setU64(event, data);
      memory.setU16(event + 8, type > EVENT.last ? ERRNO.invalid : ERRNO.success);
      memory.setU8(event + 10, type);
    }
    memory.setU32(result, count);
  }

  #advance(subscription: number): void {
    const memory = this.#memory;
    const clock = memory.getU32(subscription + 16);
    const timeout = memory.getU64(subscription + 24);
    const isAbsolute = (memory.getU16(subscription + 40) & IS_ABSOLUTE) !== 0;
    const now = clock === CLOCK.real ? this.#realTime() : this.#monotonicTime();
    const wait = isAbsolute ? timeout - now : timeout;
    // What lies beyond the range of the clock is nothing to wait for.
    if (wait > 0n && this.#latest + wait < 1n << 62n) this.#ahead += wait;
  }
}

/** Hands on whole lines. */
class LineWriter {
  readonly #emit: (line: string) => void;
  readonly #line = new Uint8Array(LINE_BYTES_MAX);
  #length = 0;

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === 0x0a || this.#length === LINE_BYTES_MAX) this.#end();
      if (byte !== 0x0a) this.#line[this.#length++] = byte;
    }
  }

  #end(): void {
    this.#emit(new TextDecoder().decode(this.#line.subarray(0, this.#length)));
    this.#length = 0;
  }
}

const notSupported = () => ERRNO.notSupported;
const notASocket = () => ERRNO.notSocket;

const UNSUPPORTED: Readonly<Record<string, WasiFunction>> = {
  path_link: notSupported,
  path_readlink: () => ERRNO.invalid,
  path_symlink: notSupported,
  proc_raise: notSupported,
  sock_accept: notASocket,
  sock_recv: notASocket,
  sock_send: notASocket,
  sock_shutdown: notASocket,
};

/** A text with the 0 that ends it. */
function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.trunc(ms * 1000)) * 1000n;
}
