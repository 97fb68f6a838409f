/**
 * What the server has, seen from outside: the confirmed tasks through a client that only reads, the
 * end of its change log, and how far each pane is behind it.
 */
import { type Changes, type Client, createClient } from "../client/create_client.ts";
import app, { type BoardApp, LANES, type Task } from "./app.ts";
import { LANE_NAMES, LANE_ROWS_MAX } from "./board.ts";
import { ChangeLog, type LogEntry } from "./change_log.ts";
import { KeyedList, type Row } from "./keyed_list.ts";
import type { ClientPane, LinkState } from "./pane.ts";
import { cloneOf, flash, partOf, setText } from "./template.ts";

type ConfirmedTask = readonly [id: string, task: Task];

/** How often the server is looked for when it is away, in milliseconds. */
const PULL_INTERVAL_MS = 2_000;

const TIME = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The pane between the browsers. */
export class ServerPane {
  readonly element: HTMLElement = cloneOf("server-pane");
  readonly #client: Client<BoardApp>;
  readonly #log: ChangeLog;
  readonly #links: KeyedList<ClientPane>;
  readonly #rows: KeyedList<ConfirmedTask>;
  readonly #entries: KeyedList<LogEntry>;
  readonly #panes: readonly ClientPane[];
  readonly #changed = new Set<string>();
  #isReady = false;
  #isFrameAsked = false;

  constructor(scope: string, panes: readonly ClientPane[]) {
    this.#panes = panes;
    const heading = this.#part("name", HTMLElement);
    heading.id = "server-name";
    this.element.setAttribute("aria-labelledby", heading.id);
    const logTitle = this.#part("log-title", HTMLElement);
    logTitle.id = "server-log";
    this.#part("log-scroll", HTMLElement).setAttribute("aria-labelledby", logTitle.id);
    this.#links = new KeyedList(
      this.#part("links", HTMLElement),
      (pane) => pane.options.key,
      (pane) => this.#linkRow(pane),
    );
    this.#rows = new KeyedList(this.#part("rows", HTMLElement), ([id]) => id, confirmedRow);
    this.#entries = new KeyedList(
      this.#part("log", HTMLElement),
      ({ cursor }) => String(cursor),
      (entry) => this.#entryRow(entry),
    );
    this.#log = new ChangeLog(scope, () => this.show());
    this.#client = createClient(app, {
      scope,
      persistence: "memory",
      pullIntervalMs: PULL_INTERVAL_MS,
    });
    this.#client.subscribe((changes) => this.#moved(changes));
    this.#draw();
  }

  async start(): Promise<void> {
    await this.#client.start();
    this.#isReady = true;
    this.show();
  }

  /** Something here or in a pane has moved. */
  show(): void {
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#draw();
    });
  }

  #moved(changes: Changes): void {
    if (changes !== "everything") { for (const { id } of changes) this.#changed.add(id); }
    this.#log.follow(this.#client.cursor);
    this.show();
  }

  #draw(): void {
    const { cursor, isOnline } = this.#client;
    const tasks = this.#isReady ? this.#client.collection("task").all() : [];
    this.element.dataset.link = isOnline ? "online" : "searching";
    setText(this.#part("status", HTMLElement), isOnline ? "Running" : "Not answering");
    setText(this.#part("cursor", HTMLElement), String(cursor));
    setText(this.#part("tasks", HTMLElement), String(tasks.length));
    this.#links.show(this.#panes);
    this.#rows.show(tasks.toSorted(byPlace).slice(0, LANE_ROWS_MAX));
    this.#part("rows-empty", HTMLElement).hidden = tasks.length > 0;
    this.#entries.show(this.#log.entries);
    this.#part("log-empty", HTMLElement).hidden = this.#log.entries.length > 0;
    for (const id of this.#changed) {
      const row = this.#rows.get(id);
      if (row !== undefined) flash(row.element);
    }
    this.#changed.clear();
  }

  #linkRow({ options: { key, name } }: ClientPane): Row<ClientPane> {
    const element = cloneOf("link");
    element.dataset.pane = key;
    partOf(element, "avatar", HTMLElement).textContent = name.slice(0, 1);
    partOf(element, "name", HTMLElement).textContent = name;
    const step = partOf(element, "step", HTMLElement);
    return {
      element,
      update: ({ client, link }) => {
        element.dataset.link = link;
        const behind = Math.max(0, this.#client.cursor - client.cursor);
        const waiting = client.pending.length;
        element.dataset.inStep = String(behind + waiting === 0);
        setText(step, stepText(link, behind, waiting));
      },
    };
  }

  #entryRow(entry: LogEntry): Row<LogEntry> {
    const { cursor, op, id, data, time } = entry;
    const element = cloneOf("change");
    element.dataset.op = op;
    const earlier = this.#log.entries.find((other) => other.id === id && other.cursor < cursor);
    partOf(element, "cursor", HTMLElement).textContent = String(cursor);
    partOf(element, "op", HTMLElement).textContent = opText(entry, earlier);
    const what = partOf(element, "what", HTMLElement);
    // A delete carries no record.
    what.textContent = titleOf(data) ?? titleOf(earlier?.data) ?? id.slice(0, 8);
    what.title = what.textContent;
    if (time !== undefined) {
      partOf(element, "time", HTMLElement).textContent = TIME.format(new Date(time));
    }
    return { element, update: () => {} };
  }

  #part<E extends HTMLElement>(name: string, type: new () => E): E {
    return partOf(this.element, name, type);
  }
}

/** What an entry did, as exactly as the entry before it tells. */
function opText({ op, data }: LogEntry, earlier: LogEntry | undefined): string {
  if (op === "create") return "created";
  if (op === "delete") return "deleted";
  const lane = LANES.find((lane) => lane === data?.lane);
  if (!earlier?.data || lane === undefined) return "updated";
  return earlier.data.lane === lane ? "renamed" : `→ ${LANE_NAMES[lane]}`;
}

function titleOf(data: LogEntry["data"]): string | null {
  return typeof data?.title === "string" ? data.title : null;
}

function stepText(link: LinkState, behind: number, waiting: number): string {
  const parts = [
    ...(link === "offline" ? ["offline"] : []),
    ...(behind + waiting === 0 ? ["in step"] : []),
    ...(behind > 0 ? [`${behind} behind`] : []),
    ...(waiting > 0 ? [`${waiting} to send`] : []),
  ];
  return parts.join(", ");
}

function confirmedRow(): Row<ConfirmedTask> {
  const element = cloneOf("row");
  const title = partOf(element, "title", HTMLElement);
  const lane = partOf(element, "lane", HTMLElement);
  return {
    element,
    update: ([id, task]) => {
      element.dataset.id = id;
      element.dataset.lane = task.lane;
      setText(title, task.title);
      setText(lane, LANE_NAMES[task.lane]);
    },
  };
}

function byPlace([idA, a]: ConfirmedTask, [idB, b]: ConfirmedTask): number {
  const lanes = LANES.indexOf(a.lane) - LANES.indexOf(b.lane);
  return lanes || a.since - b.since || (idA < idB ? -1 : 1);
}
