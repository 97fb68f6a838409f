/** The list of the binding tests in React, in its strict mode. */
// @ts-types="@types/react"
import { createElement as h, memo, StrictMode } from "react";
// @ts-types="@types/react-dom/client"
import { createRoot } from "react-dom/client";
import { useQuery, useRecord, useStatus, useValue } from "../../ui/client/react.ts";
import type { Row } from "../../mod.ts";
import { calls, client, note, open, type Options, type Todo } from "./bindings_stage.ts";

const Item = memo(({ row: [, { title }] }: { row: Row<Todo> }) => {
  calls.row++;
  return h("li", null, title);
});

function List({ options }: { options: Options }) {
  // A new object in each render, as apps write it.
  const rows = useQuery(client, "todo", { ...options });
  const first = useRecord(client, "todo", "a");
  const { connection } = useStatus(client);
  return h(
    "div",
    null,
    h("h1", null, first?.title ?? "none"),
    h("p", null, `${connection} ${useValue(note)}`),
    h("ul", null, rows.map((row) => h(Item, { key: row[0], row }))),
  );
}

open((main, options) => {
  const root = createRoot(main);
  const show = (options: Options) => root.render(h(StrictMode, null, h(List, { options })));
  show(options);
  return { show, unmount: () => root.unmount() };
});
