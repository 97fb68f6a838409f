/** A form whose mistakes show while one types, by the rules that the server decides with. */
import { DriftlessError } from "../../core/errors.ts";
import { island, live } from "../island.ts";
import { titleProblem } from "./app.ts";

/** UTF-16 units of the notes. */
export const NOTES_UNITS_MAX = 80;
/** Hours that one task may take. */
export const HOURS_MAX = 40;

/** A task that somebody plans, and writes on the board. */
export class TaskForm {
  title = "";
  kind = "Idea";
  size = "small";
  hours = 1;
  due = "";
  isUrgent = false;
  notes = "";
  /** An empty title is no mistake before somebody wants to add it. */
  isTried = false;
  answer = "";
  refusal = "";

  get titleProblem(): string | null {
    return this.title !== "" || this.isTried ? titleProblem(this.title) : null;
  }

  get hoursProblem(): string | null {
    const isFine = this.hours > 0 && this.hours <= HOURS_MAX;
    return isFine ? null : `More than 0, at most ${HOURS_MAX}`;
  }

  get dueProblem(): string | null {
    const today = new Date().toISOString().slice(0, "2026-01-31".length);
    return this.due !== "" && this.due < today ? "That day is over" : null;
  }

  get notesProblem(): string | null {
    return this.notes.length > NOTES_UNITS_MAX ? `Use at most ${NOTES_UNITS_MAX} characters` : null;
  }

  /** The task as one line, as the board will have it. */
  get line(): string {
    const facts = [this.kind, this.size, `${this.hours} h`];
    if (this.due !== "") facts.push(`by ${this.due}`);
    if (this.isUrgent) facts.push("urgent");
    const notes = this.notes.trim();
    return `${this.title.trim()} (${facts.join(", ")})${notes === "" ? "" : `: ${notes}`}`;
  }

  /** The whole line is a title, too. */
  get lineProblem(): string | null {
    return this.titleProblem === null ? titleProblem(this.line) : null;
  }

  async add(): Promise<void> {
    this.isTried = true;
    this.answer = "";
    this.refusal = "";
    const problems = [this.titleProblem, this.hoursProblem, this.dueProblem, this.notesProblem];
    if ([...problems, this.lineProblem].some((problem) => problem !== null)) return;
    try {
      await live(this).mutate("task.add", { title: this.line });
      this.answer = `On the board: ${this.title.trim()}`;
      this.clear();
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      this.refusal = error.message;
    }
  }

  clear(): void {
    this.title = "";
    this.notes = "";
    this.isTried = false;
  }
}

const template = `
<form class="task-form" aria-label="New task" novalidate autocomplete="off" g-submit.prevent="add">
  <div class="wide">
    <label class="field">Title
      <input type="text" g-bind="title" aria-describedby="title-problem"
        aria-invalid="{{titleProblem ? 'true' : 'false'}}">
    </label>
    <p class="hint" id="title-problem" aria-live="polite">{{titleProblem}}</p>
  </div>

  <label class="field">Kind
    <select g-bind="kind"><option>Idea</option><option>Bug</option><option>Chore</option></select>
  </label>
  <fieldset class="field">
    <legend>Size</legend>
    <label><input type="radio" name="size" value="small" g-bind="size"> Small</label>
    <label><input type="radio" name="size" value="large" g-bind="size"> Large</label>
  </fieldset>

  <div>
    <label class="field">Hours
      <input type="number" min="0" step="0.5" g-bind="hours" aria-describedby="hours-problem"
        aria-invalid="{{hoursProblem ? 'true' : 'false'}}">
    </label>
    <p class="hint" id="hours-problem" aria-live="polite">{{hoursProblem}}</p>
  </div>
  <div>
    <label class="field">Due
      <input type="date" g-bind="due" aria-describedby="due-problem"
        aria-invalid="{{dueProblem ? 'true' : 'false'}}">
    </label>
    <p class="hint" id="due-problem" aria-live="polite">{{dueProblem}}</p>
  </div>

  <div class="wide">
    <label class="field">Notes
      <textarea rows="2" g-bind="notes" aria-describedby="notes-problem notes-length"
        aria-invalid="{{notesProblem ? 'true' : 'false'}}"></textarea>
    </label>
    <p class="length" id="notes-length">{{len(notes)}} of ${NOTES_UNITS_MAX}</p>
    <p class="hint" id="notes-problem" aria-live="polite">{{notesProblem}}</p>
  </div>

  <label class="check"><input type="checkbox" g-bind="isUrgent"> Urgent</label>
  <button class="primary" type="submit" g-pending>Add to the board</button>
  <div class="wide">
    <p class="line" g-if="title != ''">Will read: <strong>{{line}}</strong></p>
    <p class="hint" role="alert">{{lineProblem ?? refusal}}</p>
    <p class="answer" role="status">{{answer}}</p>
  </div>
</form>`;

/** The form of one page; what is added goes to the board of the demo, as the user's own mutation. */
export const taskForm = island(TaskForm, { template, syncScope: "demo" });
