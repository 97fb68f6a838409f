/**
 * A server in small for tests of the bridge: islands of the real engine behind the real wire, without
 * the runtime. It can be cut off, can forget, and can be far away.
 */
import { Down, Up } from "../../core/wire/messages_gen.ts";
import { BrowserMessage, ServerMessage } from "../../core/wire/ui_gen.ts";
import { IslandInstance } from "../../ui/island_instance.ts";
import { type BoundValue, type Patch, withValues } from "../../ui/patch_writer.ts";
import type { IslandProgram } from "../../ui/program.ts";
import { compileIsland } from "../../ui/template.ts";
import { bundle } from "../../scripts/build.ts";
import { dirname, join } from "node:path";

/** An island that the stage serves. */
export interface StagedIsland {
  readonly template: string;
  readonly create: () => object;
  readonly partials?: Readonly<Record<string, string>>;
}

/** How a page is put together. */
export interface StageOptions {
  readonly islands: Readonly<Record<string, StagedIsland>>;
  /** The page's body; `{{island name}}` is an island's element with its first markup. */
  readonly body?: string;
  /** More for the page's head. */
  readonly head?: string;
  /** Scripts by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** What live.js is asked with. */
  readonly query?: string;
}

/** One island of one page, as the server knows it. */
export interface StagedView {
  readonly id: string;
  readonly name: string;
  readonly program: IslandProgram;
  readonly state: object;
  readonly instance: IslandInstance;
  /** What came, in order. */
  readonly heard: BrowserMessage[];
  seq: number;
  ack: number;
  /** What the page says that its inputs hold. */
  readonly shown: Map<string, string>;
  /** The patches so far, for a page that returns. */
  readonly log: Uint8Array<ArrayBuffer>[];
  send: ((message: Partial<ServerMessage>) => void) | null;
  target: number;
}

const ENTRY = join(import.meta.dirname ?? ".", "..", "..", "ui", "client", "live.ts");
const MORE = join(dirname(ENTRY), "live_more.ts");
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; " +
  "frame-src 'self'; img-src 'self'";
const BLANK: ServerMessage = {
  ...{ kind: 0, target: 0, seq: 0, ops: new Uint8Array(), texts: [], ack: 0, table: "" },
  ...{ session: "", html: "", call: 0, name: "", args: "", code: "", error: "" },
  ...{ numbers: new Uint8Array(), part: new Uint8Array(), more: false },
};
const INIT = 1;
const JSCALL = 2;
const INPUT = 0;
const METHOD = 1;
const INIT_REQUEST = 3;

let bridge: Promise<readonly [string, string]> | undefined;

/** The bridge as servers hand it out: what each page loads, and what some do. */
export function bridgeCode(): Promise<readonly [string, string]> {
  const url = "/_driftless/live.js";
  return bridge ??= Promise.all([bundle(ENTRY, url), bundle(MORE, url)]);
}

/** The server of a test. */
export class BridgeStage implements AsyncDisposable {
  readonly views = new Map<string, StagedView>();
  /** Whether pages that return are given all of it again. */
  isForgetful = false;
  /** What was uploaded, by ticket. */
  readonly uploads = new Map<string, string>();
  /** Answers to functions that pages were asked to run. */
  readonly results: BrowserMessage[] = [];
  readonly #programs: Record<string, IslandProgram> = {};
  readonly #options: StageOptions;
  readonly #sockets = new Set<WebSocket>();
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #tickets = 0;
  #body: string | null = null;

  private constructor(options: StageOptions) {
    this.#options = options;
    for (const [name, { template, create, partials = {} }] of Object.entries(options.islands)) {
      const source = { name, template, partials, file: `${name}.html`, sample: create() };
      this.#programs[name] = compileIsland(source);
    }
  }

