/** One task of a pane's board: tick it, rename it in place, start it, delete it. */
import { type Lane, type Task, titleProblem } from "./app.ts";
import type { Row } from "./keyed_list.ts";
import { cloneOf, flash, partOf, setText } from "./template.ts";

/** What a user can do to a task. */
export interface TaskActions {
  toggle(id: string): void;
  move(id: string, lane: Lane): void;
  rename(id: string, title: string): void;
  remove(id: string): void;
}

/** A task as a pane shows it. */
export interface BoardTask {
  readonly id: string;
  readonly task: Task;
  /** The server has not confirmed it as it stands here. */
  readonly isWaiting: boolean;
}

/** The button of each lane: what it says, and where it puts the task. */
const MOVES: Readonly<Record<Lane, { readonly text: string; readonly to: Lane } | null>> = {
  next: { text: "Start", to: "doing" },
  doing: { text: "Pause", to: "next" },
  done: null,
};

/** The element of one task, and its behaviour. */
export class TaskRow implements Row<BoardTask> {
  readonly element: HTMLElement = cloneOf("task");
  readonly #id: string;
  readonly #actions: TaskActions;
  readonly #done = partOf(this.element, "done", HTMLInputElement);
  readonly #title = partOf(this.element, "title", HTMLButtonElement);
  readonly #form = partOf(this.element, "form", HTMLFormElement);
  readonly #editor = partOf(this.element, "editor", HTMLInputElement);
  readonly #problem = partOf(this.element, "problem", HTMLElement);
  readonly #move = partOf(this.element, "move", HTMLButtonElement);
  readonly #delete = partOf(this.element, "delete", HTMLButtonElement);
  #task: Task;
  #isEditing = false;

  constructor({ id, task }: BoardTask, actions: TaskActions) {
    this.#id = id;
    this.#task = task;
    this.#actions = actions;
    this.element.dataset.id = id;
    this.#done.onchange = () => actions.toggle(id);
    this.#title.onclick = () => this.#edit();
    this.#move.onclick = () => {
      const to = MOVES[this.#task.lane]?.to;
      if (to !== undefined) actions.move(id, to);
    };
    this.#delete.onclick = () => actions.remove(id);
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      if (this.#commit()) this.#title.focus();
    };
    this.#editor.oninput = () => this.#say(null);
    this.#editor.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      this.#close();
      this.#title.focus();
    };
    this.#editor.onblur = () => {
      // A window that loses the focus keeps its active element: the user comes back to it.
      if (document.activeElement !== this.#editor && !this.#commit()) this.#close();
    };
  }

  get title(): string {
    return this.#task.title;
  }

  update({ task, isWaiting }: BoardTask): void {
    this.#task = task;
    const { title, lane } = task;
    this.element.dataset.lane = lane;
    this.element.classList.toggle("is-waiting", isWaiting);
    this.#done.checked = lane === "done";
    this.#done.ariaLabel = `Done: ${title}`;
    setText(this.#title, title);
    this.#title.ariaLabel = `Rename ${title}`;
    this.#delete.ariaLabel = `Delete ${title}`;
    const move = MOVES[lane];
    this.#move.hidden = move === null;
    if (move === null) return;
    setText(this.#move, move.text);
    this.#move.ariaLabel = `${move.text}: ${title}`;
  }

  flash(): void {
    flash(this.element);
  }

  /** Forgets a title that is being typed; false when there is none. */
  cancel(): boolean {
    const wasEditing = this.#isEditing;
    this.#close();
    return wasEditing;
  }

  focus(): void {
    this.#title.focus();
  }

  #edit(): void {
    this.#isEditing = true;
    this.#title.hidden = true;
    this.#form.hidden = false;
    this.#editor.value = this.#task.title;
    this.#editor.focus();
    this.#editor.select();
  }

  /** Takes the new title; false when the rule has something against it. */
  #commit(): boolean {
    if (!this.#isEditing) return true;
    const title = this.#editor.value.trim();
    if (title !== this.#task.title) {
      const problem = titleProblem(title);
      this.#say(problem);
      if (problem !== null) return false;
      this.#actions.rename(this.#id, title);
    }
    this.#close();
    return true;
  }

  #close(): void {
    // Hiding the editor blurs it, which asks to commit once more.
    this.#isEditing = false;
    this.#say(null);
    this.#form.hidden = true;
    this.#title.hidden = false;
  }

  #say(problem: string | null): void {
    setText(this.#problem, problem ?? "");
    this.#editor.ariaInvalid = problem === null ? null : "true";
  }
}
