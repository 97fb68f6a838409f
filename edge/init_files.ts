/** The files of a new app, as `driftless init` writes them. */

/** What a new app's files say about where they are. */
export interface NewApp {
  /** What the app is called. */
  readonly name: string;
  /** The text of its `deno.json`. */
  readonly config: string;
  /** The command that serves it. */
  readonly start: string;
}

/** The kinds of app that there are. */
export const TEMPLATES = ["todo", "server"] as const;
/** One of them. */
export type Template = typeof TEMPLATES[number];

/** The files of a new app, by path; folders with `/`. */
export function newAppFiles(template: Template, about: NewApp): Readonly<Record<string, string>> {
  const shared = {
    "app.ts": APP.replace("NAME", JSON.stringify(about.name)),
    "app_test.ts": TEST,
    "deno.json": about.config,
    ".gitignore": "driftless.db*\nnode_modules/\n",
  };
  if (template === "server") return { ...shared, "README.md": readme(about, CURL) };
  return {
    ...shared,
    "public/icon.svg": ICON,
    "public/index.html": HTML.replaceAll("NAME", escapeHtml(about.name)),
    "public/page.ts": PAGE,
    "public/style.css": STYLE,
    "README.md": readme(about, EDIT),
  };
}

const APP = `/** The rules of the app. The server, every browser and the tests run this one file. */
import { collection, defineApp, Rejection } from "@driftless/driftless";
import * as v from "valibot";

/** Edit this while the app runs: the server and every open page follow. */
export const TITLE_LENGTH_MAX = 40;

const Title = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, "Write a title first"),
  v.maxLength(TITLE_LENGTH_MAX, \`A title has at most \${TITLE_LENGTH_MAX} characters\`),
);

// Without the built-in create, update and delete: the mutators below are the only way in.
const todo = collection("todo", v.object({ title: Title, done: v.boolean() }), { builtins: false });

export default defineApp({
  name: NAME,
  collections: { todo },
  mutators: {
    "todo.add"(tx, { title }: { title: string }, { newId }) {
      tx.todo.put(newId(), { title, done: false });
    },
    "todo.toggle"(tx, { id }: { id: string }) {
      const found = tx.todo.get(id);
      if (found === undefined) throw new Rejection("Somebody has removed this one", "not_found");
      tx.todo.put(id, { ...found, done: !found.done });
    },
    "todo.clear"(tx) {
      for (const [id, { done }] of tx.todo.all()) if (done) tx.todo.delete(id);
    },
  },
});
`;

const TEST =
  `/** The rules, tried out without a server: a client that is offline runs the same file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@driftless/driftless";
import app, { TITLE_LENGTH_MAX } from "./app.ts";

/** A client of an empty app, and its todos. */
async function startOffline() {
  const client = createClient(app, { url: "http://127.0.0.1", persistence: "memory" });
  client.setOffline(true);
  await client.start();
  return { client, all: () => client.collection("todo").all() };
}

test("a todo is added, done, and cleared away", async () => {
  const { client, all } = await startOffline();
  await client.mutate("todo.add", { title: "  Water the plants " });
  const [[id, added] = ["", undefined]] = all();
  assert.deepEqual({ ...added }, { title: "Water the plants", done: false });
  await client.mutate("todo.toggle", { id });
  assert.equal(all()[0]?.[1].done, true);
  await client.mutate("todo.clear", {});
  assert.deepEqual(all(), []);
  await client.stop();
});

test("a title that is empty or too long is refused", async () => {
  const { client, all } = await startOffline();
  const add = (title: string) => client.mutate("todo.add", { title });
  await assert.rejects(add(" "), /Write a title first/);
  await assert.rejects(add("x".repeat(TITLE_LENGTH_MAX + 1)), /at most/);
  await add("x".repeat(TITLE_LENGTH_MAX));
  assert.equal(all().length, 1);
  await client.stop();
});

test("nobody marks a todo that is gone", async () => {
  const { client } = await startOffline();
  await assert.rejects(client.mutate("todo.toggle", { id: "none" }), /removed/);
  await client.stop();
});
`;

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>NAME</title>
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
    <script type="module" src="/page.ts"></script>
  </head>
  <body>
    <main>
      <h1>NAME</h1>
      <form id="add">
        <label for="title">What is to do?</label>
        <input id="title" autocomplete="off" required>
        <button>Add</button>
      </form>
      <p id="problem" role="alert"></p>
      <ul id="todos"></ul>
      <p><button id="clear" type="button">Clear what is done</button></p>
      <p id="status" role="status"></p>
    </main>
  </body>
</html>
`;

const PAGE = `/** The page: shows the todos, and calls the mutators of the app. */
import { createClient } from "@driftless/driftless";
import app from "../app.ts";

const client = createClient(app, { onRejected: ({ error }) => show(error.message) });

const form = element("add", HTMLFormElement);
const title = element("title", HTMLInputElement);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = title.value;
  title.value = "";
  show("");
  client.mutate("todo.add", { title: text }).catch((error) => {
    show(error.message);
    title.value ||= text;
  });
});

element("clear", HTMLButtonElement).addEventListener("click", () => {
  client.mutate("todo.clear", {}).catch((error) => show(error.message));
});

client.subscribe(draw);
await client.start();
draw();

function draw() {
  const rows = client.collection("todo").all().map(([id, todo]) => {
    const row = document.createElement("li");
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = todo.done;
    box.addEventListener("change", () => {
      client.mutate("todo.toggle", { id }).catch((error) => show(error.message));
    });
    label.append(box, todo.title);
    row.append(label);
    return row;
  });
  element("todos", HTMLUListElement).replaceChildren(...rows);
  const waiting = client.pending.length;
  element("status", HTMLElement).textContent = [
    client.isOnline ? "online" : "offline",
    ...(waiting > 0 ? [\`\${waiting} to send\`] : []),
  ].join(", ");
}

function show(problem: string) {
  element("problem", HTMLElement).textContent = problem;
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(\`Cannot find "\${id}" on the page\`);
  return found;
}
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none">
  <path d="M3 8l4 4 6-8" stroke="#4a7fe8" stroke-width="2" />
</svg>
`;

const STYLE = `:root {
  color-scheme: light dark;
  font: 100%/1.5 system-ui, sans-serif;
}
main {
  max-width: 34rem;
  margin: 3rem auto;
  padding: 0 1rem;
}
#title {
  width: 60%;
}
#problem {
  color: light-dark(#a11, #f88);
}
#todos {
  list-style: none;
  padding: 0;
}
label:has(:checked) {
  text-decoration: line-through;
}
`;

const EDIT =
  `Open the page in two windows, stop the server, go on working, start it again. Then change
\`TITLE_LENGTH_MAX\` in \`app.ts\` while the app runs: the server and every open page follow.

| file | |
|---|---|
| \`app.ts\` | the rules: schema and mutators, for the server, the browser and the tests |
| \`app_test.ts\` | the rules, tried out |
| \`public/\` | the page; TypeScript is served without its types |
| \`driftless.db\` | the data |
`;

const CURL =
  `It has no page yet: put an \`index.html\` into a folder \`public\`, or use it with curl:

\`\`\`sh
curl http://127.0.0.1:8000/_sync/push -d '{"mutations":[{"id":"1","name":"todo.add","args":{"title":"Tea"}}]}'
curl http://127.0.0.1:8000/_sync/snapshot -d '{}'
\`\`\`
`;

function readme({ name, start }: NewApp, more: string): string {
  return `# ${name}

\`\`\`sh
deno task start    # http://127.0.0.1:8000
deno task test
\`\`\`

\`start\` is \`${start}\`.

${more}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
