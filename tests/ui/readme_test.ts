/** `ui/README.md` names for each feature, defect and rule the tests that show it, or says it is not built. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const README = "ui/README.md";
/** The defects and the rules count without a gap. */
const DEFECTS = 14;
const RULES = 11;

/** A test's title, as the first argument of whatever declares it. */
const TITLE = /\b(?:Deno\.test|\w*[tT]est)\(\s*(?:\{\s*name:\s*)?(["'`])((?:\\.|(?!\1)[^])*)\1/g;
const NAMED = /`(tests\/[\w/]+_test\.ts)`: ((?:(`+).+?\3(?:, )?)+)/g;

interface Row {
  readonly heading: string;
  readonly name: string;
  readonly tests: string;
}

/** The rows of the page's tables below the heading of the tests. */
async function rows(): Promise<readonly Row[]> {
  const text = await Deno.readTextFile(new URL(README, ROOT));
  const [, tables = ""] = text.split("## Which test shows what\n");
  return tables.split(/^### /m).slice(1).flatMap((section) => {
    const [heading = "", ...lines] = section.split("\n");
    return lines.filter((line) => line.startsWith("|")).slice(2).map((line) => {
      const [, name = "", , tests = ""] = line.split("|").map((cell) => cell.trim());
      return { heading, name, tests };
    });
  });
}

/** `<file>: <title>`, with what a title computes as "…". */
async function titles(file: string): Promise<readonly string[]> {
  const source = await Deno.readTextFile(new URL(file, ROOT));
  return Array.from(source.matchAll(TITLE), ([, , title = ""]) => {
    return `${file}: ${title.replace(/\$\{[^}]*\}/g, "…").replace(/\\(.)/g, "$1")}`;
  });
}

function named(tests: string): readonly string[] {
  return Array.from(tests.matchAll(NAMED), ([, file, list = ""]) => {
    return Array.from(list.matchAll(/(`+)(.+?)\1/g), ([, , title]) => `${file}: ${title}`);
  }).flat();
}

async function isFile(path: string): Promise<boolean> {
  return (await Deno.stat(new URL(path, ROOT)).catch(() => null))?.isFile === true;
}

Deno.test("every test that the page on the live UI names exists", async () => {
  const wanted = (await rows()).flatMap(({ tests }) => named(tests));
  assert(wanted.length > 150);
  const files = [...new Set(wanted.map((test) => test.split(": ")[0] as string))];
  const existing = new Set<string>();
  for (const file of files) {
    if (!await isFile(file)) continue;
    for (const title of await titles(file)) existing.add(title);
  }
  assertEquals(wanted.filter((test) => !existing.has(test)), []);
});

Deno.test("every row of the page on the live UI has a test, or says that it is not built", async () => {
  const all = await rows();
  assert(all.length > 100);
  const silent = all.filter(({ tests }) => tests !== "not built" && named(tests).length === 0);
  assertEquals(silent.map(({ name }) => name), []);
});

Deno.test("the page on the live UI has every defect and every rule, each with a test", async () => {
  const all = await rows();
  for (const [heading, count] of [["Confirmed defects", DEFECTS], ["Safety", RULES]] as const) {
    const numbered = all.filter((row) => row.heading === heading);
    assertEquals(
      numbered.map(({ name }) => Number.parseInt(name)),
      Array.from({ length: count }, (_, index) => index + 1),
    );
    for (const { name, tests } of numbered) assert(named(tests).length > 0, name);
  }
});
