/** Events of the page: which are sent to the server, when, and with what; and what needs no server. */
import type { ClientCommand, ClientSlot, EventModifiers } from "../program.ts";
import type { Spot } from "./bridge_blocks.ts";

type ListeningSlot = ClientSlot & { readonly 0: "on" | "do" };

/** These come in streams: one in so many milliseconds is enough, about a frame. */
const STREAM = /^(mouse|pointer|touch|drag)(move|over)$|^(scroll|wheel|resize)$/;
const STREAM_MS = 16;

/** Listens, for as long as the slot is shown; `read` has what is wanted when the event happens. */
export function listen(
  { node, instance, slot }: Spot,
  isHere: () => boolean,
  read: (event: Event) => string,
  act: (data: string) => void,
): void {
  const [, , name, target, modifiers] = slot as ListeningSlot;
  const { prevent, stop, self, once, keys, held } = modifiers;
  const place = target === "window" ? window : target === "document" ? document : node;
  const paced = pace(act, modifiers, STREAM.test(name) ? STREAM_MS : 0, isHere);
  let isDone = false;
  const heard = (event: Event) => {
    const { key, code } = event as KeyboardEvent;
    if (
      isDone || !isHere() || self && event.target !== node ||
      keys && !keys.includes(key) && !keys.includes(code) ||
      held?.some((name) => !(event as KeyboardEvent)[`${name}Key`])
    ) return;
    if (prevent || name === "submit") event.preventDefault();
    if (stop) event.stopPropagation();
    isDone = once === true;
    paced(read(event));
  };
  place.addEventListener(name, heard, { passive: false });
  if (place !== node) instance.ends.push(() => place.removeEventListener(name, heard));
}

/** The fields of an event as JSON; nothing when none are wanted. */
export function eventData(event: Event, wants: readonly string[]): string {
  // Later, when a wait is over, nobody is listening.
  const place = event.currentTarget;
  if (wants.length === 0) return "";
  return JSON.stringify(Object.fromEntries(wants.map((name) => [name, field(event, place, name)])));
}

/** Runs commands that need no server, on what their selectors find in the island. */
export function runCommands(
  place: ParentNode,
  node: Node,
  commands: readonly ClientCommand[],
): void {
  for (const [name, selector, word = ""] of commands) {
    const found = selector ? place.querySelectorAll(selector) : [node];
    for (const element of found as Iterable<HTMLElement>) {
      const { style, classList } = element;
      if (name === "focus" || name === "blur") element[name]();
      else if (name.endsWith("Class")) {
        classList[name.slice(0, -5) as "add" | "remove" | "toggle"](word);
      } else {
        const isHidden = name === "hide" || name === "toggle" && style.display !== "none";
        style.display = isHidden ? "none" : "";
      }
    }
  }
}

function field(event: Event, place: unknown, name: string): unknown {
  const target = event.target as HTMLInputElement & HTMLSelectElement;
  const { touches } = event as TouchEvent;
  if (name === "form") {
    const form = target.form ?? target.closest?.("form");
    if (!form) return null;
    const data = new FormData(form);
    return Object.fromEntries([...data.keys()].map((key) => {
      const [first, ...more] = data.getAll(key).filter((value) => value === `${value}`);
      return [key, more.length > 0 ? [first, ...more] : first];
    }));
  }
  if (name === "values") return [...target.selectedOptions].map(({ value }) => value);
  if (name === "submitter") return ((event as SubmitEvent).submitter as HTMLButtonElement)?.value;
  if (name === "touches") {
    return [...touches].map(({ clientX, clientY, identifier }) => ({
      clientX,
      clientY,
      identifier,
    }));
  }
  const holder = [event, place, target, document.scrollingElement]
    .find((one) => name in (one as object));
  return (holder as Record<string, unknown> | undefined)?.[name];
}

/** At most once in a time, the latest last; or once it has been quiet. */
function pace(
  act: (data: string) => void,
  { throttle, debounce }: EventModifiers,
  streamMs: number,
  isHere: () => boolean,
): (data: string) => void {
  const wait = debounce ?? throttle ?? streamMs;
  if (!wait) return act;
  let latest = "";
  let last = -Infinity;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    timer = undefined;
    last = performance.now();
    if (isHere()) act(latest);
  };
  return (data) => {
    latest = data;
    if (debounce) clearTimeout(timer);
    else if (timer !== undefined) return;
    const left = debounce ?? last + wait - performance.now();
    if (left > 0) timer = setTimeout(run, left);
    else run();
  };
}
