/** Reads ahead of a batch: what each of its mutations needs is missed at once, and fetched together. */
import type { PushRequest } from "./server.ts";
import { type AnyStore, isSuspending, Suspended } from "./suspend.ts";

/** Reads what every mutation needs, whatever it does; the store notes what it misses of that. */
export function lookAhead(store: AnyStore, requests: readonly PushRequest[]): void {
  if (!isSuspending(store)) return;
  look(() => store.appVersion());
  for (const { mutations } of requests) {
    for (const { scope, client, id } of mutations) {
      look(() => store.head(scope));
      look(() => store.outcome(scope, id));
      if (client !== "") look(() => store.client(scope, client));
    }
  }
}

function look(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Suspended)) throw error;
  }
}
