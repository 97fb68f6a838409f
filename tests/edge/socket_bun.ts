/** The program that Bun runs for `socket_test.ts`: every case, a line of JSON for each outcome. */
import process from "node:process";
import { listenBun } from "../../edge/listen_bun.ts";
import { HTTP_CASES } from "./http_suite.ts";
import { runCases } from "./listening_host.ts";
import { SHUTDOWN_CASES } from "./shutdown_suite.ts";
import { SOCKET_CASES } from "./socket_suite.ts";
import { UPGRADE_CASES } from "./upgrade_suite.ts";

const cases = [...SOCKET_CASES, ...UPGRADE_CASES, ...HTTP_CASES, ...SHUTDOWN_CASES];
const outcomes = await runCases(cases, listenBun);
process.stdout.write(outcomes.map((outcome) => `${JSON.stringify(outcome)}\n`).join(""));
