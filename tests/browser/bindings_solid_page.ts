/** The list of the binding tests in Solid, with its own keyed list and hand-made elements. */
import { createEffect, createRoot, createSignal, mapArray, onCleanup } from "solid-js";
import { createQuery, createRecord, createStatus, createValue } from "../../ui/client/solid.ts";
import { calls, client, note, open, type Options } from "./bindings_stage.ts";

function element(name: string, text: () => string): HTMLElement {
  const made = document.createElement(name);
  createEffect(() => void (made.textContent = text()));
  return made;
}

open((root, first) =>
  createRoot((unmount) => {
    const [options, show] = createSignal<Options>(first);
    const rows = createQuery(client, "todo", options);
    const record = createRecord(client, "todo", () => "a");
    const status = createStatus(client);
    const text = createValue(note);
    const list = document.createElement("ul");
    const items = mapArray(rows, ([, { title }]) => {
      calls.row++;
      return element("li", () => title);
    });
    createEffect(() => list.replaceChildren(...items()));
    root.append(
      element("h1", () => record()?.title ?? "none"),
      element("p", () => `${status().connection} ${text()}`),
      list,
    );
    onCleanup(() => root.replaceChildren());
    return { show, unmount };
  })
);
