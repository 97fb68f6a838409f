/** The package for npm: what its manifest says of entries, dependencies and frameworks. */
import { assertEquals, assertThrows } from "@std/assert";
import { manifestOf, type PackageSource } from "../../scripts/pack.ts";

const SOURCE: PackageSource = {
  name: "@a/b",
  version: "1.2.3",
  license: "MIT",
  exports: {
    ".": "./mod.ts",
    "./react": "./ui/client/react.ts",
    "./server": "./edge/server.ts",
  },
  imports: {
    "@c/signals": "npm:@c/signals@^1.4.0",
    "react": "npm:react@^19.3.1",
    "deep": "npm:deep@^2.0.0/minimal.js",
  },
};

Deno.test("manifestOf exports what runs in browsers, with types first", () => {
  const { exports } = manifestOf(SOURCE, []) as { readonly exports: object };
  assertEquals(exports, {
    ".": { types: "./mod.d.ts", default: "./mod.js" },
    "./react": { types: "./ui/client/react.d.ts", default: "./ui/client/react.js" },
  });
  assertEquals(Object.keys(Object.values(exports)[0]), ["types", "default"]);
});

Deno.test("manifestOf leaves frameworks to the application and brings the rest", () => {
  const manifest = manifestOf(SOURCE, ["@c/signals", "deep", "react"]) as Record<string, unknown>;
  assertEquals(manifest["dependencies"], { "@c/signals": "^1.4.0", deep: "^2.0.0" });
  assertEquals(manifest["peerDependencies"], { react: "^19.3.1" });
  assertEquals(manifest["peerDependenciesMeta"], { react: { optional: true } });
});

Deno.test("manifestOf refuses a package that deno.json does not list", () => {
  assertThrows(() => manifestOf(SOURCE, ["gone"]), Error, "no version of gone");
});
