/** Islands with a clock, a storage and browsers of the test's own. */
import type { Change } from "../../core/change.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { Principal } from "../../core/app.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { BrowserMessage, ServerMessage } from "../../core/wire/ui_gen.ts";
import { island, type IslandClass, type IslandOptions } from "../../ui/island.ts";
import type { LiveSync } from "../../ui/live_collections.ts";
import type { IslandStorage } from "../../ui/live_holder.ts";
import { LiveHost } from "../../ui/live_host.ts";
import type { LiveUiSession } from "../../ui/live_session.ts";
import {
  BROWSER_INIT_REQUEST,
  BROWSER_INPUT,
  BROWSER_JSRESULT,
  BROWSER_METHOD,
  SERVER_INIT,
  SERVER_JSCALL,
} from "../../ui/live_messages.ts";
import type { CompiledIsland, IslandAccess, PageIsland } from "../../ui/live_ports.ts";
import type { ClientTable } from "../../ui/program.ts";
import { compileIsland } from "../../ui/template.ts";
import { Prng } from "../sim/prng.ts";
import { ModelClient } from "./model_client.ts";

/** An island from a class and a template. */
export function compiled<T extends object>(
  Class: IslandClass<T>,
  template: string,
  options: Omit<IslandOptions<T>, "template" | "file"> = {},
): CompiledIsland {
  const one = island(Class, { template, ...options });
  const program = compileIsland({
    name: Class.name,
    template,
    file: `${Class.name}.html`,
    sample: new Class(),
  });
  return { island: one as unknown as CompiledIsland["island"], program };
}

/** Storage that a test can look into, and break. */
export class TestStorage implements IslandStorage {
  readonly texts = new Map<string, string>();
  isBroken = false;
  saves = 0;

  load(key: string): string | undefined {
    this.#check();
    return this.texts.get(key);
  }

  save(key: string, text: string): void {
    this.#check();
    this.saves++;
    this.texts.set(key, text);
  }

  remove(key: string): void {
    this.#check();
    this.texts.delete(key);
  }

  #check(): void {
    if (this.isBroken) throw new Error("the disk is full");
  }
}

/** What a {@linkcode Rig} is made of. */
export interface RigOptions {
  readonly storage?: TestStorage;
  readonly sync?: LiveSync;
  readonly authorize?: (request: IslandAccess) => boolean;
  /** Of its random bytes. */
  readonly seed?: number;
}

/** A host of islands. */
export class Rig {
  readonly host: LiveHost;
  readonly failures: string[] = [];
  readonly tables = new Map<string, ClientTable>();
  time = 1_000_000;
  #due = Infinity;

  constructor(islands: Readonly<Record<string, CompiledIsland>>, options: RigOptions = {}) {
    const prng = new Prng(options.seed ?? 0);
    for (const { program: { table } } of Object.values(islands)) this.tables.set(table.hash, table);
    this.host = new LiveHost({
      islands,
      now: () => this.time,
      random: prng,
      wake: (afterMs) => this.#due = Math.min(this.#due, this.time + afterMs),
      authorize: options.authorize ?? (() => true),
      ...(options.storage === undefined ? {} : { storage: options.storage }),
      ...(options.sync === undefined ? {} : { sync: options.sync }),
      onFailure: (error, where) => this.failures.push(`${where}: ${(error as Error).message}`),
    });
  }

  /** Does what is due, and what becomes due meanwhile. */
  pass(milliseconds = 0): void {
    const end = this.time + milliseconds;
    while (this.#due <= end) {
      this.time = Math.max(this.time, this.#due);
      this.#due = Infinity;
      this.host.turn();
    }
    this.time = end;
  }

  /** A page with islands, loaded. */
  tab(names: string | readonly string[], options: TabOptions = {}): Tab {
    const list = typeof names === "string" ? [names] : names;
    const principal = options.principal ?? null;
    const pages = this.host.page({ principal, names: list, url: options.url ?? "/" });
    return new Tab(this, list, pages, options);
  }
}

export interface TabOptions {
  readonly principal?: Principal | null;
  readonly url?: string;
  /** Messages travel only when the test says so. */
  readonly isSlow?: boolean;
}

/** What a tab knows of one target. */
export interface Shown {
  readonly name: string;
  model: ModelClient | null;
  session: string;
  seq: number;
  table: string;
  /** The last number that was given to an input. */
  input: number;
  /** Whether the server has answered the request for it: nothing is said to it before. */
  isOpen: boolean;
  /** What was typed, with its number, by instance and slot. */
  readonly typed: Map<string, { n: number; instance: number; slot: number; value: string }>;
  html: string;
  numbers: Uint8Array;
}

/** A browser with a page: as the bridge does, without a document. */
export class Tab {
  rig: Rig;
  readonly principal: Principal | null;
  readonly shown: Shown[];
  readonly received: ServerMessage[] = [];
  readonly errors: string[] = [];
  readonly calls: { readonly name: string; readonly args: unknown; readonly call: number }[] = [];
  closedWith: ErrorCode | null = null;
  session: LiveUiSession | null = null;
  isReady = true;
  bytes = 0;
  readonly bodies: Uint8Array[] = [];
  readonly #isSlow: boolean;
  readonly #up: Uint8Array[] = [];
  readonly #down: Uint8Array[] = [];
  readonly #url: string;

