/**
 * How what an exchange asks for is shared out over requests: so that each reply fits its frame, as far
 * as its size is known before.
 */
import type { Groups } from "../wire/reconcile_gen.ts";
import { type DrilledNode, TAG_BYTES } from "./drilling.ts";
import type { Want } from "./elements.ts";
import { bytesOfGroups, groupsThatFit } from "./group_sketches.ts";
import {
  DRILL_NODES_MAX,
  DRILL_TAGS_MAX,
  FRAME_HEAD_BYTES,
  RECONCILE_FRAME_BYTES_MAX,
  REQUESTS_AT_ONCE_MAX,
  WANTS_MAX,
} from "./reconcile_limits.ts";

/** A row that is wanted. */
export interface WantedRow extends Want {
  readonly element: Uint8Array;
  /** Bytes that it will take, as far as anybody can tell. */
  readonly bytes: number;
}

/** What one request asks for. */
export interface RequestPart {
  readonly groups: Groups[];
  readonly wants: WantedRow[];
  readonly nodes: DrilledNode[];
}

/** A part that is being filled. */
interface OpenPart extends RequestPart {
  /** Bytes that are left of its reply. */
  room: number;
  /** Tags that are left of its request. */
  tags: number;
}

const REPLY_BYTES = RECONCILE_FRAME_BYTES_MAX - FRAME_HEAD_BYTES;
/** Rows fill a reply to four fifths: some will have grown. */
const ROWS_ROOM = REPLY_BYTES / 5;
/** Bytes of a reply for one node: its children, or rows that nobody can tell. */
const NODE_BYTES = 400;

/** Collects what to ask for, up to REQUESTS_AT_ONCE_MAX requests; what is behind has to wait. */
export class RequestPlan {
  readonly #parts: OpenPart[] = [];
  /** Rows that the larger side has. */
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  get parts(): readonly RequestPart[] {
    return this.#parts;
  }

  /** Asks for groups. */
  addGroups({ bits, from, count }: Groups): void {
    for (let at = from; at < from + count;) {
      const part = this.#part(({ room }) => groupsThatFit(room, this.#rows) > 0);
      if (part === undefined) return;
      const fit = Math.min(from + count - at, groupsThatFit(part.room, this.#rows));
      part.groups.push({ bits, from: at, count: fit });
      part.room -= bytesOfGroups(fit, this.#rows);
      at += fit;
    }
  }

  /** Asks for a node, unless it has more tags than a request may have. */
  addNode(drilled: DrilledNode): void {
    const tags = (drilled.tags?.length ?? 0) / TAG_BYTES;
    if (tags > DRILL_TAGS_MAX) return;
    const part = this.#part((open) =>
      open.room >= NODE_BYTES && open.nodes.length < DRILL_NODES_MAX && open.tags >= tags
    );
    if (part === undefined) return;
    part.nodes.push(drilled);
    part.room -= NODE_BYTES;
    part.tags -= tags;
  }

  /** Asks for a row; false when it has to wait. */
  addWant(want: WantedRow): boolean {
    const part = this.#part(({ room, wants }) => {
      const fits = room - want.bytes >= ROWS_ROOM || room === REPLY_BYTES;
      return fits && wants.length < WANTS_MAX;
    });
    part?.wants.push(want);
    if (part !== undefined) part.room -= want.bytes;
    return part !== undefined;
  }

  /** The last part, or a new one where that has no room. */
  #part(hasRoom: (part: OpenPart) => boolean): OpenPart | undefined {
    const last = this.#parts.at(-1);
    if (last !== undefined && hasRoom(last)) return last;
    if (this.#parts.length === REQUESTS_AT_ONCE_MAX) return undefined;
    const part = { groups: [], wants: [], nodes: [], room: REPLY_BYTES, tags: DRILL_TAGS_MAX };
    this.#parts.push(part);
    return part;
  }
}
