/** What a query asks for: which records, in which order, how many. */
import { compareText, equalJson, type Json } from "../../core/json.ts";
import type { Order } from "./sorted_rows.ts";

/** A field to order by, or a field with its direction. */
export type OrderTerm<Rec> =
  | (keyof Rec & string)
  | readonly [field: keyof Rec & string, direction: "asc" | "desc"];

/** Which records of a collection a query gives, and how. */
export interface QueryOptions<Rec> {
  /**
   * A predicate, or fields with the values that they must have. A predicate must depend on nothing but
   * its arguments. @default all records
   */
  readonly where?: ((record: Rec, id: string) => boolean) | Partial<Rec>;
  /**
   * A field, a field with its direction, a list of those, or a function that compares two records. In a
   * field, what is absent or `null` comes first, then booleans, numbers, and texts by code point.
   * Records that are equal in this come by id. @default by id
   */
  readonly orderBy?: OrderTerm<Rec> | readonly OrderTerm<Rec>[] | Order<Rec>;
  /** How many rows to give at the most. @default all of them */
  readonly limit?: number;
}

/** Whether a record belongs to a result. */
export type Accept<Rec> = (record: Rec, id: string) => boolean;

type Fields = Readonly<Record<string, Json>>;

/** The predicate of a query. */
export function acceptOf<Rec>(where: QueryOptions<Rec>["where"]): Accept<Rec> {
  if (typeof where === "function") return where;
  const wanted = Object.entries((where ?? {}) as Fields);
  return (record) => wanted.every(([field, value]) => equalJson((record as Fields)[field], value));
}

/**
 * The order of a query.
 *
 * @throws {TypeError} when a direction is neither `asc` nor `desc`
 */
export function orderOf<Rec>(orderBy: QueryOptions<Rec>["orderBy"] = []): Order<Rec> {
  if (typeof orderBy === "function") return orderBy;
  const terms = termsOf(orderBy as TermList);
  return (a, b) => {
    for (const [field, sign] of terms) {
      const order = compareValues((a as Fields)[field], (b as Fields)[field]);
      if (order !== 0) return order * sign;
    }
    return 0;
  };
}

/**
 * The number of rows that a query gives at the most.
 *
 * @throws {TypeError} when it is no whole number from 0
 */
export function limitOf(limit: number = Infinity): number {
  if (limit === Infinity || (Number.isSafeInteger(limit) && limit >= 0)) return limit;
  throw new TypeError(`Cannot limit a query to ${limit} rows`);
}

type Term = string | readonly [field: string, direction: string];
type TermList = Term | readonly Term[];

function termsOf(orderBy: TermList): (readonly [field: string, sign: number])[] {
  if (typeof orderBy === "string") return [[orderBy, 1]];
  if (isDirected(orderBy)) return [[orderBy[0], orderBy[1] === "desc" ? -1 : 1]];
  return orderBy.flatMap((term) => {
    if (typeof term === "string" || isDirected(term)) return termsOf(term);
    throw new TypeError(`Cannot order by ${JSON.stringify(term)}`);
  });
}

/** A list of two fields is none, unless the second one is named like a direction. */
function isDirected(orderBy: TermList): orderBy is readonly [field: string, direction: string] {
  const [field, direction] = orderBy;
  return typeof field === "string" && (direction === "asc" || direction === "desc") &&
    orderBy.length === 2;
}

/** What a field may hold, in order. */
const TYPES = "undefined boolean number string object";

function compareValues(a: Json | undefined, b: Json | undefined): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  // Arrays and objects are all equal, and so are `null` and nothing.
  return rankOf(a) - rankOf(b) || (typeof a === "object" ? 0 : Number(a) - Number(b)) || 0;
}

function rankOf(value: Json | undefined): number {
  return TYPES.indexOf(typeof (value ?? undefined));
}
