/** What a pane has to tell its user: refusals and failures, each until it is dismissed. */
import { cloneOf, partOf } from "./template.ts";

/** Who said no: the server, this browser's copy of the rules, or something that failed. */
export type NoticeKind = "server" | "local" | "error";

/** The mutation that a notice is about. */
export interface NoticeSubject {
  readonly mutator: string;
  /** A few words on it, such as its task's title. */
  readonly what: string;
}

/** Older notices make room for newer ones. */
export const NOTICES_MAX = 3;

const HEADLINES: Readonly<Record<NoticeKind, string>> = {
  server: "Refused by the server.",
  local: "Refused in this browser.",
  error: "Something failed.",
};

/** The notices of one pane, in a live region. */
export class Notices {
  readonly #region: HTMLElement;
  readonly #dismissed: () => void;

  /** `dismissed` is called when the last one has gone, with nothing left to focus. */
  constructor(region: HTMLElement, dismissed: () => void) {
    this.#region = region;
    this.#dismissed = dismissed;
  }

  add(kind: NoticeKind, reason: string, subject?: NoticeSubject): void {
    const element = cloneOf("notice");
    element.dataset.kind = kind;
    element.dataset.mutator = subject?.mutator ?? "";
    partOf(element, "headline", HTMLElement).textContent = HEADLINES[kind];
    partOf(element, "reason", HTMLElement).textContent = reason;
    partOf(element, "about", HTMLElement).hidden = subject === undefined;
    partOf(element, "mutator", HTMLElement).textContent = subject?.mutator ?? "";
    partOf(element, "what", HTMLElement).textContent = subject?.what ?? "";
    partOf(element, "dismiss", HTMLButtonElement).onclick = () => this.#dismiss(element);
    this.#region.append(element);
    while (this.#region.children.length > NOTICES_MAX) this.#region.firstElementChild?.remove();
  }

  #dismiss(element: HTMLElement): void {
    const next = element.nextElementSibling ?? element.previousElementSibling;
    element.remove();
    if (next) partOf(next, "dismiss", HTMLButtonElement).focus();
    else this.#dismissed();
  }
}
