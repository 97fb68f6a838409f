/**
 * The file functions of WASI: descriptors, paths, folders.
 *
 *     0 stdin (empty)   1 stdout   2 stderr   3 /tmp   4 /data, where there is one
 */
import { type Descriptor, Descriptors, type OpenFile, type Preopen, RIGHT } from "./descriptors.ts";
import type { FileNode, FileTree, FolderNode, Node, Place } from "./file_tree.ts";
import { ERRNO, type Range, VECTORS_MAX, WasiError, type WasiMemory } from "./wasi_memory.ts";

/** Bytes that cost a module as much as one instruction. */
const BYTES_A_UNIT = 64;
/** The same for bytes of memory that the host makes for a file. */
const MADE_BYTES_A_UNIT = 8;
/** What looking at one file or folder costs a module, in instructions. */
const NODE_UNITS = 50;
/** What one entry of a folder costs that is written down, one byte of a path, one block of a list. */
const ENTRY_UNITS = 500;
const PATH_BYTE_UNITS = 10;
const VECTOR_UNITS = 20;
/**
 * Listings that are kept for descriptors whose folders are read in parts. Each may be as large as all
 * names are, and a module may have many descriptors: for others the folder is listed anew.
 */
const LISTINGS_MAX = 4;

/** What the file functions need. */
export interface FileHost {
  readonly memory: WasiMemory;
  readonly preopens: readonly Preopen[];
  /** Takes what the module prints. */
  readonly print: (descriptor: 1 | 2, bytes: Uint8Array) => void;
  /** Takes instructions away from the module for work of the host. */
  readonly spend: (units: number) => void;
}

const FILE_TYPE = { unknown: 0, characters: 2, folder: 3, file: 4 } as const;
const OPEN = { create: 1, folder: 2, exclusive: 4, truncate: 8 } as const;
const APPEND = 1;
const ALL_RIGHTS = (1n << 30n) - 1n;
const WHENCE = { set: 0, current: 1, end: 2 } as const;
/** Offsets beyond it are refused: numbers stay exact. */
const OFFSET_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const DIRENT_BYTES = 24;

/** Descriptors of one instance, and what may be done with them; every method is one WASI function. */
export class WasiFileTable {
  readonly #host: FileHost;
  readonly #open: Descriptors;
  /** Those with a listing, the latest last. */
  readonly #listed: Descriptor[] = [];

  constructor(host: FileHost) {
    this.#host = host;
    this.#open = new Descriptors(host.preopens);
  }

  fdRead(fd: number, vectors: number, count: number, result: number): void {
    const open = fd === 0 ? undefined : this.#open.file(fd, "read");
    const read = open === undefined ? 0 : this.#read(open, vectors, count, open.at);
    if (open !== undefined) open.at += read;
    this.#host.memory.setU32(result, read);
  }

  fdPread(fd: number, vectors: number, count: number, at: bigint, result: number): void {
    const open = this.#open.file(fd, "read");
    this.#host.memory.setU32(result, this.#read(open, vectors, count, offsetOf(at)));
  }

  fdWrite(fd: number, vectors: number, count: number, result: number): void {
    const { memory, print } = this.#host;
    // Where the number goes is checked before anything is written.
    memory.at(result, 4);
    if (fd === 1 || fd === 2) {
      let written = 0;
      for (const { address, length } of this.#vectors(vectors, count)) {
        print(fd, memory.at(address, length));
        written += length;
      }
      return memory.setU32(result, written);
    }
    const open = this.#open.file(fd, "write");
    if (open.flags & APPEND) open.at = open.node.size;
    const written = this.#write(open, vectors, count, open.at);
    open.at += written;
    memory.setU32(result, written);
  }

  fdPwrite(fd: number, vectors: number, count: number, at: bigint, result: number): void {
    const open = this.#open.file(fd, "write");
    this.#host.memory.at(result, 4);
    this.#host.memory.setU32(result, this.#write(open, vectors, count, offsetOf(at)));
  }

