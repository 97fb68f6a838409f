/** Makes sure of what the tests need beside Deno: a Chromium. Bun comes through `npx` when asked. */

/** Where Debian's package puts it. */
const DEBIAN_CHROMIUM = "/usr/bin/chromium";

/** Where the browser tests find a Chromium; `DRIFTLESS_CHROMIUM` names another one. */
export function chromiumPath(): string {
  return Deno.env.get("DRIFTLESS_CHROMIUM") ?? DEBIAN_CHROMIUM;
}

/** Installs what is missing, if it may; else the reason why the browser tests cannot run. */
export async function ensureChromium(): Promise<string | null> {
  if (await exists(chromiumPath())) return null;
  const mayInstall = chromiumPath() === DEBIAN_CHROMIUM && Deno.uid() === 0;
  if (!mayInstall || !await exists("/usr/bin/apt-get")) return howToInstall();
  console.log("Installing Chromium for the browser tests");
  const isInstalled = await runApt("update") && await runApt("install", "--yes", "chromium");
  return isInstalled && await exists(chromiumPath()) ? null : howToInstall();
}

function howToInstall(): string {
  return `Cannot run the browser tests: there is no Chromium at ${chromiumPath()}. ` +
    "Run `apt-get update && apt-get install -y chromium` as root, " +
    "or set DRIFTLESS_CHROMIUM to the path of a Chromium or Chrome";
}

async function runApt(...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command("/usr/bin/apt-get", {
    args: ["--quiet", "-o", "Acquire::Retries=3", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  const problem = await ensureChromium();
  if (problem !== null) {
    console.error(problem);
    Deno.exit(1);
  }
}
