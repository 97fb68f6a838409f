/**
 * One browser's connection to islands: what it may say, how fast, and what becomes of it.
 *
 *     message ── tokens? ── now ─────────────────────┐
 *                  └ none ── waits (joined, bounded) ─┴ slot of a view ── handler
 *
 * What is wrong with a message is answered to this connection, and hurts no other one.
 */
import type { Principal } from "../core/app.ts";
import { DriftlessError, type ErrorCode } from "../core/errors.ts";
import { isJsonObject, type Json, parseJson } from "../core/json.ts";
import { ServerMessage } from "../core/wire/ui_gen.ts";
import type { LiveCalls } from "./live_calls.ts";
import type { LiveHost } from "./live_host.ts";
import {
  CALL_ARGS_MAX,
  EVENTS_BURST,
  EVENTS_PER_SECOND,
  EVENTS_WAITING_MAX,
  EXCESS_MAX,
  NONSENSE_MAX,
  TARGETS_MAX,
} from "./live_limits.ts";
import { decodeUiMessage, type UiRequest, uiRequest } from "./live_messages.ts";
import type { UiConnection } from "./live_ports.ts";
import type { LiveView } from "./live_view.ts";
import type { Slot } from "./program.ts";

/** Events of which only the newest counts. */
const MOVES: ReadonlySet<string> = new Set([
  "drag",
  "dragover",
  "mousemove",
  "pointermove",
  "resize",
  "scroll",
  "touchmove",
]);

/** Shared, and so never written to. */
const NOTHING: UiRequest[] = [];

type Kind<K> = UiRequest & { readonly kind: K };

/** The runtime's half of one connection. */
export class LiveUiSession {
  readonly principal: Principal | null;
  /** The page's functions that were called; none until one is. */
  calls: LiveCalls | undefined;
  readonly views = new Map<number, LiveView>();
  /** Handlers that have not ended. */
  pending = 0;
  readonly #host: LiveHost;
  readonly #connection: UiConnection;
  /** Views that have something to tell once the connection is ready. */
  #behind: Set<LiveView> | undefined;
  /** Messages that wait for their turn; none while they have it at once. */
  #waiting: UiRequest[] = NOTHING;
  #tokens = EVENTS_BURST;
  #tokensAt: number;
  #excess = 0;
  #nonsense = 0;
  #isClosed = false;
  /** Whether an island is awaited that reads what is not here yet: nothing overtakes its opening. */
  #isPaused = false;
  /** Whether it cannot be written to. */
  #isBroken = false;

  constructor(host: LiveHost, connection: UiConnection) {
    this.#host = host;
    this.#connection = connection;
    this.principal = connection.principal;
    this.#tokensAt = host.now();
  }

  /**
   * Takes one message. What is wrong with it is answered.
   *
   * @throws {DriftlessError} `malformed`, `too_large`: the bytes are no message, the connection is of no
   *   use
   */
  received(body: Uint8Array): void {
    if (this.#isClosed) return;
    const message = decodeUiMessage(body);
    const call = message.name === "" ? 0 : message.input;
    this.#guarded(message.target, call, () => {
      const request = uiRequest(message);
      const isFirst = !this.#isPaused && this.#waiting.length === 0;
      if (isFirst && this.#takeToken()) this.#handle(request);
      else this.#wait(request);
    });
  }

  /** The connection is ready for more. */
  drained(): void {
    const behind = this.#behind ?? [];
    this.#behind = undefined;
    for (const view of behind) this.#host.runner.deliver(view);
  }

