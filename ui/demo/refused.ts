/** The quarantine of one client as a list: what the server refused and why, to try again or let go. */
import type { QueueEntry } from "../../core/quarantine.ts";
import { KeyedList, type Row } from "./keyed_list.ts";
import { cloneOf, partOf, setText } from "./template.ts";

/** What a person may do about an entry, by its id. */
export interface RefusedActions {
  retry(id: string): void;
  discard(id: string): void;
}

/** The list of refused mutations, and of those that cannot run without one. */
export class RefusedList {
  readonly #section: HTMLElement;
  readonly #list: KeyedList<QueueEntry>;

  /** `describe` says in a few words what the arguments of a mutation are about. */
  constructor(pane: HTMLElement, describe: (args: unknown) => string, actions: RefusedActions) {
    this.#section = partOf(pane, "refused-part", HTMLElement);
    const list = partOf(pane, "refused", HTMLElement);
    list.setAttribute("aria-label", partOf(pane, "refused-title", HTMLElement).textContent ?? "");
    this.#list = new KeyedList(
      list,
      ({ id }) => id,
      (entry) => refusedRow(entry, describe(entry.args), actions),
    );
  }

  show(queue: readonly QueueEntry[]): void {
    const refused = queue.filter(({ state }) => state === "refused" || state === "held");
    this.#list.show(refused);
    this.#section.hidden = refused.length === 0;
  }
}

function refusedRow({ id }: QueueEntry, what: string, actions: RefusedActions): Row<QueueEntry> {
  const element = cloneOf("refused-entry");
  partOf(element, "what", HTMLElement).textContent = what;
  const reason = partOf(element, "reason", HTMLElement);
  const retry = partOf(element, "retry", HTMLButtonElement);
  const discard = partOf(element, "discard", HTMLButtonElement);
  retry.ariaLabel = `Try again: ${what}`;
  discard.ariaLabel = `Let go: ${what}`;
  retry.onclick = () => actions.retry(id);
  discard.onclick = () => actions.discard(id);
  return {
    element,
    update: ({ state, error }) => {
      setText(reason, error ?? "It cannot run without another one");
      // A held one follows the one that holds it.
      retry.hidden = discard.hidden = state === "held";
    },
  };
}
