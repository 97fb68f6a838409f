/** As much of the browser's interface for extensions as is used, and what its parts say to each other. */
import type { FromServer } from "../client/bridge_wire.ts";
import type { Rule, ShownRule } from "./rules.ts";

/** What a page asks the worker. */
export type Question = { readonly ask: "rules" } | { readonly ask: "table"; readonly url: string };

/** What the worker says of a connection; bytes are lists of numbers, as messages are JSON. */
export type Report =
  | { readonly kind: "opened" }
  | { readonly kind: "received"; readonly json: string }
  | { readonly kind: "closed"; readonly reason: string };

/** Who sends something. */
export interface Sender {
  readonly url?: string | undefined;
  readonly tab?: { readonly id: number };
}

/** One end of a connection between a page and the worker. */
export interface Port {
  readonly name: string;
  readonly sender?: Sender;
  readonly onMessage: Listeners<[message: never]>;
  readonly onDisconnect: Listeners<[]>;
  postMessage(message: unknown): void;
  disconnect(): void;
}

interface Listeners<Arguments extends unknown[]> {
  addListener(listener: (...args: Arguments) => unknown): void;
}

/** The browser's `chrome`. */
interface ExtensionApi {
  readonly action: {
    readonly onClicked: Listeners<[]>;
    setBadgeText(badge: { tabId: number; text: string }): Promise<void>;
  };
  readonly permissions: { request(wanted: { origins: readonly string[] }): Promise<boolean> };
  readonly runtime: {
    readonly onConnect: Listeners<[port: Port]>;
    readonly onMessage: Listeners<
      [question: Question, sender: Sender, answer: (value: unknown) => void]
    >;
    connect(options: { name: string }): Port;
    getURL(path: string): string;
    openOptionsPage(): Promise<void>;
    sendMessage(question: Question): Promise<never>;
  };
  readonly scripting: {
    executeScript(
      options: { target: { tabId: number }; files: readonly string[] },
    ): Promise<unknown>;
  };
  readonly storage: {
    readonly onChanged: Listeners<[]>;
    readonly local: {
      get(name: "rules"): Promise<{ rules?: readonly Rule[] }>;
      set(values: { rules: readonly Rule[] }): Promise<void>;
      setAccessLevel(level: { accessLevel: "TRUSTED_CONTEXTS" }): Promise<void>;
    };
  };
  readonly tabs: {
    readonly onUpdated: Listeners<[id: number, change: { status?: string }, tab: { url?: string }]>;
  };
}

/** The browser. */
export const chrome: ExtensionApi = (globalThis as unknown as { chrome: ExtensionApi }).chrome;

/** The rules that are on for the page that asks. */
export async function rulesHere(): Promise<readonly ShownRule[]> {
  return await chrome.runtime.sendMessage({ ask: "rules" });
}

/** All rules, as they were saved. */
export async function savedRules(): Promise<readonly Rule[]> {
  return (await chrome.storage.local.get("rules")).rules ?? [];
}

/** A message of a server as JSON. */
export function jsonOf(message: FromServer): string {
  return JSON.stringify(
    message,
    (_, value) => value instanceof Uint8Array ? { bytes: Array.from(value) } : value,
  );
}

/** A message of a server from JSON. */
export function messageOf(json: string): FromServer {
  return JSON.parse(
    json,
    (_, value) => Array.isArray(value?.bytes) ? Uint8Array.from(value.bytes) : value,
  );
}
