/**
 * One instance of an island at run time: its state, its engine, and the patches of late, which tabs that
 * read slowly, or come back, are given from the place where they are.
 */
import type { Principal } from "../core/app.ts";
import { type Random, randomId } from "../core/ports.ts";
import { ServerMessage } from "../core/wire/ui_gen.ts";
import { bindLive, type Island, isShared, type LiveContext } from "./island.ts";
import { IslandInstance, type IslandSnapshot } from "./island_instance.ts";
import type { Holder, SavedIsland } from "./live_holder.ts";
import { BACKLOG_BYTES_MAX, FRAMES_UNSENT_MAX } from "./live_limits.ts";
import { ListWindow, Stream } from "./live_lists.ts";
import type { CompiledIsland } from "./live_ports.ts";
import { restoreState, savedState, type StateClasses, type StateOptions } from "./live_state.ts";
import type { LiveView } from "./live_view.ts";
import { type BoundValue, type Patch, withValues } from "./patch_writer.ts";
import type { IslandProgram } from "./program.ts";
import { classMember } from "./properties.ts";

/** An island with its name and what its template was compiled to. */
export interface HostedIsland {
  readonly name: string;
  readonly island: Island;
  readonly program: IslandProgram;
  /** Methods that scripts may call. */
  readonly exports: ReadonlySet<string>;
  readonly classes: StateClasses;
}

/** Whom an instance asks and tells. */
export interface InstancePorts {
  /** What `live(this)` answers. */
  context(): LiveContext;
  /** There may be something to show. */
  changed(): void;
  failed(error: unknown, where: string): void;
}

/** A state with something to do before it is shown. */
interface Mountable {
  mount(isRestored: boolean): unknown;
}

/** A patch of the log. */
export interface LogEntry {
  readonly seq: number;
  readonly patch: Patch;
  readonly bytes: number;
  /** The messages that several tabs see alike, by target and ack; none while one tab is all. */
  frames: Map<string, Uint8Array> | undefined;
}

/** What every patch costs besides its operations and texts, in bytes. */
const ENTRY_OVERHEAD_BYTES = 64;
const INCARNATION_BYTES = 4;

/** Classes that every island may have in its state. */
const OWN_CLASSES = [ListWindow];

/** What is no part of the state of one island. */
function isApart(object: object): boolean {
  return isShared(object) || object instanceof Stream;
}

/** An island as the host has it. */
export function hosted(name: string, { island, program }: CompiledIsland): HostedIsland {
  const classes = new Map(
    [...OWN_CLASSES, ...island.classes ?? []].map((one) => [one.name, one] as const),
  );
  return { name, island, program, exports: new Set<string>(island.exports), classes };
}

/** Whether the class of an instance has a method. */
export function has({ state }: LiveInstance, method: string): boolean {
  return classMember(state, method)?.kind === "method";
}

/** An island that lives. */
export class LiveInstance {
  readonly hosted: HostedIsland;
  readonly holder: Holder;
  readonly state: object;
  /** Tells this life of the instance from others: numbers of another one mean nothing. */
  readonly incarnation: string;
  readonly views = new Set<LiveView>();
  /** Scopes of the sync engine that it reads for its user. */
  readScopes: Set<string> | undefined;
  /** Of the user that it belongs to; `null` for nobody, or for everyone. */
  principal: Principal | null = null;
  /** The address of the page that was there last; empty for one of everyone. */
  url = "";
  /** The number of the last patch. */
  seq = 0;
  #engine: IslandInstance | undefined;
  #log: LogEntry[] = [];
  #logBytes = 0;
  #snapshot: { readonly seq: number; readonly value: IslandSnapshot } | undefined;
  /** Whether it is to be looked at again when somebody comes. */
  #isStale = false;
  /** Fields that somebody was told of already. */
  #droppedFields: Set<string> | undefined;
  readonly #ports: InstancePorts;

  constructor(hosted: HostedIsland, holder: Holder, random: Random, ports: InstancePorts) {
    this.hosted = hosted;
    this.holder = holder;
    this.state = new hosted.island.Class();
    this.incarnation = randomId(random, INCARNATION_BYTES);
    this.#ports = ports;
    bindLive(this.state, () => ports.context());
  }

