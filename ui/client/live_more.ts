/**
 * What the bridge needs only now and then, loaded when it does: dragging, files, other markup, calls of
 * the server.
 *
 *     POST /_live/upload?offset=…   x-upload-ticket: …   → { received, done }
 */
import type { Spot } from "./bridge_blocks.ts";
import type { IslandHost } from "./bridge_island.ts";
import { isLike, morph } from "./bridge_morph.ts";
import { BROWSER_JSRESULT, type FromServer } from "./bridge_wire.ts";

/** What is dragged now, and which island it is of. */
interface Dragged {
  readonly group: string;
  readonly owner: unknown;
  readonly from: readonly number[];
}

/** Bytes of a file in one request. */
const CHUNK_BYTES = 512 * 1024;
/** What the server calls to give tickets for files. */
const UPLOAD = "driftless:upload";

let dragged: Dragged | null = null;
/** Files that wait for their tickets, by island, instance and slot. */
const chosen = new WeakMap<object, Map<string, readonly [HTMLInputElement, readonly File[]]>>();

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

/** Asks for tickets when files are chosen in an input. */
export function makeUpload(
  { node, instance, index }: Spot,
  owner: object,
  isHere: () => boolean,
  ask: (data: string) => void,
): void {
  const input = node as HTMLInputElement;
  const waiting = chosen.get(owner) ?? new Map();
  chosen.set(owner, waiting);
  input.addEventListener("change", () => {
    const files = [...input.files ?? []];
    waiting.set(`${[instance.number, index]}`, [input, files]);
    const asked = files.map(({ name, type, size }) => ({ name, type, size }));
    if (isHere()) ask(JSON.stringify({ files: asked }));
  });
}

/** Runs a function that the server asks for, and says what came of it. */
export async function answer(
  { target = 0, call = 0, name = "", args = "[]" }: FromServer,
  owner: object,
  functions: Readonly<Record<string, ((...args: never[]) => unknown) | undefined>>,
  { send, base, failed }: Pick<IslandHost, "base" | "failed" | "send">,
): Promise<void> {
  if (name === UPLOAD) {
    const [instance, slot, tickets] = JSON.parse(args) as [number, number, readonly string[]];
    const waiting = chosen.get(owner)?.get(`${[instance, slot]}`);
    if (!waiting) return;
    return sendFiles(...waiting, tickets, base())
      .catch((error) => failed("upload_failed", `${error}`));
  }
  let result: { readonly data: string } | { readonly error: string };
  try {
    const run = functions[name];
    if (!run) throw new TypeError(`Cannot call ${name}: it is not registered`);
    result = { data: JSON.stringify(await run(...JSON.parse(args) as never[])) ?? "null" };
  } catch (error) {
    result = { error: String(error) };
  }
  if (call > 0) send({ kind: BROWSER_JSRESULT, target, call, ...result });
}

/**
 * Sends files, one after the other. The element gets the event `g-upload` with `{name, received, size}`,
 * and the same as a share from 0 to 1 in the style property `--g-progress`.
 *
 * @throws {Error} when the server refuses a part
 */
async function sendFiles(
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