  static async start(options: StageOptions): Promise<BridgeStage> {
    const stage = new BridgeStage(options);
    const code = await bridgeCode();
    stage.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      (request) => stage.#answer(request, code),
    );
    return stage;
  }

  get port(): number {
    return this.#server?.addr.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** The view of an island that was asked for last. */
  view(name: string): StagedView {
    const view = [...this.views.values()].findLast((one) => one.name === name);
    if (view === undefined) throw new Error(`No page has shown ${name}`);
    return view;
  }

  /** Another body for the pages that are asked for from now on. */
  setBody(body: string): void {
    this.#body = body;
  }

  /** Changes the state as code of the server does, and tells the page. */
  change(view: StagedView, change: (state: never) => void): void {
    change(view.instance.writable as never);
    this.flush(view);
  }

  /** Calls a function of the page. */
  callPage(view: StagedView, call: number, name: string, args: readonly unknown[]): void {
    view.send?.({ kind: JSCALL, call, name, args: JSON.stringify(args) });
  }

  /** Cuts all connections. */
  cut(code?: number, reason?: string): void {
    for (const socket of this.#sockets) {
      if (socket.readyState <= WebSocket.OPEN) socket.close(code, reason);
    }
    for (const view of this.views.values()) view.send = null;
  }

  /** Sends what changed, and values of inputs that the page shows otherwise. */
  flush(view: StagedView, asked?: Omit<BoundValue, "value">, wantsAnswer = false): void {
    const patch = view.instance.takePatch();
    const values: BoundValue[] = [];
    const all = [...patch?.bound ?? []];
    const value = asked && view.instance.shown(asked.instance, asked.slot);
    if (asked && value !== undefined) all.push({ ...asked, value });
    for (const bound of all) {
      const key = `${bound.instance}:${bound.slot}`;
      const held = view.shown.get(key);
      if (held !== undefined && view.instance.agrees(bound.instance, bound.slot, held)) continue;
      view.shown.delete(key);
      values.push(bound);
    }
    const empty: Patch = { ops: new Uint8Array(), texts: [], bound: [], lastInstance: 0 };
    const { ops, texts } = withValues(patch ?? empty, values);
    if (ops.length === 0 && !wantsAnswer) return;
    const ack = values.length > 0 || wantsAnswer ? view.ack : 0;
    const message = { seq: ++view.seq, ops, texts, ack };
    view.log.push(ServerMessage.encode({ ...BLANK, ...message }));
    view.send?.(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#server?.shutdown();
  }

  async #answer(request: Request, [code, more]: readonly [string, string]): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { files = {} } = this.#options;
    if (pathname === "/_live/ticket") return Response.json({ ticket: `t${++this.#tickets}` });
    if (pathname === "/_live") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      this.#serve(socket);
      return response;
    }
    if (pathname === "/_live/upload") return await this.#receive(request);
    if (pathname.startsWith("/_live/table/")) {
      const hash = pathname.slice("/_live/table/".length);
      const program = Object.values(this.#programs).find(({ table }) => table.hash === hash);
      return program ? Response.json(program.table) : new Response(null, { status: 404 });
    }
    const scripts: Record<string, string | undefined> = {
      ...files,
      "/_driftless/live.js": code,
      "/_driftless/live_more.js": more,
    };
    const script = scripts[pathname];
    if (script !== undefined) {
      const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
      return new Response(script, { headers: { "content-type": `${type}; charset=utf-8` } });
    }
    if (pathname === "/favicon.ico") return new Response(null, { status: 204 });
    if (pathname !== "/") return new Response(null, { status: 404 });
    const headers = {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
    };
    return await Promise.resolve(new Response(this.#page(), { headers }));
  }

  /** Takes a part of a file; its ticket says how long the file is. */
  async #receive(request: Request): Promise<Response> {
    const ticket = request.headers.get("x-upload-ticket") ?? "";
    const [, size = "0"] = ticket.split(":");
    const offset = Number(new URL(request.url).searchParams.get("offset"));
    const before = this.uploads.get(ticket) ?? "";
    if (offset !== before.length) return Response.json({ error: "A gap" }, { status: 409 });
    const text = before + await request.text();
    this.uploads.set(ticket, text);
    return Response.json({ received: text.length, done: text.length === Number(size) });
  }

  #page(): string {
    const { islands, head = "", query = "" } = this.#options;
    const names = Object.keys(islands);
    const body = this.#body ?? this.#options.body ??
      names.map((name) => `{{island ${name}}}`).join("");
    const filled = body.replace(/\{\{island (\w+)( [^}]*)?\}\}/g, (_, name, attributes = "") => {
      const view = this.#create(name);
      const { html, numbers } = view.instance.snapshot();
      const { hash } = view.program.table;
      return `<div g-island="${name}" data-table="${hash}" data-session="${view.id}" data-seq="0" ` +
        `data-numbers="${numbers.toBase64()}"${attributes}>${html}</div>`;
    });
    return `<!doctype html><html lang="en"><head><title>Stage</title>${head}` +
      `<script type="module" src="/_driftless/live.js${query}"></script></head>${filled}</html>`;
  }

  #create(name: string): StagedView {
    const program = this.#programs[name] as IslandProgram;
    const state = (this.#options.islands[name] as StagedIsland).create();
    const view: StagedView = {
      ...{ id: `s${this.views.size + 1}`, name, program, state, heard: [], seq: 0, ack: 0 },
      ...{ shown: new Map(), log: [], send: null, target: 0 },
      instance: new IslandInstance(program, state, {
        report: ({ error }) => view.send?.({ code: "failed", error: String(error) }),
        changed: () => {},
      }),
    };
    this.views.set(view.id, view);
    return view;
  }

  #serve(socket: WebSocket): void {
    const byTarget = new Map<number, StagedView>();
    socket.binaryType = "arraybuffer";
    this.#sockets.add(socket);
    socket.onclose = () => this.#sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      const { ui, ping } = Up.decode(new Uint8Array(data));
      if (ping) return socket.send(Down.encode({ channel: 0, pong: { time: 1 } }));
      if (!ui) throw new Error("The stage was sent something else");
      const message = BrowserMessage.decode(ui.body);
      const { target } = message;
      if (message.kind !== INIT_REQUEST) {
        const view = byTarget.get(target);
        if (view) this.#take(view, message);
        return;
      }
      if (message.island === "") return void byTarget.delete(target);
      const known = this.views.get(message.session);
      const isFree = known?.name === message.island &&
        ![...byTarget].some(([other, view]) => view === known && other !== target);
      const view = known && isFree ? known : this.#create(message.island);
      byTarget.set(target, view);
      view.target = target;
      view.send = (fields) => {
        if (socket.readyState !== WebSocket.OPEN) return;
        const body = ServerMessage.encode({ ...BLANK, ...fields, target });
        socket.send(Down.encode({ channel: 0, ui: { body } }));
      };
      this.#initialise(view, message);
    };
  }

  #initialise(view: StagedView, { session, seq, table }: BrowserMessage): void {
    const { instance, program, id, ack, send, log } = view;
    const { html, ops, texts, numbers } = instance.snapshot();
    const known = { kind: INIT, ack, session: id, table: program.table.hash };
    const canReplay = session === id && table === program.table.hash && !this.isForgetful;
    if (!canReplay) {
      view.shown.clear();
      return send?.({ ...known, seq: view.seq, html, ops, texts, numbers });
    }
    const isFirst = seq === 0 && log.length === 0;
    send?.({ ...known, seq, ...(isFirst ? { ops, texts } : {}) });
    for (const bytes of log) {
      const patch = ServerMessage.decode(bytes);
      if (patch.seq > seq) send?.(patch);
    }
  }

  #take(view: StagedView, message: BrowserMessage): void {
    view.heard.push(message);
    const { kind, instance, slot, input, value, data, name } = message;
    if (kind > METHOD) return void this.results.push(message);
    if (input > view.ack) view.ack = input;
    try {
      if (kind === INPUT) {
        view.shown.set(`${instance}:${slot}`, value);
        view.instance.input(instance, slot, value);
      } else if (name !== "") {
        const result = JSON.stringify(view.instance.call(name, JSON.parse(data))) ?? "";
        this.flush(view);
        view.send?.({ call: input, args: result, ack: view.ack });
      } else if (message.url === "") this.#event(view, instance, slot, data);
    } catch (error) {
      const call = name === "" ? 0 : input;
      view.send?.({ code: "failed", error: String(error), call });
    }
    const asked = kind === INPUT ? { instance, slot } : undefined;
    this.flush(view, asked, kind === METHOD && input > 0 && name === "");
  }

  #event(view: StagedView, instance: number, slot: number, data: string): void {
    const fields = data === "" ? {} : JSON.parse(data);
    if (view.instance.slotAt(instance, slot)?.kind === "upload") {
      const tickets = fields.files.map((file: File, at: number) => `${at}:${file.size}`);
      return this.callPage(view, 0, "driftless:upload", [instance, slot, tickets]);
    }
    if (view.instance.slotAt(instance, slot)?.kind !== "drop") {
      view.instance.run(instance, slot, fields);
      return;
    }
    const [fromInstance, fromSlot] = fields.from;
    view.instance.drop(instance, slot, fromInstance, fromSlot, fields);
  }
}
