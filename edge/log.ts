/**
 * Structured logs: one JSON object a line. Never content: no arguments, records, tokens or tickets.
 * Only the text of an error that the app's own code throws is the app's affair.
 */

/** ERROR: somebody should go and look. INFO: what an operator wants to know. DEBUG: for developers. */
export type LogLevel = "error" | "info" | "debug";

/** Facts of one log line. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes log lines. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ["error", "info", "debug"];

/** A log that writes lines of at least this importance. */
export function createLog(
  level: LogLevel,
  write: (line: string) => void = (line) => console.error(line),
): Log {
  const at = (own: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (ORDER.indexOf(own) > ORDER.indexOf(level)) return;
    write(JSON.stringify({ time: new Date().toISOString(), level: own, event, ...fields }));
  };
  return { error: at("error"), info: at("info"), debug: at("debug") };
}

/** What went wrong, for a log line: the error with its causes, without stack lines of libraries. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (${errorText(error.cause)})`;
  return `${error.name}: ${error.message}${cause}`;
}
