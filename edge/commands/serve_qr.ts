/** `driftless serve --qr`: the address for a phone, which nobody likes to type there. */
import { renderUnicodeCompact } from "uqr";
import { type Option, UsageError } from "./command.ts";

/** The option. */
export const QR: Option = {
  help: "print where phones reach it as a QR code: the first --origin, or the host",
};

/** Hosts that are another machine on every machine. */
const UNREACHABLE = /^(?:localhost|127\..*|0\.0\.0\.0|\[?::1?\]?)$/i;
/** Modules of nothing around a code, without which it is not found. */
const QUIET = 4;

/**
 * Finds out what the code is to say before there is a server: an origin, or "" for the server's own.
 *
 * @throws {UsageError} when phones reach no address that pages are let in from
 */
export function phoneOrigin(host: string, origins: readonly string[]): string {
  const origin = origins.find((one) => one.startsWith("http")) ?? "";
  if (origin === "" && UNREACHABLE.test(host)) {
    throw new UsageError(
      `Cannot use --qr: no phone reaches ${host}; name an address of this machine with --host, ` +
        "or an --origin",
    );
  }
  return origin;
}

/** The lines for the terminal: bright on black, whatever its own colours are. */
export function phoneLines(origin: string, url: string): readonly string[] {
  const address = origin === "" ? url : origin;
  const rows = renderUnicodeCompact(address, { border: QUIET }).split("\n");
  return [`  phone  ${address}`, ...rows.map((row) => `\x1b[97;40m${row}\x1b[0m`)];
}
