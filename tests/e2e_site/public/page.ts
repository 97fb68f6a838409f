/** The page: notes of a scope, whose name and token are in the address after `#`. */
import { createClient } from "@driftless/driftless";
import app from "../app.ts";

const [token = "", scope = ""] = location.hash.slice(1).split("!");
const client = createClient(app, { token, scope, persistence: "memory" });
const find = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function draw(): void {
  find("status").textContent = client.isOnline ? "online" : "offline";
  const rows = client.collection("note").all();
  find("notes").replaceChildren(...rows.map(([, { text }]) => {
    const row = document.createElement("li");
    row.textContent = text;
    return row;
  }));
}

find("write").addEventListener("click", () => {
  void client.mutate("note.create", { id: "written", data: { text: "Seen" } });
});
client.subscribe(draw);
await client.start();
draw();
