/** What expressions may call besides the methods of the island: pure, and of values that they are given. */

/** A function of the grammar, and how many arguments it takes. */
export interface PureFunction {
  readonly min: number;
  readonly max: number;
  readonly call: (...args: readonly never[]) => unknown;
}

function pure(
  min: number,
  max: number,
  call: (...args: readonly never[]) => unknown,
): PureFunction {
  return { min, max, call };
}

/** Decimals and texts of this many fields are cached by the platform; a formatter is made once. */
const formatters = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();
/** Formatters that are kept; templates name few. */
const FORMATTERS_MAX = 64;

/** Functions by name. */
export const FUNCTIONS: ReadonlyMap<string, PureFunction> = new Map([
  ["len", pure(1, 1, (value: unknown) => lengthOf(value))],
  ["upper", pure(1, 1, (value: unknown) => String(value ?? "").toUpperCase())],
  ["lower", pure(1, 1, (value: unknown) => String(value ?? "").toLowerCase())],
  ["trim", pure(1, 1, (value: unknown) => String(value ?? "").trim())],
  ["join", pure(1, 2, (list: Iterable<unknown>, by = ", ") => [...list].join(by))],
  ["min", pure(1, Infinity, Math.min as PureFunction["call"])],
  ["max", pure(1, Infinity, Math.max as PureFunction["call"])],
  ["abs", pure(1, 1, Math.abs as PureFunction["call"])],
  ["floor", pure(1, 1, Math.floor as PureFunction["call"])],
  ["ceil", pure(1, 1, Math.ceil as PureFunction["call"])],
  ["round", pure(1, 2, (value: number, digits = 0) => Number(value.toFixed(digits)))],
  ["fixed", pure(2, 2, (value: number, digits: number) => value.toFixed(digits))],
  ["json", pure(1, 1, (value: unknown) => JSON.stringify(value) ?? "")],
  ["number", pure(1, 3, numberText as PureFunction["call"])],
  ["date", pure(1, 3, dateText as PureFunction["call"])],
]);

/** Methods of texts, lists and numbers that change nothing, by name. */
export const VALUE_METHODS: ReadonlySet<string> = new Set([
  "at",
  "concat",
  "endsWith",
  "entries",
  "every",
  "filter",
  "find",
  "findIndex",
  "findLast",
  "flat",
  "get",
  "has",
  "includes",
  "indexOf",
  "join",
  "keys",
  "lastIndexOf",
  "map",
  "padEnd",
  "padStart",
  "reduce",
  "replaceAll",
  "slice",
  "some",
  "split",
  "startsWith",
  "toFixed",
  "toLowerCase",
  "toReversed",
  "toSorted",
  "toUpperCase",
  "trim",
  "values",
]);

function lengthOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  if (value instanceof Map || value instanceof Set) return value.size;
  return value === null || typeof value !== "object" ? 0 : Object.keys(value).length;
}

/** A number as a language writes it; English unless told otherwise, so that every server agrees. */
function numberText(value: number, digits?: number, language = "en"): string {
  const options = digits === undefined
    ? {}
    : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const make = () => new Intl.NumberFormat(language, options);
  return (formatterOf(`n ${digits} ${language}`, make) as Intl.NumberFormat).format(value);
}

/** A time, in milliseconds or as a `Date`, in UTC; the style is that of `Intl.DateTimeFormat`. */
function dateText(
  value: number | Date,
  style: "full" | "long" | "medium" | "short" = "medium",
  language = "en",
): string {
  const make = () => new Intl.DateTimeFormat(language, { dateStyle: style, timeZone: "UTC" });
  return (formatterOf(`d ${style} ${language}`, make) as Intl.DateTimeFormat).format(value);
}

function formatterOf(
  name: string,
  make: () => Intl.NumberFormat | Intl.DateTimeFormat,
): Intl.NumberFormat | Intl.DateTimeFormat {
  const known = formatters.get(name);
  if (known !== undefined) return known;
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  const made = make();
  formatters.set(name, made);
  return made;
}