  get engine(): IslandInstance {
    if (this.#engine === undefined) throw new TypeError("Cannot use the island: it is not mounted");
    return this.#engine;
  }

  /** Whether its engine is there. */
  get isMounted(): boolean {
    return this.#engine !== undefined;
  }

  /** How many block instances it shows. */
  get size(): number {
    return this.#engine?.size ?? 0;
  }

  /** Somebody shows it, or is about to. */
  visited(principal: Principal | null, url: string): void {
    if (this.hosted.island.scope !== "global") {
      this.principal = principal;
      if (url !== "") this.url = url;
    }
    if (!this.#isStale) return;
    this.#isStale = false;
    this.engine.refresh();
  }

  /** What it reads has changed. Nothing is rendered that nobody sees. */
  refresh(): void {
    if (this.views.size === 0) this.#isStale = true;
    else this.engine.refresh();
  }

  /**
   * Takes up the state that was saved, calls `mount`, and renders for the first time.
   *
   * @throws what the author's code throws
   */
  mount(): void {
    const { hosted, holder, state } = this;
    const isRestored = this.#restore(holder.saved?.get(hosted.name));
    let result: unknown;
    const engine = new IslandInstance(hosted.program, state, {
      report: ({ error, place, text }) =>
        this.#ports.failed(error, `${place.file}:${place.line}:${place.column} ${text}`),
      changed: () => this.#ports.changed(),
      mount: (writable) => {
        if (has(this, "mount")) result = (writable as Mountable).mount(isRestored);
      },
    });
    // What `mount` wrote is in the first rendering, and no news.
    engine.takePatch();
    this.#engine = engine;
    if (!(result instanceof Promise)) return;
    result.catch((error) => this.#ports.failed(error, "mount")).finally(() => engine.refresh([]));
  }

  /** What a page resumes this instance with: only that page is to know it. */
  token(tab: Holder): string {
    return `${tab.session}.${this.incarnation}`;
  }

  /** Takes what changed since the last time into the log; says whether anything did. */
  take(): boolean {
    let patch: Patch | null;
    try {
      patch = this.engine.takePatch();
    } catch (error) {
      // Nobody knows how far it came: what it has is no patch, and every tab needs a snapshot.
      this.#forget();
      throw error;
    }
    if (patch === null) return false;
    this.add(patch);
    return true;
  }

  /** Adds a patch to the log. */
  add(patch: Patch): void {
    const bytes = patch.texts.reduce((sum, text) => sum + text.length, patch.ops.length) +
      ENTRY_OVERHEAD_BYTES;
    this.#log.push({ seq: ++this.seq, patch, bytes, frames: undefined });
    this.#logBytes += bytes;
    while (this.#log.length > FRAMES_UNSENT_MAX || this.#logBytes > BACKLOG_BYTES_MAX) {
      this.#logBytes -= (this.#log.shift() as LogEntry).bytes;
    }
  }

  /** The patches after one; `null` when the log does not reach back to it. */
  after(seq: number): readonly LogEntry[] | null {
    if (seq === this.seq) return NONE;
    const from = this.#log.length - (this.seq - seq);
    return seq > this.seq || from < 0 ? null : this.#log.slice(from);
  }

  /** The island as the log's last patch has left it. */
  snapshot(): IslandSnapshot {
    if (this.#snapshot?.seq !== this.seq) {
      this.#snapshot = { seq: this.seq, value: this.engine.snapshot() };
    }
    return this.#snapshot.value;
  }

  /** The message with a patch, and with values that the tab needs besides. */
  frame(
    entry: LogEntry | undefined,
    target: number,
    ack: number,
    values: readonly BoundValue[],
  ): Uint8Array {
    const isCommon = values.length === 0 || values === entry?.patch.bound;
    if (entry === undefined || !isCommon || this.views.size === 1) {
      return this.#written(entry, target, ack, values);
    }
    const key = `${target} ${ack} ${values.length === 0}`;
    const frames = entry.frames ??= new Map();
    let frame = frames.get(key);
    if (frame === undefined) {
      frame = this.#written(entry, target, ack, values);
      frames.set(key, frame);
    }
    return frame;
  }

  #written(
    entry: LogEntry | undefined,
    target: number,
    ack: number,
    values: readonly BoundValue[],
  ): Uint8Array {
    const { ops, texts } = withValues(entry?.patch ?? NO_PATCH, values);
    return ServerMessage.encode({ target, seq: entry?.seq ?? this.seq, ops, texts, ack });
  }

  /** The state for the storage. */
  saved(): SavedIsland {
    const { classes, island } = this.hosted;
    return { version: island.version, state: savedState(this.state, this.#stateOptions(classes)) };
  }

  /** Whether there was something to take up. */
  #restore(saved: SavedIsland | undefined): boolean {
    const { classes, island } = this.hosted;
    if (saved === undefined || !island.saved) return false;
    if (saved.version !== island.version) {
      this.#ports.failed(
        new TypeError(
          `Cannot take up state of version ${saved.version}: it is ${island.version} now`,
        ),
        "saved state",
      );
      return false;
    }
    restoreState(this.state, saved.state, this.#stateOptions(classes));
    return true;
  }

  #stateOptions(classes: StateClasses): StateOptions {
    const dropped = (field: string, reason: string) => {
      const known = this.#droppedFields ??= new Set();
      if (known.has(field)) return;
      known.add(field);
      this.#ports.failed(new TypeError(`Cannot keep "${field}": ${reason}`), "saved state");
    };
    return { classes, isApart, dropped };
  }

  #forget(): void {
    this.#log = [];
    this.#logBytes = 0;
    this.#snapshot = undefined;
    this.seq++;
  }
}

const NONE: readonly LogEntry[] = [];
/** Changes nothing. */
export const NO_PATCH: Patch = { ops: new Uint8Array(), texts: [], bound: [], lastInstance: 0 };
