/** The open files and folders of one instance, by their numbers. */
import type { FileNode, FileTree, Node } from "./file_tree.ts";
import { ERRNO, WasiError } from "./wasi_memory.ts";

/** A folder that a module has from the beginning. */
export interface Preopen {
  readonly name: string;
  /** Its files now: those of `/data` are others with each run. */
  readonly tree: () => FileTree;
}

/** An open file or folder. */
export interface Descriptor {
  readonly tree: FileTree;
  readonly node: Node;
  readonly preopen: Preopen;
  /** Whether it is the folder of `preopen` itself. */
  readonly isRoot: boolean;
  readonly mayRead: boolean;
  readonly mayWrite: boolean;
  flags: number;
  /** Where the next byte is read or written. */
  at: number;
  /** What `fd_readdir` goes through. */
  listed: readonly (readonly [string, Node])[];
}

/** An open file. */
export type OpenFile = Descriptor & { readonly node: FileNode };

/** Descriptors that one instance may have open. */
export const DESCRIPTORS_MAX = 256;

/** Rights that a descriptor is opened with; others are not looked at. */
export const RIGHT = { read: 2n, write: 64n } as const;

/** 0, 1 and 2 are no files. */
const FIRST = 3;

/** The table of one instance. */
export class Descriptors {
  readonly #all = new Map<number, Descriptor>();

  constructor(preopens: readonly Preopen[]) {
    for (const [index, preopen] of preopens.entries()) {
      const state = { mayRead: true, mayWrite: true, flags: 0, at: 0, listed: [] };
      this.#all.set(FIRST + index, {
        ...state,
        preopen,
        isRoot: true,
        get tree() {
          return preopen.tree();
        },
        get node() {
          return preopen.tree().root;
        },
      });
    }
  }

  /** @throws {WasiError} when there is none, or its file was one of an earlier run */
  get(fd: number): Descriptor {
    const open = this.#all.get(fd);
    if (open !== undefined && open.tree === open.preopen.tree()) return open;
    this.#all.delete(fd);
    throw new WasiError(ERRNO.badDescriptor);
  }

  /** An open file that may be used so. @throws {WasiError} */
  file(fd: number, use?: "read" | "write"): OpenFile {
    const open = this.get(fd);
    if (!isFile(open)) {
      throw new WasiError(use === undefined ? ERRNO.badDescriptor : ERRNO.isDirectory);
    }
    const may = use === undefined || (use === "read" ? open.mayRead : open.mayWrite);
    if (!may) throw new WasiError(ERRNO.badDescriptor);
    return open;
  }

  /** The name of a folder that is there from the beginning. @throws {WasiError} */
  preopen(fd: number): string {
    const { preopen, isRoot } = this.get(fd);
    if (!isRoot) throw new WasiError(ERRNO.badDescriptor);
    return preopen.name;
  }

  /** @throws {WasiError} when no more can be open */
  checkRoom(): void {
    if (this.#all.size < DESCRIPTORS_MAX) return;
    for (const [fd, { tree, preopen }] of this.#all) {
      if (tree !== preopen.tree()) this.#all.delete(fd);
    }
    if (this.#all.size >= DESCRIPTORS_MAX) throw new WasiError(ERRNO.tooManyOpen);
  }

  /** Opens what was found below the folder `from`; gives its number, the lowest that is free. */
  open(from: number, node: Node, how: { readonly rights: bigint; readonly flags: number }): number {
    const { tree, preopen } = this.get(from);
    let fd = FIRST;
    while (this.#all.has(fd)) fd += 1;
    if (node.kind === "file") node.uses += 1;
    this.#all.set(fd, {
      tree,
      node,
      preopen,
      isRoot: false,
      mayRead: (how.rights & RIGHT.read) !== 0n,
      mayWrite: (how.rights & RIGHT.write) !== 0n,
      flags: how.flags,
      at: 0,
      listed: [],
    });
    return fd;
  }

  /** @throws {WasiError} when it is not open */
  close(fd: number): void {
    const { tree, node } = this.get(fd);
    this.#all.delete(fd);
    if (node.kind === "file") tree.release(node);
  }

  /** Gives a descriptor the number of another one, which is closed. @throws {WasiError} */
  renumber(from: number, to: number): void {
    const open = this.get(from);
    if (open.isRoot || this.get(to).isRoot) throw new WasiError(ERRNO.notSupported);
    if (from === to) return;
    this.close(to);
    this.#all.delete(from);
    this.#all.set(to, open);
  }
}

function isFile(open: Descriptor): open is OpenFile {
  return open.node.kind === "file";
}
