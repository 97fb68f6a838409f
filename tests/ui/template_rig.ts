/**
 * What the tests of templates share: a class to compile against, and ways to say what a template becomes.
 */
import { assertThrows } from "@std/assert";
import type { PartialSources } from "../../ui/partials.ts";
import type { IslandProgram, Scope, Slot } from "../../ui/program.ts";
import { compileIsland } from "../../ui/template.ts";
import { TemplateError, TemplateErrors } from "../../ui/template_error.ts";

export class Task {
  id = 1;
  title = "first";
  done = false;
  tags = ["a"];
  constructor(id = 1, title = "first") {
    this.id = id;
    this.title = title;
  }
}

export class Board {
  count = 1;
  text = "x";
  html = "<b onclick=x()>b</b>";
  url = "/a";
  on = true;
  off = false;
  color = "red";
  isRed = false;
  isBlue = true;
  nothing = null;
  tasks = [new Task(1, "first"), new Task(2, "second")];
  names: readonly string[] = ["a", "b"];
  prices: Map<string, number> = new Map([["tea", 2]]);
  tags: Set<string> = new Set(["x"]);
  plain = { a: 1, b: 2 };
  user = { name: "Ada", address: { town: "London" } };
  calls: unknown[][] = [];
  get double(): number {
    return this.count * 2;
  }
  add(...args: unknown[]): void {
    this.calls.push(["add", ...args]);
  }
  pick(id: unknown, ...rest: unknown[]): void {
    this.calls.push(["pick", id, ...rest]);
  }
  moved(from: unknown, to: unknown, ...rest: unknown[]): void {
    this.calls.push(["moved", from, to, ...rest]);
  }
  took(upload: unknown): void {
    this.calls.push(["took", upload]);
  }
}

/** Compiles a template of a `Board`. */
export function compiled(template: string, partials: PartialSources = {}): IslandProgram {
  const plugins = ["chart", "player"];
  return compileIsland({
    name: "board",
    template,
    file: "t.html",
    sample: new Board(),
    partials,
    plugins,
  });
}

/** The markup of each block. */
export function markup(template: string, partials: PartialSources = {}): readonly string[] {
  return compiled(template, partials).blocks.map(({ html }) => html);
}

/** What the browser is told of the slots of the first block. */
export function slots(template: string, partials: PartialSources = {}): readonly unknown[] {
  return compiled(template, partials).table.blocks[0]?.slots ?? [];
}

/** The slot of a block by its place among them. */
export function slotAt<K extends Slot["kind"]>(
  program: IslandProgram,
  kind: K,
  index = 0,
  block = 0,
): Slot & { readonly kind: K } {
  const found = program.blocks[block]?.slots.filter((slot) => slot.kind === kind)[index];
  if (found === undefined) throw new Error(`No slot ${kind} ${index} in block ${block}`);
  return found as Slot & { readonly kind: K };
}

/** What the first slot with a value shows. */
export function shown(template: string, state: object = new Board()): unknown {
  const slot = compiled(template).blocks[0]?.slots.find((one) => "value" in one);
  if (slot === undefined || !("value" in slot)) throw new Error("No slot has a value");
  return slot.value?.evaluate({ state, variables: [] });
}

/** The arguments that a handler is called with. */
export function given(
  slot: Slot & { readonly kind: "on" | "drop" | "upload" },
  event: unknown,
  scope: Scope = { state: new Board(), variables: [] },
): readonly unknown[] {
  const inner = { ...scope, variables: [...scope.variables, event] };
  return slot.call.args.map((arg) => arg.evaluate(inner));
}

/** What is wrong with a template, each with its place. */
export function problems(template: string, partials: PartialSources = {}): readonly string[] {
  const error = assertThrows(() => compiled(template, partials));
  if (error instanceof TemplateErrors) return error.errors.map(({ message }) => message);
  if (error instanceof TemplateError) return [error.message];
  throw error;
}
