/**
 * What a client's file says: a start that holds a whole state, and the steps that came after it.
 */
import { invariant } from "../../core/assert.ts";
import { DriftlessError } from "../../core/errors.ts";
import { ARGS_BYTES_MAX, RECORD_BYTES_MAX } from "../../core/limits.ts";
import type { PersistBatch, PersistedClient, ReplicaMove } from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { encodeFrame, FRAME_BYTES_MAX, hasFrameFrom, readFrame } from "./log_frames.ts";
import { MemoryPersistence } from "./memory_persistence.ts";

/** The text of one frame. */
export type Entry =
  /** The first one: where the rows stand, and how many frames that follow were written with it. */
  | {
    readonly kind: "start";
    readonly frames: number;
    readonly cursor: number;
    readonly epoch: string;
  }
  | { readonly kind: "queue"; readonly batches: readonly PersistBatch[] }
  | { readonly kind: "moves"; readonly moves: readonly ReplicaMove[] }
  /** Some of the rows that the file was made with. */
  | { readonly kind: "rows"; readonly rows: readonly SnapshotRow[] };

/** What a file holds. */
export interface LogContents {
  readonly state: MemoryPersistence;
  /** Bytes that are sound, from the first one on. */
  readonly size: number;
  /** Bytes of them that were written when the file was made. */
  readonly startBytes: number;
}

/** Rows, or mutations of the queue, in one frame of a new file. */
const FRAME_ENTRIES = 500;
/** What every such file begins with; the number is the layout's. */
const MAGIC = new TextEncoder().encode("driftless client log 1\n");
/** What a row or a mutation is in a frame besides its text, in bytes, at the most. */
const ENTRY_OVERHEAD_BYTES = 4 * 1024;

invariant(
  // Text in a text: a quotation mark takes a second byte.
  FRAME_ENTRIES * (2 * Math.max(RECORD_BYTES_MAX, ARGS_BYTES_MAX) + ENTRY_OVERHEAD_BYTES) <
    FRAME_BYTES_MAX,
  "the frames of a new file are not too long",
);

/**
 * Applies every sound frame of a file that is not empty. What a crash left of the last is passed over.
 *
 * @throws {DriftlessError} `store_failed` when it is no such file, or is damaged before its last step
 */
export async function readLog(bytes: Uint8Array, name: string): Promise<LogContents> {
  if (!MAGIC.every((byte, at) => byte === bytes[at])) {
    throw new DriftlessError("store_failed", `Cannot open ${name}: it is no client's file`);
  }
  const state = new MemoryPersistence();
  const rows: SnapshotRow[] = [];
  let replica = { cursor: 0, epoch: "" };
  let size = MAGIC.length;
  let startBytes = 0;
  let framesLeft = 1;
  for (let frame = readFrame(bytes, size); frame !== null; frame = readFrame(bytes, size)) {
    const entry = JSON.parse(frame.text) as Entry;
    framesLeft--;
    if (entry.kind === "start") {
      framesLeft = entry.frames;
      replica = { cursor: entry.cursor, epoch: entry.epoch };
    } else if (entry.kind === "rows") {
      for (const row of entry.rows) rows.push(row);
    } else if (entry.kind === "queue") {
      await state.saveQueue(entry.batches);
    } else {
      await state.saveRows(entry.moves);
    }
    size = frame.end;
    if (framesLeft !== 0) continue;
    startBytes = size;
    if (replica.epoch !== "") await state.saveRows([{ kind: "snapshot", rows, ...replica }]);
  }
  // A crash breaks the last step alone: with more behind it, or before the first, it was no crash.
  if (startBytes === 0 || hasFrameFrom(bytes, size + 1)) {
    throw new DriftlessError(
      "store_failed",
      `Cannot open ${name}: it is damaged at byte ${size}; move it away to start without it`,
    );
  }
  return { state, size, startBytes };
}

/** A new file that holds a state, in parts. */
export function* startOf(stored: PersistedClient | null): Iterable<Uint8Array> {
  const { identity = null, pending = [], replica } = stored ?? {};
  const { rows = [], cursor = 0, epoch = "" } = replica ?? {};
  const entries: Entry[] = [];
  if (identity !== null) {
    // The first part stands for the identity alone, if nothing is pending.
    for (let at = 0; at === 0 || at < pending.length; at += FRAME_ENTRIES) {
      const put = pending.slice(at, at + FRAME_ENTRIES);
      entries.push({ kind: "queue", batches: [{ token: 0, identity, put, drop: [] }] });
    }
  }
  for (let at = 0; at < rows.length; at += FRAME_ENTRIES) {
    entries.push({ kind: "rows", rows: rows.slice(at, at + FRAME_ENTRIES) });
  }
  yield MAGIC;
  for (
    const entry of [{ kind: "start", frames: entries.length, cursor, epoch } as const, ...entries]
  ) {
    const frame = frameOf(entry);
    if (frame === null) throw new RangeError("a record is too long");
    yield frame;
  }
}

/** A step as it stands in the file; `null` when it is too long for that. */
export function frameOf(entry: Entry): Uint8Array | null {
  return encodeFrame(JSON.stringify(entry));
}