  /** The connection is gone. */
  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = NOTHING;
    this.#behind = undefined;
    for (const view of [...this.views.values()]) this.#host.closeView(view);
    this.calls?.close();
    this.#host.left(this);
  }

  /** Asks again which islands the principal may see; closes the others. */
  recheck(): void {
    for (const view of [...this.views.values()]) {
      if (this.#host.allowsMore(this.principal, view.instance)) continue;
      this.#host.closeView(view);
      this.fail(view.target, forbidden());
    }
  }

  /** Goes on with what waited for tokens; says in how many milliseconds to come again, or Infinity. */
  turn(): number {
    while (!this.#isPaused && this.#waiting.length > 0 && this.#takeToken()) {
      const request = this.#waiting.shift() as UiRequest;
      this.#guarded(targetOf(request), callOf(request), () => this.#handle(request));
    }
    return this.#waiting.length > 0 && !this.#isPaused
      ? Math.ceil(1000 / EVENTS_PER_SECOND)
      : Infinity;
  }

  send(body: Uint8Array): void {
    if (this.#isClosed || this.#isBroken) return;
    try {
      this.#connection.send(body);
    } catch (error) {
      // Its door will say that it is gone; until then it is told nothing, and costs nobody anything.
      this.#isBroken = true;
      this.#host.runner.publicError(error, "connection of a page");
    }
  }

  isReady(): boolean {
    return this.#connection.isReady();
  }

  /** The view has something to tell when the connection is ready. */
  wait(view: LiveView): void {
    (this.#behind ??= new Set()).add(view);
  }

  /**
   * Tells the page what went wrong; that is an answer, where it waits for one: to the call of this number,
   * or to what it did last.
   */
  fail(target: number, { code, message: error }: DriftlessError, call = 0): void {
    const view = this.views.get(target);
    const ack = (call > 0 ? view?.ack : view?.answer()) ?? 0;
    this.send(ServerMessage.encode({ target, code, error, ack, call }));
  }

  #guarded(target: number, call: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      const known = this.#host.runner.publicError(error, "message of a page");
      this.fail(target, known, call);
      if (++this.#nonsense > NONSENSE_MAX) this.#cut("malformed");
    }
  }

  #cut(code: ErrorCode): void {
    this.closed();
    this.#connection.close(code);
  }

  #takeToken(): boolean {
    const now = this.#host.now();
    const gained = Math.max(0, now - this.#tokensAt) * EVENTS_PER_SECOND / 1000;
    this.#tokens = Math.min(EVENTS_BURST, this.#tokens + gained);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Puts a message off. One that replaces the last, does; too many end the connection. */
  #wait(request: UiRequest): void {
    const last = this.#waiting.at(-1);
    if (last !== undefined && this.#replaces(last, request)) {
      this.#waiting[this.#waiting.length - 1] = request;
    } else if (this.#waiting.length < EVENTS_WAITING_MAX) {
      if (this.#waiting === NOTHING) this.#waiting = [];
      this.#waiting.push(request);
    } else {
      const call = callOf(request);
      if (this.#excess++ === 0 || call > 0) {
        this.fail(targetOf(request), tooMany(), call);
      }
      if (this.#excess > EXCESS_MAX) this.#cut("rate_limited");
      return;
    }
    this.#host.soon(this);
  }

  /** Whether only the newer of two messages in a row counts. */
  #replaces(before: UiRequest, request: UiRequest): boolean {
    if (request.kind !== "input" && request.kind !== "event") return false;
    if (before.kind !== request.kind || before.target !== request.target) return false;
    if (before.instance !== request.instance || before.slot !== request.slot) return false;
    if (request.kind === "input") return true;
    const slot = this.views.get(request.target)?.instance.engine
      .slotAt(request.instance, request.slot);
    return slot?.kind === "on" && MOVES.has(slot.event);
  }

  #handle(request: UiRequest): void {
    switch (request.kind) {
      case "open":
        return this.#open(request);
      case "result":
        return this.calls?.answered(request.call, request.data, request.error);
    }
    const view = this.views.get(request.target);
    if (request.kind === "close") {
      return view === undefined ? undefined : this.#host.closeView(view);
    }
    if (view === undefined) {
      throw new DriftlessError(
        "not_found",
        "Cannot find the island: the page has not asked for it",
      );
    }
    switch (request.kind) {
      case "input":
        return this.#input(view, request);
      case "event":
        return this.#event(view, request);
      case "method":
        return this.#method(view, request);
      case "moved":
        view.url = request.url;
        view.instance.visited(this.principal, request.url);
        return this.#host.runner.lifecycle(view.instance, "navigated", view, [request.url]);
    }
  }

  #open(request: Kind<"open">): void {
    if (!this.views.has(request.target) && this.views.size >= TARGETS_MAX) {
      throw new DriftlessError("rate_limited", `Cannot show more than ${TARGETS_MAX} islands`);
    }
    let isHere = false;
    const open = (error: unknown) => {
      if (error !== null) throw error;
      this.#host.openView(this, request);
    };
    const { principal } = this;
    const { island, token } = request;
    this.#host.prepare({ principal, names: [island], token }, (error) => {
      isHere = true;
      if (!this.#isPaused) return open(error);
      this.#isPaused = false;
      if (this.#isClosed) return;
      this.#guarded(request.target, 0, () => open(error));
      this.#host.soon(this);
    });
    this.#isPaused = !isHere;
  }

  #input(view: LiveView, { instance, slot, input, value }: Kind<"input">): void {
    if (!view.takeInput(input)) return;
    const found = view.instance.engine.slotAt(instance, slot);
    // It is gone by now, and the page does not know yet.
    if (found === undefined) return;
    if (found.kind !== "bind") throw invalid("it is no bound input");
    if (!canSay(found, value)) throw invalid(`no ${found.input} says this`);
    view.typed(instance, slot, value);
    this.#host.runner.handle(view, (engine) => engine.input(instance, slot, value));
  }

  #event(view: LiveView, request: Kind<"event">): void {
    const { instance, slot, input, data } = request;
    if (!this.#isNew(view, input)) return;
    const found = view.instance.engine.slotAt(instance, slot);
    this.#host.runner.handle(view, (engine) => {
      switch (found?.kind) {
        case undefined:
          // It is gone by now, and the page does not know yet.
          return;
        case "on":
          return engine.run(instance, slot, wanted(found, data));
        case "drop":
          return this.#drop(view, found, request);
        case "upload":
          return this.#host.uploads.request(view, instance, slot, found, data);
      }
      throw invalid("nothing listens there");
    });
  }

  /** A drop, of something of the same island or another one of the page. */
  #drop(
    view: LiveView,
    found: Slot & { readonly kind: "drop" },
    { instance, slot, data }: Kind<"event">,
  ): unknown {
    const from = isJsonObject(data) && Array.isArray(data.from) ? data.from as readonly Json[] : [];
    const [fromInstance, fromSlot, target = view.target] = from;
    if (!isIndex(fromInstance) || !isIndex(fromSlot) || !isIndex(target)) {
      throw invalid("it does not say what was dropped");
    }
    const { engine } = view.instance;
    const source = this.views.get(target)?.instance.engine;
    const dragged = source?.slotAt(fromInstance, fromSlot);
    // It is gone by now, and the page does not know yet.
    if (source === undefined || dragged === undefined) return;
    if (dragged.kind !== "drag" || dragged.group !== found.group) throw invalid("it does not fit");
    const { position = "" } = data as { readonly position?: Json };
    return engine.drop(instance, slot, fromInstance, fromSlot, { position }, source);
  }

  #method(view: LiveView, { name, input, data }: Kind<"method">): void {
    if (input > 0 && !view.takeInput(input)) return;
    const args = data ?? [];
    if (!Array.isArray(args) || args.length > CALL_ARGS_MAX) {
      throw invalid(`its arguments are a list of up to ${CALL_ARGS_MAX}`);
    }
    if (!view.instance.hosted.exports.has(name)) {
      throw new DriftlessError("forbidden", "You may not call this method");
    }
    this.#host.runner.handle(view, (engine) => engine.call(name, args), input);
  }

  /** Whether an event has not come before; one with a number is answered. */
  #isNew(view: LiveView, input: number): boolean {
    if (input === 0) return true;
    if (!view.takeInput(input)) return false;
    view.asked();
    return true;
  }
}