  fdSeek(fd: number, delta: bigint, whence: number, result: number): void {
    if (fd <= 2) throw new WasiError(ERRNO.isPipe);
    const open = this.#open.file(fd);
    const bases: Readonly<Record<number, number>> = {
      [WHENCE.set]: 0,
      [WHENCE.current]: open.at,
      [WHENCE.end]: open.node.size,
    };
    const base = bases[whence];
    if (base === undefined) throw new WasiError(ERRNO.invalid);
    const at = offsetOf(BigInt(base) + delta);
    this.#host.memory.setU64(result, BigInt(at));
    open.at = at;
  }

  fdTell(fd: number, result: number): void {
    this.fdSeek(fd, 0n, WHENCE.current, result);
  }

  fdClose(fd: number): void {
    if (fd > 2) this.#open.close(fd);
  }

  fdRenumber(from: number, to: number): void {
    this.#open.renumber(from, to);
  }

  /** Nothing is written later: what there is to be done for `fd_sync` is done already. */
  fdSync(fd: number): void {
    if (fd > 2) this.#open.get(fd);
  }

  fdAllocate(fd: number, at: bigint, length: bigint): void {
    const open = this.#open.file(fd, "write");
    const size = offsetOf(BigInt(offsetOf(at) + offsetOf(length)));
    if (size > open.node.size) this.#resize(open, size);
  }

  fdFdstatGet(fd: number, result: number): void {
    const { memory } = this.#host;
    const open = fd <= 2 ? undefined : this.#open.get(fd);
    memory.at(result, 24).fill(0);
    memory.setU8(result, open === undefined ? FILE_TYPE.characters : typeOf(open.node));
    memory.setU16(result + 2, open?.flags ?? 0);
    let rights = ALL_RIGHTS;
    if (open !== undefined && !open.mayRead) rights &= ~RIGHT.read;
    if (open !== undefined && !open.mayWrite) rights &= ~RIGHT.write;
    memory.setU64(result + 8, rights);
    memory.setU64(result + 16, ALL_RIGHTS);
  }

  fdFdstatSetFlags(fd: number, flags: number): void {
    if (fd > 2) this.#open.get(fd).flags = flags;
  }

  fdPrestatGet(fd: number, result: number): void {
    const { memory } = this.#host;
    const name = this.#open.preopen(fd);
    memory.at(result, 8).fill(0);
    memory.setU32(result + 4, name.length);
  }

  fdPrestatDirName(fd: number, address: number, length: number): void {
    const name = this.#open.preopen(fd);
    if (length < name.length) throw new WasiError(ERRNO.nameTooLong);
    this.#host.memory.at(address, name.length).set(new TextEncoder().encode(name));
  }

  fdFilestatGet(fd: number, result: number): void {
    if (fd <= 2) {
      this.#host.memory.at(result, 64).fill(0);
      return this.#host.memory.setU8(result + 16, FILE_TYPE.characters);
    }
    this.#writeStat(this.#open.get(fd).node, result);
  }

  fdFilestatSetSize(fd: number, size: bigint): void {
    this.#resize(this.#open.file(fd, "write"), offsetOf(size));
  }

