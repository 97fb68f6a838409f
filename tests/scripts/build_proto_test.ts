/** The generated module of the wire: what it says for a schema, and what it refuses. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { generateCodec } from "../../scripts/build_proto.ts";

const HEAD = `syntax = "proto3";\npackage a;\n`;

Deno.test("generateCodec writes a type and a table for a message", () => {
  const text = generateCodec(`${HEAD}
    // What is here.
    message Note {
      // Its words.
      string the_text = 1;
      bool open = 15;
    }`);
  assertStringIncludes(text, `import { bool, message, type MessageKind, string } from`);
  assertStringIncludes(
    text,
    `/** What is here. */
export interface Note {
  /** Its words. */
  readonly theText: string;
  readonly open: boolean;
}

export const Note: MessageKind<Note> = /* @__PURE__ */ message({
  1: ["theText", string],
  15: ["open", bool],
});
`,
  );
});

Deno.test("generateCodec puts a message after those it is made of", () => {
  const text = generateCodec(`${HEAD}
    message Outer { Inner one = 1; repeated Inner many = 2; repeated string names = 3; Op op = 4; }
    message Inner { uint64 count = 1; }
    enum Op { NONE = 0; }`);
  assertEquals(text.indexOf("interface Inner") < text.indexOf("interface Outer"), true);
  assertStringIncludes(text, "  readonly one?: Inner;\n  readonly many: readonly Inner[];\n");
  assertStringIncludes(text, `  1: ["one", Inner],\n  2: ["many", Inner, true],\n`);
  assertStringIncludes(text, `  3: ["names", string, true],\n  4: ["op", uint32],\n`);
});

Deno.test("generateCodec writes bytes, by themselves and in a list", () => {
  const text = generateCodec(`${HEAD} message A { bytes b = 1; repeated bytes c = 2; }`);
  assertStringIncludes(text, `import { bytes, message, type MessageKind } from`);
  assertStringIncludes(text, "  readonly b: Uint8Array;\n  readonly c: readonly Uint8Array[];\n");
  assertStringIncludes(text, `  1: ["b", bytes],\n  2: ["c", bytes, true],\n`);
});

Deno.test("generateCodec names the schema that the module is of", () => {
  const schema = `${HEAD} message A { bool b = 1; }`;
  assertStringIncludes(generateCodec(schema), "/** The messages of messages.proto. Generated");
  const other = generateCodec(schema, "reconcile");
  assertStringIncludes(other, "/** The messages of reconcile.proto. Generated");
});

Deno.test("the modules that are committed are what their schemas give", async () => {
  const wire = new URL("../../core/wire/", import.meta.url);
  const schemas: string[] = [];
  for await (const { name } of Deno.readDir(wire)) {
    const [, schema] = /^(\w+)\.proto$/.exec(name) ?? [];
    if (schema === undefined) continue;
    schemas.push(schema);
    const text = generateCodec(await Deno.readTextFile(new URL(name, wire)), schema);
    assertEquals(await Deno.readTextFile(new URL(`${schema}_gen.ts`, wire)), text, schema);
  }
  assertEquals(schemas.sort(), ["messages", "reconcile", "ui"]);
});

Deno.test("generateCodec refuses what the codec cannot read", () => {
  const refused: readonly [schema: string, reason: string][] = [
    ["message A { double b = 1; }", "Cannot generate a.A.b: its type double is not known"],
    ["message A { repeated uint32 b = 1; }", "a list of uint32 is not known"],
    ["message A { map<string, string> b = 1; }", "only singular and repeated fields"],
    ["message A { optional string b = 1; }", "only singular and repeated fields"],
    ["message A { B b = 1; } message B { A a = 1; }", "Cannot generate a.A: it is made of itself"],
    ["message A { message B {} }", "Cannot generate a.A: it has other types inside"],
  ];
  for (const [schema, reason] of refused) {
    assertThrows(() => generateCodec(HEAD + schema), Error, reason);
  }
});
