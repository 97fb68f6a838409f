/**
 * The functions that blocks get from code: what they show at first, whether that is still so, and their
 * markup. `compiled_expression.ts` says what may stand in such code.
 */
import {
  addRun,
  CodeWriter,
  type Handle,
  literal,
  SCOPE,
  SteadyCode,
  TrackedCode,
} from "./compiled_expression.ts";
import type { Held } from "./block_instance.ts";
import type { ListInstance } from "./block_instance_list.ts";
import type { Plan, ValuePlan } from "./blueprint.ts";
import type { Run } from "./expression_arithmetic.ts";
import { type HtmlOf, type Markup, partHtml, textHtml } from "./first_html.ts";
import type { Shown } from "./patch_writer.ts";
import type { Block, Scope } from "./program.ts";
import { isStillShown } from "./shown_value.ts";

/** What a new instance shows, by slot; it throws what an expression throws. */
export type Begin = (scope: Scope) => Held[];

/** Whether a slot, all of whose reads are known to the tracker, certainly shows what it did. */
export type IsStill = (state: object, variables: readonly unknown[], shown: Shown) => boolean;

/** The first place, from `at` to `end`, whose item may not be as it was. */
export type Scan = (
  list: ListInstance,
  source: { readonly values: readonly unknown[]; readonly seconds: readonly unknown[] | null },
  at: number,
  end: number,
) => number;

/** The first place whose row, of what its item was evaluated from, is not what its value gives now. */
export type Pass = (
  rows: readonly unknown[],
  values: readonly unknown[],
  at: number,
  end: number,
) => number;

/** From what the items of a list are evaluated: nothing but what a loop variable and the state have. */
export interface InputCode {
  readonly stateNames: readonly string[];
  readonly names: readonly string[];
  /** The variable itself is an input, too. */
  readonly isWhole: boolean;
  readonly pass: Pass;
}

/** How a list passes over items that are as they were. */
export interface ScanCode {
  readonly scan: Scan;
  /** Of a list that is in no other. */
  readonly inputs: InputCode | null;
}

/** What code adds to a block's plans. */
export interface BlockCode {
  readonly begin: Begin | null;
  readonly html: HtmlOf | null;
  /** Instead of the closures of expressions. */
  run(closure: Run): Run;
  isStill(plan: ValuePlan): IsStill | null;
  /** Of a list slot. */
  scan(index: number): ScanCode | null;
}

/** A block with the plans of its slots. */
export interface PlannedBlock {
  readonly block: Block;
  readonly plans: readonly Plan[];
  readonly markup: Markup;
}

/** A block without code. */
const NO_CODE: BlockCode = {
  begin: null,
  html: null,
  run: (closure) => closure,
  isStill: () => null,
  scan: () => null,
};

/** The functions of a block; without effect where the platform makes no code of texts. */
export function codeOf(planned: PlannedBlock, all: readonly PlannedBlock[]): BlockCode {
  const writer = new CodeWriter();
  const runs = new Map<Run, Handle<Run>>();
  const stills = new Map<number, Handle<IsStill>>();
  const scans = new Map<number, ScanHandles>();
  const addRuns = (...closures: readonly (Run | undefined)[]) => {
    for (const closure of closures) {
      const handle = closure === undefined ? null : addRun(writer, closure);
      if (handle !== null) runs.set(closure as Run, handle);
    }
  };
  for (const plan of planned.plans) {
    if (plan.kind === "value") {
      addRuns(plan.expression.evaluate, plan.option?.evaluate);
      const still = addStill(writer, plan);
      if (still !== null) stills.set(plan.index, still);
    } else if (plan.kind === "cond") {
      addRuns(...plan.slot.branches.map(({ when }) => when?.evaluate));
    } else {
      const { items, key, filter, block } = plan.slot;
      addRuns(items.evaluate, key?.evaluate, filter?.evaluate);
      const scan = addScan(writer, plan.slot, all[block] as PlannedBlock, planned.block.depth);
      if (scan !== null) scans.set(plan.index, scan);
    }
  }
  const begin = addBegin(writer, planned);
  const html = addHtml(writer, planned.markup);
  const made = writer.compiled();
  if (made === null) return NO_CODE;
  const found = <T>(handle: Handle<T> | undefined) => handle === undefined ? null : made(handle);
  return {
    begin: begin === null ? null : made(begin),
    html: made(html),
    run: (closure) => found(runs.get(closure)) ?? closure,
    isStill: ({ index }) => found(stills.get(index)),
    scan: (index) => {
      const handles = scans.get(index);
      if (handles === undefined) return null;
      const { scan, inputs } = handles;
      return { scan: made(scan), inputs: inputs && { ...inputs, pass: made(inputs.pass) } };
    },
  };
}

