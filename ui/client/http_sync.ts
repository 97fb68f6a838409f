/** The HTTP doors as a client uses them: push, pull, snapshot, ticket. */
import type { Change, LogPage } from "../../core/change.ts";
import { DriftlessError, isErrorCode } from "../../core/errors.ts";
import { canonicalText, isJsonObject, type JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { LoadedSnapshot, SnapshotRow } from "../../core/snapshot.ts";
import type { WireResult } from "../../core/wire/messages.ts";

/** How to reach the server. */
export interface HttpOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** The bearer token, or nothing where a cookie signs the user in. */
  readonly token: () => Promise<string | undefined>;
  /** How long a request may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** Requests to the sync doors; every failure is a {@linkcode DriftlessError}. */
export class HttpSync {
  readonly #options: HttpOptions;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  /** Sends a batch; a result for each mutation, in order, and the history that cursors in them count in. */
  async push(
    mutations: readonly Mutation[],
    signal: AbortSignal,
  ): Promise<{ readonly results: readonly WireResult[]; readonly epoch: string }> {
    const body = {
      mutations: mutations.map(({ createdAt, ...rest }) => ({ ...rest, created_at: createdAt })),
    };
    const answer = await this.#post("/_sync/push", body, signal);
    const results = (answer.results as readonly JsonObject[]).map((result) => ({
      id: String(result.id),
      cursor: Number(result.cursor),
      lastSeq: Number(result.last_seq),
      code: result.ok === true ? null : isErrorCode(result.code) ? result.code : "rejected",
      error: result.ok === true ? null : String(result.error),
    }));
    return { results, epoch: String(answer.epoch) };
  }

  /** Asks for the changes after a cursor. */
  async pull(scope: string, cursor: number, signal: AbortSignal): Promise<LogPage> {
    const page = await this.#post("/_sync/pull", { scope, cursor, limit: 1000 }, signal);
    const changes = (page.changes as readonly JsonObject[]).map((change) => ({
      cursor: Number(change.cursor),
      entity: String(change.entity),
      id: String(change.id),
      op: change.op as Change["op"],
      json: change.op === "delete" ? null : canonicalText(change.data ?? null),
      time: Date.parse(String(change.time)),
    }));
    return { epoch: String(page.epoch), from: cursor, changes, more: page.has_more === true };
  }

  /** Asks for all rows. */
  async snapshot(scope: string, signal: AbortSignal): Promise<LoadedSnapshot> {
    const { data, cursor, epoch, time } = await this.#post("/_sync/snapshot", { scope }, signal);
    const rows: SnapshotRow[] = [];
    for (const [entity, records] of Object.entries(data as JsonObject)) {
      for (const [id, record] of Object.entries(records as JsonObject)) {
        rows.push({ entity, id, json: canonicalText(record) });
      }
    }
    return { epoch: String(epoch), cursor: Number(cursor), time: Number(time), rows };
  }

  /** Gets the address of one live connection; it works once, and for a short time. */
  async liveUrl(signal: AbortSignal): Promise<string> {
    const { ticket } = await this.#post("/_live/ticket", {}, signal);
    const url = new URL("/_live", this.#options.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", String(ticket));
    return url.href;
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<JsonObject> {
    const { url, fetch, token, timeoutMs } = this.#options;
    const bearer = await token();
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(new URL(path, url), {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      answer = await response.json();
    } catch (cause) {
      throw new DriftlessError("unavailable", `Cannot reach ${url}`, { cause });
    }
    if (response.ok && isJsonObject(answer)) return answer;
    const { code, error } = isJsonObject(answer) ? answer : {};
    throw new DriftlessError(
      isErrorCode(code) ? code : "unavailable",
      typeof error === "string" ? error : `Cannot use ${url}: it answers ${response.status}`,
    );
  }
}
