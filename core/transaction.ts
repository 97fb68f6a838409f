/**
 * Runs one mutation over rows that it may read, and collects what it wrote.
 *
 * The client runs it on its view and the server on its store: this is the code that never drifts.
 * Nothing is applied here, so a mutation that throws has no effect by construction.
 */
import type {
  AnyApp,
  Collection,
  Collections,
  MutatorContext,
  Principal,
  Table,
  Transaction,
} from "./app.ts";
import { CHANGE_OPS, type ChangeOp } from "./change.ts";
import { asRejection, DriftlessError, Rejection } from "./errors.ts";
import {
  canonicalText,
  checkJson,
  compareText,
  frozenJson,
  isJsonObject,
  type JsonObject,
  own,
  utf8Length,
} from "./json.ts";
import { MUTATION_WRITES_MAX, RECORD_BYTES_MAX } from "./limits.ts";
import {
  createdRow,
  deletedRow,
  isLive,
  makeStamp,
  mergedRow,
  removedRow,
  type RowState,
  type Stamp,
  writtenRow,
} from "./lww.ts";
import { checkName, checkObject, type Mutation } from "./mutation.ts";
import type { StandardSchema, StandardSchemaProps } from "./schema.ts";

/** The rows that a mutation starts from. */
export interface RowSource {
  /** The row, a tombstone too. */
  row(entity: string, id: string): RowState | undefined;
  /** The live rows of a collection, in any order. */
  live(entity: string): Iterable<readonly [id: string, data: JsonObject]>;
}

/** What a mutation did to one row. */
export interface Write {
  readonly entity: string;
  readonly id: string;
  readonly before: RowState | undefined;
  readonly after: RowState;
}

/** What a mutator may ask of its context that can be answered otherwise elsewhere. */
export type ContextField = "principal" | "now";

/**
 * Runs a mutation; returns its writes, one for each row, in the order of their first touch. What it asks
 * of its context is noted in `asked`.
 *
 * @throws {DriftlessError} the reason of a refusal: `rejected` and the other codes of a `Rejection`,
 *   `not_found` for an unknown mutator, `invalid_record`, `invalid_mutation`, `mutator_failed`
 */
export function runMutation(
  app: AnyApp,
  source: RowSource,
  mutation: Mutation,
  principal: Principal | null,
  asked?: Set<ContextField>,
): readonly Write[] {
  const run = new MutationRun(app, source, mutation);
  const mutator = app.mutators.get(mutation.name);
  if (mutator === undefined) {
    run.builtin();
  } else {
    const args = mutator.args === undefined
      ? mutation.args
      : validated(mutator.args, mutation.args, `the arguments of "${mutation.name}"`);
    let ids = 0;
    const context: MutatorContext = {
      scope: mutation.scope,
      get principal() {
        asked?.add("principal");
        return principal;
      },
      get now() {
        asked?.add("now");
        return mutation.createdAt;
      },
      newId: () => `${mutation.id}-${++ids}`,
    };
    let returned: unknown;
    try {
      returned = mutator.run(run.tables(), args, context) as unknown;
    } catch (error) {
      throw refusalIn(error) ?? failed(mutation, error);
    } finally {
      run.close();
    }
    if (returned instanceof Promise) {
      // Its late writes would escape the transaction.
      returned.catch(() => {});
      throw failed(mutation, new TypeError("a mutator must not return a promise"));
    }
  }
  return run.close();
}

class MutationRun {
  readonly #app: AnyApp;
  readonly #source: RowSource;
  readonly #mutation: Mutation;
  readonly #stamp: Stamp;
  readonly #writes = new Map<string, Write>();
  #open = true;

  constructor(app: AnyApp, source: RowSource, mutation: Mutation) {
    this.#app = app;
    this.#source = source;
    this.#mutation = mutation;
    const author = mutation.client === "" ? mutation.id : mutation.client;
    this.#stamp = makeStamp(mutation.createdAt, mutation.seq, author);
  }

