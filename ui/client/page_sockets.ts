/**
 * The sockets of a page: its sync client and the bridge of its islands, which are loaded by themselves,
 * share one where both talk to the same server as the same principal.
 *
 *     ticket = …RANDOM*LABEL      what may be shared differs in RANDOM alone, by the server's own word
 */

/** A socket with those who use it, as bits: each half at most once. */
export interface PageSocket extends WebSocket {
  halves: number;
}

/** The two that share; another client or bridge of the page has a socket of its own. */
export const SYNC_HALF = 1;
export const BRIDGE_HALF = 2;

/** The newest of each label, where both halves find them: a bundle has only its own modules. */
const sockets: Record<string, PageSocket | undefined> =
  (globalThis as unknown as Record<symbol, Record<string, PageSocket | undefined>>)[
    Symbol.for("driftless")
  ] ??= {};

/** Opens a socket for one half, or joins the one that the other half has. */
export function takeSocket(url: string, half: number): PageSocket {
  const label = url.replace(/\w+\*/, "");
  let socket = sockets[label];
  if (!socket || socket.readyState > WebSocket.OPEN || socket.halves & half) {
    const own = { binaryType: "arraybuffer" as const, halves: 0 };
    socket = sockets[label] = Object.assign(new WebSocket(url), own);
  }
  socket.halves |= half;
  return socket;
}

/** One half needs it no more: it is closed when the other does not either. */
export function leaveSocket(socket: PageSocket, half: number): void {
  if (!(socket.halves ^= half)) socket.close();
}
