/** The cases of column_cases.ts on Bun: prints the report as JSON. */
import process from "node:process";
import { runColumnCases } from "./column_cases.ts";

const [seed, count] = process.argv.slice(2).map(Number) as [number, number];
console.log(JSON.stringify(runColumnCases({ seed, count })));
