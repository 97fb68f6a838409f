/** WASI as a module calls it: paths, numbers and results through a memory. */
import { type WasiOptions, wasiSource } from "../../edge/wasm/wasi.ts";
import { hostOf } from "./wasm_import_rig.ts";

/** What `path_open` is given. */
export interface OpenOptions {
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly folder?: boolean;
  readonly append?: boolean;
  /** Letters of what may be done. */
  readonly rights?: "r" | "w" | "rw";
}

/** Descriptors of the folders that are there from the beginning. */
export const TMP = 3;
export const DATA = 4;

const TEXT = 1024;
const OTHER_TEXT = 8192;
const VECTOR = 64;
const RESULT = 256;
const CONTENT = 65_536;
/** Bytes of one `read` or `write`. */
const CONTENT_BYTES = 3 * 65_536;

/** A system, and calls of its functions; each gives the error number, or what it was asked for. */
export class WasiCalls {
  readonly host: ReturnType<typeof hostOf>;

  constructor(options: WasiOptions = {}) {
    this.host = hostOf(wasiSource(options), 4);
  }

  /** Any function by its name. */
  call(name: string, ...args: (number | bigint)[]): number {
    return (this.host.imports[name] as (...args: (number | bigint)[]) => number)(...args);
  }

  u32(at = RESULT): number {
    return this.view(at, 4).getUint32(0, true);
  }

  u64(at = RESULT): bigint {
    return this.view(at, 8).getBigUint64(0, true);
  }

  view(at: number, length: number): DataView {
    return new DataView(this.host.read(at, length).buffer);
  }

  /** The descriptor, or minus the error number. */
  open(folder: number, path: string, options: OpenOptions = {}): number {
    const { rights = "rw", create, exclusive, truncate, append } = options;
    const how = (create ? 1 : 0) | (options.folder ? 2 : 0) | (exclusive ? 4 : 0) |
      (truncate ? 8 : 0);
    const may = (rights.includes("r") ? 2n : 0n) | (rights.includes("w") ? 64n : 0n);
    const at = this.#text(path);
    const flags = append ? 1 : 0;
    const errno = this.call("path_open", folder, 0, ...at, how, may, 0n, flags, RESULT);
    return errno === 0 ? this.u32() : -errno;
  }

  /** How much was written, or minus the error number. */
  write(fd: number, text: string): number {
    const bytes = new TextEncoder().encode(text);
    this.host.write(CONTENT, bytes);
    this.#vector(bytes.length);
    const errno = this.call("fd_write", fd, VECTOR, 1, RESULT);
    return errno === 0 ? this.u32() : -errno;
  }

  /** What was read, or minus the error number. */
  read(fd: number, length = CONTENT_BYTES): string | number {
    this.#vector(length);
    const errno = this.call("fd_read", fd, VECTOR, 1, RESULT);
    return errno === 0 ? decoded(this.host.read(CONTENT, this.u32())) : -errno;
  }

  /** Minus the error number, or where it is then. */
  seek(fd: number, delta: number, whence: 0 | 1 | 2 = 0): number {
    const errno = this.call("fd_seek", fd, BigInt(delta), whence, RESULT);
    return errno === 0 ? Number(this.u64()) : -errno;
  }

  close(fd: number): number {
    return this.call("fd_close", fd);
  }

  path(name: string, folder: number, path: string): number {
    return this.call(name, folder, ...this.#text(path));
  }

  rename(folder: number, path: string, to: string, toFolder = folder): number {
    const from = this.#text(path);
    return this.call("path_rename", folder, ...from, toFolder, ...this.#text(to, OTHER_TEXT));
  }

  /** Kind and size, or minus the error number. */
  stat(folder: number, path: string): readonly [kind: number, size: number] | number {
    const errno = this.call("path_filestat_get", folder, 0, ...this.#text(path), RESULT);
    if (errno !== 0) return -errno;
    return [this.view(RESULT + 16, 1).getUint8(0), Number(this.u64(RESULT + 32))];
  }

  /** The names in a folder, read in pieces of so many bytes; or minus the error number. */
  names(folder: number, path: string, bytes = 4096): readonly string[] | number {
    const fd = this.open(folder, path, { folder: true });
    if (fd < 0) return fd;
    const names: string[] = [];
    let cookie = 0n;
    for (let used = bytes; used === bytes;) {
      const errno = this.call("fd_readdir", fd, CONTENT, bytes, cookie, RESULT);
      if (errno !== 0) return -errno;
      used = this.u32();
      for (let at = 0; at + 24 <= used;) {
        const entry = this.view(CONTENT + at, 24);
        const length = entry.getUint32(16, true);
        if (at + 24 + length > used) break;
        names.push(decoded(this.host.read(CONTENT + at + 24, length)));
        cookie = entry.getBigUint64(0, true);
        at += 24 + length;
      }
    }
    this.close(fd);
    return names;
  }

  /** Writes a whole file. */
  put(folder: number, path: string, text: string): void {
    const fd = this.open(folder, path, { create: true, truncate: true });
    if (fd < 0) throw new Error(`Cannot open ${path}: ${fd}`);
    this.write(fd, text);
    this.close(fd);
  }

  /** What is in a file, or minus the error number. */
  get(folder: number, path: string): string | number {
    const fd = this.open(folder, path);
    if (fd < 0) return fd;
    const text = this.read(fd);
    this.close(fd);
    return text;
  }

  #text(path: string, at = TEXT): [number, number] {
    const bytes = new TextEncoder().encode(path);
    this.host.write(at, bytes);
    return [at, bytes.length];
  }

  #vector(length: number): void {
    this.host.write(VECTOR, new Uint8Array(Uint32Array.of(CONTENT, length).buffer));
  }
}

function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
