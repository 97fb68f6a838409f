/** Cuts changes into poke messages that fit a frame, and encodes them once for many sessions. */
import type { Change } from "./change.ts";
import { utf8Length } from "./json.ts";
import { encodeDown } from "./wire/messages.ts";

/** Bytes of changes in one poke, unless a single change is larger. */
export const POKE_BYTES_MAX = 48 * 1024;

/** The longest run of changes from the start that fits one poke; at least one change. */
export function firstPoke(changes: readonly Change[]): readonly Change[] {
  let bytes = 0;
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i] as Change;
    bytes += utf8Length(change.json ?? "") + utf8Length(change.id) + change.entity.length + 16;
    if (i > 0 && bytes > POKE_BYTES_MAX) return changes.slice(0, i);
  }
  return changes;
}

/** The changes of one commit in one scope, on their way to every session there. */
export class CommitPoke {
  /** The cursor before the first change. */
  readonly from: number;
  /** The cursor after the last change. */
  readonly to: number;
  /** Whether one frame holds it all; otherwise sessions fetch it page by page. */
  readonly fits: boolean;
  readonly #changes: readonly Change[];
  readonly #root: Uint8Array | undefined;
  readonly #frames = new Map<number, Uint8Array>();

  /** `root` is the digest of all rows after the last change, where a burst ends. */
  constructor(changes: readonly Change[], root?: Uint8Array) {
    this.#changes = changes;
    this.#root = root;
    this.from = (changes[0]?.cursor ?? 1) - 1;
    this.to = changes.at(-1)?.cursor ?? this.from;
    this.fits = firstPoke(changes).length === changes.length;
  }

  /** The encoded poke; made once for each channel number. */
  frame(channel: number): Uint8Array {
    let frame = this.#frames.get(channel);
    if (frame === undefined) {
      const { from } = this;
      const changes = this.#changes;
      const root = this.#root;
      frame = encodeDown(channel, { kind: "poke", from, changes, more: false, root });
      this.#frames.set(channel, frame);
    }
    return frame;
  }
}
