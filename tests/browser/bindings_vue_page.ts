/** The list of the binding tests in Vue, with render functions. */
import { createApp, defineComponent, h, type PropType, shallowRef } from "vue";
import type { Row } from "../../mod.ts";
import { useQuery, useRecord, useStatus, useValue } from "../../ui/client/vue.ts";
import { calls, client, note, open, type Options, type Todo } from "./bindings_stage.ts";

const Item = defineComponent({
  props: { row: { type: Array as unknown as PropType<Row<Todo>>, required: true } },
  render() {
    calls.row++;
    return h("li", this.row[1].title);
  },
});

open((root, first) => {
  const options = shallowRef<Options>(first);
  const app = createApp({
    setup() {
      const rows = useQuery(client, "todo", options);
      const record = useRecord(client, "todo", () => "a");
      const status = useStatus(client);
      const text = useValue(note);
      return () => [
        h("h1", record.value?.title ?? "none"),
        h("p", `${status.value.connection} ${text.value}`),
        h("ul", rows.value.map((row) => h(Item, { key: row[0], row }))),
      ];
    },
  });
  app.mount(root);
  return { show: (next) => void (options.value = next), unmount: () => app.unmount() };
});
