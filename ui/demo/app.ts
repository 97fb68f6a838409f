/**
 * The app of the demo: a board of tasks in three lanes, where "Doing" takes only a few at a time; and a
 * catalogue of stars, large enough to have a tree worth looking at.
 */
import * as v from "valibot";
import { type App, collection, defineApp, type RecordOf, type Table } from "../../core/app.ts";
import { Rejection } from "../../core/errors.ts";

/** The lanes, in the order in which a task goes through them. */
export const LANES = ["next", "doing", "done"] as const;
/** A lane of the board. */
export type Lane = typeof LANES[number];
/** Tasks that may be in "Doing" at once: the rule that two people can break together. */
export const DOING_TASKS_MAX = 3;
/** Stars that one call may add. */
export const FILL_STARS_MAX = 1_000;
/** UTF-16 units of a title. */
export const TITLE_UNITS_MAX = 200;

const Title = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, "Write a title first"),
  v.maxLength(TITLE_UNITS_MAX, `Use at most ${TITLE_UNITS_MAX} characters`),
);
const LaneName = v.picklist(LANES);
const TaskId = v.object({ id: v.string() });

// No built-in mutators: a `task.update` of anybody's would go around the rule for "Doing".
const task = collection(
  "task",
  v.object({
    title: Title,
    lane: LaneName,
    /** When it came to its lane, in milliseconds: the order within the lane. */
    since: v.pipe(v.number(), v.integer(), v.minValue(0)),
  }),
  { builtins: false },
);

const star = collection(
  "star",
  v.object({
    name: v.string(),
    kind: v.string(),
    magnitude: v.number(),
    /** Where it stands, in hours and in degrees. */
    ascension: v.number(),
    declination: v.number(),
  }),
  { builtins: false },
);

/** One task of the board. */
export type Task = RecordOf<typeof task>;

/** The arguments of each mutator. */
export interface BoardArgs {
  readonly "task.add": { title: string };
  readonly "task.rename": { id: string; title: string };
  readonly "task.move": { id: string; lane: Lane };
  readonly "task.toggle": { id: string };
  readonly "task.delete": { id: string };
  readonly "task.clearDone": Record<string, never>;
  /** Puts `count` stars, counted from `from`; those that are there stay as they are. */
  readonly "star.fill": { from: number; count: number };
}

type Collections = { readonly task: typeof task; readonly star: typeof star };

/** The board, for the server and for the pages of the demo. */
export type BoardApp = App<Collections, BoardArgs>;

const app: BoardApp = defineApp<Collections, BoardArgs>({
  name: "driftless-demo",
  collections: { task, star },
  args: {
    "task.add": v.object({ title: Title }),
    "task.rename": v.object({ id: v.string(), title: Title }),
    "task.move": v.object({ id: v.string(), lane: LaneName }),
    "task.toggle": TaskId,
    "task.delete": TaskId,
    "task.clearDone": v.strictObject({}),
    "star.fill": v.object({
      from: v.pipe(v.number(), v.integer(), v.minValue(0)),
      count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(FILL_STARS_MAX)),
    }),
  },
  mutators: {
    "task.add"(tx, { title }, { newId, now }) {
      tx.task.put(newId(), { title, lane: "next", since: now });
    },
    "task.rename"(tx, { id, title }) {
      tx.task.put(id, { ...existing(tx.task, id), title });
    },
    "task.move"(tx, { id, lane }, { now }) {
      const found = existing(tx.task, id);
      if (found.lane === lane) return;
      if (lane === "doing") refuseWhenFull(tx.task);
      tx.task.put(id, { ...found, lane, since: now });
    },
    "task.toggle"(tx, { id }, { now }) {
      const found = existing(tx.task, id);
      const lane = found.lane === "done" ? "next" : "done";
      tx.task.put(id, { ...found, lane, since: now });
    },
    "task.delete"(tx, { id }) {
      tx.task.delete(id);
    },
    "task.clearDone"(tx) {
      for (const [id, { lane }] of tx.task.all()) if (lane === "done") tx.task.delete(id);
    },
    "star.fill"(tx, { from, count }) {
      for (let number = from; number < from + count; number++) {
        const id = `hd-${number}`;
        if (tx.star.get(id) === undefined) tx.star.put(id, starOf(number));
      }
    },
  },
});

export default app;

/** What the app's own schema has against a title, as a sentence for whoever typed it. */
export function titleProblem(title: string): string | null {
  return v.safeParse(Title, title).issues?.[0].message ?? null;
}

/** A star as a catalogue might have it: the same for everybody who counts to this number. */
function starOf(number: number): RecordOf<typeof star> {
  const [first, second, third] = [1, 2, 3].map((power) => scattered(number, power));
  return {
    name: `HD ${1_000 + number}`,
    kind: `${"OBAFGKM".charAt(number % 7)}${number % 10}`,
    magnitude: (first as number) % 1_200 / 100,
    ascension: (second as number) % 240_000 / 10_000,
    declination: (third as number) % 1_800_000 / 10_000 - 90,
  };
}

/** A number without a visible order: the minimal standard generator of Park and Miller. */
function scattered(number: number, steps: number): number {
  let value = number + 1;
  for (let step = 0; step < steps + 2; step++) value = value * 48_271 % 2_147_483_647;
  return value;
}

function existing(tasks: Table<Task>, id: string): Task {
  const found = tasks.get(id);
  if (found === undefined) {
    throw new Rejection("Somebody has deleted this task in the meantime", "not_found");
  }
  return found;
}

function refuseWhenFull(tasks: Table<Task>): void {
  const count = tasks.all().filter(([, { lane }]) => lane === "doing").length;
  if (count >= DOING_TASKS_MAX) {
    throw new Rejection(`"Doing" holds at most ${DOING_TASKS_MAX} tasks: finish one first`);
  }
}
