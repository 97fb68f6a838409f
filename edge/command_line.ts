/** The command line: finds the command that is meant, and turns what it does into an exit status. */
import process from "node:process";
import { parseArgs } from "node:util";
import { provideModules } from "./app_modules.ts";
import { backupCommand, restoreCommand } from "./commands/backup_commands.ts";
import {
  type Command,
  DONE,
  FAILED,
  helpOf,
  MISUSED,
  nearest,
  type Option,
  type Program,
  STATUS_HELP,
  UsageError,
  Values,
} from "./commands/command.ts";
import { doctorCommand } from "./commands/doctor_command.ts";
import { embedCommand } from "./commands/embed_command.ts";
import { initCommand } from "./commands/init_command.ts";
import { serveCommand } from "./commands/serve_command.ts";
import { tokenCommand } from "./commands/token_command.ts";
import { exportCommand, importCommand } from "./commands/transfer_commands.ts";
import { verifyCommand } from "./commands/verify_command.ts";
import { wasmLimitCommand } from "./commands/wasm_limit_command.ts";
import { SECRET_UNITS_MIN } from "./identity.ts";

const COMMANDS: readonly Command[] = [
  initCommand,
  serveCommand,
  importCommand,
  exportCommand,
  backupCommand,
  restoreCommand,
  tokenCommand,
  doctorCommand,
  verifyCommand,
  embedCommand,
  wasmLimitCommand,
];

const EVERYWHERE: Readonly<Record<string, Option>> = {
  help: { help: "" },
  version: { help: "" },
};

/** Every option of every command: an option means the same wherever it stands. */
const OPTIONS: Readonly<Record<string, Option>> = Object.assign(
  {},
  EVERYWHERE,
  ...COMMANDS.map(({ options }) => options),
);

/** Runs the program; resolves to its exit status. What went wrong is one line on stderr. */
export async function run(args: readonly string[], program: Program): Promise<number> {
  try {
    const { given, operands: [name, ...operands] } = parse(args);
    if (given.has("version")) return say(`driftless ${program.version}\n`);
    if (name === undefined && given.has("help")) return say(HELP);
    const command = find(name ?? "serve");
    if (given.has("help")) return say(helpOf(command));
    checkBelongs(command, given);
    const extra = operands.slice(command.operands.split(" ").filter((it) => it !== "").length);
    if (extra.length > 0) {
      throw new UsageError(
        `Cannot understand "${extra.join(" ")}": see driftless ${command.name} --help`,
      );
    }
    provideModules(program.loadModules);
    return await command.run({ operands, values: new Values(given, command.options), program });
  } catch (error) {
    process.stderr.write(`driftless: ${error instanceof Error ? error.message : error}\n`);
    return error instanceof UsageError ? MISUSED : FAILED;
  }
}

const HELP = `driftless: an app that works offline, converges, and updates live

Usage:
${
  COMMANDS.map(({ name, operands, summary }) =>
    `  driftless ${`${name} ${operands}`.padEnd(22)}${summary}`
  ).join("\n")
}

  driftless COMMAND --help        its options, with examples
  driftless --version

Begin here:
  driftless init my-app           a small app that runs as it is
  driftless serve                 the built-in demo

DRIFTLESS_SECRET, of at least ${SECRET_UNITS_MIN} characters, signs tokens. Without it the server is
open to everyone on this machine, and to nobody else.

${STATUS_HELP}`;

function find(name: string): Command {
  const command = COMMANDS.find((it) => it.name === name);
  if (command !== undefined) return command;
  const meant = nearest(name, COMMANDS.map((it) => it.name));
  const hint = meant === undefined ? "see driftless --help" : `did you mean "${meant}"?`;
  throw new UsageError(`Cannot understand "${name}": ${hint}`);
}

/** Reads the options with those of all commands in view: which command it is stands among them. */
function parse(args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(OPTIONS).map(([name, { value }]) =>
      [
        name,
        value === undefined ? { type: "boolean" as const } : { type: "string" as const },
      ] as const
    ),
  );
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: {
      ...options,
      help: { type: "boolean", short: "h" },
      out: { type: "string", short: "o" },
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (option === undefined) throw new UsageError(unknownOption(rawName, name, positionals[0]));
    if (option.value === undefined && value !== undefined) {
      throw new UsageError(`Cannot use ${rawName}=${value}: the option takes no value`);
    }
    // What looks like an option is one: a value that begins so is written with "=".
    const isMissing = value === undefined || (!inlineValue && /^-./.test(value));
    if (option.value !== undefined && isMissing) {
      throw new UsageError(`Cannot use ${rawName} alone: write ${rawName} ${option.value}`);
    }
    given.set(name, [...given.get(name) ?? [], value ?? ""]);
  }
  return { given, operands: positionals };
}

function unknownOption(rawName: string, name: string, commandName: string | undefined): string {
  const command = COMMANDS.find((it) => it.name === (commandName ?? "serve"));
  const names = Object.keys({ ...EVERYWHERE, ...(command?.options ?? OPTIONS) });
  const meant = nearest(name, names);
  const page = command === undefined ? "" : `${command.name} `;
  const hint = meant === undefined ? `see driftless ${page}--help` : `did you mean --${meant}?`;
  return `Cannot understand the option ${rawName}: ${hint}`;
}

/** An option of another command is a mistake, not something to overlook. */
function checkBelongs(command: Command, given: ReadonlyMap<string, readonly string[]>): void {
  for (const [name, values] of given) {
    const option = command.options[name];
    if (option === undefined) {
      throw new UsageError(
        `Cannot use --${name} with "${command.name}": see driftless ${command.name} --help`,
      );
    }
    if (option.isRepeated !== true && values.length > 1) {
      throw new UsageError(`Cannot use --${name} more than once`);
    }
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return DONE;
}
