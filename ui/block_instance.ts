/** One appearance of a block: what its slots show, and how it changes. */
import type { Blueprint, CondPlan, Plan, ValuePlan } from "./blueprint.ts";
import { ListInstance } from "./block_instance_list.ts";
import { isTrue } from "./expression_text.ts";
import type { Run } from "./expression_arithmetic.ts";
import type { Expression, Scope, Tracker } from "./program.ts";
import type { PatchWriter, Shown } from "./patch_writer.ts";
import { isSameShown } from "./shown_value.ts";
import { isFollowed, noteRead, type Reader } from "./tracking.ts";

/** Which branch of a condition is shown. */
export interface CondInstance {
  /** 0 for none, else the branch's place from 1. */
  which: number;
  child: BlockInstance | null;
}

/** What a slot of an instance holds; nothing if it shows nothing. */
export type Held = Shown | ListInstance | CondInstance | undefined;

/** A reader of a rendering; those of lower numbers are evaluated first. */
export interface Part extends Reader {
  readonly order: number;
  isOpaque: boolean;
  isDirty: boolean;
  /** Evaluates what it read again, and writes what changed. */
  update(): void;
}

/** What the instances of an island have in common. */
export class Rendering {
  readonly state: object;
  readonly blueprints: readonly Blueprint[];
  readonly writer: PatchWriter;
  /** Parts that call code of the author: evaluated whenever something may have changed. */
  readonly opaque = new Set<Part>();
  /** Instances with an expression that failed: it may have ended before all that it reads was read. */
  readonly failed = new Set<BlockInstance>();
  nextNumber = 0;
  /** How many instances there are. */
  size = 0;
  dirty: Part[] = [];
  /** Everything is to be evaluated again. */
  isAllDirty = false;
  /** Instances by their numbers: from when one is looked for, as nobody does on a page that is only read. */
  #byNumber: Map<number, BlockInstance> | null = null;
  readonly #report: (error: unknown, expression: Expression) => void;
  readonly #changed: () => void;
  readonly #tracker: Tracker;
  readonly #scope: { state: object; variables: readonly unknown[]; tracker?: Tracker };
  readonly #bare: { state: object; variables: readonly unknown[] };
  #current: Part | null = null;

  constructor(
    state: object,
    blueprints: readonly Blueprint[],
    writer: PatchWriter,
    ports: {
      report(error: unknown, expression: Expression): void;
      changed(): void;
    },
  ) {
    this.state = state;
    this.blueprints = blueprints;
    this.writer = writer;
    this.#report = (error, expression) => ports.report(error, expression);
    this.#changed = () => ports.changed();
    const isFollowedState = isFollowed(state);
    this.#tracker = {
      read: (object, key) => {
        const part = this.#current as Part;
        if (object === part.source) return;
        noteRead(part, object, key);
        if (!isFollowedState && object === state || !isFollowed(object)) part.isOpaque = true;
      },
      opaque: () => {
        (this.#current as Part).isOpaque = true;
      },
    };
    this.#scope = { state, variables: [], tracker: this.#tracker };
    this.#bare = { state, variables: [] };
  }

  /** Evaluates for a part, which is told of writes to what was read. */
  scopeOf(part: Part, variables: readonly unknown[]): Scope {
    this.#current = part;
    this.#scope.variables = variables;
    return this.#scope;
  }

  /** Evaluates for nobody. */
  bareScope(variables: readonly unknown[]): Scope {
    this.#bare.variables = variables;
    return this.#bare;
  }

  /** Counts an instance in. */
  born(instance: BlockInstance): void {
    this.size++;
    this.#byNumber?.set(instance.number, instance);
  }

  /** Counts an instance out. */
  ended(instance: BlockInstance): void {
    this.size--;
    this.#byNumber?.delete(instance.number);
  }

