/**
 * How values stand in memory: cells of 16 bytes, little-endian, called slots.
 *
 *     slot    tag u8, three of padding, word u32 (payload A), eight bytes (payload B)
 *     text    word → length u32, UTF-8 bytes; bytes likewise
 *     array   word → handle u32 → capacity u32, length u32, then the elements' slots
 *     object  word → handle u32 → capacity u32, count u32, then entries of 24 bytes:
 *             address of the key u32, its length u32, the value's slot
 *
 * A handle stays where it is when what it points to moves to get more room. Slots, handles and lengths
 * stand at addresses that 4 divides; the bytes of keys stand anywhere.
 */

/** Bytes of a slot. */
export const SLOT_BYTES = 16;
/** Where a slot's word is. */
export const WORD_OFFSET = 4;
/** Where a slot's eight bytes are. */
export const WIDE_OFFSET = 8;
/** Bytes of a length, an address or a handle. */
export const WORD_BYTES = 4;
/** Bytes of capacity and length, before the elements or entries. */
export const BLOCK_HEAD_BYTES = 8;
/** Bytes of an object's entry: where the key is, and the value. */
export const ENTRY_BYTES = 8 + SLOT_BYTES;
/** Where the value of an entry is. */
export const ENTRY_VALUE_OFFSET = 8;
/** Elements or entries that there is room for at first. */
export const CAPACITY_MIN = 4;

/** What a slot holds. Constants of their own: some engines look a member of an object up each time. */
export const TAG_NULL = 0;
export const TAG_BOOL = 1;
export const TAG_I32 = 2;
export const TAG_F64 = 3;
export const TAG_STRING = 4;
export const TAG_ARRAY = 5;
export const TAG_OBJECT = 6;
export const TAG_BIGINT = 7;
export const TAG_BYTES = 8;
