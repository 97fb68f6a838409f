/**
 * What the bridge needs only now and then, loaded when it does: dragging, files, other markup.
 *
 *     POST /_live/upload?offset=…   x-upload-ticket: …   → { received, done }
 */
import type { Spot } from "./bridge_blocks.ts";
import { isLike, morph } from "./bridge_morph.ts";

/** What is dragged now, and which island it is of. */
interface Dragged {
  readonly group: string;
  readonly owner: unknown;
  readonly from: readonly number[];
}

/** Bytes of a file in one request. */
const CHUNK_BYTES = 512 * 1024;

let dragged: Dragged | null = null;

/** Makes an element like a fresh one if it can be; returns the one that stands there then. */
export function renew(old: Element, fresh: Element): Element {
  if (!isLike(old, fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  morph(old, fresh);
  return old;
}

/** Makes an element one that can be dragged. */
export function makeDraggable(
  { node, instance, index }: Spot,
  owner: unknown,
  group: string,
  isHere: () => boolean,
): void {
  const element = node as HTMLElement;
  if (!element.draggable) element.draggable = true;
  element.addEventListener("dragstart", (event) => {
    if (!isHere()) return;
    event.stopPropagation();
    dragged = { group, owner, from: [instance.number, index] };
    // Some browsers drag nothing that has no data.
    event.dataTransfer?.setData("text/plain", "");
    element.classList.add("g-dragging");
  });
  element.addEventListener("dragend", () => {
    dragged = null;
    element.classList.remove("g-dragging");
  });
}

/** Takes what is dropped on an element: `drop` gets where from, of which island, and the position. */
export function makeDropTarget(
  { node }: Spot,
  group: string,
  isHere: () => boolean,
  drop: (from: readonly number[], owner: unknown, position: string) => void,
): void {
  const element = node as HTMLElement;
  const { classList } = element;
  const over = (event: DragEvent) => {
    if (dragged?.group !== group) return;
    event.preventDefault();
    event.stopPropagation();
    classList.add("g-drop");
  };
  element.addEventListener("dragenter", over);
  element.addEventListener("dragover", over);
  element.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!element.contains(relatedTarget as Node)) classList.remove("g-drop");
  });
  element.addEventListener("drop", (event) => {
    if (dragged?.group !== group || !isHere()) return;
    over(event);
    classList.remove("g-drop");
    const { top, height } = element.getBoundingClientRect();
    drop(dragged.from, dragged.owner, event.clientY < top + height / 2 ? "above" : "below");
    dragged = null;
  });
}

/**
 * Sends files, one after the other. The element gets the event `g-upload` with `{name, received, size}`,
 * and the same as a share from 0 to 1 in the style property `--g-progress`.
 *
 * @throws {Error} when the server refuses a part
 */
export async function sendFiles(
  element: HTMLElement,
  files: readonly File[],
  tickets: readonly string[],
  base: URL,
): Promise<void> {
  for (const [index, ticket] of tickets.entries()) {
    const file = files[index];
    if (!file) continue;
    const { name, size } = file;
    let received = 0;
    let done = false;
    while (!done) {
      const response = await fetch(new URL(`_live/upload?offset=${received}`, base), {
        method: "POST",
        credentials: "include",
        headers: { "content-type": "application/octet-stream", "x-upload-ticket": ticket },
        body: file.slice(received, received + CHUNK_BYTES),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(`${name}: ${answer.error}`);
      ({ received, done } = answer);
      element.style.setProperty("--g-progress", `${size > 0 ? received / size : 1}`);
      const detail = { name, received, size };
      element.dispatchEvent(new CustomEvent("g-upload", { bubbles: true, detail }));
    }
  }
}
