/** An app behind its doors, on a store in memory, with or without a port: what door tests talk to. */
import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { type AccessRequest, type AnyApp, collection, defineApp } from "../../core/app.ts";
import { Rejection } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Store } from "../../core/store.ts";
import { bySecret, openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler, type HandlerOptions } from "../../edge/handler.ts";
import { issueToken } from "../../edge/identity.ts";
import { listenNode } from "../../edge/listen_node.ts";
import { createLog } from "../../edge/log.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { rebuiltRoot } from "../core/rebuilt_root.ts";

/** Signs the tokens of these tests. */
export const SECRET = "a secret of these tests, long enough";
/** The page that the doors know. */
export const ORIGIN = "https://app.example";
/** The history of the store in memory. */
export const EPOCH = "history-1";

export type Authorize = (request: AccessRequest) => boolean;

/** What the doors of one test are. */
export interface DoorOptions extends Partial<Omit<HandlerOptions, "log">> {
  readonly authorize?: Authorize;
  /** Whether tokens count; otherwise everyone may do everything. */
  readonly signed?: boolean;
  /** @default {todoApp} */
  readonly app?: AnyApp;
}

/** An app behind its doors. */
export interface Doors {
  readonly handler: Handler;
  readonly store: Store;
  /** What was logged, line by line. */
  readonly lines: string[];
  /** A POST as curl sends it. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, init?: RequestInit): Promise<Response>;
}

/** The doors at a port. */
export interface ListeningDoors extends Doors {
  readonly port: number;
  readonly url: string;
}

/** What is wrong, as every door says it. */
export interface ErrorBody {
  readonly code: string;
  readonly error: string;
  readonly retry_after_ms?: number;
}

/** Tasks with a rule of their own, and mutators that go wrong in every way. */
export function todoApp(authorize?: Authorize): AnyApp {
  const todo = collection(
    "todo",
    v.object({ title: v.pipe(v.string(), v.minLength(1)), done: v.boolean() }),
  );
  const note = collection("note", v.object({ text: v.string() }));
  return defineApp({
    name: "doors",
    collections: { todo, note },
    mutators: {
      "todo.toggle"(tx, { id }: { id: string }) {
        const item = tx.todo.get(id);
        if (item === undefined) throw new Rejection(`There is no task "${id}"`, "not_found");
        tx.todo.put(id, { ...item, done: !item.done });
      },
      "todo.refuse"() {
        throw new Rejection("Not today");
      },
      "todo.break"() {
        throw new TypeError("a fault in the app");
      },
      "note.fill"(tx, { rows, size }: { rows: number; size: number }) {
        for (let i = 0; i < rows; i++) tx.note.put(`note-${i}`, { text: "x".repeat(size) });
      },
    },
    ...(authorize === undefined ? {} : { authorize }),
  });
}

/** Runs a test on doors without a port. */
export async function withDoors(
  options: DoorOptions,
  test: (doors: Doors) => Promise<void>,
): Promise<void> {
  const doors = createDoors(options);
  try {
    await test(doors);
  } finally {
    doors.handler.close();
  }
}

/** Runs a test on doors at a free port of this machine. */
export async function withListeningDoors(
  options: DoorOptions,
  test: (doors: ListeningDoors) => Promise<void>,
): Promise<void> {
  const doors = createDoors(options);
  const failures: unknown[] = [];
  const listener = await listenNode({
    hostname: "127.0.0.1",
    port: 0,
    fetch: doors.handler.fetch.bind(doors.handler),
    upgrade: doors.handler.upgrade.bind(doors.handler),
    failed: (error) => void failures.push(error),
  });
  const { port } = listener;
  try {
    await test({ ...doors, port, url: `http://127.0.0.1:${port}` });
  } finally {
    await listener.shutdown(200);
    doors.handler.close();
  }
  assertEquals(failures, []);
}

/** A timer that was asked for. */
export interface Interval {
  readonly work: () => void;
  readonly ms: number;
}

/** Runs a test in which intervals pass, and the time is, as the test says. */
export async function withOwnTime(
  test: (intervals: readonly Interval[], setTime: (ms: number) => void) => Promise<void>,
): Promise<void> {
  const real = { setInterval: globalThis.setInterval, now: Date.now };
  const intervals: Interval[] = [];
  const capture = (work: () => void, ms: number) => void intervals.push({ work, ms });
  globalThis.setInterval = capture as unknown as typeof setInterval;
  try {
    await test(intervals, (ms) => Date.now = () => ms);
  } finally {
    globalThis.setInterval = real.setInterval;
    Date.now = real.now;
  }
}

/** A token of a principal, good for a minute. */
export function tokenOf(principal: string, seconds = 60): Promise<string> {
  return issueToken(principal, seconds, SECRET);
}

/** A header that says who asks. */
export async function bearer(principal: string): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokenOf(principal)}` };
}

/** Expects a coded error and gives it back. */
export async function assertRefused(
  response: Response,
  status: number,
  code: string,
  context = "",
): Promise<ErrorBody> {
  const text = await response.text();
  assertEquals(response.status, status, `${context} ${text}`);
  assertEquals(response.headers.get("content-type"), "application/json", context);
  const body = JSON.parse(text) as ErrorBody;
  assertEquals(body.code, code, `${context} ${text}`);
  assertEquals(typeof body.error, "string", context);
  assertEquals(body.error.length > 0 && !body.error.endsWith("."), true, `${context} ${text}`);
  return body;
}

/** A mutation that creates a task, as a body has it. */
export function task(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const args = { id: `todo-${id}`, data: { title: `Task ${id}`, done: false } };
  return { id, name: "todo.create", args, ...more };
}

/** A push of one {@linkcode task}. */
export function creation(id: string, more: Record<string, unknown> = {}): unknown {
  return { mutations: [task(id, more)] };
}

/** Expects that the server does its ordinary work. */
export async function assertServes(
  doors: Doors,
  headers: Record<string, string> = {},
): Promise<void> {
  const response = await doors.post("/_sync/pull", { cursor: 0 }, headers);
  assertEquals(response.status, 200);
  assertEquals(Array.isArray((await response.json()).changes), true);
}

/** The root of a scope's rows, computed from them alone, as answers over HTTP have it. */
export function rootText(store: Store, scope = "_default"): string {
  const root = rebuiltRoot(kernelSync(), store, scope);
  return root.toBase64({ alphabet: "base64url", omitPadding: true });
}

function createDoors(options: DoorOptions): Doors {
  const { authorize, signed = false, app = todoApp(authorize), ...rest } = options;
  const lines: string[] = [];
  const store = rest.store ?? new MemoryStore(EPOCH, kernelSync());
  const handler = createHandler(app, {
    origins: [ORIGIN],
    hosts: [],
    open: !signed,
    authenticate: signed ? bySecret(SECRET) : openToAll,
    version: "0.0.0-test",
    ...rest,
    store,
    log: createLog("debug", (line) => void lines.push(line)),
  });
  const url = "http://127.0.0.1:8000";
  return {
    handler,
    store,
    lines,
    get: (path, init) => handler.fetch(new Request(new URL(path, url), init)),
    post: (path, body, headers = {}) =>
      handler.fetch(
        new Request(new URL(path, url), {
          method: "POST",
          body: bodyOf(body),
          headers: { "content-type": "application/json", ...headers },
        }),
      ),
  };
}

function bodyOf(body: unknown): BodyInit {
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  return typeof body === "string" ? body : JSON.stringify(body);
}
