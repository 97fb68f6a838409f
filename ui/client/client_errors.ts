/** How a client answers calls at the wrong time. */

/**
 * The client has not been started, or was stopped.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, NotStartedError } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const client = createClient(defineApp({ name: "notes", collections: { note } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * try {
 *   client.collection("note").get("n1");
 *   throw new Error("It answered");
 * } catch (error) {
 *   if (!(error instanceof NotStartedError)) throw error;
 * }
 * ```
 */
export class NotStartedError extends Error {
  /** Always `NotStartedError`. */
  override readonly name = "NotStartedError";
}

/**
 * The client is running already.
 *
 * @example
 * ```ts
 * import { AlreadyStartedError, createClient, defineApp } from "@driftless/driftless";
 *
 * const client = createClient(defineApp({ name: "empty", collections: {} }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * client.setOffline(true);
 * await client.start();
 * const error = await client.start().catch((error) => error);
 * if (!(error instanceof AlreadyStartedError)) throw new Error("It started twice");
 * await client.stop();
 * ```
 */
export class AlreadyStartedError extends Error {
  /** Always `AlreadyStartedError`. */
  override readonly name = "AlreadyStartedError";
}
