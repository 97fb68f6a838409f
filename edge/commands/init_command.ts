/** `driftless init`: a small app that runs as it is. */
import process from "node:process";
import { init } from "../init.ts";
import { TEMPLATES } from "../init_files.ts";
import { type Call, type Command, DONE } from "./command.ts";

/** Makes a new app. */
export const initCommand: Command = {
  name: "init",
  operands: "[FOLDER]",
  summary: "begin a new app: rules, a page, tests",
  about: `
Writes a small app that runs as it is: app.ts with the rules, a page, a test of the rules, deno.json
with the tasks "start" and "test", and a README. Without FOLDER it begins here. A folder that has
files is refused; with --force what is missing is added, and a file that is there is never touched.`,
  options: {
    template: {
      value: "NAME",
      help: "todo, with a page, or server, without one",
      initial: "todo",
    },
    force: { help: "add what is missing to a folder that has files" },
  },
  examples: ["driftless init my-app", "driftless init my-service --template server"],
  run: runInit,
};

async function runInit({ operands: [folder = "."], values, program }: Call): Promise<number> {
  const { start, written, kept } = await init({
    folder,
    template: values.choice("template", TEMPLATES),
    isForced: values.has("force"),
    version: program.version,
    url: program.url,
    assets: program.demo.assets,
  });
  const lines = [
    ...written.map((path) => `  new   ${path}`),
    ...kept.map((path) => `  kept  ${path}  (it was there)`),
    "",
    ...(folder === "." ? [] : [`cd ${folder}`]),
    `deno task start    or: ${start}`,
    "deno task test",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return DONE;
}
