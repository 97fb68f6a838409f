/** Lists that follow data in place: an item keeps its element, its focus and its caret. */

/** One item on the page. */
export interface Row<T> {
  readonly element: HTMLElement;
  /** Shows what the item is now. */
  update(item: T): void;
}

/** The rows of one parent, by key. */
export class KeyedList<T> {
  readonly #parent: HTMLElement;
  readonly #keyOf: (item: T) => string;
  readonly #create: (item: T) => Row<T>;
  #rows = new Map<string, Row<T>>();

  constructor(parent: HTMLElement, keyOf: (item: T) => string, create: (item: T) => Row<T>) {
    this.#parent = parent;
    this.#keyOf = keyOf;
    this.#create = create;
  }

  /** Shows these items, in this order, and no others. */
  show(items: readonly T[]): void {
    const rows = new Map<string, Row<T>>();
    for (const item of items) {
      const key = this.#keyOf(item);
      const row = this.#rows.get(key) ?? this.#create(item);
      row.update(item);
      rows.set(key, row);
    }
    for (const [key, { element }] of this.#rows) if (!rows.has(key)) element.remove();
    this.#rows = rows;
    arrange(this.#parent, Array.from(rows.values(), ({ element }) => element));
  }

  /** The row of an item that is shown. */
  get(key: string): Row<T> | undefined {
    return this.#rows.get(key);
  }
}

/** Makes `wanted` the first children of `parent`, touching only what stands elsewhere. */
export function arrange(parent: Element, wanted: readonly Element[]): void {
  let place = parent.firstElementChild;
  for (const element of wanted) {
    if (element === place) place = place.nextElementSibling;
    else move(parent, element, place);
  }
}

/** Moves an element; one that has the focus keeps it. */
function move(parent: Element, element: Element, before: Element | null): void {
  if (element.isConnected && "moveBefore" in parent) return parent.moveBefore(element, before);
  const active = document.activeElement;
  parent.insertBefore(element, before);
  if (active instanceof HTMLElement && element.contains(active)) active.focus();
}
