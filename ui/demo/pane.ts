/** One browser of the demo: a client with its own storage, and everything that its user sees. */
import type { MutationArgs } from "../../core/app.ts";
import type { ViewChange } from "../../core/view.ts";
import type { Mutation } from "../../core/mutation.ts";
import { DriftlessError } from "../../core/errors.ts";
import { type Changes, type Client, createClient } from "../client/create_client.ts";
import app, { type BoardApp, type BoardArgs, titleProblem } from "./app.ts";
import { BoardView, LANE_NAMES } from "./board.ts";
import { Notices } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { RefusedList } from "./refused.ts";
import { cloneOf, partOf, setText } from "./template.ts";

/** Whose browser it is. */
export interface PaneOptions {
  /** Short and unique on the page; names the pane's storage too. */
  readonly key: string;
  readonly name: string;
  readonly scope: string;
  /** The client moved, in whatever way. */
  readonly onMove: () => void;
}

/** How the link between a pane and the server looks from the pane. */
export type LinkState = "online" | "offline" | "searching";

type Calls = MutationArgs<BoardApp>;

/** While a killed server is away, how often it is looked for, in milliseconds. */
const PULL_INTERVAL_MS = 2_000;

/** As much of a client id as tells two apart at a glance. */
const CLIENT_ID_UNITS = 8;

const SAMPLES: readonly string[] = [
  "Book the night ferry",
  "Fix the bike light",
  "Water the tomatoes",
  "Write to grandma",
];

const STATUS: Readonly<Record<LinkState, string>> = {
  online: "Online",
  offline: "Offline",
  searching: "Searching…",
};

/** A pane with its client. */
export class ClientPane {
  readonly element: HTMLElement = cloneOf("client-pane");
  readonly options: PaneOptions;
  readonly client: Client<BoardApp>;
  readonly #board: BoardView;
  readonly #outbox: Outbox;
  readonly #refused: RefusedList;
  readonly #notices: Notices;
  readonly #switch = this.#part("switch", HTMLButtonElement);
  readonly #status = this.#part("status", HTMLElement);
  readonly #newTitle = this.#part("title", HTMLInputElement);
  readonly #problem = this.#part("problem", HTMLElement);
  readonly #offlineKey: string;
  readonly #changed = new Set<string>();
  /** Titles by task, of deleted ones too while a mutation of theirs waits. */
  #titles = new Map<string, string>();
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #isOffline: boolean;
  #isFrameAsked = false;

