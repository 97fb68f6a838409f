/** Static markup: that its paths lead where they should, however it is parsed. */
import { assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { type DefaultTreeAdapterTypes, parseFragment } from "parse5";
import type { ClientBlock } from "../../ui/program.ts";
import { TemplateError, TemplateErrors } from "../../ui/template_error.ts";
import { clientTable } from "../../ui/template_table.ts";
import { randomTemplate } from "./random_templates.ts";
import { compiled } from "./template_rig.ts";

type Node = DefaultTreeAdapterTypes.ChildNode;

/** The template's blocks for browsers; null if it may not be written so. */
function blocksOf(template: string): readonly ClientBlock[] | null {
  try {
    return compiled(template).table.blocks;
  } catch (error) {
    if (error instanceof TemplateError || error instanceof TemplateErrors) return null;
    throw error;
  }
}

/** What stands at the end of a path. */
function at({ html, namespace }: ClientBlock, path: readonly number[]): Node | undefined {
  const whole = namespace === undefined ? html : `<${namespace}>${html}</${namespace}>`;
  const [outer] = parseFragment(whole).childNodes;
  let node = namespace === undefined
    ? outer
    : (outer as DefaultTreeAdapterTypes.Element).childNodes[0];
  for (const index of path) node = (node as DefaultTreeAdapterTypes.Element).childNodes[index];
  return node;
}

const NAMES: Readonly<Record<string, string>> = {
  text: "#text",
  list: "#comment",
  cond: "#comment",
};

Deno.test("each slot's path leads to its node, in random templates", () => {
  let compiledCount = 0;
  fc.assert(
    fc.property(randomTemplate, (template) => {
      const blocks = blocksOf(template);
      if (blocks === null) return;
      compiledCount++;
      for (const block of blocks) {
        for (const [kind, path] of block.slots) {
          const node = at(block, path);
          if (kind in NAMES) assertEquals(node?.nodeName, NAMES[kind], template);
          else assertEquals(node !== undefined && "tagName" in node, true, template);
          if (kind === "text") assertEquals((node as { value?: string }).value, " ");
        }
      }
    }),
    { numRuns: 1_500 },
  );
  // Else the property says nothing.
  assertGreater(compiledCount, 500);
});

Deno.test("slots stand in the order of the document", () => {
  fc.assert(
    fc.property(randomTemplate, (template) => {
      for (const { slots } of blocksOf(template) ?? []) {
        const paths = slots.map(([, path]) => path);
        const sorted = paths.toSorted(inDocument);
        assertEquals(paths, sorted, template);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("no expression and no handler's name is in what browsers are told", () => {
  const { table } = compiled(
    '<div g-click="pick(user.address)" title="{{user.name}}"><b g-for="t in tasks" g-key="t.id" g-if="t.done">' +
      '{{t.title}}</b><input g-bind="text"></div>',
  );
  const told = JSON.stringify(table);
  for (const secret of ["pick", "user", "address", "tasks", "done", "t.id"]) {
    assertEquals(told.includes(secret), false, secret);
  }
});

Deno.test("a table's hash changes with what is in it, and only then", () => {
  const hash = (template: string) => compiled(template).table.hash;
  assertEquals(hash("<p>{{text}}</p>"), hash("<p>{{count + 1}}</p>"));
  assertEquals(hash("<p>{{text}}</p>").length, 32);
  const templates = [
    "<p>a</p>",
    "<p>b</p>",
    "<p>{{text}}</p>",
    "<p>{{text}}<b></b></p>",
    "<p> </p>",
    '<p g-click="add"></p>',
    '<p g-input="add"></p>',
  ];
  assertEquals(new Set(templates.map(hash)).size, templates.length);
  assertNotEquals(clientTable([]).hash, hash("<p></p>"));
});

/** Elements before what is in them. */
function inDocument(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const order = (a[index] ?? -1) - (b[index] ?? -1);
    if (order !== 0) return order;
  }
  return 0;
}
