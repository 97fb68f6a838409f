/** Room for texts and bytes, and which of it is used again when they are written over. */
import type { SlotArena } from "./slot_arena.ts";
import { TAG_BYTES, TAG_NULL, TAG_STRING, WORD_BYTES, WORD_OFFSET } from "./slot_layout.ts";
import { SHORT_TEXT_MAX, writeShort } from "./slot_text.ts";

/** The room of texts and bytes of one arena. */
export class SlotRooms {
  readonly #arena: SlotArena;
  /** Room of texts and bytes that are shorter than it, by their addresses. */
  readonly #rooms = new Map<number, number>();

  constructor(arena: SlotArena) {
    this.#arena = arena;
  }

  /** Forgets the room of what was given back. */
  forget(): void {
    if (this.#rooms.size > 0) this.#rooms.clear();
  }

  /** A block with so much room, its length written: the slot's own one if it may be used again. */
  blockFor(at: number, length: number, isOver: boolean): number {
    const { view } = this.#arena;
    const tag = isOver ? view.getUint8(at) : TAG_NULL;
    let room = length;
    if (tag === TAG_STRING || tag === TAG_BYTES) {
      const block = view.getUint32(at + WORD_OFFSET, true);
      const had = this.#roomOf(block);
      if (length <= had) {
        this.#rooms.set(block, had);
        view.setUint32(block, length, true);
        return block;
      }
      // What grows again and again leaves less behind than it has.
      room = Math.max(length, had * 2);
    }
    const block = this.#arena.take(WORD_BYTES + room);
    this.#arena.view.setUint32(block, length, true);
    if (room > length) this.#rooms.set(block, room);
    return block;
  }

  /**
   * Bytes that a block of this arena has room for; negative for the module's own, which may be
   * constants, and for what a checkpoint keeps: not even its length is written over.
   */
  #roomOf(block: number): number {
    const { mark, offset, view } = this.#arena;
    if (block < mark || block + WORD_BYTES > offset) return -1;
    const room = this.#rooms.get(block) ?? view.getUint32(block, true);
    return block + WORD_BYTES + room <= offset ? room : -1;
  }

  /** Room for a short ASCII text with so many bytes in front, and the text in it; 0 for others. */
  takeShort(text: string, before: number): number {
    if (text.length > SHORT_TEXT_MAX) return 0;
    const arena = this.#arena;
    const { offset } = arena;
    const at = before === 0 ? arena.takePacked(text.length) : arena.take(before + text.length);
    if (writeShort(arena.bytes, at + before, text)) return at;
    arena.undo(offset);
    return 0;
  }
}