  constructor(
    rig: Rig,
    names: readonly string[],
    pages: readonly (PageIsland | undefined)[],
    options: TabOptions,
  ) {
    this.rig = rig;
    this.principal = options.principal ?? null;
    this.#isSlow = options.isSlow ?? false;
    this.#url = options.url ?? "/";
    this.shown = names.map((name, index) => {
      const page = pages[index];
      return {
        name,
        model: null,
        session: page?.session ?? "",
        seq: page?.seq ?? 0,
        table: page?.table ?? "",
        input: 0,
        isOpen: false,
        typed: new Map(),
        html: page?.html ?? "",
        numbers: page?.numbers ?? new Uint8Array(),
      };
    });
  }

  /** Connects, and asks for its islands. */
  connect(): this {
    this.session = this.rig.host.open({
      principal: this.principal,
      send: (body) => {
        this.bytes += body.length;
        this.bodies.push(body);
        if (this.#isSlow) this.#down.push(body);
        else this.#receive(body);
      },
      isReady: () => this.isReady,
      close: (code) => this.closedWith = code,
    });
    this.shown.forEach((_, target) => this.ask(target));
    return this;
  }

  /** Asks for one of its islands. */
  ask(target: number): void {
    const one = this.shown[target] as Shown;
    const { name, session, seq, table } = one;
    one.isOpen = false;
    this.send({
      kind: BROWSER_INIT_REQUEST,
      target,
      island: name,
      session,
      seq,
      table,
      url: this.#url,
    });
  }

  disconnect(): void {
    this.#up.length = 0;
    this.#down.length = 0;
    this.session?.closed();
    this.session = null;
  }

  /** The server is killed; from now on there is another one. */
  cut(rig: Rig): void {
    this.rig = rig;
    this.#up.length = 0;
    this.#down.length = 0;
    this.session = null;
  }

  send(message: Partial<BrowserMessage>): void {
    const bytes = BrowserMessage.encode({ ...EMPTY, ...message });
    if (this.#isSlow) this.#up.push(bytes);
    else this.session?.received(bytes);
  }

  /** Lets what was sent arrive: so many messages of each direction. */
  travel(up = Infinity, down = Infinity): void {
    for (; up > 0 && this.#up.length > 0; up--) {
      this.session?.received(this.#up.shift() as Uint8Array);
    }
    for (; down > 0 && this.#down.length > 0; down--) {
      this.#receive(this.#down.shift() as Uint8Array);
    }
  }

  /** The socket has taken everything. */
  drain(): void {
    this.isReady = true;
    this.session?.drained();
  }

  /** The n-th slot of a kind. */
  slot(
    kind: Parameters<ModelClient["addresses"]>[0],
    index = 0,
    target = 0,
  ): { readonly instance: number; readonly slot: number } {
    const address = this.model(target).addresses(kind)[index];
    if (address === undefined) throw new Error(`there is no ${kind} ${index}`);
    return address;
  }

  model(target = 0): ModelClient {
    const { model } = this.shown[target] as Shown;
    if (model === null) throw new Error("nothing is shown");
    return model;
  }

  /** Clicks the n-th thing that listens. */
  click(index = 0, target = 0, data: unknown = ""): void {
    const text = data === "" ? "" : JSON.stringify(data);
    this.send({ kind: BROWSER_METHOD, target, ...this.slot("on", index, target), data: text });
  }

  /** Sets the n-th bound input. */
  type(value: string, index = 0, target = 0): void {
    const place = this.slot("bind", index, target);
    const one = this.shown[target] as Shown;
    const n = ++one.input;
    this.model(target).set(place.instance, place.slot, shownValue(value));
    one.typed.set(`${place.instance} ${place.slot}`, { n, ...place, value });
    if (one.isOpen) this.send({ kind: BROWSER_INPUT, target, ...place, input: n, value });
  }

  answer(call: number, data: unknown, error = ""): void {
    this.send({ kind: BROWSER_JSRESULT, call, data: JSON.stringify(data), error });
  }

  /** What the page shows, in one form. */
  html(target = 0): string {
    return this.model(target).html();
  }

  #receive(body: Uint8Array): void {
    const message = ServerMessage.decode(body);
    this.received.push(message);
    if (message.code !== "") {
      this.errors.push(`${message.code}: ${message.error}`);
      return;
    }
    const one = this.shown[message.target];
    if (one === undefined) return;
    if (message.kind === SERVER_JSCALL) {
      const { name, call } = message;
      this.calls.push({ name, call, args: JSON.parse(message.args) });
    } else if (message.kind === SERVER_INIT) this.#init(one, message);
    else {
      one.model?.apply(message);
      one.seq = Math.max(one.seq, message.seq);
      this.#keepTyped(one, message.ack);
    }
  }

  #init(one: Shown, message: ServerMessage): void {
    if (message.session !== "" && message.session !== one.session) {
      one.session = message.session;
      // Numbers of another life mean nothing, but for the root's.
      for (const [key, { instance }] of one.typed) if (instance !== 0) one.typed.delete(key);
    }
    if (message.table !== "") one.table = message.table;
    const table = this.rig.tables.get(one.table) as ClientTable;
    if (message.html !== "") one.model = new ModelClient(table, message);
    else if (one.model === null) {
      const { html, numbers } = one;
      one.model = new ModelClient(table, { html, numbers, ops: new Uint8Array(), texts: [] });
    }
    one.seq = message.seq;
    one.isOpen = true;
    one.input = Math.max(one.input, message.ack);
    const again = [...one.typed.values()].filter(({ n }) => n > message.ack);
    again.sort((a, b) => a.n - b.n);
    this.#keepTyped(one, message.ack);
    const target = this.shown.indexOf(one);
    // With new numbers: what was typed since the request may be there already.
    for (const typed of again) {
      const { instance, slot, value } = typed;
      typed.n = ++one.input;
      this.send({ kind: BROWSER_INPUT, target, instance, slot, input: typed.n, value });
    }
  }

  /** What the server has not seen stays in the inputs. */
  #keepTyped(one: Shown, ack: number): void {
    const isBound = new Set(
      one.model?.addresses("bind").map(({ instance, slot }) => `${instance} ${slot}`),
    );
    for (const [key, { n, instance, slot, value }] of one.typed) {
      if (n <= ack || !isBound.has(key)) one.typed.delete(key);
      else one.model?.set(instance, slot, shownValue(value));
    }
  }
}

/** What an input shows that says this: no test types these words into a text. */
function shownValue(value: string): string | boolean {
  return value === "true" || value === "false" ? value === "true" : value;
}

const EMPTY: BrowserMessage = {
  kind: 0,
  target: 0,
  instance: 0,
  slot: 0,
  input: 0,
  value: "",
  data: "",
  name: "",
  call: 0,
  error: "",
  island: "",
  session: "",
  seq: 0,
  table: "",
  url: "",
};

/** A sync engine of one collection. */
export class TestSync implements LiveSync {
  readonly records = new Map<string, Record<string, string>>();
  readonly readers = new Set<string>();
  host: LiveHost | null = null;
  cursor = 0;

  rows(_scope: string, collection: string): [string, Record<string, string>][] {
    return collection === "task" ? [...this.records] : [];
  }

  mayRead(principal: Principal | null): boolean {
    return principal !== null;
  }

  mutate(
    principal: Principal | null,
    scope: string,
    name: string,
    args: unknown,
    decided: (error: DriftlessError | null) => void,
  ): void {
    if (principal === null) return decided(new DriftlessError("forbidden", "Not you"));
    if (name !== "task.put") return decided(new DriftlessError("not_found", "No such mutator"));
    const { id, text } = args as { id: string; text: string };
    this.put(scope, id, { text, by: principal.id });
    decided(null);
  }

  /** Somebody writes a record. */
  put(scope: string, id: string, record: Record<string, string> | null): void {
    const was = this.records.has(id);
    if (record === null) this.records.delete(id);
    else this.records.set(id, record);
    const change: Change = {
      cursor: ++this.cursor,
      entity: "task",
      id,
      op: record === null ? "delete" : was ? "update" : "create",
      json: record === null ? null : JSON.stringify(record),
      time: 1,
    };
    this.host?.committed(scope, [change]);
  }
}
