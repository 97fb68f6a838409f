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
  /** Something is broken: somebody should go and look. */
  error(event: string, fields?: LogFields): void;
  /** Something that an operator wants to know. */
  info(event: string, fields?: LogFields): void;
  /** Something for developers. */
  debug(event: string, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ["error", "info", "debug"];

/**
 * A log that writes lines of JSON of at least this importance, to standard error unless `write` takes
 * them elsewhere.
 *
 * @example
 * ```ts
 * import { createLog } from "@driftless/driftless/server";
 *
 * const lines: string[] = [];
 * const log = createLog("info", (line) => lines.push(line));
 * log.info("app started", { port: 8000 });
 * log.debug("this is of no importance");
 * const [line = "{}"] = lines;
 * if (lines.length !== 1 || JSON.parse(line).port !== 8000) throw new Error(lines.join());
 * ```
 */
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