/** The fields of an event that its slot asks for, and no others. */
function wanted(
  { wants }: Slot & { readonly kind: "on" },
  data: Json,
): Readonly<Record<string, Json>> {
  if (!isJsonObject(data)) return {};
  const fields: Record<string, Json> = {};
  for (const name of wants) {
    if (Object.hasOwn(data, name)) fields[name] = data[name] as Json;
  }
  return fields;
}

/** Whether an input of this kind can have a value. */
function canSay({ input }: Slot & { readonly kind: "bind" }, value: string): boolean {
  if (input === "checkbox" || input === "radio") return value === "true" || value === "false";
  if (input !== "multiple") return true;
  const list = parseJson(value);
  return Array.isArray(list) && list.every((one) => typeof one === "string");
}

function targetOf(request: UiRequest): number {
  return "target" in request ? request.target : 0;
}

/** The number of a call that a script of the page waits for; 0 of anything else. */
function callOf(request: UiRequest): number {
  return request.kind === "method" ? request.input : 0;
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function tooMany(): DriftlessError {
  return new DriftlessError("rate_limited", "Cannot take so many events a second");
}

function invalid(reason: string): DriftlessError {
  return new DriftlessError("invalid_mutation", `Cannot handle the event: ${reason}`);
}

/** A principal who may not see an island. */
export function forbidden(): DriftlessError {
  return new DriftlessError("forbidden", "You may not see this island");
}
