/** Islands as a server takes them in, before it has answered anybody. */
import { assertEquals, assertThrows } from "@std/assert";
import { compileIslands } from "../../edge/island_templates.ts";
import { island } from "../../ui/island.ts";

class Counter {
  count = 0;
}

const COUNTER = island(Counter, { template: "<p>{{count}}</p>" });

Deno.test("an island has a word of up to 64 characters for a name", () => {
  for (const name of ["a", "Board", "to-do_2", "n".repeat(63), "n".repeat(64)]) {
    assertEquals(compileIslands({ [name]: COUNTER }).map((it) => it.name), [name]);
  }
  for (const name of ["", "2do", "-a", "a b", "a/b", "a.b", "ä", `a"`, "n".repeat(65)]) {
    assertThrows(
      () => compileIslands({ [name]: COUNTER }),
      TypeError,
      `Cannot use the island "${name}": its name is no word`,
    );
  }
});
