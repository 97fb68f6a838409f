/** The cases of this folder in a Worker, for modules that workerd has compiled. */
import { runBrokenCases } from "./broken/broken_cases.ts";
import { DUTY_CASES } from "./duty_cases.ts";
import { type Outcome, runDutyCases } from "./duty_world.ts";
import { type Examples, runExamples } from "./example_cases.ts";
import { compareAnswers, ELSEWHERE, fuzzAnswers } from "./fuzz.ts";
import { runSystemCases } from "./system_cases.ts";

/** What the Worker has. */
interface Modules extends Examples {
  readonly duties: WebAssembly.Module;
  readonly broken: WebAssembly.Module;
  readonly system: WebAssembly.Module;
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
  if (path === "/broken") return await runBrokenCases(broken);
  return [...await fuzzAnswers(broken, ELSEWHERE), ...await compareAnswers(broken, ELSEWHERE)];
}
