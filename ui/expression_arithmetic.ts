/** The operators of expressions that have two sides, as closures. */
import type { BinaryOperator } from "./expression_syntax.ts";
import { isTrue } from "./expression_text.ts";
import type { Scope } from "./program.ts";

/** A compiled part of an expression. */
export type Run = (scope: Scope) => unknown;

type Arithmetic = (scope: Scope) => never;

/** The closure of an operator; what is not needed for the result is not evaluated. */
export function arithmeticRun(operator: BinaryOperator, left: Run, right: Run): Run {
  switch (operator) {
    case "??":
      return (scope) => left(scope) ?? right(scope);
    case "||":
      return (scope) => {
        const value = left(scope);
        return isTrue(value, scope.tracker) ? value : right(scope);
      };
    case "&&":
      return (scope) => {
        const value = left(scope);
        return isTrue(value, scope.tracker) ? right(scope) : value;
      };
    case "===":
      return (scope) => left(scope) === right(scope);
    case "!==":
      return (scope) => left(scope) !== right(scope);
  }
  return numbersRun(operator, left as Arithmetic, right as Arithmetic);
}

function numbersRun(
  operator: Exclude<BinaryOperator, "??" | "||" | "&&" | "===" | "!==">,
  left: Arithmetic,
  right: Arithmetic,
): Run {
  switch (operator) {
    case "<":
      return (scope) => left(scope) < right(scope);
    case "<=":
      return (scope) => left(scope) <= right(scope);
    case ">":
      return (scope) => left(scope) > right(scope);
    case ">=":
      return (scope) => left(scope) >= right(scope);
    case "+":
      return (scope) => (left(scope) as number) + (right(scope) as number);
    case "-":
      return (scope) => left(scope) - right(scope);
    case "*":
      return (scope) => left(scope) * right(scope);
    case "/":
      return (scope) => left(scope) / right(scope);
    case "%":
      return (scope) => left(scope) % right(scope);
  }
}
