/** What is public is documented: every module and name, with an example where there is code to call. */
import { assertEquals } from "@std/assert";
import {
  type Declaration,
  publicModules,
  type PublicSymbol,
} from "../../scripts/public_modules.ts";

const modules = await publicModules();

function namesOf(isWanting: (symbol: PublicSymbol) => boolean): readonly string[] {
  return modules.flatMap(({ entry, symbols }) =>
    symbols.filter(isWanting).map(({ name }) => `${entry} ${name}`)
  );
}

function isDocumented({ declarations }: PublicSymbol): boolean {
  return declarations.some(({ jsDoc }) => (jsDoc?.doc ?? "").trim() !== "");
}

function hasExample({ jsDoc }: Declaration): boolean {
  return jsDoc?.tags?.some(({ kind }) => kind === "example") ?? false;
}

/** A function, also as a constant, or a class. */
function isCode({ kind, def }: Declaration): boolean {
  const isConstant = kind === "variable" && def?.tsType?.kind === "fnOrConstructor";
  return kind === "function" || kind === "class" || isConstant;
}

Deno.test("every public module says what it is for", () => {
  assertEquals(modules.filter(({ doc }) => doc === "").map(({ entry }) => entry), []);
});

Deno.test("every public name has a docstring", () => {
  assertEquals(namesOf((symbol) => !isDocumented(symbol)), []);
});

Deno.test("every public function and class has an example", () => {
  const isBare = ({ declarations }: PublicSymbol) =>
    declarations.some(isCode) && !declarations.some(hasExample);
  assertEquals(namesOf(isBare), []);
});
