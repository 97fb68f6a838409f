/** The board of the demo, once more: the same tasks as in the local-first panes, from the server. */
import { DriftlessError } from "../../core/errors.ts";
import { island, live } from "../island.ts";
import { DOING_TASKS_MAX, type Lane, LANES, type Task } from "./app.ts";

/** A task, and its id. */
type TaskRow = Task & { readonly id: string };

interface LaneView {
  readonly name: Lane;
  readonly title: string;
  /** The most that it takes; 0 for any number. */
  readonly max: number;
  readonly tasks: readonly TaskRow[];
  /** Its neighbours, for who works with the keyboard. */
  readonly before: Lane | undefined;
  readonly after: Lane | undefined;
}

const TITLES: Readonly<Record<Lane, string>> = { next: "Next", doing: "Doing", done: "Done" };
const SAMPLES = ["Oil the gate", "Sharpen the saw", "Paint the fence", "Mend the roof"];

/** What one page shows of the board. The tasks are not its own: it reads them from the sync engine. */
export class Board {
  refusal = "";
  /** The task that a button moved: it takes the focus along. */
  moved = "";

  get tasks(): readonly TaskRow[] {
    return live(this).collection("task").rows() as unknown as readonly TaskRow[];
  }

  get lanes(): readonly LaneView[] {
    const tasks = this.tasks.toSorted((a, b) => a.since - b.since);
    return LANES.map((name, index) => ({
      name,
      title: TITLES[name],
      max: name === "doing" ? DOING_TASKS_MAX : 0,
      tasks: tasks.filter(({ lane }) => lane === name),
      before: LANES[index - 1],
      after: LANES[index + 1],
    }));
  }

  titleOf(lane: Lane): string {
    return TITLES[lane];
  }

  /** A task was dropped on a lane. */
  async drop(id: string, lane: Lane): Promise<void> {
    this.refusal = "";
    try {
      await live(this).mutate("task.move", { id, lane });
    } catch (error) {
      // The rules of the app decide; what they refuse is told.
      if (!(error instanceof DriftlessError)) throw error;
      this.refusal = error.message;
    }
  }

  /** A button of a task was pressed. */
  async move(id: string, lane: Lane): Promise<void> {
    this.moved = id;
    await this.drop(id, lane);
  }

  async addSamples(): Promise<void> {
    const context = live(this);
    for (const title of SAMPLES) await context.mutate("task.add", { title });
  }
}

const template = `
<div class="kanban">
  <p class="refusal" role="alert" g-class:is-there="refusal != ''">{{refusal}}</p>
  <div class="columns">
    <section class="column" g-for="lane in lanes" g-key="lane.name" data-lane="{{lane.name}}"
      aria-label="{{lane.title}}" g-drop:task="drop" g-dropzone="lane.name">
      <h3>{{lane.title}}
        <span class="count">{{lane.max ? len(lane.tasks) + ' of ' + lane.max : len(lane.tasks)}}</span>
      </h3>
      <ul>
        <li class="card" g-for="task in lane.tasks" g-key="task.id" data-id="{{task.id}}"
          g-draggable:task="task.id">
          <span class="name">{{task.title}}</span>
          <button class="icon" type="button" g-if="lane.before" g-click="move(task.id, lane.before)"
            aria-label="Move {{task.title}} to {{titleOf(lane.before)}}">
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M10 3L5 8l5 5"></path></svg>
          </button>
          <button class="icon" type="button" g-if="lane.after" g-click="move(task.id, lane.after)"
            aria-label="Move {{task.title}} to {{titleOf(lane.after)}}">
            <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M6 3l5 5-5 5"></path></svg>
          </button>
          <span g-if="task.id == moved" g-plugin:take-focus="moved"></span>
        </li>
      </ul>
      <p class="empty" g-if="not lane.tasks">Drop a task here</p>
    </section>
  </div>
  <button class="quiet" type="button" g-if="not tasks" g-click="addSamples">
    Add four to start with
  </button>
</div>`;

/** Each page sees its own refusals and the same tasks, as its user may see them. */
export const board = island(Board, {
  template,
  syncScope: "demo",
  plugins: { "take-focus": "/islands.js" },
});
