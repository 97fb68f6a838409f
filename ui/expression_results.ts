/** What the functions of expressions, and the platform's methods that they may call, probably give. */
import { ANY, BOOLEAN, NUMBER, type Shape, TEXT } from "./expression_shape.ts";

/** Functions that give no text. */
const NUMBER_FUNCTIONS: ReadonlySet<string> = new Set(
  ["len", "min", "max", "abs", "floor", "ceil", "round"],
);
/** Functions that compute with their first argument. */
const COUNTING_FUNCTIONS: ReadonlySet<string> = new Set(
  ["min", "max", "abs", "floor", "ceil", "round", "fixed", "number"],
);
const BOOLEAN_METHODS: ReadonlySet<string> = new Set(
  ["endsWith", "every", "has", "includes", "some", "startsWith"],
);
const NUMBER_METHODS: ReadonlySet<string> = new Set(["findIndex", "indexOf", "lastIndexOf"]);
const SAME_LIST_METHODS: ReadonlySet<string> = new Set(
  ["filter", "slice", "toReversed", "toSorted"],
);
const ITEM_METHODS: ReadonlySet<string> = new Set(["at", "find", "findLast", "get"]);

/** What a function gives. */
export function functionResult(name: string): Shape {
  return NUMBER_FUNCTIONS.has(name) ? NUMBER : TEXT;
}

/** Whether a function computes with its first argument. */
export function isCounting(name: string): boolean {
  return COUNTING_FUNCTIONS.has(name);
}

/**
 * What a method gives.
 *
 * @param item what the receiver has in it
 * @param first what the first argument is, or gives if it is a function
 */
export function methodResult(
  name: string,
  receiver: Shape,
  item: Shape,
  first: Shape = ANY,
): Shape {
  if (BOOLEAN_METHODS.has(name)) return BOOLEAN;
  if (NUMBER_METHODS.has(name)) return NUMBER;
  if (receiver.kind === "text") return name === "split" ? { kind: "list", item: TEXT } : TEXT;
  if (receiver.kind === "number") return TEXT;
  if (SAME_LIST_METHODS.has(name)) return { kind: "list", item };
  // A search may find nothing; what it finds is known all the same.
  if (ITEM_METHODS.has(name)) return item;
  if (name === "map") return { kind: "list", item: first };
  return name === "join" ? TEXT : ANY;
}
