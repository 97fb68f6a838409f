/** What a device promises about a client's data, and whether it broke such a promise before. */
import { DriftlessError } from "../../core/errors.ts";

/** Where a client's data is kept, and for how long. */
export interface StorageReport {
  /** `memory` is gone with the page or the process; `custom` is the app's own. */
  readonly kind: "indexeddb" | "memory" | "custom";
  /** Whether the browser promised not to clear it by itself; `null` where nobody can tell. */
  readonly isPersistent: boolean | null;
  /** Bytes that this site uses, and may use, as far as the browser tells. */
  readonly usageBytes: number | null;
  /** Bytes that this site may use, as far as the browser tells. */
  readonly quotaBytes: number | null;
}

/** Asks the browser about its storage; `kind` is where this client keeps its data. */
export async function reportStorage(kind: StorageReport["kind"]): Promise<StorageReport> {
  const report = { kind, isPersistent: null, usageBytes: null, quotaBytes: null };
  const { storage } = globalThis.navigator ?? {};
  if (kind !== "indexeddb" || storage === undefined) return report;
  try {
    const [isPersistent, { usage, quota }] = await Promise.all([
      storage.persisted(),
      storage.estimate(),
    ]);
    return { kind, isPersistent, usageBytes: usage ?? null, quotaBytes: quota ?? null };
  } catch {
    // A private window may refuse to say.
    return report;
  }
}

/**
 * What to report when the storage `name` is empty though it was in use: a mutation that was only there
 * is lost, which the user has to hear. `null` where nothing tells of such a use.
 */
export function clearedStorage(name: string): DriftlessError | null {
  try {
    if (localStorage.getItem(keyOf(name)) === null) return null;
    localStorage.removeItem(keyOf(name));
  } catch {
    // Without it an eviction goes unnoticed.
    return null;
  }
  return new DriftlessError(
    "storage_evicted",
    "The storage was cleared: what was not sent is lost",
  );
}

/** Remembers, beside the storage `name`, that something is in it. */
export function markStorage(name: string): void {
  try {
    localStorage.setItem(keyOf(name), "1");
  } catch {
    // As above.
  }
}

function keyOf(name: string): string {
  return `${name}/used`;
}
