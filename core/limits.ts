/** Every bound of the sync engine, with its unit, and the relations between them. */
import { invariant } from "./assert.ts";

/** Bytes of one push body over HTTP, and the largest JSON that the engine parses at a door. */
export const PUSH_BODY_BYTES_MAX = 1024 * 1024;
/** Bytes of the body of the other POST doors. */
export const REQUEST_BODY_BYTES_MAX = 64 * 1024;
/** Bytes of one live message, all fragments together. */
export const LIVE_MESSAGE_BYTES_MAX = 64 * 1024;
/** Bytes of one request of the exchange that finds what differs. */
export const RECONCILE_REQUEST_BYTES_MAX = 60 * 1024;
/** Mutations in one push. */
export const PUSH_BATCH_MAX = 100;
/** Changes in one page of a pull when the caller does not say. */
export const PULL_LIMIT_DEFAULT = 100;
/** Changes in one page of a pull at the most. */
export const PULL_LIMIT_MAX = 1000;
/** Nesting of arrays and objects in any JSON that enters. */
export const JSON_DEPTH_MAX = 32;
/** Keys in one JSON object. */
export const JSON_KEYS_MAX = 1000;
/** UTF-16 units in one JSON string, or in one key. */
export const JSON_STRING_UNITS_MAX = 16 * 1024;
/** UTF-8 bytes of the canonical JSON of one mutation's arguments. */
export const ARGS_BYTES_MAX = 16 * 1024;
/** UTF-8 bytes of the canonical JSON of one record. */
export const RECORD_BYTES_MAX = 32 * 1024;
/** UTF-16 units in a record id, mutation id, client id, scope, entity or mutator name. */
export const NAME_UNITS_MAX = 128;
/** UTF-16 units of the text of a refusal, as stored and told; a validator may quote a whole record. */
export const ERROR_TEXT_UNITS_MAX = 256;
/** Rows that one mutation may write. */
export const MUTATION_WRITES_MAX = 1000;
/** Mutations that a client sends without an answer; the server keeps as many outcomes per client. */
export const IN_FLIGHT_MAX = 256;
/** Mutations that wait in a client's queue. */
export const PENDING_MAX = 10_000;
/** Mutations that wait for their user, refused or held, beside a client's queue. */
export const QUARANTINE_MAX = 1_000;
/** Mutations that can be undone, and as many that can be done again. */
export const UNDO_MAX = 100;
/** How far a client's clock may run ahead of the server's before it is clamped, in milliseconds. */
export const CLOCK_AHEAD_MS_MAX = 1_000;
/** Changes that a scope's log keeps for catch-up. */
export const LOG_CHANGES_MAX = 1_000_000;
/** How long a scope's log keeps a change for catch-up, in milliseconds (7 days). */
export const LOG_AGE_MS_MAX = 7 * 24 * 60 * 60 * 1000;
/** The largest cursor, sequence number and time: integers up to here are exact in JSON. */
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

// Marked as pure: a bundle for browsers leaves them out, for they hold or fail wherever tests run.
/* @__PURE__ */ invariant(
  PULL_LIMIT_DEFAULT <= PULL_LIMIT_MAX,
  "the default page fits the largest page",
);
/* @__PURE__ */ invariant(PUSH_BATCH_MAX <= IN_FLIGHT_MAX, "a full batch may be in flight");
/* @__PURE__ */ invariant(
  RECORD_BYTES_MAX + 1024 < LIVE_MESSAGE_BYTES_MAX,
  "any record fits a live message",
);
/* @__PURE__ */ invariant(
  ARGS_BYTES_MAX + 1024 < LIVE_MESSAGE_BYTES_MAX,
  "any mutation fits a live message",
);
/* @__PURE__ */ invariant(
  RECONCILE_REQUEST_BYTES_MAX + 1024 < LIVE_MESSAGE_BYTES_MAX,
  "any request of an exchange fits a live message",
);