  tables(): Transaction<Collections> {
    const tables: Record<string, Table<JsonObject>> = {};
    for (const collection of Object.values(this.#app.collections)) {
      tables[collection.name] = this.#table(collection);
    }
    return tables as Transaction<Collections>;
  }

  /** The built-in `<collection>.create`, `.update` and `.delete`: last write wins, per field. */
  builtin(): void {
    const [entity, verb] = splitName(this.#mutation.name);
    const collection = own(this.#app.collections, entity);
    const known = CHANGE_OPS.includes(verb as ChangeOp);
    if (collection === undefined || !collection.builtins || !known) {
      throw new DriftlessError("not_found", `Cannot find the mutator "${this.#mutation.name}"`);
    }
    const args = checkObject(this.#mutation.args, `the arguments of "${this.#mutation.name}"`);
    const id = checkName(args.id, "id");
    const row = this.#row(entity, id);
    if (verb === "delete") {
      if (row !== undefined) this.#write(entity, id, deletedRow(row, this.#stamp));
      return;
    }
    const data = checkObject(args.data, `"data"`) as JsonObject;
    if (verb === "create") {
      if (row !== undefined && isLive(row)) {
        throw new Rejection(`Cannot create ${entity} "${id}": it exists`, "conflict");
      }
      this.#write(entity, id, createdRow(row, checkedRecord(collection, data), this.#stamp));
      return;
    }
    if (row === undefined) {
      throw new Rejection(`Cannot update ${entity} "${id}": it does not exist`, "not_found");
    }
    const merged = mergedRow(row, data, this.#stamp);
    this.#write(entity, id, { ...merged, data: checkedRecord(collection, merged.data) });
  }

  close(): readonly Write[] {
    this.#open = false;
    return [...this.#writes.values()];
  }

  #table(collection: Collection): Table<JsonObject> {
    const entity = collection.name;
    return {
      get: (id) => this.#get(entity, id),
      has: (id) => this.#get(entity, id) !== undefined,
      all: () => this.#all(entity),
      put: (id, record) => {
        const data = checkedRecord(collection, record);
        this.#write(
          entity,
          checkName(id, "id"),
          writtenRow(this.#row(entity, id), data, this.#stamp),
        );
      },
      delete: (id) => {
        const row = this.#row(entity, id);
        if (row !== undefined && isLive(row)) {
          this.#write(entity, id, removedRow(row, this.#stamp));
        }
      },
    };
  }

  #row(entity: string, id: string): RowState | undefined {
    this.#assertOpen();
    const written = this.#writes.get(rowKey(entity, id));
    return written === undefined ? this.#source.row(entity, id) : written.after;
  }

  #get(entity: string, id: string): JsonObject | undefined {
    const row = this.#row(entity, id);
    return row !== undefined && isLive(row) ? row.data : undefined;
  }

  #all(entity: string): readonly (readonly [string, JsonObject])[] {
    this.#assertOpen();
    const found = new Map(this.#source.live(entity));
    for (const write of this.#writes.values()) {
      if (write.entity !== entity) continue;
      if (isLive(write.after)) found.set(write.id, write.after.data);
      else found.delete(write.id);
    }
    return [...found].sort(([a], [b]) => compareText(a, b));
  }

  #assertOpen(): void {
    if (!this.#open) throw new TypeError("Cannot use a transaction after its mutator returned");
  }

  #write(entity: string, id: string, after: RowState): void {
    const key = rowKey(entity, id);
    const earlier = this.#writes.get(key);
    if (earlier === undefined && this.#writes.size >= MUTATION_WRITES_MAX) {
      throw new Rejection(`Cannot write more than ${MUTATION_WRITES_MAX} rows in one mutation`);
    }
    const before = earlier === undefined ? this.#source.row(entity, id) : earlier.before;
    this.#writes.set(key, { entity, id, before, after });
  }
}

/** One text for an entity and an id; names hold no control characters. */
export function rowKey(entity: string, id: string): string {
  return `${entity}\0${id}`;
}

/**
 * The record as its schema makes it, frozen.
 *
 * @throws {DriftlessError} `invalid_record` or `too_large`; `mutator_failed` when the schema fails
 */
export function checkedRecord(collection: Collection, record: unknown): JsonObject {
  const what = `the ${collection.name} record`;
  const value = checkJson(validated(collection.schema, record, what), "invalid_record");
  if (!isJsonObject(value)) throw new DriftlessError("invalid_record", `${what} is not an object`);
  const text = canonicalText(value);
  if (utf8Length(text) > RECORD_BYTES_MAX) {
    throw new DriftlessError("too_large", `${what} is larger than ${RECORD_BYTES_MAX} bytes`);
  }
  return frozenJson(text) as JsonObject;
}

function validated(schema: StandardSchema, value: unknown, what: string): unknown {
  let result: ReturnType<StandardSchemaProps["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    throw new DriftlessError("mutator_failed", `Cannot check ${what}: its schema threw`, { cause });
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    throw new DriftlessError("mutator_failed", `Cannot check ${what}: its schema is asynchronous`);
  }
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const path = issue?.path?.map((part) => String(typeof part === "object" ? part.key : part));
  const where = path === undefined || path.length === 0 ? "" : `${path.join(".")}: `;
  throw new DriftlessError("invalid_record", `Cannot accept ${what}: ${where}${issue?.message}`);
}

/** A refusal, or a failure of the store on its way through; an app cannot pass for the engine. */
function refusalIn(error: unknown): DriftlessError | undefined {
  const rejection = asRejection(error);
  const refusal = rejection ?? (error instanceof DriftlessError ? error : undefined);
  if (refusal?.code === "sequence_gap") return undefined;
  return rejection?.code === "store_failed" ? undefined : refusal;
}

function failed(mutation: Mutation, cause: unknown): DriftlessError {
  return new DriftlessError("mutator_failed", `The mutator "${mutation.name}" failed`, { cause });
}

function splitName(name: string): [entity: string, verb: string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
}
