/** A file system in memory, for one instance of a module: folders, files, and a bound on their bytes. */
import { ERRNO, WasiError } from "./wasi_memory.ts";

/** A file; without `bytes` what is in it is elsewhere, and only its size is known. */
export interface FileNode {
  readonly kind: "file";
  readonly inode: number;
  bytes: Uint8Array | undefined;
  size: number;
  /** Whether `bytes` belong to somebody else too, and are copied before they are changed. */
  isShared: boolean;
  /** Whether it was changed since it was last stored. */
  isChanged: boolean;
  /** Where what is in it is, while it has no bytes. */
  readonly origin: string;
  /** Milliseconds since 1970. */
  modified: number;
  /** Names and open descriptors that it has: without any its bytes are free again. */
  uses: number;
}

/** A folder. */
export interface FolderNode {
  readonly kind: "folder";
  readonly inode: number;
  readonly entries: Map<string, Node>;
  /** UTF-16 units of its path from the root, with the slash behind it. */
  units: number;
  modified: number;
}

export type Node = FileNode | FolderNode;

/** Where a path leads: the folder, the last name in it, and what has that name now. */
export interface Place {
  readonly folder: FolderNode;
  /** Empty for the root itself. */
  readonly name: string;
  readonly node: Node | undefined;
}

/** The longest path, and the longest name in one, in UTF-16 units. */
export const PATH_UNITS_MAX = 4096;
export const NAME_UNITS_MAX = 255;
/** The longest path from the root, in UTF-16 units: what keeps files elsewhere takes no longer keys. */
export const KEY_UNITS_MAX = 1024;
/** What a name costs beside its letters, in bytes of the bound. */
export const ENTRY_BYTES = 256;

/** A block of more than so many times what is in it is given back. */
const BLOCK_ROOM_MAX = 4;

const NO_BYTES = new Uint8Array();

/** Folders and files below one root. */
export class FileTree {
  readonly root: FolderNode;
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #onMiss: (origin: string) => void;
  #used = 0;
  #moved = 0;
  #made = 0;
  #inodes = 1;

  /** `onMiss` hears of files whose bytes are needed and elsewhere. */
  constructor(bytesMax: number, now: () => number, onMiss: (origin: string) => void = () => {}) {
    this.#bytesMax = bytesMax;
    this.#now = now;
    this.#onMiss = onMiss;
    this.root = this.#folder(0);
  }

  /** Bytes in use, of those that it may have. */
  get used(): number {
    return this.#used;
  }

  /** Bytes that were moved only because a file had outgrown its block, since the beginning. */
  get moved(): number {
    return this.#moved;
  }

  /** Bytes of the blocks that were made for files, since the beginning. */
  get made(): number {
    return this.#made;
  }

  /** Finds the place of a path below a folder. @throws {WasiError} when it leads out of the root */
  find(from: FolderNode, path: string): Place {
    if (path.length > PATH_UNITS_MAX) throw new WasiError(ERRNO.nameTooLong);
    if (path === "") throw new WasiError(ERRNO.noEntry);
    if (path.includes("\0")) throw new WasiError(ERRNO.invalid);
    if (path.startsWith("/")) throw new WasiError(ERRNO.notCapable);
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    const trail: { folder: FolderNode; name: string }[] = [];
    let node: Node | undefined = from;
    for (const name of names) {
      if (name.length > NAME_UNITS_MAX) throw new WasiError(ERRNO.nameTooLong);
      if (node === undefined) throw new WasiError(ERRNO.noEntry);
      if (node.kind !== "folder") throw new WasiError(ERRNO.notDirectory);
      if (name === "..") {
        const step = trail.pop();
        // A descriptor of a folder leads to what is below it, and nowhere else.
        if (step === undefined) throw new WasiError(ERRNO.notCapable);
        node = step.folder;
      } else {
        trail.push({ folder: node, name });
        node = node.entries.get(name);
      }
    }
    const last = trail.at(-1) ?? { folder: from, name: "" };
    if (path.endsWith("/") && node?.kind === "file") throw new WasiError(ERRNO.notDirectory);
    return { ...last, node };
  }

  /** A new, empty file. @throws {WasiError} when there is no room */
  addFile(folder: FolderNode, name: string): FileNode {
    const file = this.#file(NO_BYTES, 0, "");
    file.isChanged = true;
    this.#link(folder, name, file);
    return file;
  }

  /**
   * A file whose bytes are known, and shared, or elsewhere under the path `path`. One that cannot be
   * here, for its path is too long or leads through another file, is left out.
   */
  restoreFile(path: string, bytes: Uint8Array | undefined, size: number): void {
    if (path.length > KEY_UNITS_MAX) return;
    const names = path.split("/");
    const name = names.pop() as string;
    let folder = this.root;
    for (const part of names) {
      const next = folder.entries.get(part);
      if (next?.kind === "file") return;
      folder = next ?? this.addFolder(folder, part);
    }
    if (folder.entries.has(name)) return;
    const file = this.#file(bytes, size, path);
    this.#link(folder, name, file);
    if (bytes !== undefined) this.#reserve(size);
  }

  addFolder(folder: FolderNode, name: string): FolderNode {
    const made = this.#folder(folder.units + name.length + 1);
    this.#link(folder, name, made);
    return made;
  }

