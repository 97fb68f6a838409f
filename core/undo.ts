/**
 * Undo that knows rebase: own mutations in order, and the calls that take the newest of them back.
 *
 *     recorded ─> undo side ──undo──> calls ──(made, recorded by "undo")──> redo side
 *                     └───────<──(made, recorded by "redo")── calls <──redo──┘
 *
 * What others have changed since stays theirs: a field goes back only where it still has the value that
 * the mutation gave it. A new call of the user clears the redo side.
 */
import type { AnyApp, MutatorCall } from "./app.ts";
import type { SettledMutation } from "./client_output.ts";
import type { Effect } from "./effects.ts";
import { equalJson, type Json, type JsonObject, own } from "./json.ts";
import { UNDO_MAX } from "./limits.ts";
import type { Mutation } from "./mutation.ts";
import { rowKey } from "./transaction.ts";

/** The records as they are, and what mutations that are not yet confirmed do to them. */
export interface UndoReader {
  get(entity: string, id: string): JsonObject | undefined;
  effectsOf(id: string): readonly Effect[] | undefined;
}

/** Who made a call: the user, or the stack. */
export type UndoOrigin = "user" | "undo" | "redo";

interface Entry {
  readonly mutation: Mutation;
  /** What it did, once that is confirmed. */
  effects: readonly Effect[] | undefined;
}

/** Mutations that are undone together. */
type Step = Entry[];

interface Row {
  readonly entity: string;
  readonly id: string;
  readonly was: JsonObject | undefined;
  readonly record: JsonObject | undefined;
}

/** The mutations of one client that its user can take back, and those that can be made again. */
export class UndoStack {
  readonly #app: AnyApp;
  #undo: Step[] = [];
  #redo: Step[] = [];

  constructor(app: AnyApp) {
    this.#app = app;
  }

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /** Mutations were made, to be undone in one step. */
  recorded(mutations: readonly Mutation[], by: UndoOrigin = "user"): void {
    if (mutations.length === 0) return;
    if (by === "user") this.#redo = [];
    const side = by === "undo" ? this.#redo : this.#undo;
    side.push(mutations.map((mutation) => ({ mutation, effects: undefined })));
    const size = () => side.reduce((sum, step) => sum + step.length, 0);
    while (size() > UNDO_MAX) side.shift();
  }

  /** A mutation is confirmed: this is what it did. */
  settled({ mutation, effects }: SettledMutation): void {
    for (const step of [...this.#undo, ...this.#redo]) {
      const entry = step.find((one) => one.mutation.id === mutation.id);
      if (entry !== undefined) entry.effects = effects;
    }
  }

  /** A mutation has no effect: it was refused, held, or let go. */
  forgotten(id: string): void {
    const without = (side: readonly Step[]) =>
      side.map((step) => step.filter(({ mutation }) => mutation.id !== id))
        .filter((step) => step.length > 0);
    this.#undo = without(this.#undo);
    this.#redo = without(this.#redo);
  }

  /**
   * Takes the newest step that leaves something to take back, and returns the calls to make: tell what
   * came of them to `recorded`, by "undo". Empty when there is no such step.
   */
  undo(reader: UndoReader): readonly MutatorCall[] {
    return this.#take(this.#undo, reader);
  }

  /** As `undo`, for what was undone; its calls are recorded by "redo". */
  redo(reader: UndoReader): readonly MutatorCall[] {
    return this.#take(this.#redo, reader);
  }

  #take(side: Step[], reader: UndoReader): readonly MutatorCall[] {
    for (let step = side.pop(); step !== undefined; step = side.pop()) {
      const calls = this.#inverse(step, reader);
      if (calls.length > 0) return calls;
    }
    return [];
  }

  #inverse(step: Step, reader: UndoReader): readonly MutatorCall[] {
    const calls: MutatorCall[] = [];
    const rows = new Map<string, Row>();
    for (const { mutation, effects } of step.toReversed()) {
      const done = effects ?? reader.effectsOf(mutation.id) ?? [];
      const inverse = this.#app.undo.get(mutation.name);
      if (inverse !== undefined) {
        calls.push(...[inverse(mutation.args, done) ?? []].flat());
        continue;
      }
      // What a rule did goes back as a whole or not at all.
      if (!done.every(({ entity }) => this.#app.collections[entity]?.builtins)) continue;
      for (const effect of done) {
        const { entity, id } = effect;
        const key = rowKey(entity, id);
        const was = reader.get(entity, id);
        const { record: now } = rows.get(key) ?? { record: was };
        rows.set(key, { entity, id, was, record: restored(effect, now) });
      }
    }
    return [...calls, ...[...rows.values()].flatMap(callsTo)];
  }
}

/** A record as it is now, with what the mutation did to it taken back. */
function restored({ before, after }: Effect, now: JsonObject | undefined): JsonObject | undefined {
  if (before === undefined) return equalJson(now, after) ? undefined : now;
  if (after === undefined) return now ?? before;
  if (now === undefined) return undefined;
  const record: Record<string, Json> = { ...now };
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, done] = [own(before, field), own(after, field)];
    if (equalJson(was, done) || !equalJson(own(now, field), done)) continue;
    if (was === undefined) delete record[field];
    else record[field] = was;
  }
  return record;
}

/** The built-in calls that lead a record from what it was to what it is to be. */
function callsTo({ entity, id, was, record }: Row): readonly MutatorCall[] {
  const remove = { name: `${entity}.delete`, args: { id } };
  const create = { name: `${entity}.create`, args: { id, data: record } };
  if (was === undefined) return record === undefined ? [] : [create];
  if (record === undefined) return [remove];
  const lost = Object.keys(was).some((field) => !Object.hasOwn(record, field));
  // No update takes a field away.
  if (lost) return [remove, create];
  const changed = Object.entries(record).filter(([field, value]) =>
    !equalJson(own(was, field), value)
  );
  if (changed.length === 0) return [];
  return [{ name: `${entity}.update`, args: { id, data: Object.fromEntries(changed) } }];
}
