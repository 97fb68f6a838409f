/** The queue of one client as a list: what waits for the server, how far it is, and for how long. */
import type { Pending, PendingState } from "../../core/queue.ts";
import { KeyedList, type Row } from "./keyed_list.ts";
import { cloneOf, partOf, setText } from "./template.ts";

/** Entries that are shown; the count tells the rest. */
export const QUEUE_ROWS_MAX = 50;

const STATES: Readonly<Record<PendingState, string>> = {
  local: "saving",
  queued: "saved here",
  sent: "sent",
  acknowledged: "on the server",
};

/** A mutation in a sentence of two or three words, such as its task's title. */
export type Describe = (pending: Readonly<Pending>) => string;

/** The list of pending mutations. */
export class Outbox {
  readonly #list: KeyedList<Readonly<Pending>>;
  readonly #empty: HTMLElement;
  #shown: readonly Readonly<Pending>[] = [];

  constructor(pane: HTMLElement, describe: Describe) {
    const queue = partOf(pane, "queue", HTMLElement);
    const title = partOf(pane, "outbox-title", HTMLElement);
    queue.setAttribute("aria-label", title.textContent ?? "");
    this.#empty = partOf(pane, "outbox-empty", HTMLElement);
    this.#list = new KeyedList(
      queue,
      ({ mutation }) => mutation.id,
      (pending) => queuedRow(pending, describe(pending)),
    );
  }

  show(pending: readonly Readonly<Pending>[]): void {
    this.#shown = pending.slice(0, QUEUE_ROWS_MAX);
    this.#list.show(this.#shown);
    this.#empty.hidden = pending.length > 0;
  }

  /** Time has passed. */
  tick(): void {
    for (const pending of this.#shown) this.#list.get(pending.mutation.id)?.update(pending);
  }
}

/** How long ago, in the largest unit that is not zero. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

function queuedRow({ mutation }: Readonly<Pending>, what: string): Row<Readonly<Pending>> {
  const element = cloneOf("queued");
  element.dataset.mutator = mutation.name;
  partOf(element, "name", HTMLElement).textContent = mutation.name;
  const detail = partOf(element, "what", HTMLElement);
  detail.textContent = what;
  detail.title = what;
  const state = partOf(element, "state", HTMLElement);
  const age = partOf(element, "age", HTMLElement);
  return {
    element,
    update: (pending) => {
      element.dataset.state = pending.state;
      setText(state, STATES[pending.state]);
      setText(age, ageText(Date.now() - mutation.createdAt));
    },
  };
}
