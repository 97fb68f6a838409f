/** The page of the eviction tests: the client as the server hands it out, and its storage laid open. */
import { createClient } from "@driftless/driftless";
import type { AuditReport, ReconcileProgress } from "@driftless/driftless";
import app from "./evict_app.ts";

/** What a page offers to its test. */
export interface EvictPage {
  /** Every step of comparing and repairing. */
  readonly steps: ReconcileProgress[];
  /** Milliseconds from the client's start until it showed rows, and until they were the server's. */
  readonly times: { shown: number; right: number };
  /** The longest time that the page was busy at a stretch since the start, in milliseconds. */
  longest(): number;
  integrity(): string;
  count(): number;
  audit(): Promise<AuditReport>;
  stop(): Promise<void>;
  /** Deletes entries of stored rows behind the client's back: one of so many. Returns how many rows. */
  evict(oneOf: number): Promise<number>;
  /** Adds a record. */
  add(place: number): Promise<void>;
}

declare global {
  var evictPage: EvictPage;
}

/** As the client names it. */
const DATABASE = "driftless/evict//_default/";

const steps: ReconcileProgress[] = [];
const times = { shown: 0, right: 0 };
let longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ type: "longtask" });

const began = performance.now();
const client = createClient(app, {
  onReconcile: (step: ReconcileProgress) => {
    steps.push(step);
    const isRight = step.state === "verified" || step.state === "repaired";
    if (isRight && times.right === 0) times.right = performance.now() - began;
  },
});

globalThis.evictPage = {
  steps,
  times,
  longest: () => longest,
  integrity: () => client.status.value.integrity,
  count: () => client.collection("item").count(),
  audit: () => client.audit(),
  stop: () => client.stop(),
  evict,
  add: async (place) => void await client.mutate("item.fill", { from: place, count: 1 }),
};
await client.start();
times.shown = performance.now() - began;
document.title = "ready";

function evict(oneOf: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      const tx = db.transaction(["blocks"], "readwrite");
      const blocks = tx.objectStore("blocks");
      let rows = 0;
      const keys = blocks.getAllKeys();
      keys.onsuccess = () => {
        for (const key of keys.result.filter((_, index) => index % oneOf === 0)) {
          const block = blocks.get(key);
          block.onsuccess = () => rows += block.result.length;
          blocks.delete(key);
        }
      };
      tx.onerror = () => reject(tx.error);
      tx.oncomplete = () => {
        db.close();
        resolve(rows);
      };
    };
  });
}
