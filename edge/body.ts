/** Reads a request's body within a limit, without buffering what is over it. */
import { DriftlessError } from "../core/errors.ts";

/**
 * The body as text.
 *
 * @throws {DriftlessError} `too_large` over `bytesMax`, `malformed` when it is not UTF-8
 */
export async function readBody(request: Request, bytesMax: number): Promise<string> {
  const tooLarge = () =>
    new DriftlessError("too_large", `The body is larger than ${bytesMax} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) throw tooLarge();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (cause) {
    if (cause instanceof DriftlessError) throw cause;
    throw new DriftlessError("malformed", "Cannot read the body: it is cut short or not UTF-8", {
      cause,
    });
  }
}
