/**
 * Bound inputs: what is typed is never lost, at any distance from the server.
 *
 * Each input has a number. A value of the server says which number it knows of: one that is older than
 * what was typed is passed over, as the answer to that is on its way. The caret stays between the texts
 * that it was between.
 */
import type { InputKind } from "../program.ts";
import type { Instance } from "./bridge_blocks.ts";
import type { Editable } from "./bridge_moves.ts";

/** A bound input of the page. */
export interface BoundSpot {
  readonly instance: Instance;
  readonly index: number;
  readonly node: Editable | HTMLSelectElement;
  readonly kind: InputKind;
}

/** A value that waits, and the input that it knew of. */
interface Held {
  readonly value?: unknown;
  readonly ack: number;
}

/** Sends an input: its number, and what is in the field. */
export type SendInput = (instance: Instance, index: number, input: number, value: string) => void;

/** Nothing waits: the input that it would know of is older than any. */
const NOTHING: Held = { ack: -1 };

/** The bound inputs of one island. */
export class Fields {
  /** Counts the inputs of the island, and the events that want an answer. */
  last = 0;
  /** The last number that the server took. */
  ack = 0;
  /** Whether the page's own markup was there first: what differs from it was typed. */
  isFirst = true;
  readonly #send: SendInput;
  readonly #bound = new Map<Node, BoundSpot>();
  /** The number of the last input of each; also of one whose block is replaced around it. */
  readonly #typed = new WeakMap<Node, number>();
  /** Where something is being composed, and what it is to show then. */
  readonly #composed = new WeakMap<Node, Held>();

  constructor(send: SendInput) {
    this.#send = send;
  }

  /** Makes an input one of these, also again when its markup was replaced around it. */
  bind(spot: BoundSpot, has: (instance: Instance) => boolean): void {
    const { instance, node, kind } = spot;
    this.#bound.set(node, spot);
    instance.ends.push(() => this.#bound.delete(node));
    if (!this.isFirst) {
      if (!this.#isWaiting(node)) {
        const original = valueOf(node, kind, true);
        const isText = !isSwitch(kind) && kind !== "multiple";
        put(node, kind, isText ? original : JSON.parse(original));
      }
    } else if (
      // Those two show a value of their own where none is given.
      kind !== "range" && node.type !== "color" &&
      valueOf(node, kind) !== valueOf(node, kind, true)
    ) this.#typed.set(node, ++this.last);
    node.addEventListener("input", () => {
      if (!has(instance)) return;
      this.#typed.set(node, ++this.last);
      this.#sendOf(spot);
    });
    node.addEventListener("compositionstart", () => this.#composed.set(node, NOTHING));
    node.addEventListener("compositionend", () => {
      // Some browsers tell of the last input only now.
      setTimeout(() => {
        const held = this.#composed.get(node);
        this.#composed.delete(node);
        if (held && !this.#isWaiting(node, held.ack)) put(node, kind, held.value);
      });
    });
  }

  /** Shows a value that the server sends with what it knew of. */
  show(node: BoundSpot["node"], kind: InputKind, value: unknown): void {
    if (this.#isWaiting(node)) return;
    if (this.#composed.has(node)) this.#composed.set(node, { value, ack: this.ack });
    else put(node, kind, value);
  }

  /** Sends again what the server has not taken. */
  resend(): void {
    for (const [node, spot] of this.#bound) if (this.#isWaiting(node)) this.#sendOf(spot);
  }

  #isWaiting(node: Node, ack = this.ack): boolean {
    return (this.#typed.get(node) ?? 0) > ack;
  }

  #sendOf({ instance, index, node, kind }: BoundSpot): void {
    this.#send(instance, index, this.#typed.get(node) ?? 0, valueOf(node, kind));
  }
}

/** What an input holds, or what its markup says that it holds. */
function valueOf(node: BoundSpot["node"], kind: InputKind, isOriginal = false): string {
  if (isSwitch(kind)) {
    const { checked, defaultChecked } = node as HTMLInputElement;
    return `${isOriginal ? defaultChecked : checked}`;
  }
  if (node.localName !== "select") {
    const { value, defaultValue } = node as Editable;
    return isOriginal ? defaultValue : value;
  }
  const options = [...(node as HTMLSelectElement).options];
  const chosen = options
    .filter(({ selected, defaultSelected }) => isOriginal ? defaultSelected : selected)
    .map(({ value }) => value);
  return kind === "multiple" ? JSON.stringify(chosen) : chosen.at(-1) ?? options[0]?.value ?? "";
}

function put(node: BoundSpot["node"], kind: InputKind, value: unknown): void {
  if (isSwitch(kind)) (node as HTMLInputElement).checked = value === true;
  else if (kind === "multiple") {
    for (const option of (node as HTMLSelectElement).options) {
      option.selected = (value as readonly string[]).includes(option.value);
    }
  } else putText(node, kind, `${value ?? ""}`);
}

function putText(node: BoundSpot["node"], kind: InputKind, text: string): void {
  const { value: old } = node;
  const isFocused = (node.getRootNode() as Document).activeElement === node;
  // Half a number is as good as the number while it is being typed.
  if (old === text || isFocused && kind === "number" && Number(old) === Number(text)) return;
  const { selectionStart: start = null, selectionEnd: end = null, scrollTop, scrollLeft } =
    node as Editable;
  node.value = text;
  if (!isFocused || start === null || end === null) return;
  const place = caretMap(old, text);
  (node as Editable).setSelectionRange(
    place(start),
    place(end),
    (node as Editable).selectionDirection ?? "none",
  );
  node.scrollTo({ top: scrollTop, left: scrollLeft, behavior: "instant" });
}

/** Where places of one text are in another: by what both begin and end with. */
function caretMap(old: string, text: string): (place: number) => number {
  const shorter = Math.min(old.length, text.length);
  let head = 0;
  while (head < shorter && old[head] === text[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === text.at(-1 - tail)) tail++;
  return (place) =>
    place <= head
      ? place
      : place >= old.length - tail
      ? text.length - (old.length - place)
      : Math.min(place, text.length - tail);
}

function isSwitch(kind: InputKind): boolean {
  return kind === "checkbox" || kind === "radio";
}
