/** Rows to run one mutation on, and mutations to run. */
import type { AnyApp, Principal } from "../../core/app.ts";
import { compareText, frozenJson, type JsonObject } from "../../core/json.ts";
import { createdRow, isLive, makeStamp, type RowState } from "../../core/lww.ts";
import { checkMutation, type Mutation } from "../../core/mutation.ts";
import { rowKey, type RowSource, runMutation, type Write } from "../../core/transaction.ts";

/** Where the tests start to count time, in milliseconds: 2023-11-14. */
export const START_MS = 1_700_000_000_000;

/** Rows that a test sets up and moves on by hand. */
export class TestRows implements RowSource {
  readonly #rows = new Map<string, { entity: string; id: string; state: RowState }>();

  row(entity: string, id: string): RowState | undefined {
    return this.#rows.get(rowKey(entity, id))?.state;
  }

  live(entity: string): Iterable<readonly [string, JsonObject]> {
    return [...this.#rows.values()]
      .filter((row) => row.entity === entity && isLive(row.state))
      .map(({ id, state }) => [id, state.data] as const)
      // Any order will do, so this one is the wrong way round.
      .sort(([a], [b]) => compareText(b, a));
  }

  /** Puts a record there as if it had been created long ago. */
  with(entity: string, id: string, data: JsonObject): this {
    const frozen = frozenJson(JSON.stringify(data)) as JsonObject;
    return this.withState(entity, id, createdRow(undefined, frozen, makeStamp(1, 1, "old")));
  }

  withState(entity: string, id: string, state: RowState): this {
    this.#rows.set(rowKey(entity, id), { entity, id, state });
    return this;
  }

  /** Takes over what a mutation wrote. */
  apply(writes: readonly Write[]): readonly Write[] {
    for (const { entity, id, after } of writes) this.withState(entity, id, after);
    return writes;
  }
}

/** A mutation of one client, made at {@linkcode START_MS}. */
export function call(name: string, args: unknown = null, fields: object = {}): Mutation {
  return checkMutation({
    id: "mutation",
    name,
    client: "client",
    seq: 1,
    args,
    createdAt: START_MS,
    ...fields,
  });
}

/** Runs a mutation on rows, and shows what readers of the rows would see. */
export function effects(
  app: AnyApp,
  rows: RowSource,
  mutation: Mutation,
  principal: Principal | null = null,
): readonly (readonly [entity: string, id: string, record: JsonObject | null])[] {
  return runMutation(app, rows, mutation, principal)
    .map(({ entity, id, after }) => [entity, id, isLive(after) ? after.data : null]);
}
