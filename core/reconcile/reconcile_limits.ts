/** The bounds of the exchange, with their units: what one message may ask for, and one exchange cost. */

/** Of the tree that both sides keep: hash, radix, leaf size, field. */
export const TREE_VERSION = 0;
/** Bytes of one request or reply. */
export const RECONCILE_FRAME_BYTES_MAX = 64 * 1024;
/** Bytes of a reply beside rows, groups and nodes: what stands in every one, and lengths. */
export const FRAME_HEAD_BYTES = 1024;
/** Words of a sketch that is sent; the server decodes no longer one. */
export const SKETCH_WORDS_MAX = 32;
/** Words of a sketch when only a few rows are known to differ. */
export const SKETCH_WORDS_FEW = 16;
/** Groups that one request may ask for. */
export const GROUPS_MAX = 4096;
/** Groups that one exchange asks for at a time; where it takes more, a snapshot is less. */
export const GROUPS_OPEN_MAX = 16 * 1024;
/** Elements of a group up to which its sketch is expected to decode: half of its words, and a little. */
export const GROUP_ELEMENTS = 15.7;
/** Elements up to which one sketch is expected to decode. */
export const PROBE_ELEMENTS = 16;
/** Halvings of the key space, when nothing says how much differs. */
export const HALVINGS_MAX = 12;
/** Rows that one request may want. */
export const WANTS_MAX = 8192;
/** Nodes that one request may drill into. */
export const DRILL_NODES_MAX = 128;
/** Tags of rows that one request may have beside its nodes. */
export const DRILL_TAGS_MAX = 4096;
/** Nodes that one exchange drills into at a time; where it takes more, a snapshot is less. */
export const DRILL_OPEN_MAX = 4096;
/** Bytes of the salt of a drill. */
export const SALT_BYTES = 16;
/** Rows below which differences are exchanged whatever their share. */
export const SMALL_ROWS_MAX = 256;
/** Where more than one element for so many rows differs, a snapshot is less. */
export const SNAPSHOT_SHARE = 4;
/** Changes that a client may be behind and still be told row by row; */
export const BEHIND_MAX = 32 * 1024;
/** and at most one in so many rows, unless they are few. */
export const BEHIND_SHARE = 4;
/** Written rows that are read at a time. */
export const WRITTEN_PAGE = 256;
/** Requests of one exchange that are under way at once. */
export const REQUESTS_AT_ONCE_MAX = 32;
/** Requests of one exchange in all. */
export const REQUESTS_MAX = 1024;
/** Times that one exchange waits for replies. */
export const ROUNDS_MAX = 256;
/** Ends of an exchange with roots that differ, before a snapshot is taken. */
export const MISMATCHES_MAX = 3;
