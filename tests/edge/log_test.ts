/** The log is lines of JSON that tell what happened, and never what anybody wrote or signed in with. */
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../core/memory_store.ts";
import { COOKIE_NAME } from "../../edge/identity.ts";
import { createLog, errorText, type LogLevel } from "../../edge/log.ts";
import { LivePeer } from "./live_peer.ts";
import { EPOCH, ORIGIN, tokenOf, withListeningDoors } from "./served_app.ts";

Deno.test("a log line is one JSON object with time, level and event", () => {
  const lines: string[] = [];
  createLog("info", (line) => void lines.push(line)).info("something", {
    text: "two\nlines",
    count: 3,
    missing: undefined,
  });
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  assertEquals(rest, { level: "info", event: "something", text: "two\nlines", count: 3 });
  assert(!Number.isNaN(Date.parse(time)));
  assertEquals([lines.length, lines[0]?.includes("\n")], [1, false]);
});

Deno.test("a log writes what is important enough", () => {
  const written = (level: LogLevel) => {
    const lines: string[] = [];
    const log = createLog(level, (line) => void lines.push(JSON.parse(line).event));
    log.error("e");
    log.info("i");
    log.debug("d");
    return lines;
  };
  assertEquals(written("error"), ["e"]);
  assertEquals(written("info"), ["e", "i"]);
  assertEquals(written("debug"), ["e", "i", "d"]);
});

Deno.test("an error is told with its causes", () => {
  const cause = new RangeError("inner", { cause: "a text" });
  assertEquals(
    errorText(new TypeError("outer", { cause })),
    "TypeError: outer (RangeError: inner (a text))",
  );
  assertEquals(errorText("thrown text"), "thrown text");
  assertEquals(errorText(undefined), "undefined");
});

Deno.test("no log line holds content or credentials, whatever happens", async () => {
  const marker = "s3cr3t";
  const store = new FailingStore(EPOCH);
  const token = await tokenOf("anna");
  const expired = await tokenOf("anna", -1);
  const tickets: string[] = [];
  let lines: readonly string[] = [];
  await withListeningDoors({ signed: true, store }, async (doors) => {
    lines = doors.lines;
    const bearer = { authorization: `Bearer ${token}` };
    const headers: readonly Record<string, string>[] = [
      bearer,
      { authorization: `Bearer ${expired}` },
      { authorization: `Bearer ${marker}.${marker}.${marker}` },
      { cookie: `${COOKIE_NAME}=${token}`, origin: ORIGIN },
      { cookie: `${COOKIE_NAME}=${marker}`, origin: ORIGIN },
      { ...bearer, origin: `https://${marker}.example` },
    ];
    const bodies = [
      mutating("todo.create", { id: marker, data: { title: marker, done: false } }),
      mutating("todo.create", { id: marker, data: { title: 5, [marker]: marker } }),
      mutating("todo.break", { [marker]: marker }),
      mutating("todo.refuse", marker),
      mutating(marker, marker),
      `{"${marker}`,
      `{"scope":"${marker}\\ud800"}`,
      JSON.stringify({ scope: marker, cursor: 99 }),
      JSON.stringify({ scope: marker }),
    ];
    const everything = async () => {
      for (const path of ["/_sync/push", "/_sync/pull", "/_sync/snapshot", `/${marker}`]) {
        for (const header of headers) {
          for (const body of bodies) await (await doors.post(path, body, header)).text();
        }
      }
      for (const header of headers) {
        await (await doors.post("/_session", marker, header)).text();
        const answer = await (await doors.post("/_live/ticket", marker, header)).json();
        if (answer.ticket !== undefined) tickets.push(answer.ticket);
      }
    };
    await everything();
    const peer = await LivePeer.open(doors.port, bearer);
    await peer.greet({ scope: marker, client: marker });
    const mutation = (seq: number, name: string) => ({
      id: `${marker}${seq}`,
      name,
      seq,
      args: JSON.stringify({ id: marker }),
      createdAt: 0,
    });
    peer.say({ kind: "push", mutations: [mutation(1, "todo.break"), mutation(2, marker)] });
    await peer.hear("ack");
    peer.say({ kind: "publish", topic: marker, data: `{"${marker}` });
    await peer.hear("failure");
    store.failing = true;
    await everything();
    peer.say({ kind: "push", mutations: [mutation(3, "todo.refuse")] });
    await peer.hear("failure");
    store.failing = false;
    peer.sayBytes(new TextEncoder().encode(marker));
    await peer.hear("failure");
    await peer.ended;
  });
  assert(lines.some((line) => line.includes(`"event":"app failed"`)), "the mutator's fault");
  assert(lines.some((line) => line.includes(`"event":"request failed"`)), "the store's fault");
  assert(tickets.length > 0);
  for (const line of lines) {
    for (const secret of [marker, token, expired, ...token.split("."), ...tickets]) {
      assert(!line.includes(secret), line);
    }
  }
});

function mutating(name: string, args: unknown): string {
  return JSON.stringify({ mutations: [{ id: `${name}-1`, name, args }] });
}

class FailingStore extends MemoryStore {
  failing = false;

  override transaction<T>(work: () => T): T {
    if (this.failing) throw new TypeError("a fault in the store");
    return super.transaction(work);
  }

  override head(scope: string): ReturnType<MemoryStore["head"]> {
    if (this.failing) throw new TypeError("a fault in the store");
    return super.head(scope);
  }
}
