/** Programs prepared for the engine: per block the slots to evaluate, and how its markup is put together. */
import {
  type Begin,
  codeOf,
  type IsStill,
  type PlannedBlock,
  type ScanCode,
} from "./compiled_block.ts";
import type { Run } from "./expression_arithmetic.ts";
import { type HtmlOf, type Markup, markupOf } from "./first_html.ts";
import type { Block, Expression, IslandProgram, Slot } from "./program.ts";
import { type Show, showOf } from "./shown_value.ts";

/** A slot that shows a value. */
export interface ValuePlan {
  readonly kind: "value";
  readonly index: number;
  readonly expression: Expression;
  readonly evaluate: Run;
  /** Answers without telling the tracker; `null` if only an evaluation can tell. */
  readonly isStill: IsStill | null;
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
  readonly items: Run;
  readonly key: Run | null;
  readonly filter: Run | null;
  /** Passes over items that are as they were; `null` if each has to be asked. */
  readonly scan: ScanCode | null;
}

/** A slot whose content is one of several blocks. */
export interface CondPlan {
  readonly kind: "cond";
  readonly index: number;
  readonly slot: Slot & { readonly kind: "cond" };
  /** Of the branches. */
  readonly whens: readonly (Run | null)[];
}

/** A slot as the engine evaluates it. */
export type Plan = ValuePlan | ListPlan | CondPlan;

/** A block as the engine uses it. */
export interface Blueprint {
  readonly block: Block;
  readonly plans: readonly Plan[];
  readonly markup: Markup;
  /** What the values' slots show at first; `null` if it is evaluated slot by slot. */
  readonly begin: Begin | null;
  /** Puts the markup together; `null` if it is done piece by piece. */
  readonly html: HtmlOf | null;
}

const known = new WeakMap<IslandProgram, readonly Blueprint[]>();

/** The blueprints of a program's blocks; made once. */
export function blueprintsOf(program: IslandProgram): readonly Blueprint[] {
  const made = known.get(program);
  if (made !== undefined) return made;
  const planned = program.blocks.map((block) => ({
    block,
    plans: block.slots.flatMap(planOf),
    markup: markupOf(block),
  }));
  const blueprints = planned.map((one) =>
    program.isInterpreted ? { ...one, begin: null, html: null } : compiled(one, planned)
  );
  known.set(program, blueprints);
  return blueprints;
}

/** A blueprint with code in it where the platform allows that. */
function compiled(planned: PlannedBlock, all: readonly PlannedBlock[]): Blueprint {
  const { begin, html, run, isStill, scan } = codeOf(planned, all);
  const plans = planned.plans.map((plan): Plan => {
    if (plan.kind === "value") {
      return { ...plan, evaluate: run(plan.evaluate), isStill: isStill(plan) };
    }
    if (plan.kind === "cond") {
      return { ...plan, whens: plan.whens.map((when) => when && run(when)) };
    }
    const { index, items, key, filter } = plan;
    return {
      ...plan,
      items: run(items),
      key: key && run(key),
      filter: filter && run(filter),
      scan: scan(index),
    };
  });
  return { ...planned, plans, begin, html };
}

function planOf(slot: Slot, index: number): readonly Plan[] {
  if (slot.kind === "list") {
    const { items, key, filter } = slot;
    return [{
      kind: "list",
      index,
      slot,
      items: items.evaluate,
      key: key?.evaluate ?? null,
      filter: filter?.evaluate ?? null,
      scan: null,
    }];
  }
  if (slot.kind === "cond") {
    const whens = slot.branches.map(({ when }) => when?.evaluate ?? null);
    return [{ kind: "cond", index, slot, whens }];
  }
  const show = showOf(slot);
  if (show === null || !("value" in slot) || slot.value === null) return [];
  const isBound = slot.kind === "bind";
  return [{
    kind: "value",
    index,
    expression: slot.value,
    evaluate: slot.value.evaluate,
    isStill: null,
    show,
    option: isBound ? slot.option : null,
    isBound,
    isText: slot.kind === "text",
  }];
}
