/** Which object a request is for: by the scope in its body, or in its ticket. */
import type { AnyApp } from "../../core/app.ts";
import type { WasmMount } from "../../core/wasm_mount.ts";
import { OWN_PATH } from "../wasm/prepare.ts";
import { DriftlessError } from "../../core/errors.ts";
import { checkJson, isJsonObject, type JsonObject, parseJson } from "../../core/json.ts";
import {
  PUSH_BATCH_MAX,
  PUSH_BODY_BYTES_MAX,
  RECONCILE_REQUEST_BYTES_MAX,
  REQUEST_BODY_BYTES_MAX,
} from "../../core/limits.ts";
import { checkScope, DEFAULT_SCOPE } from "../../core/mutation.ts";
import { ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { json } from "../answers.ts";

/** A part of a push: the mutations of one scope. */
export interface PushPart {
  readonly scope: string;
  /** The places of its mutations in the whole. */
  readonly places: readonly number[];
  /** A push of these alone. */
  readonly text: string;
}

/** Where tickets are given out: a door that needs no body, and takes any. */
export const TICKET_PATH = "/_live/ticket";
/** The doors to scopes, and the bytes that each takes. */
export const DOORS: Readonly<Partial<Record<string, number>>> = {
  "/_sync/push": PUSH_BODY_BYTES_MAX,
  "/_sync/pull": REQUEST_BODY_BYTES_MAX,
  "/_sync/snapshot": REQUEST_BODY_BYTES_MAX,
  "/_sync/reconcile": RECONCILE_REQUEST_BYTES_MAX,
  [TICKET_PATH]: REQUEST_BODY_BYTES_MAX,
};

/**
 * The scope that a body is about; a body without one is about the default scope, and so is a ticket
 * whose body says nothing of use.
 *
 * @throws {DriftlessError} `malformed` or `invalid_mutation`
 */
export function scopeOfBody(path: string, body: Uint8Array): string {
  if (path === TICKET_PATH) return scopeOfTicket(body);
  if (path !== "/_sync/reconcile") return wellFormed(body, () => checkScope(jsonOf(body).scope));
  try {
    return checkScope(ReconcileRequest.decode(body).scope);
  } catch (error) {
    if (error instanceof DriftlessError) throw error;
    throw new DriftlessError("malformed", "Cannot read the request: the bytes are not a message");
  }
}

/**
 * The parts of a push, by scope. A mutation whose scope cannot be read goes with the first part: what is
 * wrong with it is the object's to say.
 *
 * @throws {DriftlessError} `malformed` when it is no push, `invalid_mutation` when it has too many
 */
export function pushParts(body: Uint8Array): readonly PushPart[] {
  const { mutations, ...rest } = jsonOf(body);
  checkJson(rest);
  if (!Array.isArray(mutations) || mutations.length === 0 || mutations.length > PUSH_BATCH_MAX) {
    throw new DriftlessError(
      "invalid_mutation",
      `"mutations" must be a list of 1 to ${PUSH_BATCH_MAX} mutations`,
    );
  }
  const scopes = mutations.map(scopeOf);
  const first = scopes.find((scope) => scope !== undefined) ?? DEFAULT_SCOPE;
  const places = Map.groupBy(scopes.keys(), (place) => scopes[place] ?? first);
  return Array.from(places, ([scope, places]) => ({
    scope,
    places,
    text: JSON.stringify({ ...rest, mutations: places.map((place) => mutations[place]) }),
  }));
}

/**
 * The answers to the parts of a push as that to the whole, with the results in their order. An answer
 * of several logs names no epoch.
 */
export async function joinAnswers(
  parts: readonly PushPart[],
  answers: readonly Response[],
): Promise<Response> {
  const failed = answers.find(({ ok }) => !ok);
  const [only] = answers;
  if (failed !== undefined || (answers.length === 1 && only !== undefined)) {
    const answer = failed ?? only as Response;
    await Promise.all(answers.map((one) => one === answer ? undefined : one.body?.cancel()));
    return answer;
  }
  const results: unknown[] = [];
  for (const [index, answer] of answers.entries()) {
    const decided = (await answer.json() as { readonly results: readonly unknown[] }).results;
    parts[index]?.places.forEach((place, at) => results[place] = decided[at]);
  }
  return json(JSON.stringify({ results }));
}

/** The answer to a request for a ticket, which then tells the scope of the object that gave it. */
export async function withTicket(answer: Response, scope: string): Promise<Response> {
  if (!answer.ok) return answer;
  const { ticket, ...rest } = await answer.json() as Readonly<Record<string, unknown>>;
  const name = new TextEncoder().encode(scope).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  const headers = new Headers(answer.headers);
  return new Response(JSON.stringify({ ticket: `${name}.${ticket}`, ...rest }), { headers });
}

/**
 * The scope that a ticket is for, and the ticket as its object gave it.
 *
 * @throws {DriftlessError} `unauthenticated`
 */
export function splitTicket(
  text: string | null,
): { readonly scope: string; readonly ticket: string } {
  const [name = "", ticket = ""] = (text ?? "").split(".");
  try {
    const bytes = Uint8Array.fromBase64(name, { alphabet: "base64url" });
    const scope = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (scope !== "" && ticket !== "") return { scope: checkScope(scope), ticket };
  } catch {
    // It is none of ours.
  }
  throw new DriftlessError("unauthenticated", "The ticket is unknown, used or too old");
}

/** The app with some of its modules. */
export function withMounts(app: AnyApp, isKept: (mount: WasmMount) => boolean): AnyApp {
  return { ...app, mounts: new Map([...app.mounts].filter(([, mount]) => isKept(mount))) };
}

/** Whether a path is one of a module that keeps state between requests. */
export function durableMount({ mounts }: AnyApp, path: string): boolean {
  if (OWN_PATH.test(path)) return false;
  const [nearest] = [...mounts.values()]
    .filter((it) => it.path === "/" || path === it.path || path.startsWith(`${it.path}/`))
    .toSorted((one, other) => other.path.length - one.path.length);
  return nearest?.options.mode === "durable";
}

function scopeOfTicket(body: Uint8Array): string {
  try {
    return checkScope(jsonOf(body).scope);
  } catch {
    return DEFAULT_SCOPE;
  }
}

/** A body that is refused for what it says may be refused as a whole: that comes first everywhere. */
function wellFormed<T>(body: Uint8Array, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    const isWhole = error instanceof DriftlessError && error.code === "malformed";
    if (!isWhole && body.length > 0) parseJson(textOf(body));
    throw error;
  }
}

function textOf(body: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(body);
}

/** Unlike a check of the whole, this leaves what is within to the object. */
function jsonOf(body: Uint8Array): JsonObject {
  let value: unknown;
  try {
    const text = textOf(body);
    value = text === "" ? {} : JSON.parse(text);
  } catch (cause) {
    throw new DriftlessError("malformed", "Cannot parse JSON: the text is not well-formed", {
      cause,
    });
  }
  if (isJsonObject(value)) return value;
  throw new DriftlessError("malformed", "The body must be a JSON object");
}

function scopeOf(mutation: unknown): string | undefined {
  if (!isJsonObject(mutation)) return undefined;
  try {
    return checkScope(mutation.scope);
  } catch {
    return undefined;
  }
}
