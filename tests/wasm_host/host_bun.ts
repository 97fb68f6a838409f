/** The cases of this folder on Bun: which ones is the argument; prints the outcomes as JSON. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { listenBun } from "../../edge/listen_bun.ts";
import { runBrokenCases } from "./broken/broken_cases.ts";
import { DUTY_CASES } from "./duty_cases.ts";
import { runDutyCases } from "./duty_world.ts";
import { runExamples } from "./example_cases.ts";
import { compareAnswers, ELSEWHERE, fuzzAnswers } from "./fuzz.ts";
import { runRuleCases } from "./rule_cases.ts";
import { SLOT_CASES } from "./slot_cases.ts";
import { SLOT_DEFECT_CASES } from "./slot_defect_cases.ts";
import { SLOT_RANDOM_CASES } from "./slot_random_cases.ts";
import { runSlotCases } from "./slot_world.ts";
import { runSocketCases } from "./socket_cases.ts";
import { runSystemCases } from "./system_cases.ts";

const read = (path: string) => readFileSync(join(import.meta.dirname ?? ".", path));
const duties = read("duties.wasm");
const broken = read("broken/broken.wasm");
const outcomes = {
  duties: () => runDutyCases(DUTY_CASES, duties),
  examples: () =>
    runExamples({
      stats: read("../../wasm/handlers/stats.wasm"),
      negotiate: read("../../wasm/handlers/negotiate.wasm"),
      text: read("../../wasm/handlers/text.wasm"),
    }),
  rules: () => runRuleCases(new Uint8Array(read("../../wasm/handlers/rules.wasm"))),
  slots: () => runSlotCases([...SLOT_CASES, ...SLOT_DEFECT_CASES, ...SLOT_RANDOM_CASES]),
  sockets: () => runSocketCases(listenBun, duties),
  system: () => runSystemCases(read("system.wasm")),
  broken: () => runBrokenCases(broken),
  fuzz: async () => [
    ...await fuzzAnswers(broken, ELSEWHERE),
    ...await compareAnswers(broken, ELSEWHERE),
  ],
}[process.argv[2] ?? ""];
process.stdout.write(JSON.stringify(await outcomes?.()));