  /** Takes a name away; what is open stays until it is closed. */
  remove({ folder, name, node }: Place): void {
    if (!folder.entries.delete(name)) return;
    this.#used -= ENTRY_BYTES + name.length;
    folder.modified = this.#now();
    if (node?.kind === "file") this.release(node);
  }

  /**
   * Moves a name; what has the new one is replaced. Gives how many nodes were looked at.
   *
   * @throws {WasiError} when a folder would be below itself, or what is in a file is elsewhere
   */
  move(from: Place, to: Place): number {
    if (from.node === undefined || from.node === to.node) return 0;
    const moved = below(from.node);
    const files = moved.filter((node) => node.kind === "file");
    if (moved.some((node) => node === to.folder)) throw new WasiError(ERRNO.invalid);
    const more = to.folder.units + to.name.length - from.folder.units - from.name.length;
    checkKey(to.folder, to.name);
    const folders = moved.filter((node) => node.kind === "folder");
    for (const folder of folders) {
      for (const name of folder.entries.keys()) checkKey(folder, name, more);
    }
    this.#needAll(files);
    for (const file of files) file.isChanged = true;
    for (const folder of folders) folder.units += more;
    if (to.node !== undefined) this.remove(to);
    from.folder.entries.delete(from.name);
    to.folder.entries.set(to.name, from.node);
    this.#used += to.name.length - from.name.length;
    from.folder.modified = to.folder.modified = this.#now();
    return moved.length;
  }

  /** One name or descriptor less. */
  release(file: FileNode): void {
    file.uses -= 1;
    if (file.uses > 0 || file.bytes === undefined) return;
    this.#used -= file.size;
    file.bytes = NO_BYTES;
    file.size = 0;
  }

  /** What is in a file. @throws {WasiError} when that is elsewhere */
  bytesOf(file: FileNode): Uint8Array {
    if (file.bytes === undefined) {
      this.#onMiss(file.origin);
      throw new WasiError(ERRNO.again);
    }
    return file.bytes.subarray(0, file.size);
  }

  /** Writes bytes into a file, which gets zeros up to there. @throws {WasiError} without room */
  write(file: FileNode, at: number, bytes: Uint8Array): void {
    this.#own(file, Math.max(file.size, at + bytes.length)).set(bytes, at);
  }

  /** Makes a file so long. @throws {WasiError} without room */
  resize(file: FileNode, size: number): void {
    if (size === 0 && file.bytes === undefined) {
      file.bytes = NO_BYTES;
      file.size = 0;
    }
    const old = file.size;
    const bytes = this.#own(file, size);
    bytes.fill(0, Math.min(old, size), Math.max(old, size));
  }

  /** Misses all at once, so that they are fetched together. */
  #needAll(files: readonly FileNode[]): void {
    const missing = files.filter(({ bytes }) => bytes === undefined);
    for (const { origin } of missing) this.#onMiss(origin);
    if (missing.length > 0) throw new WasiError(ERRNO.again);
  }

  /** Gives a file its own block for so many bytes. */
  #own(file: FileNode, size: number): Uint8Array {
    const old = this.bytesOf(file);
    this.#reserve(size - old.length);
    const block = file.bytes as Uint8Array;
    const isRoomy = block.length > size * BLOCK_ROOM_MAX;
    if (file.isShared || isRoomy || size > block.length) {
      // Twice as much as is needed: what is appended bit by bit is moved only now and then.
      const capacity = size > block.length
        ? Math.max(size, Math.min(2 * size, this.#bytesMax))
        : size;
      const next = new Uint8Array(Math.max(capacity, size));
      this.#made += next.length;
      next.set(old.subarray(0, size));
      this.#moved += Math.min(old.length, size);
      file.bytes = next;
      file.isShared = false;
    }
    file.size = size;
    file.isChanged = true;
    file.modified = this.#now();
    return file.bytes as Uint8Array;
  }

  #file(bytes: Uint8Array | undefined, size: number, origin: string): FileNode {
    const inode = this.#inodes++;
    const modified = this.#now();
    const state = { isShared: true, isChanged: false, uses: 1 };
    return { kind: "file", inode, bytes, size, origin, modified, ...state };
  }

  #folder(units: number): FolderNode {
    const inode = this.#inodes++;
    return { kind: "folder", inode, entries: new Map(), units, modified: this.#now() };
  }

  #link(folder: FolderNode, name: string, node: Node): void {
    checkKey(folder, name);
    this.#reserve(ENTRY_BYTES + name.length);
    folder.entries.set(name, node);
    folder.modified = this.#now();
  }

  #reserve(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > this.#bytesMax) throw new WasiError(ERRNO.noSpace);
    this.#used += bytes;
  }
}

/** @throws {WasiError} when the path of a name is too long, with `more` than it has now */
function checkKey(folder: FolderNode, name: string, more = 0): void {
  if (folder.units + name.length + more > KEY_UNITS_MAX) throw new WasiError(ERRNO.nameTooLong);
}

/** A node with all that is below it. */
function below(node: Node): readonly Node[] {
  const all = [node];
  for (const one of all) {
    if (one.kind === "folder") { for (const entry of one.entries.values()) all.push(entry); }
  }
  return all;
}
