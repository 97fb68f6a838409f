/** The list of the binding tests in Preact. */
import { Component, h, render } from "preact";
import { useQuery, useRecord, useStatus, useValue } from "../../ui/client/preact.ts";
import type { Row } from "../../mod.ts";
import { calls, client, note, open, type Options, type Todo } from "./bindings_stage.ts";

class Item extends Component<{ row: Row<Todo> }> {
  override shouldComponentUpdate({ row }: { row: Row<Todo> }): boolean {
    return row !== this.props.row;
  }

  override render() {
    calls.row++;
    return h("li", null, this.props.row[1].title);
  }
}

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

open((root, options) => {
  const show = (options: Options) => render(h(List, { options }), root);
  show(options);
  return { show, unmount: () => render(null, root) };
});
