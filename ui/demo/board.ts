/** The board of one pane: three lanes, whose tasks keep their elements when they change lanes. */
import { DOING_TASKS_MAX, type Lane, LANES } from "./app.ts";
import { arrange } from "./keyed_list.ts";
import { type BoardTask, type TaskActions, TaskRow } from "./task_row.ts";
import { cloneOf, partOf, setText } from "./template.ts";

/** What a user can do to the board. */
export interface BoardActions extends TaskActions {
  clearDone(): void;
  addSamples(): void;
  /** Somebody deleted the task whose title was being typed. */
  lost(title: string): void;
  /** What had the focus is gone, and nothing near it is left. */
  unfocused(): void;
}

/** Rows of one lane on the page; the lane's count tells the rest. */
export const LANE_ROWS_MAX = 100;

/** What the lanes are called. */
export const LANE_NAMES: Readonly<Record<Lane, string>> = {
  next: "Next",
  doing: "Doing",
  done: "Done",
};

const EMPTY: Readonly<Record<Lane, string>> = {
  next: "Nothing to do",
  doing: "Nothing started",
  done: "Nothing finished",
};

/** The lanes of one pane. */
export class BoardView {
  readonly #actions: BoardActions;
  readonly #lanes: ReadonlyMap<Lane, LaneView>;
  readonly #rows = new Map<string, TaskRow>();

  constructor(parent: HTMLElement, idPrefix: string, actions: BoardActions) {
    this.#actions = actions;
    this.#lanes = new Map(LANES.map((lane) => [lane, new LaneView(lane, idPrefix, actions)]));
    parent.append(...Array.from(this.#lanes.values(), ({ element }) => element));
  }

  /** Shows these tasks; the ones in `changed` flash. */
  show(tasks: readonly BoardTask[], changed: ReadonlySet<string>): void {
    this.#removeAllBut(new Set(tasks.map(({ id }) => id)));
    const ordered = tasks.toSorted(byPlace);
    for (const [lane, view] of this.#lanes) {
      const here = ordered.filter(({ task }) => task.lane === lane);
      const rows = here.map((item) => this.#row(item).element);
      for (const element of rows.slice(LANE_ROWS_MAX)) element.remove();
      view.show(rows.slice(0, LANE_ROWS_MAX), here.length, tasks.length === 0);
    }
    for (const id of changed) this.#rows.get(id)?.flash();
  }

  #row(item: BoardTask): TaskRow {
    let row = this.#rows.get(item.id);
    if (row === undefined) this.#rows.set(item.id, row = new TaskRow(item, this.#actions));
    row.update(item);
    return row;
  }

  #removeAllBut(kept: ReadonlySet<string>): void {
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      this.#rows.delete(id);
      const { element, title } = row;
      const neighbour = element.nextElementSibling ?? element.previousElementSibling;
      const hadFocus = element.contains(document.activeElement);
      const wasEditing = row.cancel();
      element.remove();
      if (hadFocus) this.#focus(neighbour);
      if (wasEditing) this.#actions.lost(title);
    }
  }

  #focus(element: Element | null): void {
    const row = this.#rows.values().find((row) => row.element === element);
    if (row === undefined) this.#actions.unfocused();
    else row.focus();
  }
}

class LaneView {
  readonly element: HTMLElement = cloneOf("lane");
  readonly #lane: Lane;
  readonly #list = partOf(this.element, "list", HTMLElement);
  readonly #count = partOf(this.element, "count", HTMLElement);
  readonly #empty = partOf(this.element, "empty", HTMLElement);
  readonly #clear = partOf(this.element, "clear", HTMLButtonElement);
  readonly #pips: readonly HTMLElement[];
  readonly #samples: HTMLElement | null;

  constructor(lane: Lane, idPrefix: string, actions: BoardActions) {
    this.#lane = lane;
    this.element.dataset.lane = lane;
    const name = partOf(this.element, "name", HTMLElement);
    name.textContent = LANE_NAMES[lane];
    name.id = `${idPrefix}-${lane}`;
    this.element.setAttribute("aria-labelledby", name.id);
    this.#list.setAttribute("aria-labelledby", name.id);
    this.#pips = lane === "doing"
      ? Array.from({ length: DOING_TASKS_MAX }, () => document.createElement("span"))
      : [];
    partOf(this.element, "pips", HTMLElement).append(...this.#pips);
    this.#clear.onclick = () => actions.clearDone();
    this.#samples = lane === "next" ? cloneOf("samples") : null;
    if (this.#samples === null) return;
    this.#samples.onclick = () => actions.addSamples();
    this.#empty.after(this.#samples);
  }

  show(rows: readonly HTMLElement[], count: number, isBoardEmpty: boolean): void {
    arrange(this.#list, rows);
    const hidden = count - rows.length;
    setText(this.#empty, hidden > 0 ? `and ${hidden} more` : EMPTY[this.#lane]);
    this.#empty.hidden = count > 0 && hidden === 0;
    setText(this.#count, this.#lane === "doing" ? `${count} of ${DOING_TASKS_MAX}` : `${count}`);
    this.#pips.forEach((pip, at) => pip.classList.toggle("is-taken", at < count));
    this.#clear.hidden = this.#lane !== "done" || count === 0;
    if (this.#samples !== null) this.#samples.hidden = !isBoardEmpty;
  }
}

/** Within a lane the task that came first is first. */
function byPlace(a: BoardTask, b: BoardTask): number {
  return a.task.since - b.task.since || (a.id < b.id ? -1 : 1);
}
