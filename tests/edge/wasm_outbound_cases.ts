/** All that modules ask of others, as one list for every runtime. */
import { FETCH_CASES, type FetchCase, type FetchModules } from "./wasm_fetch_cases.ts";
import { FETCH_POLICY_CASES } from "./wasm_fetch_policy_cases.ts";
import { SOCKET_CASES } from "./wasm_socket_cases.ts";
import { UPSTREAM_CASES } from "./wasm_upstream_cases.ts";

/** How many cases ran, and what failed. */
export interface OutboundReport {
  readonly cases: number;
  readonly problems: readonly string[];
}

/** Every case that needs no server; those of suspension only where the engine has it. */
const OWN_CASES: readonly FetchCase[] = [
  ...FETCH_POLICY_CASES,
  ...FETCH_CASES,
  ...SOCKET_CASES,
];

/** How many cases there are. */
export const OUTBOUND_CASES: number = OWN_CASES.length + UPSTREAM_CASES.length;

/** Runs every case; a server of `answerUpstream` is at `origin`. */
export async function runOutboundCases(
  modules: FetchModules,
  origin: string,
): Promise<OutboundReport> {
  const problems: string[] = [];
  for (const { name, run } of [...OWN_CASES, ...UPSTREAM_CASES]) {
    await run(modules, origin).catch((error) => problems.push(`${name}: ${error}`));
  }
  return { cases: OUTBOUND_CASES, problems };
}
