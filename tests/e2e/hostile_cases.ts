/** What a hostile or broken caller sends, to every door of every platform: a coded refusal, and on. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { COOKIE_NAME } from "../../edge/identity.ts";
import { encodeUp, PROTOCOL_VERSION } from "../../core/wire/messages.ts";
import { DOORS, JUDGED, REFUSED, type Verdict } from "../edge/hostile_bodies.ts";
import { RawPeer } from "../edge/raw_peer.ts";
import { Prng } from "../sim/prng.ts";
import type { EndToEndCase } from "./cases.ts";
import type { World } from "./world.ts";

/** Bodies of chance for each door, and their bytes. */
const CHANCES = 20;
const CHANCE_BYTES_MAX = 200;
/** Connections that say something broken. */
const BROKEN = 24;
const STATUS: Readonly<Record<Verdict, number>> = {
  200: 200,
  malformed: 400,
  invalid_mutation: 400,
  cursor_too_old: 410,
};
const ANYWHERE: readonly string[] = [
  ...DOORS.map((door) => `/_sync/${door}`),
  ...["/_sync/reconcile", "/_live/ticket", "/_live/upload", "/_session", "/_live", "/healthz", "/"],
];

export const HOSTILE_CASES: readonly EndToEndCase[] = [
  {
    name: "a body that is none, or says something odd, is judged alike by each door",
    async run(world) {
      const verdicts: (readonly [string, BodyInit, readonly Verdict[]])[] = [
        ...Object.entries(REFUSED).map(([what, body]) =>
          [what, body, ["malformed", "malformed", "malformed"]] as const
        ),
        ...Object.entries(JUDGED).map(([what, { body, push, pull, snapshot }]) =>
          [what, body, [push, pull, snapshot]] as const
        ),
      ];
      for (const [what, body, expected] of verdicts) {
        for (const [index, door] of DOORS.entries()) {
          const verdict = expected[index] ?? 200;
          const answer = await send(world, `/_sync/${door}`, body);
          const code = answer.status === 200 ? 200 : answer.code;
          assertEquals([code, answer.status], [verdict, STATUS[verdict]], `${door}: ${what}`);
        }
      }
      await works(world);
    },
  },
  {
    name:
      "a door that needs no body does not mind one, and a ticket without a scope opens a socket",
    async run(world) {
      const bodies = ["", "{}", "{", "null", "[1]", `{"scope":""}`, "\0", "x".repeat(100_000)];
      for (const body of bodies) {
        const { status, ticket } = await send(world, "/_live/ticket", body);
        assertEquals([status, typeof ticket], [200, "string"], body.slice(0, 20));
        const response = await fetch(`${world.url}/_session`, { method: "POST", body });
        await world.refused(response, 401, "unauthenticated");
      }
      const peer = await world.islands();
      peer.show(1, "counter");
      await peer.init(1);
      await peer.close();
    },
  },
  {
    name: "no bytes and no method at any path end in a failure of the server",
    async run(world) {
      const random = new Prng(6);
      for (const path of ANYWHERE) {
        for (let chance = 0; chance < CHANCES; chance++) {
          const length = Math.floor(random.float() * CHANCE_BYTES_MAX);
          const bytes = Uint8Array.from({ length }, () => random.next() & 0xff);
          const { status } = await send(world, path, bytes);
          assert(status < 500, `${path} ${status}: ${bytes.toHex()}`);
        }
        for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"]) {
          const response = await fetch(world.url + path, { method, headers: world.headers });
          await response.body?.cancel();
          assert(response.status < 500, `${method} ${path} ${response.status}`);
        }
      }
      for (const path of ["/%00", "/%2e%2e/%2e%2e/deno.json", "/..%5cdeno.json", "/_sync/../app"]) {
        const response = await fetch(world.url + path);
        await response.body?.cancel();
        assertMatch(`${response.status}`, /^40[04]$/, path);
      }
      await works(world);
    },
  },
  {
    name: "a broken message ends its own connection, with everybody else's as they were",
    async run(world) {
      const random = new Prng(7);
      const healthy = await world.peer();
      await healthy.greet({ scope: world.scope });
      const { scope } = world;
      const good = encodeUp(0, {
        ...{ kind: "hello", protocol: PROTOCOL_VERSION, client: "c", scope },
        ...{ cursor: 0, epoch: "" },
      });
      for (let at = 0; at < BROKEN; at++) {
        const peer = await world.peer();
        const bytes = at % 2 === 0
          ? good.slice(0, 1 + Math.floor(random.float() * (good.length - 1)))
          : good.map((byte) => random.float() < 0.1 ? random.next() & 0xff : byte);
        peer.sayBytes(bytes);
        // It may have come out as a message after all; then the next one cannot.
        peer.sayBytes(new Uint8Array(40).fill(0xff));
        const { code } = await peer.ended;
        assert(code === 1008 || code === 1003 || code === 1000, `${code}: ${bytes.toHex()}`);
      }
      await healthy.assertQuiet();
      await world.push([{ id: "m", name: "note.create", args: { id: "n", data: { text: "n" } } }]);
      const { changes } = await healthy.hear("poke");
      assertEquals(changes.map(({ id }) => id), ["n"]);
      await healthy.close();
    },
  },
  {
    name:
      "a caller that leaves in the middle of its body, or says what is no HTTP, disturbs nobody",
    async run(world) {
      const starts = [
        `POST /_sync/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"mut`,
        `POST /_sync/push HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"mut`,
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
        "\0".repeat(100),
      ];
      for (const start of starts) {
        const peer = await RawPeer.connect(world.port);
        peer.write(start);
        await works(world);
        peer.vanish();
        await peer.gone;
      }
      await works(world);
    },
  },
  {
    name: "a cookie stands for a token on pages of the server's own, and on no others",
    async run(world) {
      const origin = world.url;
      const response = await world.post("/_session", "", { ...world.headers, origin });
      assertEquals([response.status, await response.text()], [204, ""]);
      const [cookie = "", ...attributes] = (response.headers.get("set-cookie") ?? "").split("; ");
      assertEquals(cookie, `${COOKIE_NAME}=${world.token}`);
      for (const one of ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]) {
        assert(attributes.includes(one), `${attributes}`);
      }
      const { scope } = world;
      const pull = (headers: Record<string, string>) =>
        world.post("/_sync/pull", { scope }, headers);
      const own = await pull({ cookie, origin });
      assertEquals([own.status, (await own.json()).has_more], [200, false]);
      const foreign = await pull({ cookie, origin: "https://evil.example" });
      await world.refused(foreign, 403, "forbidden");
      const method = "DELETE";
      const out = await fetch(`${world.url}/_session`, { method, headers: { cookie, origin } });
      assertMatch(out.headers.get("set-cookie") ?? "", /^__Host-driftless=; .*Max-Age=0/);
    },
  },
];

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly ticket?: string;
}

/** Sends a body; a refusal has a code and a text. */
async function send(world: World, path: string, body: BodyInit): Promise<Answer> {
  const response = await fetch(world.url + path, { method: "POST", body, headers: world.headers });
  const type = response.headers.get("content-type") ?? "";
  const { status } = response;
  const text = await response.text();
  if (type !== "application/json") {
    assert(status < 400, `${path} ${status} ${text}`);
    return { status };
  }
  const { code, ticket, error } = JSON.parse(text);
  if (status >= 400) assertEquals([typeof code, typeof error], ["string", "string"], text);
  return { status, code, ticket };
}

/** The server does its ordinary work. */
async function works(world: World): Promise<void> {
  const { has_more } = await world.ask("/_sync/pull", { scope: world.scope });
  assertEquals(has_more, false);
}
