/** Changes of place that leave alone what the user sees and does. */

type Movable = ParentNode & { moveBefore?(node: Node, before: Node): void };

/** What an input says of its selection; null where it has none. */
export type Editable = HTMLInputElement | HTMLTextAreaElement;

/** Moves an element before a sibling: focus, selection, scrolling, and where browsers can frames, stay. */
export function moveBefore(element: Element, sibling: ChildNode): void {
  const parent = sibling.parentNode as Movable;
  const { activeElement: active } = element.getRootNode() as Document;
  const kept = element.contains(active) ? active as Editable : null;
  const selection = document.getSelection();
  const { anchorNode, anchorOffset = 0, focusNode, focusOffset = 0 } = selection ?? {};
  if (parent.moveBefore && element.isConnected) parent.moveBefore(element, sibling);
  else {
    const { selectionStart = null, selectionEnd = null } = kept ?? {};
    const scrolled = [element, ...element.querySelectorAll("*")]
      .map((inner) => [inner, inner.scrollTop, inner.scrollLeft] as const)
      .filter(([, top, left]) => top || left);
    sibling.before(element);
    for (const [inner, top, left] of scrolled) inner.scrollTo({ top, left, behavior: "instant" });
    kept?.focus({ preventScroll: true });
    if (selectionStart !== null) kept?.setSelectionRange(selectionStart, selectionEnd);
  }
  if (!kept && anchorNode && focusNode && element.contains(anchorNode)) {
    selection?.setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  }
}
