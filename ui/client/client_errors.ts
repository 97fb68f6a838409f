/** How a client answers calls at the wrong time. */

/** The client has not been started, or was stopped. */
export class NotStartedError extends Error {
  override readonly name = "NotStartedError";
}

/** The client is running already. */
export class AlreadyStartedError extends Error {
  override readonly name = "AlreadyStartedError";
}
