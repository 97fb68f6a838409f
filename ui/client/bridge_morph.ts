/** Markup that takes the place of other markup, and leaves alone what the user sees and does. */
import { moveBefore } from "./bridge_moves.ts";

/** Makes a node like another one of its kind, and keeps what can stay. */
export function morph(old: Node, fresh: Node): void {
  if (old instanceof CharacterData) {
    const { data } = fresh as CharacterData;
    if (old.data !== data) old.data = data;
  }
  if (!(old instanceof Element)) return;
  const model = fresh as Element;
  for (const { name } of [...old.attributes]) {
    if (!model.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of model.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What is in another island's element is that island's.
  if (old.hasAttribute("g-island")) return;
  let next = old.firstChild;
  for (const child of [...model.childNodes]) {
    let match = next;
    while (match && !isLike(match, child)) match = match.nextSibling;
    if (!match) old.insertBefore(child, next);
    else {
      if (match === next) next = match.nextSibling;
      else if (next && match instanceof Element) moveBefore(match, next);
      else next?.before(match);
      morph(match, child);
    }
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** Whether one can become the other. */
export function isLike(old: Node, fresh: Node): boolean {
  return old.nodeName === fresh.nodeName && (old as Element).id === (fresh as Element).id;
}