  /** The instance of a number, among those that the root has in it. */
  instanceAt(number: number, root: BlockInstance): BlockInstance | undefined {
    if (this.#byNumber === null) {
      const byNumber = new Map<number, BlockInstance>();
      root.each((instance) => byNumber.set(instance.number, instance));
      this.#byNumber = byNumber;
    }
    return this.#byNumber.get(number);
  }

  report(error: unknown, expression: Expression): void {
    this.#report(error, expression);
  }

  markDirty(part: Part): void {
    if (part.isDirty || part.isDead) return;
    part.isDirty = true;
    this.dirty.push(part);
    this.#changed();
  }

  markAll(): void {
    if (this.isAllDirty) return;
    this.isAllDirty = true;
    this.#changed();
  }

  /** Evaluates with `opaque` set afterwards as it turned out. */
  noteOpaque(part: Part, wasOpaque: boolean): void {
    if (part.isOpaque === wasOpaque) return;
    if (part.isOpaque) this.opaque.add(part);
    else this.opaque.delete(part);
  }
}

export class BlockInstance implements Part {
  readonly rendering: Rendering;
  readonly blueprint: Blueprint;
  readonly number: number;
  /** The list that it is an item of. */
  readonly list: ListInstance | null;
  /** The loop variables, outermost first. */
  variables: readonly unknown[];
  source: object | null = null;
  /** Where its list had it when it was last looked for. */
  place = 0;
  isDead = false;
  isDirty = false;
  isOpaque = false;
  /** By slot. */
  readonly held: Held[];

  /** Is born, with everything in it. */
  constructor(
    rendering: Rendering,
    block: number,
    variables: readonly unknown[],
    list: ListInstance | null,
  ) {
    this.rendering = rendering;
    this.blueprint = rendering.blueprints[block] as Blueprint;
    this.number = rendering.nextNumber++;
    this.list = list;
    this.variables = variables;
    rendering.born(this);
    const held = this.#begun();
    this.held = held ?? new Array<Held>(this.blueprint.block.slots.length);
    for (const plan of this.blueprint.plans) {
      if (held === null || plan.kind !== "value") this.#begin(plan);
    }
    if (this.isOpaque) rendering.opaque.add(this);
  }

  get order(): number {
    return this.number;
  }

  get isCheap(): boolean {
    return true;
  }

  markDirty(): void {
    this.rendering.markDirty(this);
  }

  markAll(): void {
    this.rendering.markAll();
  }

  update(): void {
    this.evaluate(false);
  }

  /** Takes other variables, and evaluates everything in it. */
  rebind(variables: readonly unknown[]): void {
    const isOther = variables.some((value, index) => !Object.is(value, this.variables[index]));
    this.variables = variables;
    this.evaluate(true, isOther);
  }

  /** Evaluates its slots; with `isDeep` also what is in them. */
  evaluate(isDeep: boolean, isRebound = false): void {
    const { rendering } = this;
    const wasOpaque = this.isOpaque;
    this.isDirty = false;
    this.isOpaque = false;
    const hasFailed = rendering.failed.size > 0 && rendering.failed.delete(this);
    const isKnown = !isRebound && !hasFailed && !wasOpaque;
    for (const plan of this.blueprint.plans) {
      if (plan.kind === "value") {
        const { isStill, index } = plan;
        const before = this.held[index] as Shown;
        const isSame = isKnown && isStill?.(rendering.state, this.variables, before);
        if (isSame !== true) this.#show(plan);
      } else if (plan.kind === "cond") this.#choose(plan, isDeep);
      else if (isDeep) (this.held[plan.index] as ListInstance).sync(true);
    }
    rendering.noteOpaque(this, wasOpaque);
    this.list?.inputs?.forget(this);
  }

  /** Writes what it shows, for who has no such instance yet. */
  writeBirth(writer: PatchWriter): void {
    for (const { kind, index } of this.blueprint.plans) {
      const held = this.held[index];
      if (kind === "value") writer.value(held as Shown);
      else if (kind === "list") {
        const { items } = held as ListInstance;
        writer.count(items.length);
        for (const item of items) item.writeBirth(writer);
      } else {
        const { which, child } = held as CondInstance;
        writer.count(which);
        child?.writeBirth(writer);
      }
    }
  }

