/** The finish that the generated codec gets, and the codec that came of it. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { driftless } from "../../core/wire/messages_gen.js";
import { finishedCode, finishedTypes } from "../../scripts/build_proto.ts";

const IMPORT = `import $protobuf from "protobufjs/minimal.js";\n`;

Deno.test("finishedCode reads 64-bit fields as numbers and points at the types", () => {
  const code = finishedCode(`${IMPORT}a(reader.uint64()); b(reader.sint64()); c(reader.uint32());`);
  assert(code.startsWith(`// @ts-self-types="./messages_gen.d.ts"\n${IMPORT}`));
  assert(
    code.endsWith("a($number(reader.uint64())); b($number(reader.sint64())); c(reader.uint32());"),
  );
});

Deno.test("finishedCode makes the default of a 64-bit field a number", () => {
  const code = finishedCode(
    `${IMPORT}A.prototype.b = $util.Long ? $util.Long.fromBits(0,0,true) : 0;`,
  );
  assert(code.endsWith("A.prototype.b = 0;"));
});

Deno.test("finishedCode refuses code in which a 64-bit field would stay an object", () => {
  assertThrows(() => finishedCode(`${IMPORT}$util.longFromHash(a);`), Error, "64-bit");
  assertThrows(() => finishedCode("const a = 1;"), Error, "no import");
});

Deno.test("finishedTypes drops the import of long where nothing uses it", () => {
  const types = `import Long = require("long");\nexport const a: number;\n`;
  assertEquals(finishedTypes(types), "export const a: number;\n");
  const used = `import Long = require("long");\nexport const a: Long;\n`;
  assertEquals(finishedTypes(used), used);
});

/** What a message class of the codec offers, whatever its fields are. */
interface MessageClass {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  readonly prototype: object;
}

const classes = Object.entries(driftless)
  .filter(([, value]) => typeof value === "function") as unknown as Array<[string, MessageClass]>;

/** The fields of a class that hold a number when the message does not name them. */
function numberFields({ prototype }: MessageClass): string[] {
  return Object.keys(prototype).filter((field) =>
    typeof Reflect.get(prototype, field) === "number"
  );
}

Deno.test("the codec has no field whose default is an object of 64 bits", () => {
  assert(classes.length > 0);
  for (const [name, { prototype }] of classes) {
    const isLong = (value: unknown) =>
      typeof value === "object" && value !== null && "low" in value;
    assertFalse(Object.values(prototype).some(isLong), name);
  }
});

Deno.test("the codec gives numbers back as numbers, up to 32 bits in every number field", () => {
  for (const [name, message] of classes) {
    for (const field of numberFields(message)) {
      const decoded = message.decode(message.encode({ [field]: 1 }).finish());
      assertEquals(Reflect.get(decoded, field), 1, `${name}.${field}`);
    }
  }
});

Deno.test("the codec gives an integer of 53 bits back exactly", () => {
  const cursor = Number.MAX_SAFE_INTEGER;
  const { decode, encode } = driftless.Hello;
  assertEquals(decode(encode({ cursor }).finish()).cursor, cursor);
});
