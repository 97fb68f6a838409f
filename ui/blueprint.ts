/** Programs prepared for the engine: per block the slots to evaluate, and how its markup is put together. */
import { type Markup, markupOf } from "./first_html.ts";
import type { Block, Expression, IslandProgram, Slot } from "./program.ts";
import { type Show, showOf } from "./shown_value.ts";

/** A slot that shows a value. */
export interface ValuePlan {
  readonly kind: "value";
  readonly index: number;
  readonly expression: Expression;
  readonly show: Show;
  /** Of a radio button: what it stands for. */
  readonly option: Expression | null;
  readonly isBound: boolean;
  readonly isText: boolean;
}

/** A slot whose content is the items of a list. */
export interface ListPlan {
  readonly kind: "list";
  readonly index: number;
  readonly slot: Slot & { readonly kind: "list" };
}

/** A slot whose content is one of several blocks. */
export interface CondPlan {
  readonly kind: "cond";
  readonly index: number;
  readonly slot: Slot & { readonly kind: "cond" };
}

/** A slot as the engine evaluates it. */
export type Plan = ValuePlan | ListPlan | CondPlan;

/** A block as the engine uses it. */
export interface Blueprint {
  readonly block: Block;
  readonly plans: readonly Plan[];
  readonly markup: Markup;
}

const known = new WeakMap<IslandProgram, readonly Blueprint[]>();

/** The blueprints of a program's blocks; made once. */
export function blueprintsOf(program: IslandProgram): readonly Blueprint[] {
  const made = known.get(program) ?? program.blocks.map((block) => ({
    block,
    plans: block.slots.flatMap(planOf),
    markup: markupOf(block),
  }));
  known.set(program, made);
  return made;
}

function planOf(slot: Slot, index: number): readonly Plan[] {
  if (slot.kind === "list") return [{ kind: "list", index, slot }];
  if (slot.kind === "cond") return [{ kind: "cond", index, slot }];
  const show = showOf(slot);
  if (show === null || !("value" in slot) || slot.value === null) return [];
  const isBound = slot.kind === "bind";
  return [{
    kind: "value",
    index,
    expression: slot.value,
    show,
    option: isBound ? slot.option : null,
    isBound,
    isText: slot.kind === "text",
  }];
}
