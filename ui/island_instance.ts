/** A living island: state in, markup and patches out; no connections, no clock. */
import { BlockInstance, type Part, Rendering } from "./block_instance.ts";
import { blueprintsOf } from "./blueprint.ts";
import { htmlOf, writeOutsideMarkup } from "./first_html.ts";
import {
  JsonText,
  type Ops,
  type Patch,
  PatchWriter,
  type Shown,
  varints,
  zigZag,
} from "./patch_writer.ts";
import type { Expression, IslandProgram, Scope, Slot, SourcePlace } from "./program.ts";
import { classMember } from "./properties.ts";
import { inputShows } from "./expression_text.ts";
import { isFollowed, noteWrite, separateKeys, sortInReads } from "./tracking.ts";
import { Writables } from "./tracking_proxies.ts";

/** An expression that failed; what it showed stays. */
export interface IslandProblem {
  readonly error: unknown;
  /** Where in the template. */
  readonly place: SourcePlace;
  readonly text: string;
}

/** Whom an island tells. */
export interface IslandPorts {
  /** An expression of the template threw: once from one patch to the next. */
  report(problem: IslandProblem): void;
  /** There may be a patch to take: once, until one is taken. Also for writes after an `await`. */
  changed(): void;
  /** Prepares the state for the first rendering. */
  mount?(writable: object): void;
}

/** Markup of everything that is shown, and what goes with it. */
export interface IslandSnapshot extends Ops {
  readonly html: string;
  /** The next number, then runs of numbers in document order; empty when they count from 0. */
  readonly numbers: Uint8Array<ArrayBuffer>;
}

/** An expression that writes to what it reads would never end: the rest is left to the next patch. */
const ROUNDS_MAX = 16;
const NO_PORTS: IslandPorts = { report: () => {}, changed: () => {} };

/** An island of a program over a state object. */
export class IslandInstance {
  readonly program: IslandProgram;
  /** What handlers get as `this`; writes through it are seen at any time. */
  readonly writable: object;
  readonly #state: object;
  readonly #ports: IslandPorts;
  readonly #writables: Writables;
  readonly #writer = new PatchWriter();
  readonly #rendering: Rendering;
  readonly #root: BlockInstance;
  /** Private fields cannot be reached through a proxy: methods then run on the object itself. */
  readonly #isFollowed: boolean;
  /** Expressions that were reported since the last patch. */
  readonly #reported = new Set<Expression>();
  /** Code of the author ran: what calls such code may show something else. */
  #hasRun = false;
  #isTold = false;

