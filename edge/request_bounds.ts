/** Calls the host's functions for one HTTP request; no error and no endless body gets past it. */
import { ERROR_STATUS, type ErrorCode } from "../core/errors.ts";
import {
  HTTP_BODY_BYTES_MAX,
  HTTP_BODY_MS_MAX,
  type ListenOptions,
  type Peer,
  type Upgrade,
} from "./socket.ts";

/** A request as the server under us hands it over. */
export interface ReceivedRequest {
  readonly request: Request;
  readonly peer: Peer;
  /** True where that server does not bound the body by itself. It costs a stream. */
  readonly watchBody: boolean;
  /** True where the request's signal aborts when all went well, too, and is not to be looked at. */
  readonly isSignalFalse?: boolean;
  /** True once the rest of the body will never come. */
  peerLeft(): boolean;
}

interface BoundedRequest {
  readonly request: Request;
  /** What the peer gets in place of the host's answer, once a bound is crossed. */
  refusal(): Response | undefined;
  release(): void;
}

/** True when the header asks for a WebSocket: its value is compared without regard to case. */
export function asksForSocket(upgradeHeader: string | null | undefined): boolean {
  return upgradeHeader?.trim().toLowerCase() === "websocket";
}

/** The host's answer to a request, or 413, 408 or 500 in its place. Never rejects. */
export async function answerRequest(
  options: ListenOptions,
  { request, peer, watchBody, isSignalFalse, peerLeft }: ReceivedRequest,
): Promise<Response> {
  const lengthHeader = request.headers.get("content-length");
  if (lengthHeader !== null && Number(lengthHeader) > HTTP_BODY_BYTES_MAX) return bodyTooLarge();
  const body = watchBody ? request.body : null;
  const bounded = body === null ? undefined : boundBody(request, body, {
    msMax: options.bodyMsMax ?? HTTP_BODY_MS_MAX,
    ...(isSignalFalse === true ? {} : { signal: request.signal }),
  });
  try {
    const response = await options.fetch(bounded?.request ?? request, peer);
    return bounded?.refusal() ?? response;
  } catch (error) {
    // Where the peer has gone, reading its body fails, which is not an error of the host.
    return bounded?.refusal() ?? (peerLeft() ? unreadable(400) : failure(options, error));
  } finally {
    bounded?.release();
  }
}

/** The host's decision on a WebSocket request, or 500 in its place. Never rejects. */
export async function decideUpgrade(
  options: ListenOptions,
  request: Request,
  peer: Peer,
): Promise<Response | Upgrade> {
  try {
    return await options.upgrade(request, peer);
  } catch (error) {
    return failure(options, error);
  }
}

/** The answer to a request that arrives while the server stops. */
export function stopping(): Response {
  return refuse("unavailable", "The server is stopping");
}

/** The answer to a request that makes no sense, or that did not come in time. */
export function unreadable(status: 400 | 408): Response {
  return new Response(null, { status, headers: { connection: "close" } });
}

function boundBody(
  request: Request,
  source: ReadableStream<Uint8Array<ArrayBuffer>>,
  { msMax, ...signalled }: { readonly msMax: number; readonly signal?: AbortSignal },
): BoundedRequest {
  const reader = source.getReader();
  let refusal: Response | undefined;
  let bytes = 0;
  const timer = setTimeout(() => cut(unreadable(408)), msMax);
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  // The source is left unread rather than cancelled: to cancel it would cut the connection before
  // the refusal is sent. The server discards the rest once the answer is out.
  const cut = (response: Response) => {
    refusal = response;
    controller.error(new TypeError("Cannot read the body: it is too large or too slow"));
  };
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(ownController) {
      controller = ownController;
    },
    async pull() {
      const { done, value } = await reader.read().catch((error) => {
        // The peer left, or the server under us refuses its bytes: not an error of the host.
        refusal ??= unreadable(400);
        throw error;
      });
      if (refusal !== undefined) return;
      if (done) {
        clearTimeout(timer);
        controller.close();
        return;
      }
      bytes += value.byteLength;
      if (bytes > HTTP_BODY_BYTES_MAX) cut(bodyTooLarge());
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  const { url, method, headers } = request;
  // Streaming a request body asks for half duplex, which the type of the options does not know.
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers,
    ...signalled,
    body: stream,
    duplex: "half",
  };
  return {
    request: new Request(url, init),
    refusal: () => refusal,
    release: () => clearTimeout(timer),
  };
}

function bodyTooLarge(): Response {
  return refuse("too_large", `The body is larger than ${HTTP_BODY_BYTES_MAX} bytes`);
}

function failure(options: ListenOptions, error: unknown): Response {
  options.failed(error);
  return refuse("internal_error", "The server failed");
}

/** Whoever is refused here may still be sending, so the connection is not used again. */
function refuse(code: ErrorCode, error: string): Response {
  return Response.json({ code, error }, {
    status: ERROR_STATUS[code],
    headers: { connection: "close" },
  });
}