  /** Visits it, and all in it. */
  each(visit: (instance: BlockInstance) => void): void {
    visit(this);
    for (const { kind, index } of this.blueprint.plans) {
      if (kind === "list") {
        for (const item of (this.held[index] as ListInstance).items) item.each(visit);
      } else if (kind === "cond") (this.held[index] as CondInstance).child?.each(visit);
    }
  }

  /** Is gone, with everything in it. */
  end(): void {
    this.isDead = true;
    this.rendering.ended(this);
    if (this.isOpaque) this.rendering.opaque.delete(this);
    if (this.rendering.failed.size > 0) this.rendering.failed.delete(this);
    for (const { kind, index } of this.blueprint.plans) {
      if (kind === "list") (this.held[index] as ListInstance).end();
      else if (kind === "cond") (this.held[index] as CondInstance).child?.end();
    }
  }

  /** What its values show at first; `null` if that is found out slot by slot. */
  #begun(): Held[] | null {
    const { begin } = this.blueprint;
    if (begin === null) return null;
    try {
      return begin(this.rendering.scopeOf(this, this.variables));
    } catch {
      // Slot by slot, it is known which expression it was.
      return null;
    }
  }

  #begin(plan: Plan): void {
    const { index } = plan;
    if (plan.kind === "value") {
      this.held[index] = this.#valueOf(plan, plan.option === null ? plan.show(null) : false);
    } else if (plan.kind === "list") {
      const list = new ListInstance(this, plan);
      this.held[index] = list;
      list.begin();
    } else {
      const which = this.#branchOf(plan, 0);
      this.held[index] = { which, child: this.#branch(plan, which) };
    }
  }

  #show(plan: ValuePlan): void {
    const { index } = plan;
    const before = this.held[index] as Shown;
    const value = this.#valueOf(plan, before);
    if (isSameShown(before, value)) return;
    this.held[index] = value;
    const { writer } = this.rendering;
    if (plan.isBound) writer.setBound(this.number, index, value);
    else if (plan.isText && typeof before === "string" && typeof value === "string") {
      writer.setText(this.number, index, before, value);
    } else writer.set(this.number, index, value);
  }

  /** What it shows, or what it showed if the expression fails. */
  #valueOf({ expression, evaluate, show, option }: ValuePlan, before: Shown): Shown {
    const scope = this.rendering.scopeOf(this, this.variables);
    try {
      const value = evaluate(scope);
      if (option === null) return show(value, scope.tracker);
      return String(show(value)) === String(show(option.evaluate(scope)));
    } catch (error) {
      this.rendering.failed.add(this);
      this.rendering.report(error, expression);
      return before;
    }
  }

  #choose(plan: CondPlan, isDeep: boolean): void {
    const held = this.held[plan.index] as CondInstance;
    const which = this.#branchOf(plan, held.which);
    if (which === held.which) {
      if (isDeep) held.child?.rebind(this.variables);
      return;
    }
    held.child?.end();
    held.which = which;
    held.child = this.#branch(plan, which);
    const { writer } = this.rendering;
    writer.branch(this.number, plan.index, which);
    held.child?.writeBirth(writer);
  }

  #branchOf({ slot, whens }: CondPlan, before: number): number {
    const scope = this.rendering.scopeOf(this, this.variables);
    for (let at = 0; at < whens.length; at++) {
      const when = whens[at] as Run | null;
      try {
        if (when === null || isTrue(when(scope), scope.tracker)) return at + 1;
      } catch (error) {
        this.rendering.report(error, slot.branches[at]?.when as Expression);
        return before;
      }
    }
    return 0;
  }

  #branch({ slot }: CondPlan, which: number): BlockInstance | null {
    const branch = slot.branches[which - 1];
    if (branch === undefined) return null;
    return new BlockInstance(this.rendering, branch.block, this.variables, null);
  }
}
