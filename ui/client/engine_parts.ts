/** What the engine of a client is given, so that a page loads no more than its client uses. */
import type { AnyApp } from "../../core/app.ts";
import type { Persistence } from "../../core/persistence.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Reconciler, ReconcilerOptions } from "./lazy_reconciler.ts";
import type { StorageReport } from "./storage_report.ts";
import type { Share, ShareOptions } from "./tab_share.ts";
import type { VersionSource } from "./versioned_persistence.ts";

/** The parts of an engine that differ between clients. */
export interface EngineParts {
  /** Gives the connection, and the storage, which may be shared with other tabs. */
  readonly share: (persistence: Persistence, options: ShareOptions) => Share;
  /** Storage that knows of which version of the app its contents are. */
  readonly versioned: (app: AnyApp, inner: Persistence, source: VersionSource) => Persistence;
  /** Keeps the rows equal to the server's. */
  readonly reconciler?: (options: ReconcilerOptions) => Reconciler;
  /** Asks the browser about its storage. */
  readonly report?: (kind: StorageReport["kind"]) => Promise<StorageReport>;
  /** Hears of every other status. */
  readonly shown?: (status: ClientStatus) => void;
}
