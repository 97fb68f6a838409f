/**
 * An island as one tab shows it: how far it was told, and what was typed into it that nobody answered.
 *
 * Nothing is queued for a tab: it has a number, and patches above that are news to it. A tab that reads
 * slowly is told all of them at once when it is ready, or gets a snapshot when they are too many.
 */
import { ServerMessage } from "../core/wire/ui_gen.ts";
import { ACKS_MAX, TYPED_MAX } from "./live_limits.ts";
import type { Holder } from "./live_holder.ts";
import { type LiveInstance, type LogEntry, NO_PATCH } from "./live_instance.ts";
import { SERVER_INIT } from "./live_messages.ts";
import type { LiveUiSession } from "./live_session.ts";
import type { BoundValue } from "./patch_writer.ts";

/** A slot of a block instance. */
interface Place {
  readonly instance: number;
  readonly slot: number;
}

/** What a tab typed into a bound input. */
interface Typed extends Place {
  readonly value: string;
}

/** Stands for a tab that shows nothing yet. */
const NOWHERE = -1;

/** One target of one connection. */
export class LiveView {
  readonly session: LiveUiSession;
  readonly target: number;
  readonly instance: LiveInstance;
  /** That of the page, which keeps its acks. */
  readonly tab: Holder;
  /** The address of the page. */
  url: string;
  /** The table that the page has. */
  table: string;
  /** The patch that the tab was told last. */
  #seq = NOWHERE;
  /** What was typed since, by instance and slot. */
  #typed: Map<string, Typed> | undefined;
  /** Whether the tab waits for an answer, whatever it is. */
  #isAsked = false;
  #isClosed = false;

  constructor(
    session: LiveUiSession,
    target: number,
    instance: LiveInstance,
    tab: Holder,
    page: { readonly url: string; readonly table: string },
  ) {
    this.session = session;
    this.target = target;
    this.instance = instance;
    this.tab = tab;
    this.url = page.url;
    this.table = page.table;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** The last input that was taken. */
  get ack(): number {
    return this.tab.acks?.get(this.#ackKey) ?? 0;
  }

  /** Notes an input of this number; returns whether it is new. */
  takeInput(input: number): boolean {
    if (input <= this.ack) return false;
    const acks = this.tab.acks ??= new Map();
    // Re-inserted, so that the first is the one that was not used for longest.
    acks.delete(this.#ackKey);
    acks.set(this.#ackKey, input);
    if (acks.size <= ACKS_MAX) return true;
    const [oldest] = acks.keys();
    if (oldest !== undefined) acks.delete(oldest);
    return true;
  }

  /** The tab shows this now, whatever the state says. */
  typed(instance: number, slot: number, value: string): void {
    // A tab that types and does not read: it is told the values once more, then.
    if (this.#typed === undefined || this.#typed.size >= TYPED_MAX) this.#typed = new Map();
    const typed = { instance, slot, value };
    this.#typed.set(keyOf(typed), typed);
  }

  /** The tab waits for an answer. */
  asked(): void {
    this.#isAsked = true;
  }

  /** The number that answers the tab if it waits for an answer, else 0. */
  answer(): number {
    if (!this.#isAsked) return 0;
    this.#isAsked = false;
    return this.ack;
  }

  /** What tells a script of the page the result of its call, as JSON; empty for none. */
  answerTo(call: number, args: string): () => void {
    const { target } = this;
    return () => this.session.send(ServerMessage.encode({ target, call, args, ack: this.ack }));
  }

  /** The page's own markup is right, as of this patch. */
  adopted(seq: number): void {
    this.#seq = seq;
    const { target, ack } = this;
    this.session.send(ServerMessage.encode({ kind: SERVER_INIT, target, seq, ack }));
  }

  /** Tells the tab what it does not know, now or when it is ready. */
  deliver(): void {
    if (this.#isClosed) return;
    if (!this.session.isReady()) return this.session.wait(this);
    const { instance } = this;
    this.#correct();
    const entries = instance.after(this.#seq);
    if (entries === null) return this.#init();
    if (entries.length === 0 && !this.#isAsked && this.#typed === undefined) return;
    const isPlain = entries.length === 1 && this.#typed === undefined;
    const newest = isPlain ? NO_PLACES : placesOf(entries);
    entries.forEach((entry, index) => {
      const { bound, ops } = entry.patch;
      const values = isPlain ? bound : bound.filter((one) => {
        // One that is set again later is sent with that, and one that is shown already not at all.
        return newest.get(keyOf(one)) === index && !this.#shows(one);
      });
      const isAnswer = this.#isAsked && index === entries.length - 1;
      if (ops.length > 0 || values.length > 0 || isAnswer) {
        this.#send(entry, values.length > 0 || isAnswer ? this.ack : 0, values);
      }
    });
    if (entries.length === 0 && this.#isAsked) this.#send(undefined, this.ack, []);
    this.#seq = instance.seq;
    this.#typed = undefined;
    this.#isAsked = false;
  }

  /** What markup cannot say, for a page that has just connected. */
  complete(): void {
    const { target } = this;
    const { seq } = this.instance;
    const { ops, texts } = this.instance.snapshot();
    if (ops.length > 0) this.session.send(ServerMessage.encode({ target, seq, ops, texts }));
  }

  get #ackKey(): string {
    return `${this.instance.hosted.name} ${this.target}`;
  }

  #send(entry: LogEntry | undefined, ack: number, values: readonly BoundValue[]): void {
    this.session.send(this.instance.frame(entry, this.target, ack, values));
  }

  #init(): void {
    const { instance, target, ack, tab } = this;
    const { seq } = instance;
    const { hash } = instance.hosted.program.table;
    const { html, numbers, ops, texts } = instance.snapshot();
    const session = instance.token(tab);
    this.#seq = seq;
    this.#typed = undefined;
    this.#isAsked = false;
    const table = hash === this.table ? "" : hash;
    this.table = hash;
    const state = { target, seq, ack, html, numbers, ops, texts, table, session };
    this.session.send(ServerMessage.encode({ kind: SERVER_INIT, ...state }));
  }

  /**
   * What was typed and the state did not take is news to this tab, though it is to nobody else. It goes
   * into the log, so that a tab which does not get it hears of it when it comes back.
   */
  #correct(): void {
    if (this.#typed === undefined) return;
    const { instance } = this;
    const entries = instance.after(this.#seq);
    if (entries === null) return;
    const told = placesOf(entries);
    const refused: BoundValue[] = [];
    for (const [key, typed] of this.#typed) {
      if (told.has(key) || this.#shows(typed)) continue;
      const value = instance.engine.shown(typed.instance, typed.slot);
      if (value !== undefined) refused.push({ instance: typed.instance, slot: typed.slot, value });
    }
    if (refused.length > 0) instance.add({ ...NO_PATCH, bound: refused });
  }

  /** Whether what was typed into an input is what it should show. */
  #shows(place: Place): boolean {
    const typed = this.#typed?.get(keyOf(place));
    return typed !== undefined &&
      this.instance.engine.agrees(typed.instance, typed.slot, typed.value);
  }
}

/** For each bound input the last of the patches that set it. */
function placesOf(entries: readonly LogEntry[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  entries.forEach(({ patch }, index) => {
    for (const one of patch.bound) places.set(keyOf(one), index);
  });
  return places;
}

function keyOf({ instance, slot }: Place): string {
  return `${instance} ${slot}`;
}

const NO_PLACES: ReadonlyMap<string, number> = new Map();