  /** Times are kept, for whoever asks, as milliseconds. */
  fdFilestatSetTimes(fd: number, modified: bigint, flags: number): void {
    setModified(this.#open.get(fd).node, modified, flags);
  }

  fdReaddir(fd: number, buffer: number, length: number, cookie: bigint, result: number): void {
    const { memory, spend } = this.#host;
    const open = this.#open.get(fd);
    const { node } = open;
    if (node.kind !== "folder") throw new WasiError(ERRNO.notDirectory);
    if (cookie === 0n || open.listed.length === 0) this.#list(open, node);
    const out = memory.at(buffer, length);
    let used = 0;
    for (
      let next = Number(BigInt.asUintN(64, cookie));
      next < open.listed.length && used < length;
      next += 1
    ) {
      const [name, entry] = open.listed[next] as readonly [string, Node];
      const bytes = direntOf(BigInt(next + 1), name, entry);
      const part = bytes.subarray(0, length - used);
      out.set(part, used);
      used += part.length;
      spend(ENTRY_UNITS);
    }
    memory.setU32(result, used);
  }

  pathOpen(
    fd: number,
    path: readonly [address: number, length: number],
    how: { readonly open: number; readonly rights: bigint; readonly flags: number },
    result: number,
  ): void {
    const { memory } = this.#host;
    memory.at(result, 4);
    const { tree, place } = this.#place(fd, path);
    let { node } = place;
    if (node !== undefined && how.open & OPEN.create && how.open & OPEN.exclusive) {
      throw new WasiError(ERRNO.exists);
    }
    if (node?.kind !== "folder" && how.open & OPEN.folder) {
      throw new WasiError(node === undefined ? ERRNO.noEntry : ERRNO.notDirectory);
    }
    if (node?.kind === "folder" && how.open & OPEN.truncate) {
      throw new WasiError(ERRNO.isDirectory);
    }
    this.#open.checkRoom();
    if (node === undefined) {
      if (!(how.open & OPEN.create)) throw new WasiError(ERRNO.noEntry);
      node = tree.addFile(place.folder, place.name);
    } else if (node.kind === "file" && how.open & OPEN.truncate) tree.resize(node, 0);
    memory.setU32(result, this.#open.open(fd, node, how));
  }

  pathFilestatGet(fd: number, path: readonly [number, number], result: number): void {
    this.#writeStat(existing(this.#place(fd, path).place), result);
  }

  pathFilestatSetTimes(
    fd: number,
    path: readonly [number, number],
    modified: bigint,
    flags: number,
  ): void {
    setModified(existing(this.#place(fd, path).place), modified, flags);
  }

  pathCreateDirectory(fd: number, path: readonly [number, number]): void {
    const { tree, place } = this.#place(fd, path);
    if (place.node !== undefined) throw new WasiError(ERRNO.exists);
    tree.addFolder(place.folder, place.name);
  }

  pathRemoveDirectory(fd: number, path: readonly [number, number]): void {
    const { tree, place } = this.#place(fd, path);
    const node = existing(place);
    if (node.kind !== "folder") throw new WasiError(ERRNO.notDirectory);
    if (place.name === "") throw new WasiError(ERRNO.invalid);
    if (node.entries.size > 0) throw new WasiError(ERRNO.notEmpty);
    tree.remove(place);
  }

  pathUnlinkFile(fd: number, path: readonly [number, number]): void {
    const { tree, place } = this.#place(fd, path);
    if (existing(place).kind === "folder") throw new WasiError(ERRNO.isDirectory);
    tree.remove(place);
  }

  pathRename(
    fd: number,
    path: readonly [number, number],
    newFd: number,
    newPath: readonly [number, number],
  ): void {
    const from = this.#place(fd, path);
    const to = this.#place(newFd, newPath);
    if (from.tree !== to.tree) throw new WasiError(ERRNO.otherDevice);
    const node = existing(from.place);
    const replaced = to.place.node;
    if (from.place.name === "" || to.place.name === "") throw new WasiError(ERRNO.invalid);
    if (replaced?.kind === "folder" && replaced !== node) {
      if (node.kind === "file") throw new WasiError(ERRNO.isDirectory);
      if (replaced.entries.size > 0) throw new WasiError(ERRNO.notEmpty);
    }
    if (replaced?.kind === "file" && node.kind === "folder") {
      throw new WasiError(ERRNO.notDirectory);
    }
    this.#host.spend(from.tree.move(from.place, to.place) * NODE_UNITS);
  }

  #vectors(address: number, count: number): readonly Range[] {
    this.#host.spend(Math.min(count, VECTORS_MAX) * VECTOR_UNITS);
    return this.#host.memory.vectors(address, count);
  }

  #list(open: Descriptor, node: FolderNode): void {
    open.listed = [[".", node], ["..", node], ...node.entries];
    this.#host.spend(open.listed.length * NODE_UNITS);
    const known = this.#listed.indexOf(open);
    if (known >= 0) this.#listed.splice(known, 1);
    this.#listed.push(open);
    const oldest = this.#listed.length > LISTINGS_MAX ? this.#listed.shift() : undefined;
    if (oldest !== undefined) oldest.listed = [];
  }

  #place(
    fd: number,
    [address, length]: readonly [number, number],
  ): { readonly tree: FileTree; readonly place: Place } {
    const { tree, node } = this.#open.get(fd);
    if (node.kind !== "folder") throw new WasiError(ERRNO.notDirectory);
    this.#host.spend(length * PATH_BYTE_UNITS);
    return { tree, place: tree.find(node, this.#host.memory.text(address, length)) };
  }

  #read(
    { tree, node }: { readonly tree: FileTree; readonly node: FileNode },
    vectors: number,
    count: number,
    from: number,
  ): number {
    const { memory, spend } = this.#host;
    const bytes = tree.bytesOf(node);
    let at = from;
    for (const { address, length } of this.#vectors(vectors, count)) {
      const part = bytes.subarray(at, at + length);
      spend(part.length / BYTES_A_UNIT);
      memory.at(address, part.length).set(part);
      at += part.length;
    }
    return at - from;
  }

  #write(
    { tree, node }: { readonly tree: FileTree; readonly node: FileNode },
    vectors: number,
    count: number,
    from: number,
  ): number {
    const { memory, spend } = this.#host;
    let at = from;
    for (const { address, length } of this.#vectors(vectors, count)) {
      if (length === 0) continue;
      spend(length / BYTES_A_UNIT);
      this.#making(tree, () => tree.write(node, at, memory.at(address, length)));
      at += length;
    }
    return at - from;
  }

  #resize({ tree, node }: OpenFile, size: number): void {
    const before = node.size;
    this.#making(tree, () => tree.resize(node, size));
    this.#host.spend(Math.abs(size - before) / BYTES_A_UNIT);
  }

