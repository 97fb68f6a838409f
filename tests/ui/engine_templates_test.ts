/** Compiled templates in the engine: what only markup can say, kept equal to a fresh page. */
import { assertEquals } from "@std/assert";
import { IslandInstance } from "../../ui/island_instance.ts";
import { compileIsland } from "../../ui/template.ts";
import { Prng } from "../sim/prng.ts";
import { ModelClient } from "./model_client.ts";

interface Task {
  id: number;
  title: string;
  state: string;
  isDone: boolean;
  steps: { name: string; size: number }[];
}

class Tasks {
  tasks: Task[] = [];
  states = ["new", "open", "done"];
  filter = "";
  size = 10;
  note = "<i>hi</i>";
  chosen = ["new"];
  hint: string | null = null;

  get open(): readonly Task[] {
    return this.tasks.filter(({ isDone }) => !isDone);
  }

  touch(): void {}
}

const program = compileIsland({
  name: "tasks",
  file: "tasks.html",
  sample: Object.assign(new Tasks(), {
    tasks: [{ id: 1, title: "", state: "new", isDone: false, steps: [{ name: "", size: 1 }] }],
  }),
  partials: {
    badge: `<b class="badge" g-class:big="count > 2">{{count}} <slot>none</slot></b>`,
  },
  template: `<main title="{{filter}} &amp; {{size}}" class="page">
    <h1>{{open.length}} of {{tasks.length}} &mdash; {{filter}}</h1>
    <p g-if="hint" g-text="hint"></p><p g-else>no hint</p>
    <g-partial name="badge" count="tasks.length"><i>tasks</i></g-partial>
    <input g-bind="filter"><input type="range" g-bind="size"><div g-html="note"></div>
    <select multiple g-bind="chosen"><option g-for="s in states" g-value="s">{{upper(s)}}</option>
    </select>
    <table><tbody><tr g-for="t, i in tasks" g-key="t.id" g-class:done="t.isDone">
      <td>{{i + 1}}. {{t.title}}</td>
      <td><input type="checkbox" g-checked="t.isDone"></td>
      <td><label g-for="s in states"><input type="radio" g-bind="t.state" g-value="s">{{s}}</label></td>
      <td><select g-bind="t.state"><option g-for="s in states">{{s}}</option></select></td>
      <td><em g-if="t.isDone">done</em><button g-else g-click="touch()">do</button></td>
      <td><svg viewBox="0 0 9 9"><g g-for="x in t.steps"><circle g-attr:r="x.size"></circle>
        <text>{{x.name}}</text></g><title>steps</title></svg></td>
    </tr></tbody><tfoot><tr g-for="t in open" g-key="t.id"><td>{{t.title}}</td></tr></tfoot></table>
    <textarea g-bind="note"></textarea>
    <ul><li>first</li><li g-for="s in states" g-if="s !== filter">{{s}}</li><li>last</li></ul>
  </main>`,
});

let lastId = 0;

function edit(tasks: Tasks, prng: Prng): void {
  const task = tasks.tasks[prng.between(0, Math.max(0, tasks.tasks.length - 1))];
  const word = () => prng.pick(["", "new", "<b>", "a & b", "é🙂", "\n\nlines", "open"]);
  const kinds: readonly [() => unknown, ...(() => unknown)[]] = [
    () =>
      tasks.tasks.splice(prng.between(0, tasks.tasks.length), 0, {
        id: ++lastId,
        title: word(),
        state: prng.pick(["new", "open", "done"]),
        isDone: prng.chance(0.5),
        steps: [{ name: word(), size: prng.between(1, 5) }],
      }),
    () => tasks.tasks.splice(prng.between(0, tasks.tasks.length), 1),
    () => tasks.tasks.sort((a, b) => a.title < b.title ? -1 : 1),
    () => tasks.tasks.reverse(),
    () => task && (task.title = word()),
    () => task && (task.isDone = !task.isDone),
    () => task && (task.state = prng.pick(["new", "open", "done"])),
    () => task && task.steps.push({ name: word(), size: prng.between(1, 5) }),
    () => task && (task.steps = task.steps.slice(1)),
    () => tasks.filter = word(),
    () => tasks.size = prng.between(0, 20),
    () => tasks.hint = prng.chance(0.5) ? null : word(),
    () => tasks.note = prng.pick(["<i>a</i>", "<b>b</b> c", "plain"]),
    () => tasks.chosen = ["new", "open", "done"].filter(() => prng.chance(0.5)),
    () => tasks.states = prng.pick([["new", "open", "done"], ["done", "new", "open"]]),
  ];
  prng.pick(kinds)();
}

Deno.test("a page of a compiled template equals a fresh one after every random edit", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const prng = new Prng(seed);
    const state = new Tasks();
    const island = new IslandInstance(program, state);
    const client = new ModelClient(program.table, island.snapshot());
    for (let step = 0; step < 60; step++) {
      for (let edits = prng.between(1, 3); edits > 0; edits--) edit(island.writable as Tasks, prng);
      const patch = island.takePatch();
      if (patch !== null) {
        client.apply(patch);
        for (const { instance, slot, value } of patch.bound) client.set(instance, slot, value);
      }
      const copy = Object.assign(new Tasks(), structuredClone({ ...state }));
      const fresh = new IslandInstance(program, copy);
      const where = `seed ${seed}, step ${step}`;
      assertEquals(island.html(), fresh.html(), where);
      assertEquals(
        client.html(),
        new ModelClient(program.table, fresh.snapshot()).html(),
        where,
      );
    }
    island.close();
  }
});
