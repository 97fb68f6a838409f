/**
 * As much of Cloudflare's run-time API as is used, by structure: no package of types is needed, and the
 * platform's own objects fit.
 */

/** A value that a statement of an object's database gives. */
export type ObjectSqlValue = null | number | string | ArrayBuffer | Uint8Array;

/** The result of a statement. */
export interface ObjectSqlCursor {
  /** All rows, by column name. */
  toArray(): Record<string, ObjectSqlValue>[];
}

/** The storage of an object that is backed by SQLite. */
export interface ObjectStorage {
  /** The object's database. */
  readonly sql: {
    /** Runs statements, the last of them with these values. */
    exec(query: string, ...bindings: unknown[]): ObjectSqlCursor;
  };
  /** Runs work as one transaction, which an error undoes. */
  transactionSync<T>(work: () => T): T;
  /** When the alarm rings, in milliseconds since 1970; `null` when none is set. */
  getAlarm(): Promise<number | null>;
  /** Sets the one alarm, to a time in milliseconds since 1970. */
  setAlarm(time: number): Promise<void>;
}

/** The server's end of a WebSocket that may outlive the object's memory. */
export interface ObjectSocket {
  /** Sends a message. */
  send(message: Uint8Array | string): void;
  /** Says goodbye. */
  close(code?: number, reason?: string): void;
  /** Keeps a value with the socket, of up to 16 KiB as serialised; throws when it has more. */
  serializeAttachment(value: unknown): void;
  /** The value that is kept, or `null`. */
  deserializeAttachment(): unknown;
}

/** What an object is given. */
export interface ObjectState {
  /** Where it keeps what is to last. */
  readonly storage: ObjectStorage;
  /** Takes a socket in, whose events are the object's. */
  acceptWebSocket(socket: ObjectSocket): void;
  /** The sockets that are open. */
  getWebSockets(): ObjectSocket[];
}

/** A way to call an object. */
export interface ObjectStub {
  /** Sends it a request. */
  fetch(request: Request): Promise<Response>;
}

/** The binding of a class of objects. */
export interface ObjectNamespace {
  /** The id of the object with a name. */
  idFromName(name: string): unknown;
  /** The object with an id. */
  get(id: never): ObjectStub;
}
