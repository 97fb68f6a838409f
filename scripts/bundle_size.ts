/** What the client weighs in a browser, and what was last agreed that it may weigh. */
import { constants, gzipSync } from "node:zlib";

/** What a page downloads for the client. */
export interface BundleSize {
  /** Bytes of the minified module. */
  readonly bytes: number;
  /** The same, as gzip at level 9. */
  readonly gzipBytes: number;
}

/** Where the client that servers hand out has its URL. */
export const CLIENT_URL = "/_driftless/client.js";
/** What the client without reconcile and live UI is to weigh at the most, as gzip at level 9. */
export const CLIENT_GZIP_BYTES_MAX = 20_480;
/** A change of this many gzip bytes has to be recorded, up and down. */
export const DRIFT_BYTES_MAX = 256;
/** The recorded size; `deno task build --update` writes it. */
export const RECORD = "tests/scripts/bundle_size.json";

export function sizeOf(code: string): BundleSize {
  const bytes = new TextEncoder().encode(code);
  const gzip = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
  return { bytes: bytes.length, gzipBytes: gzip.length };
}

/** What is to be done about a size; `null` if nothing. */
export function sizeProblem(size: BundleSize, recorded: BundleSize): string | null {
  const drift = size.gzipBytes - recorded.gzipBytes;
  if (Math.abs(drift) <= DRIFT_BYTES_MAX) return null;
  const change = drift > 0 ? `grew by ${drift}` : `shrank by ${-drift}`;
  return `The client ${change} bytes of gzip: record it with \`deno task build --update\``;
}

/** The size and how far it is from the budget, in one line. */
export function sizeText({ bytes, gzipBytes }: BundleSize): string {
  const left = CLIENT_GZIP_BYTES_MAX - gzipBytes;
  const verdict = left < 0 ? `${-left} over the budget` : `${left} below the budget`;
  return `Client: ${bytes} bytes, ${gzipBytes} as gzip, ${verdict}`;
}

export function recordText(size: BundleSize): string {
  return `${JSON.stringify(size, null, 2)}\n`;
}
