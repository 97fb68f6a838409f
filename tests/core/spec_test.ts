/** `core/SPEC.md` and the tests name each other, in both directions. */
import { assert, assertEquals } from "@std/assert";
import { cellText, type State, TRANSITIONS } from "./client_states.ts";

const ROOT = new URL("../../", import.meta.url);
const SPEC = "core/SPEC.md";
/** The promise sheet that the page answers: each is kept, or named as not yet kept. */
const SHEET = [
  ...Array.from({ length: 14 }, (_, i) => `S${i + 1}`),
  ...["L1", "L2", "L3"],
];

const TITLE = /\bDeno\.test\(\s*(?:\{\s*name:\s*)?"((?:[^"\\]|\\.)*)"/g;
const TAGS = / \[([SL]\d+(?:, [SL]\d+)*)\]$/;

interface Titled {
  /** `<file>: <title without its tags>`. */
  readonly test: string;
  readonly tags: readonly string[];
}

/** Every test with a literal title, in all of `tests/`. */
async function titledTests(folder = "tests"): Promise<readonly Titled[]> {
  const found: Titled[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory) found.push(...await titledTests(path));
    if (!name.endsWith("_test.ts")) continue;
    const source = await Deno.readTextFile(new URL(path, ROOT));
    for (const [, literal = ""] of source.matchAll(TITLE)) {
      const title = JSON.parse(`"${literal}"`) as string;
      const [ending = "", tags = ""] = TAGS.exec(title) ?? [];
      const bare = title.slice(0, title.length - ending.length);
      found.push({ test: `${path}: ${bare}`, tags: tags === "" ? [] : tags.split(", ") });
    }
  }
  return found;
}

/** The page by its `##` headings, with line breaks inside of paragraphs taken out. */
async function sections(): Promise<ReadonlyMap<string, string>> {
  const text = await Deno.readTextFile(new URL(SPEC, ROOT));
  const parts = text.split(/^## /m).slice(1);
  return new Map(parts.map((part) => {
    const [heading = "", ...lines] = part.split("\n");
    return [heading, lines.join("\n")] as const;
  }));
}

async function section(heading: string): Promise<string> {
  const text = (await sections()).get(heading);
  assert(text !== undefined, `${SPEC} has no section "${heading}"`);
  return text;
}

/** The promises that a section states: `- **S1 Name.**`. */
async function promised(heading: string): Promise<readonly string[]> {
  return Array.from((await section(heading)).matchAll(/\*\*([SL]\d+) /g), ([, id = ""]) => id);
}

/** The tests that a text names: `` `file`: "title", "title" ``. */
function namedTests(text: string): readonly string[] {
  const flat = text.replace(/\s+/g, " ");
  const entries = flat.matchAll(/`(tests\/[\w/]+\.ts)`: ((?:"[^"]+"(?:, )?)+)/g);
  return Array.from(entries).flatMap(([, file, titles = ""]) =>
    Array.from(titles.matchAll(/"([^"]+)"/g), ([, title]) => `${file}: ${title}`)
  );
}

/** The tests named for each promise. */
async function enforcing(): Promise<ReadonlyMap<string, readonly string[]>> {
  const parts = (await section("Which tests stand behind which promise")).split(/^### /m).slice(1);
  return new Map(parts.map((part) => {
    const [id = ""] = part.split("\n", 1);
    return [id, namedTests(part.slice(id.length))] as const;
  }));
}

Deno.test("every test that SPEC.md names exists", async () => {
  const existing = new Set((await titledTests()).map(({ test }) => test));
  const named = namedTests(await Deno.readTextFile(new URL(SPEC, ROOT)));
  assert(named.length > 100);
  assertEquals(named.filter((test) => !existing.has(test)), []);
});

Deno.test("every promise of SPEC.md has tests that claim it", async () => {
  const behind = await enforcing();
  assertEquals([...behind.keys()], [...await promised("Promises")]);
  const claims = new Map((await titledTests()).map(({ test, tags }) => [test, tags] as const));
  for (const [id, tests] of behind) {
    assert(tests.length > 0, `${id} has no test`);
    for (const test of tests) {
      assert(claims.get(test)?.includes(id), `${test} does not claim ${id}`);
    }
  }
});

Deno.test("every promise that a test claims is in SPEC.md, and names the test there", async () => {
  const behind = await enforcing();
  const missing = (await titledTests()).flatMap(({ test, tags }) =>
    tags.filter((id) => !behind.get(id)?.includes(test)).map((id) => `${id}: ${test}`)
  );
  assertEquals(missing, []);
});

Deno.test("no two tests of the core share a file and a title", async () => {
  const all = (await titledTests("tests/core")).map(({ test }) => test);
  assertEquals(all.filter((test, index) => all.indexOf(test) !== index), []);
});

Deno.test("SPEC.md keeps every promise of the sheet or says that it does not", async () => {
  const [kept, open] = [await promised("Promises"), await promised("Not yet promised")];
  assertEquals(SHEET.filter((id) => !kept.includes(id) && !open.includes(id)), []);
  assertEquals(kept.filter((id) => open.includes(id)), []);
  assertEquals(new Set(kept).size, kept.length);
});

Deno.test("the table of states in SPEC.md is the one that the tests run", async () => {
  const rows = (await section("A client's connection")).split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [[, ...states] = [], , ...body] = rows;
  const written = body.map(([event, ...cells]) => [event, cells]);
  const run = Object.entries(TRANSITIONS).map(([event, row]) => [
    event,
    states.map((state) => cellText(state as State, row[state as State])),
  ]);
  assertEquals(written, run);
});
