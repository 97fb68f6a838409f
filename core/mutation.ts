/** A mutation, one call of a mutator, and its shape as checked at every door. */
import { DriftlessError } from "./errors.ts";
import {
  canonicalText,
  checkJson,
  freezeJson,
  isJsonObject,
  type Json,
  utf8Length,
} from "./json.ts";
import { ARGS_BYTES_MAX, INTEGER_MAX, NAME_UNITS_MAX } from "./limits.ts";

/** One call of a mutator. */
export interface Mutation {
  /** Unique for ever: the second arrival of an id has no effect. */
  readonly id: string;
  /** The mutator's name. */
  readonly name: string;
  /** The scope that it runs in. */
  readonly scope: string;
  /** Who numbered it; `""` for a caller that keeps no queue (such as curl). */
  readonly client: string;
  /** Its place in the client's order, from 1; 0 when `client` is `""`. */
  readonly seq: number;
  /** What the mutator was called with; frozen. */
  readonly args: Json;
  /** When it was made, in milliseconds, by the client's hybrid clock; 0 for "now". */
  readonly createdAt: number;
}

/** A mutation as it came: one with a defect is refused in its place, and blocks nothing behind it. */
export interface PushedMutation extends Mutation {
  /** Why it cannot run. */
  readonly defect?: DriftlessError;
}

/** The scope of a caller that names none. */
export const DEFAULT_SCOPE = "_default";

/**
 * Checks a mutation from outside.
 *
 * @throws {DriftlessError} `invalid_mutation`, naming the field
 */
export function checkMutation(value: {
  readonly id?: unknown;
  readonly name?: unknown;
  readonly scope?: unknown;
  readonly client?: unknown;
  readonly seq?: unknown;
  readonly args?: unknown;
  readonly createdAt?: unknown;
}): Mutation {
  const client = optional(value.client, "");
  const mutation: Mutation = {
    id: checkName(value.id, "id"),
    name: checkName(value.name, "name"),
    scope: checkScope(value.scope),
    client: client === "" ? "" : checkName(client, "client"),
    seq: checkInteger(optional(value.seq, 0), "seq"),
    args: freezeJson(checkJson(optional(value.args, null), "invalid_mutation")),
    createdAt: checkInteger(optional(value.createdAt, 0), "created_at"),
  };
  if ((mutation.client === "") !== (mutation.seq === 0)) {
    throw invalid(`"client" and "seq" go together, and "seq" counts from 1`);
  }
  if (utf8Length(canonicalText(mutation.args)) > ARGS_BYTES_MAX) {
    throw new DriftlessError("too_large", `"args" is larger than ${ARGS_BYTES_MAX} bytes`);
  }
  return mutation;
}

/**
 * What `read` makes of a mutation from outside; where that fails, a mutation with a defect, if its place
 * among those of its client can be read.
 *
 * @throws {DriftlessError} what `read` throws, when there is no such place
 */
export function readInPlace(
  value: Parameters<typeof checkMutation>[0],
  read: () => PushedMutation,
): PushedMutation {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    const { id, client, seq, scope } = value;
    const place = placeOf({ id, client, seq, scope, name: "defective" });
    if (place === undefined || place.client === "") throw error;
    return { ...place, defect: error };
  }
}

/** A scope from outside; nothing or `""` means {@linkcode DEFAULT_SCOPE}. */
export function checkScope(value: unknown): string {
  return value === undefined || value === null || value === ""
    ? DEFAULT_SCOPE
    : checkName(value, "scope");
}

/** A name or id from outside: 1 to 128 characters, none of them a control character. */
export function checkName(value: unknown, field: string): string {
  if (typeof value !== "string" || value === "" || value.length > NAME_UNITS_MAX) {
    throw invalid(`"${field}" must be a string of 1 to ${NAME_UNITS_MAX} characters`);
  }
  if (/\p{Cc}/u.test(value) || !value.isWellFormed()) {
    throw invalid(`"${field}" holds a control character or half of a surrogate pair`);
  }
  return value;
}

/** An integer from outside: from 0 to 2^53 - 1. */
export function checkInteger(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > INTEGER_MAX) {
    throw invalid(`"${field}" must be an integer from 0 to ${INTEGER_MAX}`);
  }
  return value;
}

/** The object that a door expects. */
export function checkObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isJsonObject(value)) throw invalid(`${what} must be a JSON object`);
  return value;
}

function placeOf(value: Parameters<typeof checkMutation>[0]): Mutation | undefined {
  try {
    return checkMutation(value);
  } catch {
    return undefined;
  }
}

function optional(value: unknown, fallback: unknown): unknown {
  return value === undefined || value === null ? fallback : value;
}

function invalid(message: string): DriftlessError {
  return new DriftlessError("invalid_mutation", `Cannot read the message: ${message}`);
}
