/** What a signature holds, and what may change without changing it. */
import { assertEquals } from "@std/assert";
import { signaturesOf } from "../../scripts/signatures.ts";

const SOURCE = `
/** Counts. */
export class Counter {
  readonly start: number;
  #count = 0;
  private hidden = 1;
  constructor(start: number) { this.start = start; }
  /** One more. */
  next(by = 1): number { return this.#count += by; }
}
export interface Point { readonly x: number; at(): string; }
export type Pair<T> = readonly [first: T, second: T];
export function twice(text: string): string;
export function twice(count: number): number;
export function twice(value: string | number): string | number { return value; }
export const LIMITS: { readonly most: number; readonly least: number } = { most: 2, least: 1 };
export const NAME = "name";
const inner = 1;
`;

const LINES: Readonly<Record<string, readonly string[]>> = {
  Counter: [
    "class Counter {",
    "Counter: readonly start: number;",
    "Counter: constructor(start: number);",
    "Counter: next(by?: number): number;",
  ],
  Point: ["interface Point {", "Point: readonly x: number;", "Point: at(): string;"],
  Pair: ["type Pair<T> = readonly [first: T, second: T];"],
  twice: ["function twice(text: string): string;", "function twice(count: number): number;"],
  LIMITS: ["const LIMITS: {", "LIMITS: readonly most: number;", "LIMITS: readonly least: number;"],
  NAME: [`const NAME = "name";`],
};

Deno.test("signaturesOf gives the types of what is exported, and of its public members", () => {
  assertEquals(Object.fromEntries(signaturesOf("file:///source.ts", SOURCE)), LINES);
});

Deno.test("signaturesOf does not see comments, bodies and white space", () => {
  const other = SOURCE
    .replace("/** Counts. */", "")
    .replace("/** One more. */", "/** Adds. */")
    .replace("return this.#count += by;", "return this.#count -= by;")
    .replace("interface Point { ", "interface Point {\n\n  ");
  assertEquals(Object.fromEntries(signaturesOf("file:///source.ts", other)), LINES);
});
