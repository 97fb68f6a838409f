/** The cases of this folder in a Worker, for modules that workerd has compiled. */
import { runBrokenCases } from "./broken/broken_cases.ts";
import { DUTY_CASES } from "./duty_cases.ts";
import { type Outcome, runDutyCases } from "./duty_world.ts";
import { type Examples, runExamples } from "./example_cases.ts";
import { compareAnswers, ELSEWHERE, fuzzAnswers } from "./fuzz.ts";
import { runRuleCases } from "./rule_cases.ts";
import { SLOT_CASES } from "./slot_cases.ts";
import { SLOT_DEFECT_CASES } from "./slot_defect_cases.ts";
import { SLOT_RANDOM_CASES } from "./slot_random_cases.ts";
import { runSlotCases } from "./slot_world.ts";
import { runSystemCases } from "./system_cases.ts";

/** What the Worker has. */
interface Modules extends Examples {
  readonly duties: WebAssembly.Module;
  readonly broken: WebAssembly.Module;
  readonly system: WebAssembly.Module;
  readonly rules: WebAssembly.Module;
}

/** Runs what the path names; answers with the report as JSON. */
export async function answer(request: Request, modules: Modules): Promise<Response> {
  return Response.json(await outcomesOf(new URL(request.url).pathname, modules));
}

async function outcomesOf(path: string, modules: Modules): Promise<Outcome[]> {
  const { duties, broken, system } = modules;
  if (path === "/examples") return await runExamples(modules);
  if (path === "/duties") return await runDutyCases(DUTY_CASES, duties);
  if (path === "/system") return await runSystemCases(system);
  if (path === "/rules") return runRuleCases(modules.rules);
  if (path === "/slots") {
    return runSlotCases([...SLOT_CASES, ...SLOT_DEFECT_CASES, ...SLOT_RANDOM_CASES], "workerd");
  }
  if (path === "/broken") return await runBrokenCases(broken);
  return [...await fuzzAnswers(broken, ELSEWHERE), ...await compareAnswers(broken, ELSEWHERE)];
}
