/** IndexedDB's requests and transactions as promises. */

/** What a request answers. */
export function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Does the work in a transaction: what it writes is stored when this resolves, or nothing of it. */
export async function within<T>(
  tx: IDBTransaction,
  work: (tx: IDBTransaction) => T | Promise<T>,
): Promise<T> {
  const ended = new Promise<void>((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new DOMException("It was called off", "AbortError"));
  });
  try {
    const working = work(tx);
    const result = working instanceof Promise ? await working : working;
    // Without this the browser asks the page first: one that is frozen by then would keep all others
    // from writing.
    tx.commit();
    await ended;
    return result;
  } catch (error) {
    ended.catch(() => {});
    try {
      tx.abort();
    } catch {
      // It has failed by itself, which is why the work did.
    }
    throw error;
  }
}
