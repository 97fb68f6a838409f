/** Every bound of the live UI's runtime, with its unit. */

/** Bytes of one message of a browser. */
export const UI_MESSAGE_BYTES_MAX = 60 * 1024;
/** Islands that one connection shows at a time. */
export const TARGETS_MAX = 64;
/** UTF-16 units of a page's address. */
export const URL_UNITS_MAX = 2_048;
/** Arguments of a method that is called by its name. */
export const CALL_ARGS_MAX = 16;
/** Bytes of what such a method returns, as JSON. */
export const RESULT_BYTES_MAX = 256 * 1024;
/** Messages that a connection may send a second, over some time. */
export const EVENTS_PER_SECOND = 200;
/** Messages that a connection may send at once after a pause. */
export const EVENTS_BURST = 400;
/** Messages of one connection that wait for their turn. */
export const EVENTS_WAITING_MAX = 64;
/** Messages too many after which a connection is closed. */
export const EXCESS_MAX = 200;
/** Messages that make no sense after which a connection is closed. */
export const NONSENSE_MAX = 50;
/** Handlers of one connection that have not ended yet. */
export const HANDLERS_PENDING_MAX = 64;
/** A handler that blocks longer than this is warned of, in milliseconds. */
export const HANDLER_WARN_MS = 1_000;
/** Calls of browser functions that one connection has not answered. */
export const CALLS_PENDING_MAX = 64;
/** How long a browser may take to answer a call, in milliseconds. */
export const CALL_TIMEOUT_MS = 10_000;
/** Broadcasts that lead to each other. */
export const BROADCAST_DEPTH_MAX = 8;
/** Patches of an instance that are kept for tabs that are slow, or come back. */
export const FRAMES_UNSENT_MAX = 256;
/** Bytes of these patches; a tab that is further behind gets a snapshot. */
export const BACKLOG_BYTES_MAX = 256 * 1024;
/** How long state is kept after the last of its connections went, in milliseconds. */
export const RESUME_MS = 5 * 60 * 1000;
/** Holders of state without a connection; one more, and the oldest goes. */
export const IDLE_HOLDERS_MAX = 10_000;
/** Bytes of memory that these take, roughly. */
export const IDLE_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of memory that a block instance takes, roughly. */
export const BLOCK_BYTES = 512;
/** How long a page that was rendered may take to connect, in milliseconds. */
export const PAGE_WAIT_MS = 60_000;
/** How long a change of state waits until it is saved, in milliseconds. */
export const SAVE_MS = 50;
/** Saving may take this part of the time. */
export const SAVE_TIME_PART = 1 / 50;
/** Large state is saved less often: for each millisecond between two saves it may have so many bytes. */
export const SAVE_BYTES_PER_MS = 1024;
/** However large it is, it is saved this often, in milliseconds. */
export const SAVE_REST_MS_MAX = 60_000;
/** Bytes of one holder's saved state; more is not saved. */
export const SAVED_BYTES_MAX = 1024 * 1024;
/** How long saved state of a tab is kept, in milliseconds: its server may be down meanwhile. */
export const SAVED_TAB_MS = 24 * 60 * 60 * 1000;
/** How long saved state of a user is kept, in milliseconds. */
export const SAVED_USER_MS = 365 * 24 * 60 * 60 * 1000;
/** Nesting of state that is saved. */
export const STATE_DEPTH_MAX = 64;
/** Uploads of one connection that have not ended. */
export const UPLOADS_PENDING_MAX = 16;
/** How long a ticket for an upload waits for its file, in milliseconds. */
export const UPLOAD_TICKET_MS = 60_000;
/** Targets of a page whose last input is remembered. */
export const ACKS_MAX = 256;
/** Inputs that a tab which does not read has typed into, and that are remembered. */
export const TYPED_MAX = 256;
