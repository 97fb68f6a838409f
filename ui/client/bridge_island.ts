/** One island of the page: its markup adopted or made, its events sent, its patches applied. */
import type { ClientSlot } from "../program.ts";
import { Blocks, type Spot } from "./bridge_blocks.ts";
import { eventData, listen, runCommands } from "./bridge_events.ts";
import { type BoundSpot, Fields } from "./bridge_fields.ts";
import { parsed, type Shapes } from "./bridge_shapes.ts";
import {
  BROWSER_INIT_REQUEST,
  BROWSER_INPUT,
  BROWSER_METHOD,
  type FromBrowser,
  type FromServer,
  SERVER_INIT,
  SERVER_JSCALL,
} from "./bridge_wire.ts";

/** What an island needs of its page. */
export interface IslandHost {
  /** Sends a message if there is a connection. */
  readonly send: (message: FromBrowser) => boolean;
  /** The shapes of a table, by its hash. */
  readonly shapes: (table: string) => Promise<Shapes>;
  readonly mount: (element: Element, name: string, isShadow: boolean) => void;
  readonly unmount: (element: Element) => void;
  /** Shows a value with a plugin. */
  readonly plug: (element: Element, name: string, value: unknown) => void;
  readonly unplug: (element: Element) => void;
  /** Loads what only some islands need. */
  readonly more: () => Promise<typeof import("./live_more.ts")>;
  readonly base: () => URL;
  /** The server calls a function, for an island. */
  readonly called: (message: FromServer, island: object) => void;
  readonly failed: (code: string, error: string) => void;
}

/** An event that waits for its answer. */
interface Pending {
  readonly input: number;
  /** Whether it is a call, which has an answer of its own. */
  readonly isCall: boolean;
  readonly answered: (error?: Error, result?: string) => void;
}

/** How long an island rests that could not show what it was sent, in milliseconds. */
const RESTART_MS = 1_000;
/** Events while there is no connection: older ones are let go. */
const WAITING_MAX = 100;

/** An island of the page. */
export class Island {
  readonly element: Element;
  readonly target: number;
  readonly name: string;
  readonly #host: IslandHost;
  /** The element itself or its shadow root. */
  readonly place: ParentNode;
  readonly #fields: Fields;
  #blocks: Blocks | null = null;
  #table: string;
  #session: string;
  #seq: number;
  #numbers: Uint8Array;
  /** Whether the server knows of it on this connection. */
  #isLive = false;
  #waiting: FromBrowser[] = [];
  #pending: Pending[] = [];
  /** What has to be loaded before everything in it works. */
  #more: Promise<unknown> | undefined;
  /** What is left to do when a patch is applied. */
  #late: (() => void)[] = [];
  /** Messages are taken one after the other, also when a table has to be loaded for one. */
  #turn: Promise<void>;