/** What the slots show that show values; the others are left out. */
function addBegin(writer: CodeWriter, { block, plans }: PlannedBlock): Handle<Begin> | null {
  const code = new TrackedCode(writer);
  const shown = new Array<string>(block.slots.length).fill("undefined");
  for (const plan of plans) {
    if (plan.kind !== "value") continue;
    if (plan.option !== null) return null;
    const value = code.of(plan.expression.evaluate);
    const show = `${writer.value(plan.show)}(x, s.tracker)`;
    shown[plan.index] = plan.isText
      ? `typeof (x = ${value}) === "string" ? x : ${show}`
      : `(x = ${value}, ${show})`;
  }
  return writer.add(`(s) => { ${SCOPE} ${code.declarations} return [${shown.join(", ")}]; }`);
}

function addStill(writer: CodeWriter, plan: ValuePlan): Handle<IsStill> | null {
  if (plan.option !== null) return null;
  const code = new SteadyCode(writer);
  const still = stillCode(writer, code.of(plan.expression.evaluate), "h", plan);
  if (!code.isSteady) return null;
  return writer.add(`(S, V, h) => {
    let isSure = true;
    ${code.declarations}
    ${code.variables}
    try { return ${still} && isSure; } catch { return false; }
  }`);
}

/** As `ScanCode`, of code that is not compiled yet. */
interface ScanHandles {
  readonly scan: Handle<Scan>;
  readonly inputs: Omit<InputCode, "pass"> & { readonly pass: Handle<Pass> } | null;
}

/** For lists whose items only show values. */
function addScan(
  writer: CodeWriter,
  { key, variables }: (Plan & { readonly kind: "list" })["slot"],
  { block, plans }: PlannedBlock,
  depth: number,
): ScanHandles | null {
  const code = new SteadyCode(writer);
  const tests: string[] = [];
  if (key !== null) tests.push(sameCode(code.of(key.evaluate), "keys[at]"));
  for (const plan of plans) {
    if (plan.kind !== "value" || plan.option !== null) return null;
    tests.push(stillCode(writer, code.of(plan.expression.evaluate), `h[${plan.index}]`, plan));
  }
  if (!code.isSteady || block.depth !== depth + variables) return null;
  const same = [`V[${depth}] === values[at]`];
  if (variables === 2) {
    same.push(`V[${depth + 1}] === (seconds === null ? at : seconds[at])`);
  }
  for (let index = 0; index < depth; index++) same.push(`V[${index}] === O[${index}]`);
  // In an inner loop items are bound anew when minus zero comes for zero.
  for (let index = 0; depth > 0 && index <= depth; index++) same.push(`V[${index}] !== 0`);
  const scan = writer.add<Scan>(`(list, { values, seconds }, at, end) => {
    const { items, keys, owner } = list;
    const O = owner.variables, S = owner.rendering.state;
    let isSure = true;
    ${code.declarations}
    try {
      for (; at < end; at++) {
        const item = items[at];
        const V = item.variables;
        if (item.isDirty || item.isOpaque || !(${same.join(" && ")})) break;
        const h = item.held;
        ${code.variables}
        if (!(${["true", ...tests].join(" && ")} && isSure)) break;
      }
    } catch {}
    return at;
  }`);
  return { scan, inputs: depth === 0 ? addInputs(writer, code) : null };
}

/** Each input is compared once, however often it is used. */
function addInputs(writer: CodeWriter, code: SteadyCode): ScanHandles["inputs"] {
  const of = (object: string) =>
    code.reads.filter((read) => read.object === object).map(({ name }) => name);
  const names = of("v0");
  const isWhole = code.isWhole("v0");
  const tests = [
    isWhole ? sameCode("v0", "rows[row]") : "v0 === rows[row]",
    ...names.map((name, at) => sameCode(`v0[${literal(name)}]`, `rows[row + ${at + 1}]`)),
  ];
  const pass = writer.add<Pass>(`(rows, values, at, end) => {
    let x;
    try {
      for (let row = at * ${tests.length}; at < end; at++, row += ${tests.length}) {
        const v0 = values[at];
        if (!(${tests.join(" && ")})) break;
      }
    } catch {}
    return at;
  }`);
  return { stateNames: of("S"), names, isWhole, pass };
}

/** Code that is true if a value would be shown as what is shown; `shown` is code without effects. */
function stillCode(writer: CodeWriter, value: string, shown: string, { show }: ValuePlan): string {
  // What a slot can show it shows as it is.
  const still = `${writer.value(isStillShown)}(${writer.value(show)}, x, ${shown})`;
  return `(${sameCode(value, shown)} || ${still})`;
}

/** Code that is true if a value is the one before; `before` is code without effects. */
function sameCode(value: string, before: string): string {
  // `===` takes minus zero for zero. Texts are asked for first: to compare them with a number takes longer
  // than all the rest.
  const isSame = `typeof x === "string" || x !== 0 || 1 / x === 1 / ${before}`;
  return `(x = ${value}) === ${before} && (${isSame})`;
}

function addHtml(writer: CodeWriter, markup: Markup): Handle<HtmlOf> {
  const pieces = markup.map((part) => {
    if (typeof part === "string") return literal(part);
    if (part.kind === "text") return `${writer.value(textHtml)}(h[${part.slot}])`;
    return `${writer.value(partHtml)}(i, ${writer.value(part)}, c, n)`;
  });
  return writer.add(`(i, c, n) => { const h = i.held; return ${['""', ...pieces].join(" + ")}; }`);
}
