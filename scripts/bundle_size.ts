/** What the clients weigh in a browser, and what was last agreed that they may weigh. */
import { constants, gzipSync } from "node:zlib";

/** What a page downloads for a client. */
export interface BundleSize {
  /** Bytes of the minified module. */
  readonly bytes: number;
  /** The same, as gzip at level 9. */
  readonly gzipBytes: number;
}

/** The sizes that were last agreed on, by URL path. */
export type SizeRecord = Readonly<Record<string, BundleSize>>;

/** Where the client that servers hand out has its URL. */
export const CLIENT_URL = "/_driftless/client.js";
/** The same for the client that syncs, and has nothing besides. */
export const SYNC_URL = "/_driftless/sync.js";
/** What the client loads when there is something to compare or to repair. */
export const RECONCILE_URL = "/_driftless/reconcile.js";
/** What the client without reconcile and live UI is to weigh at the most, as gzip at level 9. */
export const CLIENT_GZIP_BYTES_MAX = 20_480;
/**
 * What the sync client may weigh until it is within that; only ever lowered, but for what every client
 * has to know of digests (their fields on the wire, and rows of which only some are replaced) and of
 * the live UI (that it is none of its business, and may have the same socket).
 */
export const SYNC_GZIP_BYTES_MAX = 23_270;
/** A change of this many gzip bytes has to be recorded, up and down. */
export const DRIFT_BYTES_MAX = 256;
/** The recorded sizes; `deno task build --update` writes them. */
export const RECORD = "tests/scripts/bundle_size.json";

export function sizeOf(code: string): BundleSize {
  const bytes = new TextEncoder().encode(code);
  const gzip = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
  return { bytes: bytes.length, gzipBytes: gzip.length };
}

/** What is to be done about the size of a client; `null` if nothing. */
export function sizeProblem(url: string, size: BundleSize, record: SizeRecord): string | null {
  const drift = size.gzipBytes - (record[url]?.gzipBytes ?? 0);
  if (Math.abs(drift) <= DRIFT_BYTES_MAX) return null;
  const change = drift > 0 ? `grew by ${drift}` : `shrank by ${-drift}`;
  return `${url} ${change} bytes of gzip: record it with \`deno task build --update\``;
}

/** The size of a client and how far it is from the budget, in one line. */
export function sizeText(url: string, { bytes, gzipBytes }: BundleSize): string {
  const left = CLIENT_GZIP_BYTES_MAX - gzipBytes;
  const verdict = left < 0 ? `${-left} over the budget` : `${left} below the budget`;
  return `${url}: ${bytes} bytes, ${gzipBytes} as gzip, ${verdict} of ${CLIENT_GZIP_BYTES_MAX}`;
}

export function recordText(sizes: SizeRecord): string {
  return `${JSON.stringify(sizes, null, 2)}\n`;
}
