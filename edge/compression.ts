/** Compresses what a caller can read compressed. */
import { Duplex } from "node:stream";
import { promisify } from "node:util";
import { brotliCompress, constants, createBrotliCompress, gzip } from "node:zlib";

/** A quarter smaller than gzip in about the same time; higher ones cost more than they save. */
const BROTLI_QUALITY = 4;
/** Nothing shorter is worth the time, in bytes. */
const COMPRESSED_BYTES_MIN = 256;

const packGzip = promisify(gzip);
const packBrotli = (bytes: Uint8Array) =>
  promisify(brotliCompress)(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
  });

/** The response with its body compressed, where the request allows it. */
export function compressed(request: Request, response: Response): Response {
  const headers = new Headers(response.headers);
  headers.append("vary", "accept-encoding");
  const { body } = response;
  const coding = body === null ? undefined : codingFor(request);
  if (body === null || coding === undefined) return new Response(body, { headers });
  headers.set("content-encoding", coding);
  const through = coding === "br" ? brotli() : new CompressionStream("gzip");
  return new Response(body.pipeThrough(through), { headers });
}

/** A body that is small enough to be compressed as a whole; it stays as it is where nothing is gained. */
export async function compressedIfSmaller(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  init: HeadersInit,
): Promise<Response> {
  const headers = new Headers(init);
  headers.append("vary", "accept-encoding");
  const coding = body.length < COMPRESSED_BYTES_MIN ? undefined : codingFor(request);
  if (coding === undefined) return new Response(body, { headers });
  const packed = new Uint8Array(await (coding === "br" ? packBrotli : packGzip)(body));
  if (packed.length >= body.length) return new Response(body, { headers });
  headers.set("content-encoding", coding);
  return new Response(packed, { headers });
}

function brotli(): ReadableWritablePair<Uint8Array, Uint8Array> {
  const stream = createBrotliCompress({
    params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY },
  });
  // The types of Node's streams name other classes for the same things.
  return Duplex.toWeb(stream) as unknown as ReadableWritablePair<Uint8Array, Uint8Array>;
}

function codingFor({ method, headers }: Request): "br" | "gzip" | undefined {
  // Nothing is gained for HEAD, and its body would never be read to the end.
  if (method === "HEAD") return undefined;
  const accepted = headers.get("accept-encoding") ?? "";
  return (["br", "gzip"] as const).find((coding) =>
    accepted.split(",").some((part) => {
      const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      return name === coding && !parameters.some((text) => /^q=0(\.0*)?$/.test(text));
    })
  );
}
