/** `serve --qr`: which address phones are given, and that it is printed. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../edge/commands/command.ts";
import { phoneLines, phoneOrigin } from "../../edge/commands/serve_qr.ts";
import { inFolder, RunningProgram, runProgram, TODO_APP } from "./program.ts";
import { eventually } from "./raw_peer.ts";

Deno.test("the address for phones is an origin that is named, or a host that others reach", () => {
  assertEquals(
    phoneOrigin("127.0.0.1", ["chrome-extension://a", "https://a.example"]),
    "https://a.example",
  );
  assertEquals(phoneOrigin("192.168.1.20", []), "");
  assertEquals(phoneLines("", "http://192.168.1.20:80")[0], "  phone  http://192.168.1.20:80");
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0", "::", "::1", "[::1]"]) {
    assertThrows(() => phoneOrigin(host, []), UsageError, `no phone reaches ${host}`);
  }
});

Deno.test("a server prints its address as a QR code when it is asked to", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const refused = await runProgram(["serve", "app.ts", "--port", "0", "--qr"], { folder });
    assertEquals([refused.code, refused.stdout], [2, ""]);
    assertStringIncludes(refused.stderr, "no phone reaches 127.0.0.1");
    const origin = "https://todos.example";
    const args = ["app.ts", "--port", "0", "--qr", "--origin", origin];
    const program = await RunningProgram.serve(args, { folder });
    const wanted = phoneLines(origin, program.url).join("\n");
    await eventually(() => program.stdout.includes(wanted), "the code");
    assertEquals(await program.stop(), 0, program.stderr);
  }));