  /** Renders for the first time. */
  constructor(program: IslandProgram, state: object, ports: IslandPorts = NO_PORTS) {
    this.program = program;
    this.#state = state;
    this.#ports = ports;
    this.#isFollowed = isFollowed(state);
    separateKeys(state);
    this.#writables = new Writables({
      written: () => this.#touched(),
      lost: () => this.#rendering.markAll(),
    });
    this.writable = this.#isFollowed ? this.#writables.of(state) : state;
    this.#rendering = new Rendering(state, blueprintsOf(program), this.#writer, {
      report: (error, expression) => this.#report(error, expression),
      changed: () => this.#tell(),
    });
    ports.mount?.(this.writable);
    this.#root = new BlockInstance(this.#rendering, 0, [], null);
  }

  /** The markup of what is shown, as of the last patch. */
  html(): string {
    return htmlOf(this.#root, null);
  }

  /** Markup, numbers, and what markup cannot say, as of the last patch. */
  snapshot(): IslandSnapshot {
    const order: number[] = [];
    const html = htmlOf(this.#root, order);
    const writer = new PatchWriter();
    writeOutsideMarkup(this.#root, writer);
    const { ops, texts } = writer.take();
    return { html, ops, texts, numbers: numbersOf(order, this.#rendering.nextNumber) };
  }

  /** The slot of a block instance that is shown now. */
  slotAt(instance: number, slot: number): Slot | undefined {
    return this.#instanceAt(instance)?.blueprint.block.slots[slot];
  }

  /**
   * Runs the handler of an event's or an upload's slot.
   *
   * @param data the fields of the event that the slot wants, or the upload
   * @returns what the handler returns
   * @throws {TypeError} when there is no such slot
   * @throws what the handler throws; what it wrote until then is taken back
   */
  run(instance: number, slot: number, data: unknown = {}): unknown {
    const block = this.#blockOf(instance);
    const found = block.blueprint.block.slots[slot];
    if (found?.kind !== "on" && found?.kind !== "upload") throw noSlot(instance, slot);
    const { method, args } = found.call;
    const first = found.kind === "upload" ? [data] : [];
    return this.#guarded(() => {
      const scope = this.#scope(block, [data]);
      return this.#call(method, [
        ...first,
        ...args.map((arg) => this.#writables.of(arg.evaluate(scope))),
      ]);
    });
  }

  /**
   * Calls a method of the class: a lifecycle method, or one that the caller knows to be exported.
   *
   * @throws {TypeError} when the class has no such method
   * @throws what the method throws; what it wrote until then is taken back
   */
  call(method: string, args: readonly unknown[] = []): unknown {
    return this.#guarded(() => this.#call(method, args));
  }

  /**
   * Writes what an input says to what it is bound to.
   *
   * @param value the text; "true" or "false" of a checkbox or radio button; of a select with several
   * choices a JSON list of texts
   * @throws {TypeError} when there is no such input, or it cannot say this
   * @throws what a setter of the class throws
   */
  input(instance: number, slot: number, value: string): void {
    const block = this.#blockOf(instance);
    const found = block.blueprint.block.slots[slot];
    if (found?.kind !== "bind") throw noSlot(instance, slot);
    const { input, value: target, option } = found;
    const read = inputValue(input, value);
    if (read === undefined) throw new TypeError(`Cannot take the input: no ${input} says this`);
    this.#guarded(() => {
      const scope = this.#scope(block);
      if (input !== "radio") target.assign(scope, read, input);
      else if (read === true) target.assign(scope, option === null ? true : option.evaluate(scope));
    });
  }

  /**
   * Runs the handler of a drop: with what was dropped, what it was dropped on, and its own arguments.
   *
   * @param data fields of the event
   * @param island the one that it was dragged out of
   * @throws {TypeError} when there are no such slots, or their groups differ
   * @throws what the handler throws; what it wrote until then is taken back
   */
  drop(
    instance: number,
    slot: number,
    fromInstance: number,
    fromSlot: number,
    data: unknown = {},
    island: IslandInstance = this,
  ): unknown {
    const block = this.#blockOf(instance);
    const found = block.blueprint.block.slots[slot];
    const fromBlock = island.#blockOf(fromInstance);
    const from = fromBlock.blueprint.block.slots[fromSlot];
    if (found?.kind !== "drop") throw noSlot(instance, slot);
    if (from?.kind !== "drag" || from.group !== found.group) throw noSlot(fromInstance, fromSlot);
    return this.#guarded(() => {
      const dropped = from.value.evaluate(island.#scope(fromBlock));
      const scope = this.#scope(block, [data]);
      const onto = found.value === null ? null : found.value.evaluate(scope);
      const args = found.call.args.map((arg) => arg.evaluate(scope));
      return this.#call(
        found.call.method,
        [dropped, onto, ...args].map((arg) => this.#writables.of(arg)),
      );
    });
  }

  /**
   * Looks at everything again with the next patch, after changes that nothing could see; with fields only
   * at what reads these, and at what calls code of the author.
   */
  refresh(fields?: readonly string[]): void {
    if (fields === undefined) {
      this.#rendering.markAll();
      return;
    }
    for (const field of fields) noteWrite(this.#state, field);
    this.#touched();
  }

  /** What changed since the last patch; `null` if nothing that is shown did. */
  takePatch(): Patch | null {
    const rendering = this.#rendering;
    if (rendering.isAllDirty) {
      rendering.isAllDirty = false;
      this.#root.evaluate(true);
    } else if (this.#hasRun || rendering.dirty.length > 0) {
      for (const part of rendering.opaque) rendering.markDirty(part);
    }
    this.#hasRun = false;
    for (let round = 0; rendering.dirty.length > 0 && round < ROUNDS_MAX; round++) this.#update();
    this.#isTold = false;
    if (rendering.dirty.length > 0) this.#tell();
    if (this.#reported.size > 0) this.#reported.clear();
    return this.#writer.isEmpty ? null : this.#writer.take();
  }

  /** What a slot shows, as of the last patch; `undefined` if there is no such slot, or it shows blocks. */
  shown(instance: number, slot: number): Shown | undefined {
    const held = this.#instanceAt(instance)?.held[slot];
    return held instanceof Object && !(held instanceof JsonText) ? undefined : held;
  }

  /** Whether an input that shows this text, as `input` has it, shows what the state says. */
  agrees(instance: number, slot: number, text: string): boolean {
    const block = this.#instanceAt(instance);
    const found = block?.blueprint.block.slots[slot];
    if (block === undefined || found?.kind !== "bind") return true;
    const shown = block.held[slot] as Shown;
    if (shown instanceof JsonText) {
      return JSON.stringify(inputValue("multiple", text) ?? null) === shown.text;
    }
    if (typeof shown === "boolean" || String(shown ?? "") === text) return String(shown) === text;
    try {
      const scope = this.#rendering.bareScope(block.variables);
      return inputShows(found.value.evaluate(scope), text);
    } catch {
      return false;
    }
  }

  /** Ends: nothing of it hears of writes any more. */
  close(): void {
    this.#root.end();
    // What it read waits for nobody any more.
    sortInReads();
  }

  /** How many block instances there are. */
  get size(): number {
    return this.#rendering.size;
  }

  #update(): void {
    const parts = this.#rendering.dirty;
    this.#rendering.dirty = [];
    for (const part of parts) {
      // What a list goes by may have changed with an item: the list comes first, then.
      if (part instanceof BlockInstance && !part.isDead && part.list?.hasKey(part) === false) {
        if (!part.list.isDirty) {
          part.list.isDirty = true;
          parts.push(part.list);
        }
      }
    }
    if (parts.length > 1) parts.sort((a: Part, b: Part) => a.order - b.order);
    for (const part of parts) if (part.isDirty && !part.isDead) part.update();
  }

  /** Runs code of the author. */
  #guarded(run: () => unknown): unknown {
    try {
      const result = this.#writables.undoing(run);
      if (result instanceof Promise) this.#follow(result);
      return result;
    } finally {
      this.#looksAgain();
    }
  }

  /**
   * Writes after an `await` are seen as they happen; what else the handler did is looked at when it ends.
   * How it ends is its caller's to know.
   */
  #follow(result: Promise<unknown>): void {
    const end = () => this.#looksAgain();
    result.then(end, end);
  }

  #looksAgain(): void {
    if (!this.#isFollowed) this.#rendering.markAll();
    this.#touched();
  }

  #touched(): void {
    this.#hasRun = true;
    this.#tell();
  }

  #call(name: string, args: readonly unknown[]): unknown {
    const member = classMember(this.#state, name);
    if (member?.kind !== "method") throw new TypeError(`Cannot call "${name}": it is no method`);
    return Reflect.apply(member.method, this.writable, args);
  }

  #instanceAt(number: number): BlockInstance | undefined {
    return this.#rendering.instanceAt(number, this.#root);
  }

  #blockOf(instance: number): BlockInstance {
    const block = this.#instanceAt(instance);
    if (block === undefined) throw noSlot(instance, 0);
    return block;
  }

  /** For handlers: everything in it is writable, and writes are seen. */
  #scope(block: BlockInstance, more: readonly unknown[] = []): Scope {
    const variables = [...block.variables.map((value) => this.#writables.of(value)), ...more];
    return { state: this.writable, variables };
  }

  #report(error: unknown, expression: Expression): void {
    if (this.#reported.has(expression)) return;
    this.#reported.add(expression);
    const { place, text } = expression;
    this.#ports.report({ error, place, text });
  }

  #tell(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#ports.changed();
  }
}

function noSlot(instance: number, slot: number): TypeError {
  return new TypeError(`Cannot find slot ${slot} of instance ${instance}: it is not shown`);
}

/** What an input's text stands for; `undefined` if it cannot come from such an input. */
function inputValue(input: (Slot & { kind: "bind" })["input"], text: string): unknown {
  if (input === "checkbox" || input === "radio") {
    return text === "true" ? true : text === "false" ? false : undefined;
  }
  if (input !== "multiple") return text;
  try {
    const list: unknown = JSON.parse(text);
    const isList = Array.isArray(list) && list.every((one) => typeof one === "string");
    return isList ? list : undefined;
  } catch {
    return undefined;
  }
}

function numbersOf(order: readonly number[], next: number): Uint8Array<ArrayBuffer> {
  const tokens = [next];
  let expected = 0;
  for (let at = 0; at < order.length;) {
    const start = order[at] as number;
    let count = 1;
    while (order[at + count] === start + count) count++;
    tokens.push(zigZag(start - expected), count);
    expected = start + count;
    at += count;
  }
  const isPlain = tokens.length === 3 && tokens[1] === 0 && tokens[2] === next;
  return isPlain ? new Uint8Array() : varints(tokens);
}
