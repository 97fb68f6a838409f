/** The messages as protobufjs reads and writes them, by reflection on the schema. */
import protobuf from "protobufjs";

/** Plain objects to bytes, and back with every field that the schema has. */
export interface OracleKind {
  encode(value: object): Uint8Array;
  decode(bytes: Uint8Array): object;
}

const root = new protobuf.Root();
for (const name of ["messages", "reconcile", "ui"]) {
  const schema = new URL(`../../core/wire/${name}.proto`, import.meta.url);
  protobuf.parse(await Deno.readTextFile(schema), root);
}
root.resolveAll();

/** The reflection of a message of the schema. */
export function reflected(name: string): protobuf.Type {
  return root.lookupType(`driftless.${name}`);
}

export function oracle(name: string): OracleKind {
  const type = reflected(name);
  return {
    encode: (value) => type.encode(type.fromObject(value)).finish(),
    decode: (bytes) =>
      type.toObject(type.decode(bytes), { longs: Number, bytes: Uint8Array, defaults: true }),
  };
}