  /** However little is written: a byte far behind the end of a file makes all that is in between. */
  #making(tree: FileTree, work: () => void): void {
    const before = tree.made;
    work();
    this.#host.spend((tree.made - before) / MADE_BYTES_A_UNIT);
  }

  #writeStat(node: Node, result: number): void {
    const { memory } = this.#host;
    const nanoseconds = BigInt(Math.trunc(node.modified)) * 1_000_000n;
    memory.at(result, 64).fill(0);
    memory.setU64(result + 8, BigInt(node.inode));
    memory.setU8(result + 16, typeOf(node));
    memory.setU64(result + 24, 1n);
    memory.setU64(result + 32, node.kind === "file" ? BigInt(node.size) : 0n);
    for (const place of [40, 48, 56]) memory.setU64(result + place, nanoseconds);
  }
}

function existing({ node }: Place): Node {
  if (node === undefined) throw new WasiError(ERRNO.noEntry);
  return node;
}

function typeOf(node: Node): number {
  return node.kind === "file" ? FILE_TYPE.file : FILE_TYPE.folder;
}

/** Flag 4 sets the time to `modified`, flag 8 to now, which it is. */
function setModified(node: Node, modified: bigint, flags: number): void {
  if (flags & 4) node.modified = Number(modified / 1_000_000n);
}

function offsetOf(at: bigint): number {
  if (at < 0n) throw new WasiError(ERRNO.invalid);
  if (at > OFFSET_MAX) throw new WasiError(ERRNO.tooLarge);
  return Number(at);
}

function direntOf(next: bigint, name: string, node: Node): Uint8Array {
  const text = new TextEncoder().encode(name);
  const bytes = new Uint8Array(DIRENT_BYTES + text.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, next, true);
  view.setBigUint64(8, BigInt(node.inode), true);
  view.setUint32(16, text.length, true);
  view.setUint8(20, typeOf(node));
  bytes.set(text, DIRENT_BYTES);
  return bytes;
}
