/** A proxy that is a distance: whatever passes, in either direction, takes half of a round trip. */

/** A distance to a server on this machine. */
export interface DelayProxy extends AsyncDisposable {
  readonly url: string;
  /** Of a round trip, in milliseconds; may be changed at any time. */
  rttMs: number;
}

/** Starts a proxy before a port of this machine. */
export function startDelay(port: number, rttMs: number): DelayProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const proxy: DelayProxy = {
    url: `http://127.0.0.1:${listener.addr.port}/`,
    rttMs,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const connection of open) close(connection);
      await accepting;
    },
  };
  const pump = async (from: Deno.TcpConn, to: Deno.TcpConn) => {
    let last = Promise.resolve();
    try {
      for await (const bytes of from.readable) {
        const due = performance.now() + proxy.rttMs / 2;
        last = last.then(async () => {
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
          for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
        });
        last.catch(() => {});
      }
      await last;
    } catch {
      // Either end is gone.
    } finally {
      close(from);
      close(to);
    }
  };
  const close = (connection: Deno.TcpConn) => {
    if (!open.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // Its reader has closed it.
    }
  };
  const pumps: Promise<void>[] = [];
  const accepting = (async () => {
    try {
      for await (const near of listener) {
        const far = await Deno.connect({ hostname: "127.0.0.1", port });
        open.add(near);
        open.add(far);
        pumps.push(pump(near, far), pump(far, near));
      }
    } catch {
      // The listener is closed.
    }
    await Promise.all(pumps);
  })();
  return proxy;
}
