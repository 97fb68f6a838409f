/** Clones of the page's `<template>` elements, and typed access to their named parts. */

/** A fresh copy of the one element in the template with this id. */
export function cloneOf(id: string): HTMLElement {
  const template = document.getElementById(id);
  const first = template instanceof HTMLTemplateElement && template.content.firstElementChild;
  const copy = first && document.importNode(first, true);
  if (copy instanceof HTMLElement) return copy;
  throw new TypeError(`Cannot clone the template "${id}": the page has none`);
}

/** The descendant with `data-part="<name>"`. */
export function partOf<E extends HTMLElement>(
  root: Element,
  name: string,
  type: new () => E,
): E {
  const part = root.querySelector(`[data-part="${name}"]`);
  if (part instanceof type) return part;
  throw new TypeError(`Cannot find the part "${name}": the page has no such ${type.name}`);
}

/** Sets the text, unless it is the same: a selection in it, and a screen reader, are left alone. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Plays the flash of a changed row again; the style sheet decides how it looks. */
export function flash(element: HTMLElement): void {
  element.classList.remove("is-changed");
  // Reading a size makes the browser see the class go, so that the animation starts over.
  void element.offsetWidth;
  element.classList.add("is-changed");
}
