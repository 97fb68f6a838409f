/** What stands in front of the epoch of stored rows: which versions of the app they are of. */
import type { ReplicaMove } from "../../core/persistence.ts";

/** Two versions of an app. */
export interface Mark {
  /** That of the code which stored the rows. */
  readonly code: number;
  /** That of the server they came from. */
  readonly server: number;
}

const MARK = /^v(\d+)\.(\d+) (.*)$/s;

/** Nothing, for what has known no other version: as it was stored before there were versions. */
export function markText({ code, server }: Mark): string {
  return code === 1 && server === 1 ? "" : `v${code}.${server} `;
}

/** A move of rows that are of the marked versions. */
export function markedMove(mark: string, move: ReplicaMove): ReplicaMove {
  const epoch = mark + move.epoch;
  if (move.kind === "changes" || move.onto === undefined) return { ...move, epoch };
  return { ...move, epoch, onto: { ...move.onto, epoch: mark + move.onto.epoch } };
}

/** What a stored epoch says: the versions, and the epoch itself. */
export function readMark(text: string): Mark & { readonly epoch: string } {
  const [, code = "1", server = "1", epoch = text] = MARK.exec(text) ?? [];
  return { code: Number(code), server: Number(server), epoch };
}
