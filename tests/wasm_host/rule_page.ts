/** The cases of rules in a page: what the test calls. */
import type { Outcome } from "./duty_world.ts";
import { runRuleCases } from "./rule_cases.ts";

declare global {
  /** What the page finds of a module with rules. */
  var ruleReport: (bytes: readonly number[]) => Outcome[];
}

globalThis.ruleReport = (bytes) => runRuleCases(Uint8Array.from(bytes));
