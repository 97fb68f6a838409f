/** The program in every form in which it is handed out, for tests that run it. */
import { join } from "node:path";
import { bunCommand, compileOnBun, hostTarget } from "../../scripts/compile_bun.ts";
import { bundleCommand, bundleProgram, ROOT } from "../../scripts/compile_bundle.ts";

/** The sources on Deno, the one bundled file on Deno with narrow permissions, the executable on Bun. */
export type Form = "source" | "bundle" | "bun";

export const FORMS: readonly Form[] = ["source", "bundle", "bun"];

const FOLDER = join(ROOT, "build", "programs");

const made = new Map<Form, Promise<readonly string[]>>();

/** The words that start the program in a form; what has to be made for it is made once. */
export function programCommand(form: Form): Promise<readonly string[]> {
  const known = made.get(form) ?? make(form);
  made.set(form, known);
  return known;
}

/** The form that the variable `DRIFTLESS_FORM` asks for; without it the sources. */
export function wantedForm(): Form {
  const wanted = Deno.env.get("DRIFTLESS_FORM") ?? "source";
  const form = FORMS.find((form) => form === wanted);
  if (form === undefined) throw new TypeError(`Cannot test the program as "${wanted}"`);
  return form;
}

async function make(form: Form): Promise<readonly string[]> {
  if (form === "source") {
    return [Deno.execPath(), "run", "--quiet", "--no-check", "-A", join(ROOT, "main.ts")];
  }
  if (form === "bundle") return bundleCommand(await makeFile("driftless.js", bundleProgram));
  const bundle = await makeFile("driftless_for_bun.js", bundleProgram);
  const binary = await makeFile("driftless_bun", async (out) => {
    const target = hostTarget();
    const { isSuccess, output } = await compileOnBun(await bunCommand(), target, { bundle, out });
    if (!isSuccess) throw new Error(`Cannot compile for the tests: ${output}`);
  });
  return [binary];
}

/** Made beside its place and moved there whole, so that nobody runs half a file. */
async function makeFile(name: string, make: (out: string) => Promise<void>): Promise<string> {
  const path = join(FOLDER, name);
  const draft = join(FOLDER, `${crypto.randomUUID()}_${name}`);
  await make(draft);
  await Deno.rename(draft, path);
  return path;
}
