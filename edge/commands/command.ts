/** What a command of the program is: its name, its options, its help, and what it does. */
import type { AnyApp } from "../../core/app.ts";
import type { ModuleExports } from "../app_modules.ts";
import type { Asset } from "../handler.ts";
import { editsBetween } from "../../ui/edits_between.ts";

/** What the program brings along. */
export interface Program {
  readonly version: string;
  /** Served when no app file is named, with its pages. */
  readonly demo: { readonly app: AnyApp; readonly assets: Readonly<Record<string, Asset>> };
  /** What app files can import without having it; loaded for the first of them. */
  readonly loadModules: () => Promise<Readonly<Record<string, ModuleExports>>>;
  /** The URL of the program's own file. */
  readonly url: string;
}

/** One option of a command: a line of its help, and how it is read. */
export interface Option {
  /** What stands for its value in the help; an option without one is on or off. */
  readonly value?: string;
  readonly help: string;
  readonly initial?: string;
  readonly isRepeated?: boolean;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** What follows the name: `[APP]`, `FILE`. */
  readonly operands: string;
  /** One line of the program's help. */
  readonly summary: string;
  /** What its own help says between the usage and the options. */
  readonly about: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly string[];
  /** Exit statuses that differ from {@linkcode STATUS_HELP}. */
  readonly statuses?: string;
  run(call: Call): Promise<number>;
}

/** One call of a command. */
export interface Call {
  readonly operands: readonly string[];
  readonly values: Values;
  readonly program: Program;
}

/** The command line itself is wrong, before anything was done. */
export class UsageError extends TypeError {
  override readonly name = "UsageError";
}

/** Exit statuses. */
export const DONE = 0;
export const FAILED = 1;
export const MISUSED = 2;
export const STOPPED = 130;

export const STATUS_HELP = `Exit status:
  0    done
  1    failed, or done only in part; stderr says why
  2    the command line is wrong; nothing was done
  130  stopped by a signal before it was done
`;

/** Options that several commands have. */
export const DATA: Option = { value: "FILE", help: "the data file", initial: "./driftless.db" };
export const DRIVER: Option = {
  value: "NAME",
  help: "node, the built-in one, or db, which is jsr:@db/sqlite",
  initial: "node",
};

/** The options of one call, by name. */
export class Values {
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #options: Readonly<Record<string, Option>>;

  constructor(
    given: ReadonlyMap<string, readonly string[]>,
    options: Readonly<Record<string, Option>>,
  ) {
    this.#given = given;
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** Every value of an option that may be repeated. */
  list(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  /** The last value, or what the option is without one. */
  optional(name: string): string | undefined {
    return this.#given.get(name)?.at(-1) ?? this.#options[name]?.initial;
  }

  text(name: string): string {
    return this.optional(name) ?? "";
  }

  integer(name: string, min: number, max: number): number {
    const text = this.text(name);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new UsageError(`Cannot use --${name} ${text}: give a number from ${min} to ${max}`);
    }
    return value;
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const text = this.text(name);
    const found = choices.find((it) => it === text);
    if (found !== undefined) return found;
    const list = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
    throw new UsageError(`Cannot use --${name} ${text}: give ${list}`);
  }
}

/** The help of one command. */
export function helpOf(command: Command): string {
  const { name, operands, about, options, examples, statuses = STATUS_HELP } = command;
  const usage = ["driftless", name, operands, "[options]"].filter((part) => part !== "").join(" ");
  const lines = Object.entries({ ...options, help: { help: "show this" } }).map(
    ([option, { value, help, initial }]: [string, Option]) =>
      [
        `--${option}${value === undefined ? "" : ` ${value}`}`,
        `${help}${initial === undefined ? "" : `  (${initial})`}`,
      ] as const,
  );
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  const table = lines.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join("\n");
  const shown = examples.map((example) => `  ${example}`).join("\n");
  return `${usage}\n\n${about.trim()}\n\nOptions:\n${table}\n\nExamples:\n${shown}\n\n${statuses}`;
}

/** Of `names` the one that was probably meant; undefined when none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, edits: editsBetween(word.toLowerCase(), name) }))
    .sort((a, b) => a.edits - b.edits);
  if (best === undefined) return undefined;
  const near = Math.max(1, Math.floor(best.name.length / 3));
  return best.edits <= near || (word.length >= 2 && best.name.startsWith(word))
    ? best.name
    : undefined;
}
