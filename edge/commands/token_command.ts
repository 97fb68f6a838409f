/** `driftless token`: makes a bearer token, or says what is in one and what is wrong with it. */
import process from "node:process";
import { issueToken, SECRET_UNITS_MIN } from "../identity.ts";
import { inspectToken } from "../token_report.ts";
import { type Call, type Command, DONE, FAILED, UsageError } from "./command.ts";

const DAYS_MAX = 3_650;
const DAY_SECONDS = 24 * 60 * 60;

/** Makes and inspects tokens. */
export const tokenCommand: Command = {
  name: "token",
  operands: "[SUBJECT]",
  summary: "print a bearer token for a principal, or inspect one",
  about: `
Prints a JSON Web Token (HS256), signed with DRIFTLESS_SECRET, that names SUBJECT. With --inspect it
says what is in a token and whether this server would take it. "-" reads the token from stdin, so
that it stays out of the shell's history.`,
  options: {
    days: { value: "N", help: `how long it is good for, up to ${DAYS_MAX}`, initial: "30" },
    inspect: { value: "TOKEN", help: "look into a token instead" },
  },
  examples: [
    "DRIFTLESS_SECRET=… driftless token anna --days 7",
    "DRIFTLESS_SECRET=… driftless token --inspect eyJhbGciOi…",
    "driftless token --inspect=- < token.txt",
  ],
  run: runToken,
};

async function runToken({ operands: [subject], values }: Call): Promise<number> {
  const secret = process.env.DRIFTLESS_SECRET ?? "";
  const given = values.optional("inspect");
  if (given !== undefined) {
    if (subject !== undefined) {
      throw new UsageError(`Cannot inspect and make a token for "${subject}" at once`);
    }
    const token = given === "-" ? await readStdin() : given;
    const { lines, isGood } = await inspectToken(token.trim(), secret, Date.now());
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    return isGood ? DONE : FAILED;
  }
  if (subject === undefined || subject === "") {
    throw new UsageError("Cannot make a token: for whom?");
  }
  const days = values.integer("days", 1, DAYS_MAX);
  if (secret.length < SECRET_UNITS_MIN) {
    throw new Error(
      `Cannot sign a token: set DRIFTLESS_SECRET to at least ${SECRET_UNITS_MIN} characters`,
    );
  }
  process.stdout.write(`${await issueToken(subject, days * DAY_SECONDS, secret)}\n`);
  return DONE;
}

async function readStdin(): Promise<string> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const part of process.stdin) text += part;
  return text;
}