  constructor(options: PaneOptions) {
    this.options = options;
    const { key, scope } = options;
    this.#offlineKey = `driftless-demo:offline:${key}:${scope}`;
    this.#isOffline = sessionStorage.getItem(this.#offlineKey) !== null;
    this.#notices = new Notices(
      this.#part("notices", HTMLElement),
      () => this.#newTitle.focus(),
    );
    this.#board = new BoardView(this.#part("lanes", HTMLElement), key, {
      toggle: (id) => this.#act("task.toggle", { id }),
      move: (id, lane) => this.#act("task.move", { id, lane }),
      rename: (id, title) => this.#act("task.rename", { id, title }),
      remove: (id) => this.#act("task.delete", { id }),
      clearDone: () => this.#act("task.clearDone", {}),
      addSamples: () => {
        for (const title of SAMPLES) this.#act("task.add", { title });
        this.#newTitle.focus();
      },
      lost: (title) => this.#notices.add("error", `"${title}" was deleted while you renamed it`),
      unfocused: () => this.#newTitle.focus(),
    });
    this.#outbox = new Outbox(this.element, ({ mutation }) => this.#describe(mutation.args));
    const tell = (error: DriftlessError) => this.#notices.add("local", error.message);
    this.#refused = new RefusedList(this.element, (args) => this.#describe(args), {
      retry: (id) => void this.client.queue.retry(id).catch(tell),
      discard: (id) => void this.client.queue.discard(id).catch(tell),
    });
    this.#dress();
    this.client = createClient(app, {
      scope,
      storageName: key,
      pullIntervalMs: PULL_INTERVAL_MS,
      onRejected: ({ mutation: { name, args }, error }) =>
        this.#notices.add("server", error.message, { mutator: name, what: this.#describe(args) }),
      onError: (error) => this.#failed(error),
    });
    this.client.setOffline(this.#isOffline);
    this.client.subscribe((changes) => this.#moved(changes));
    this.#show();
  }

  /** Loads what this browser has stored, and starts to sync. */
  async start(): Promise<void> {
    try {
      await this.client.start();
      this.#isReady = true;
      this.#ready.resolve();
      this.#moved("everything");
    } catch (error) {
      this.#notices.add("error", error instanceof Error ? error.message : String(error));
    }
  }

  get link(): LinkState {
    if (this.#isOffline) return "offline";
    return this.client.isOnline ? "online" : "searching";
  }

  /** A second has passed. */
  tick(): void {
    this.#outbox.tick();
  }

  /** Names, ids and handlers of what the template left open. */
  #dress(): void {
    const { key, name } = this.options;
    const { element } = this;
    element.dataset.testid = `pane-${key}`;
    element.dataset.pane = key;
    const heading = this.#part("name", HTMLElement);
    heading.textContent = `${name}'s browser`;
    heading.id = `${key}-name`;
    element.setAttribute("aria-labelledby", heading.id);
    setText(this.#part("avatar", HTMLElement), name.slice(0, 1));
    this.#switch.onclick = () => this.#setOffline(!this.#isOffline);
    this.#newTitle.id = `${key}-title`;
    this.#part("label", HTMLLabelElement).htmlFor = this.#newTitle.id;
    this.#problem.id = `${key}-problem`;
    this.#newTitle.setAttribute("aria-describedby", this.#problem.id);
    this.#newTitle.oninput = () => this.#say(null);
    this.#newTitle.onblur = () => {
      if (this.#newTitle.value.trim() === "") this.#say(null);
    };
    this.#part("form", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      this.#add();
    };
  }

  #add(): void {
    const title = this.#newTitle.value;
    const problem = titleProblem(title);
    this.#say(problem);
    this.#newTitle.focus();
    if (problem !== null) return;
    this.#newTitle.value = "";
    this.#act("task.add", { title });
  }

  #say(problem: string | null): void {
    setText(this.#problem, problem ?? "");
    this.#newTitle.ariaInvalid = problem === null ? null : "true";
  }

  #setOffline(isOffline: boolean): void {
    this.#isOffline = isOffline;
    // A reload must not reconnect behind the user's back.
    if (isOffline) sessionStorage.setItem(this.#offlineKey, "1");
    else sessionStorage.removeItem(this.#offlineKey);
    this.client.setOffline(isOffline);
    this.#moved([]);
  }

  async #act<Name extends keyof Calls>(name: Name, args: Calls[Name]): Promise<void> {
    await this.#ready.promise;
    try {
      await this.client.mutate(name, args);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      const kind = error.code === "store_failed" ? "error" : "local";
      this.#notices.add(kind, error.message, { mutator: name, what: this.#describe(args) });
      // The browser has ticked the box already.
      this.#moved([]);
    }
  }

  #failed({ code, message }: DriftlessError): void {
    // That the server cannot be reached is in the pane's head already.
    if (code !== "unavailable" && code !== "rate_limited") this.#notices.add("error", message);
  }

  #moved(changes: Changes): void {
    for (const { id, after } of changes === "everything" ? [] : changes as readonly ViewChange[]) {
      if (after !== undefined) this.#changed.add(id);
    }
    if (this.#isFrameAsked) return;
    this.#isFrameAsked = true;
    requestAnimationFrame(() => {
      this.#isFrameAsked = false;
      this.#show();
      this.options.onMove();
    });
  }

  #show(): void {
    const { link } = this;
    this.element.dataset.link = link;
    this.#switch.ariaChecked = String(this.#isOffline);
    setText(this.#status, STATUS[link]);
    if (!this.#isReady) return;
    const { cursor, clientId, pending } = this.client;
    const tasks = this.client.collection("task").all();
    const waiting = new Set(pending.flatMap(({ mutation }) => targetOf(mutation) ?? []));
    const added = pending.filter(({ mutation }) => mutation.name === "task.add");
    this.#learnTitles(tasks.map(([id, { title }]) => [id, title]), waiting);
    this.#board.show(
      tasks.map(([id, task]) => ({
        id,
        task,
        isWaiting: waiting.has(id) || added.some(({ mutation }) => id.startsWith(mutation.id)),
      })),
      this.#changed,
    );
    this.#changed.clear();
    this.#outbox.show(pending);
    this.#refused.show(this.client.queue.list());
    setText(this.#part("cursor", HTMLElement), String(cursor));
    setText(this.#part("waiting", HTMLElement), String(pending.length));
    setText(this.#part("client", HTMLElement), clientId.slice(0, CLIENT_ID_UNITS));
  }

  #learnTitles(
    now: Iterable<readonly [id: string, title: string]>,
    kept: ReadonlySet<string>,
  ): void {
    const titles = new Map(now);
    for (const id of kept) {
      const title = titles.get(id) ?? this.#titles.get(id);
      if (title !== undefined) titles.set(id, title);
    }
    this.#titles = titles;
  }

  /** The arguments of a mutation of this app in a few words. */
  #describe(args: unknown): string {
    const { id = "", title = this.#titles.get(id) ?? "", lane } = (args ?? {}) as Partial<
      BoardArgs["task.rename"] & BoardArgs["task.move"]
    >;
    return lane === undefined ? title : `${title} → ${LANE_NAMES[lane]}`;
  }

  #part<E extends HTMLElement>(name: string, type: new () => E): E {
    return partOf(this.element, name, type);
  }
}

/** The task that a mutation is about, when its arguments name it. */
function targetOf({ args }: Mutation): string | null {
  const id = (args as { readonly id?: unknown } | null)?.id;
  return typeof id === "string" ? id : null;
}