  constructor(element: Element, name: string, target: number, isShadow: boolean, host: IslandHost) {
    this.element = element;
    this.name = name;
    this.target = target;
    this.#host = host;
    this.place = isShadow ? element.shadowRoot ?? element.attachShadow({ mode: "open" }) : element;
    const { table = "", session = "", seq = 0, numbers = "" } = (element as HTMLElement).dataset;
    this.#table = table;
    this.#session = session;
    this.#seq = Number(seq);
    this.#numbers = Uint8Array.from(atob(numbers), (char) => char.charCodeAt(0));
    this.#fields = new Fields((instance, slot, input, value) =>
      this.#isLive && this.#send(BROWSER_INPUT, { instance: instance.number, slot, input, value })
    );
    this.#turn = this.#adopt();
  }

  get session(): string {
    return this.#session;
  }

  /** There is a connection: asks for what is new. */
  connected(session: string): void {
    this.#turn = this.#turn.then(() => {
      const isAdopted = this.#blocks !== null;
      this.#send(BROWSER_INIT_REQUEST, {
        island: this.name,
        session: this.#session || session,
        seq: this.#seq,
        table: isAdopted ? this.#table : "",
        url: addressOfPage(),
      });
    });
  }

  /** There is none any more. */
  disconnected(): void {
    this.#isLive = false;
    for (const { answered } of this.#pending.splice(0)) {
      answered(new Error("The connection is gone"));
    }
  }

  /** Takes a message of the server. */
  received(message: FromServer): void {
    this.#turn = this.#turn.then(() => this.#take(message)).catch(() => this.#restart());
  }

  /** Calls a method that the island exports; resolves with what it returned. */
  call(name: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.#act(
        { name, data: JSON.stringify(args) },
        (error, result) => error ? reject(error) : resolve(result && JSON.parse(result)),
      )
    );
  }

  /** Tells where the page is. */
  moved(): void {
    this.#act({ url: addressOfPage() });
  }

  /** It leaves the page, or the page leaves it alone. */
  end(): void {
    this.#send(BROWSER_INIT_REQUEST, {});
    this.#blocks?.end();
    this.disconnected();
  }

  async #adopt(): Promise<void> {
    const root = this.place.firstElementChild;
    if (!this.#table || !root) return;
    try {
      const shapes = await this.#host.shapes(this.#table);
      this.#blocks = this.#link(shapes, root);
    } catch {
      // The server is asked for markup.
    }
    this.#settle();
  }

  #link(shapes: Shapes, root: Element): Blocks {
    return new Blocks(
      shapes,
      {
        attach: (spot) => this.#attach(spot),
        show: ({ slot, node }, value) => this.#show(slot, node, value),
      },
      root,
      this.#numbers,
    );
  }

  async #take(message: FromServer): Promise<void> {
    const { kind, seq = 0, ack = 0, ops, texts = [], code, error = "" } = message;
    if (code && !message.call) this.#host.failed(code, error);
    if (kind === SERVER_JSCALL) return this.#host.called(message, this);
    if (kind === SERVER_INIT) {
      if (code) return;
      await this.#initialise(message);
    } else if (ack > this.#fields.ack) this.#fields.ack = ack;
    this.#seq = Math.max(seq, this.#seq);
    if (ops) this.#blocks?.apply(ops, texts);
    this.#settle();
    this.#pending = this.#pending.filter(({ input, isCall, answered }) => {
      if (isCall ? input !== message.call : input > ack) return true;
      answered(code ? Object.assign(new Error(error), { code }) : undefined, message.args);
      return false;
    });
    if (kind === SERVER_INIT) {
      await this.#more;
      this.#resume();
    }
  }

  async #initialise(message: FromServer): Promise<void> {
    const { html, table, session, seq = 0, ack = 0, numbers } = message;
    this.#table = table || this.#table;
    this.#session = session || this.#session;
    const fields = this.#fields;
    fields.ack = ack;
    fields.last = Math.max(fields.last, ack);
    if (!html) return;
    const shapes = await this.#host.shapes(this.#table);
    this.#numbers = numbers ?? new Uint8Array();
    this.#seq = seq;
    this.#waiting = [];
    fields.isFirst = false;
    let root = document.importNode(parsed(html), true);
    const old = this.place.firstElementChild;
    if (!old) this.place.prepend(root);
    else {
      // Without it what the user has there is lost, and nothing else.
      const more = await this.#host.more().catch(() => null);
      this.#blocks?.end();
      if (more) root = more.renew(old, root);
      else old.replaceWith(root);
    }
    this.#blocks = this.#link(shapes, root);
  }

  #resume(): void {
    this.#isLive = true;
    this.element.classList.add("g-ready");
    this.#fields.resend();
    for (const message of this.#waiting.splice(0)) this.#send(BROWSER_METHOD, message);
  }

  /** What the page has is of no use: asks for all of it again. */
  #restart(): void {
    this.#blocks?.end();
    this.#blocks = null;
    this.#isLive = false;
    this.#late = [];
    setTimeout(() => this.connected(""), RESTART_MS);
  }

  #withMore(use: (more: typeof import("./live_more.ts")) => void): void {
    this.#more = this.#host.more().then(use);
  }

  #settle(): void {
    for (const act of this.#late.splice(0)) act();
  }

  #send(kind: number, message: FromBrowser): boolean {
    return this.#host.send({ ...message, kind, target: this.target });
  }

  /** Sends an event; one that wants an answer is numbered. */
  #act(message: FromBrowser, answered?: Pending["answered"]): void {
    let numbered = message;
    if (answered) {
      const input = ++this.#fields.last;
      numbered = { ...message, input };
      this.#pending.push({ input, isCall: !!message.name, answered });
    }
    if (this.#isLive && this.#send(BROWSER_METHOD, numbered)) return;
    this.#waiting.push(numbered);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
  }

  #attach(spot: Spot): void {
    const { slot, node, instance, index } = spot;
    const element = node as HTMLElement;
    const isHere = () => this.#blocks?.has(instance) === true;
    const event = { instance: instance.number, slot: index };
    switch (slot[0]) {
      case "on":
        return listen(
          spot,
          isHere,
          (heard) => eventData(heard, slot[5]),
          (data) => this.#act({ ...event, data }, waitingMark(element)),
        );
      case "do":
        return listen(spot, isHere, String, () => runCommands(this.place, node, slot[5]));
      case "bind":
        return this.#fields.bind(
          { instance, index, node: node as BoundSpot["node"], kind: slot[2] },
          isHere,
        );
      case "drag":
        return this.#withMore((more) => more.makeDraggable(spot, this, slot[2], isHere));
      case "drop":
        return this.#withMore((more) =>
          more.makeDropTarget(spot, slot[2], isHere, (dragged, owner, position) => {
            const from = owner === this ? dragged : [...dragged, (owner as Island).target];
            this.#act({ ...event, data: JSON.stringify({ from, position }) }, waitingMark(element));
          })
        );
      case "upload":
        return this.#withMore((more) =>
          more.makeUpload(spot, this, isHere, (data) => this.#act({ ...event, data }))
        );
      case "plugin":
        return void instance.ends.push(() => this.#host.unplug(element));
      case "island":
        instance.ends.push(() => this.#host.unmount(element));
        this.#late.push(() => this.#host.mount(element, slot[2], slot[3]));
    }
  }

  #show(slot: ClientSlot, node: Node, value: unknown): void {
    const element = node as HTMLElement;
    const [kind, , name = ""] = slot as readonly [ClientSlot[0], unknown, (string | undefined)?];
    const text = `${value ?? ""}`;
    if (kind === "text") (node as Text).data = text;
    else if (kind === "attr") {
      if (value === null) element.removeAttribute(name);
      else element.setAttribute(name, text);
    } else if (kind === "prop") setProperty(element, name, value);
    else if (kind === "class") element.classList.toggle(name, value === true);
    else if (kind === "style") element.style.setProperty(name, text);
    else if (kind === "show") {
      // First markup says it with the attribute: policies may forbid styles there.
      element.hidden = value !== true;
      element.style.display = value === true ? "" : "none";
    } else if (kind === "html") element.innerHTML = text;
    else if (kind === "bind") {
      const show = () =>
        this.#fields.show(node as BoundSpot["node"], slot[2] as BoundSpot["kind"], value);
      // Its options may come with the same patch.
      if (element.localName === "select") this.#late.push(show);
      else show();
    } else if (kind === "plugin") {
      this.#late.push(() => this.#host.plug(element, name, value));
    }
  }
}

function addressOfPage(): string {
  return location.href.slice(location.origin.length);
}

/** Marks an element until its event is answered, if it asks for that. */
function waitingMark(element: Element): Pending["answered"] | undefined {
  if (!element.hasAttribute?.("g-pending")) return undefined;
  element.classList.add("g-pending");
  element.ariaBusy = "true";
  return () => {
    element.classList.remove("g-pending");
    element.ariaBusy = null;
  };
}

function setProperty(element: Element, name: string, value: unknown): void {
  if (name !== "_scrollratio") {
    (element as unknown as Record<string, unknown>)[name] = value;
    return;
  }
  requestAnimationFrame(() => {
    element.scrollTop = Number(value) * (element.scrollHeight - element.clientHeight);
  });
}
