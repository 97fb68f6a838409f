/** Rows in one message: text joined, lengths apart, so that a row costs two or three bytes beside it. */
import { utf8Length } from "../json.ts";
import type { Rows } from "../wire/reconcile_gen.ts";
import type { RowChange } from "./row_hash.ts";
import { readVarints, VarintReader, writeVarints } from "./varints.ts";

/** Bytes that a row may take beside its text: both lengths, and what its run's count grows by. */
const ROW_BYTES = 8;
/** Bytes that an entity may take beside its name. */
const ENTITY_BYTES = 8;

/** Collects rows while they fit. */
export class RowPacker {
  readonly #runs = new Map<string, RowChange[]>();
  #room: number;
  #count = 0;

  /** `room` is how many bytes the message may have. */
  constructor(room: number) {
    this.#room = room;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes that are left. */
  get room(): number {
    return this.#room;
  }

  /** Keeps bytes for something else, or says that they are not there. */
  reserve(bytes: number): boolean {
    if (bytes > this.#room) return false;
    this.#room -= bytes;
    return true;
  }

  /** Adds a row, or says that it does not fit. `json` null stands for a row that is gone. */
  add(row: RowChange): boolean {
    const { entity, id, json } = row;
    const run = this.#runs.get(entity);
    const name = run === undefined ? utf8Length(entity) + ENTITY_BYTES : 0;
    const bytes = name + utf8Length(id) + utf8Length(json ?? "") + ROW_BYTES;
    if (!this.reserve(bytes)) return false;
    this.#count++;
    if (run === undefined) this.#runs.set(entity, [row]);
    else run.push(row);
    return true;
  }

  /** The message; `undefined` when there is no row. */
  rows(): Rows | undefined {
    if (this.#count === 0) return undefined;
    const runs = [...this.#runs.values()];
    const all = runs.flat();
    return {
      entities: [...this.#runs.keys()],
      runs: writeVarints(runs.map((run) => run.length)),
      ids: writeVarints(withoutTail(all.map(({ id }) => id.length))),
      records: writeVarints(withoutTail(all.map(({ json }) => json?.length ?? 0))),
      text: all.map(({ id, json }) => id + (json ?? "")).join(""),
    };
  }
}

/**
 * The rows of a message.
 *
 * @throws {TypeError} if its parts do not fit each other
 */
export function unpackRows(rows: Rows): RowChange[] {
  const runs = readVarints(rows.runs);
  const ids = lengths(rows.ids);
  const records = lengths(rows.records);
  if (runs.length !== rows.entities.length) throw misfit("there is not one run for each entity");
  const unpacked: RowChange[] = [];
  let at = 0;
  const take = (length: number) => {
    if (length > rows.text.length - at) throw misfit("the text is too short");
    return rows.text.slice(at, at += length);
  };
  rows.entities.forEach((entity, index) => {
    for (let left = runs[index] as number; left > 0; left--) {
      const id = take(ids());
      // A row of nothing could be repeated without an end.
      if (id === "") throw misfit("an id is empty");
      const json = take(records());
      unpacked.push({ entity, id, json: json === "" ? null : json });
    }
  });
  if (at !== rows.text.length) throw misfit("the text is too long");
  return unpacked;
}

/** Leaves out equal values at the end, but for the first of them. */
function withoutTail(values: number[]): number[] {
  let length = values.length;
  while (length > 1 && values[length - 1] === values[length - 2]) length--;
  return values.slice(0, length);
}

/** Reads one length after the other; the last one goes on. */
function lengths(bytes: Uint8Array): () => number {
  const reader = new VarintReader(bytes);
  let last = 0;
  return () => last = reader.isAtEnd ? last : reader.next();
}

function misfit(reason: string): TypeError {
  return new TypeError(`Cannot read the rows: ${reason}`);
}
