/**
 * Reads a request's body within a limit, without buffering what is over it.
 *
 * A body that nobody wants is read all the same, and forgotten: whoever is answered while still sending
 * may find the connection cut before the answer, and the next request on it is lost.
 */
import { DriftlessError } from "../core/errors.ts";
import { PUSH_BODY_BYTES_MAX } from "../core/limits.ts";

/** Bytes of a body that are read to be forgotten; a larger one is cut. */
const DISCARD_BYTES_MAX = PUSH_BODY_BYTES_MAX;

/**
 * The body as text.
 *
 * @throws {DriftlessError} `too_large` over `bytesMax`, `malformed` when it is not UTF-8
 */
export async function readBody(request: Request, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  await readChunks(request, bytesMax, "cut short or not UTF-8", (chunk) => {
    text += decoder.decode(chunk, { stream: chunk !== undefined });
  });
  return text;
}

/**
 * The body as it is.
 *
 * @throws {DriftlessError} `too_large` over `bytesMax`, `malformed` when it is cut short
 */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await readChunks(request, bytesMax, "cut short", (chunk = new Uint8Array()) => {
    chunks.push(chunk);
  });
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Reads what nobody has read. */
export async function discardBody(request: Request): Promise<void> {
  if (request.method === "GET" || request.method === "HEAD" || request.bodyUsed) return;
  // A body that ends badly is no loss here.
  await eachChunk(request, () => {}).catch(() => {});
}

/** Takes each chunk of a body within its limit, then `undefined` for its end. */
async function readChunks(
  request: Request,
  bytesMax: number,
  flaw: string,
  take: (chunk: Uint8Array | undefined) => void,
): Promise<void> {
  let bytes = 0;
  let problem: unknown;
  try {
    await eachChunk(request, (chunk) => {
      bytes += chunk.length;
      if (bytes > bytesMax || problem !== undefined) return;
      try {
        take(chunk);
      } catch (cause) {
        problem = cause;
      }
    });
    take(undefined);
  } catch (cause) {
    problem ??= cause;
  }
  if (bytes > bytesMax) {
    throw new DriftlessError("too_large", `The body is larger than ${bytesMax} bytes`);
  }
  if (problem !== undefined) {
    throw new DriftlessError("malformed", `Cannot read the body: it is ${flaw}`, {
      cause: problem,
    });
  }
}

async function eachChunk(request: Request, take: (chunk: Uint8Array) => void): Promise<void> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length;
    take(part.value);
    if (bytes > DISCARD_BYTES_MAX) return void reader.cancel().catch(() => {});
  }
}
