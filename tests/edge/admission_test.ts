/** The gate: every origin, host and credential at every door; requests and upgrades alike. */
import { assert, assertEquals } from "@std/assert";
import { sign } from "hono/jwt";
import { COOKIE_NAME } from "../../edge/identity.ts";
import {
  assertRefused,
  creation,
  type DoorOptions,
  type Doors,
  ORIGIN,
  SECRET,
  tokenOf,
  withDoors,
} from "./served_app.ts";

type OriginCase =
  | "absent"
  | "exact"
  | "other port"
  | "other scheme"
  | "subdomain"
  | "parent domain"
  | "suffix"
  | "prefix"
  | "null"
  | "empty"
  | "upper case"
  | "with a slash"
  | "with a path"
  | "two of them"
  | "loopback";

/** What a browser, or somebody who plays one, says where it comes from. */
const ORIGINS: Readonly<Record<OriginCase, string | null>> = {
  "absent": null,
  "exact": ORIGIN,
  "other port": "https://app.example:8443",
  "other scheme": "http://app.example",
  "subdomain": "https://evil.app.example",
  "parent domain": "https://example",
  "suffix": "https://evil-app.example",
  "prefix": "https://app.example.evil.example",
  "null": "null",
  "empty": "",
  "upper case": "https://APP.example",
  "with a slash": "https://app.example/",
  "with a path": "https://app.example/page",
  "two of them": "https://app.example, https://evil.example",
  "loopback": "http://127.0.0.1:8000",
};

const ADMITTED: readonly OriginCase[] = ["absent", "exact"];

type Door = "page" | "health" | "preflight" | "push" | "pull" | "snapshot" | "ticket" | "session";

type CredentialCase =
  | "none"
  | "bearer"
  | "cookie"
  | "bearer beside a bad cookie"
  | "expired bearer"
  | "expired cookie"
  | "forged bearer"
  | "unsigned bearer"
  | "not a bearer"
  | "empty bearer";

/** The status of a push; `app` from a page of the app, `program` from what is no browser. */
const VERDICTS: Readonly<Record<CredentialCase, { app: number; program: number }>> = {
  "none": { app: 401, program: 401 },
  "bearer": { app: 200, program: 200 },
  // Whatever makes a browser send a request, sends the cookie too: only a page has an origin.
  "cookie": { app: 200, program: 403 },
  "bearer beside a bad cookie": { app: 200, program: 200 },
  "expired bearer": { app: 401, program: 401 },
  "expired cookie": { app: 401, program: 401 },
  "forged bearer": { app: 401, program: 401 },
  "unsigned bearer": { app: 401, program: 401 },
  "not a bearer": { app: 401, program: 401 },
  "empty bearer": { app: 401, program: 401 },
};

const PAGES = { "/": { type: "text/html", body: "<!doctype html>", etag: `"1"` } };
const HOSTS = ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"];

/** Whether a server with these host names answers to the name. */
const HOST_VERDICTS: Readonly<Record<string, boolean>> = {
  "127.0.0.1:8000": true,
  "localhost:8000": true,
  "LocalHost:8000": true,
  "[::1]:8000": true,
  "localhost": false,
  "localhost:8001": false,
  "evil.example": false,
  "evil.example:8000": false,
  "localhost:8000.evil.example": false,
  "localhost:8000, evil.example": false,
  "": false,
};

for (const origin of Object.keys(ORIGINS) as OriginCase[]) {
  const verdict = ADMITTED.includes(origin) ? "admits" : "refuses";
  Deno.test(`the gate ${verdict} an origin that is ${origin}, at every door`, () =>
    withDoors(signed(), async (doors) => {
      for (const [door, send] of Object.entries(requests(doors, await tokenOf("anna")))) {
        const response = await send(originHeader(origin));
        if (ADMITTED.includes(origin)) {
          assert(response.ok, `${door}: ${response.status} ${await response.text()}`);
        } else {
          await assertRefused(response, 403, "forbidden", door);
          assertEquals(response.headers.get("access-control-allow-origin"), null, door);
        }
      }
    }));

  Deno.test(`the gate ${verdict} a WebSocket whose origin is ${origin}, as it does a request`, () =>
    withDoors(signed(), async (doors) => {
      const ticket = await ticketOf(doors);
      const upgrade = (header: Record<string, string>) =>
        doors.handler.upgrade(live(ticket, header), { remoteAddress: "" });
      const decision = await upgrade(originHeader(origin));
      if (ADMITTED.includes(origin)) return assert("accept" in decision);
      assert(decision instanceof Response);
      await assertRefused(decision, 403, "forbidden");
      assert("accept" in await upgrade(originHeader("exact")), "the ticket was not used up");
    }));
}

for (const credential of Object.keys(VERDICTS) as CredentialCase[]) {
  const { app, program } = VERDICTS[credential];
  Deno.test(`a push with credentials that are ${credential} is ${app}, from a program ${program}`, () =>
    withDoors(signed(), async (doors) => {
      const headers = await credentialHeaders(credential);
      const statusOf = async (origin: OriginCase) => {
        const response = await doors.post("/_sync/push", creation(origin), {
          ...headers,
          ...originHeader(origin),
        });
        if (response.status === 401) await assertRefused(response, 401, "unauthenticated");
        else if (response.status === 403) await assertRefused(response, 403, "forbidden");
        else assertEquals((await response.json()).results[0].ok, true);
        return response.status;
      };
      assertEquals(
        { app: await statusOf("exact"), program: await statusOf("absent") },
        { app, program },
      );
      assertEquals(await statusOf("null"), 403, "an origin that is refused, is refused first");
    }));
}

for (const [host, answers] of Object.entries(HOST_VERDICTS)) {
  Deno.test(`a server on loopback ${answers ? "answers" : "does not answer"} to "${host}"`, () =>
    withDoors({ hosts: HOSTS, assets: PAGES }, async (doors) => {
      const ticket = await ticketOf(doors);
      for (const [door, send] of Object.entries(requests(doors, ""))) {
        if (door === "session") continue;
        const response = await send({ host });
        if (answers) assert(response.ok, `${door}: ${response.status} ${await response.text()}`);
        else await assertRefused(response, 403, "forbidden", door);
      }
      const decision = await doors.handler.upgrade(live(ticket, { host }), { remoteAddress: "" });
      assertEquals("accept" in decision, answers);
    }));
}

Deno.test("a server that names no hosts answers to any, as behind a proxy", () =>
  withDoors(signed(), async (doors) => {
    const headers = { host: "whatever.example", ...await credentialHeaders("bearer") };
    assertEquals((await doors.post("/_sync/push", creation("1"), headers)).status, 200);
  }));

Deno.test("a request without a host header is judged by its address", () =>
  withDoors({ hosts: HOSTS }, async (doors) => {
    assertEquals((await doors.get("/healthz")).status, 200);
    const other = await doors.get("http://evil.example:8000/healthz");
    await assertRefused(other, 403, "forbidden");
  }));

Deno.test("an open server takes a listed origin and programs, and no other page", () =>
  withDoors({}, async (doors) => {
    const statuses: number[] = [];
    for (const origin of ["absent", "exact", "null", "suffix"] as const) {
      const response = await doors.post("/_sync/push", creation(origin), originHeader(origin));
      statuses.push(response.status);
    }
    assertEquals(statuses, [200, 200, 403, 403]);
  }));

function signed(): DoorOptions {
  return { signed: true, assets: PAGES };
}

function originHeader(origin: OriginCase): Record<string, string> {
  const value = ORIGINS[origin];
  return value === null ? {} : { origin: value };
}

/** A good request at each door, but for the headers that are added to it. */
function requests(
  doors: Doors,
  token: string,
): Readonly<Record<Door, (headers: Record<string, string>) => Promise<Response>>> {
  const own = { authorization: `Bearer ${token}` };
  const post = (path: string, body: unknown) => (headers: Record<string, string>) =>
    doors.post(path, body, { ...own, ...headers });
  return {
    page: (headers) => doors.get("/", { headers }),
    health: (headers) => doors.get("/healthz", { headers }),
    preflight: (headers) =>
      doors.get("/_sync/push", {
        method: "OPTIONS",
        headers: { "access-control-request-method": "POST", ...headers },
      }),
    push: post("/_sync/push", creation("1")),
    pull: post("/_sync/pull", {}),
    snapshot: post("/_sync/snapshot", {}),
    ticket: post("/_live/ticket", {}),
    session: post("/_session", {}),
  };
}

async function ticketOf(doors: Doors): Promise<string> {
  const headers = { authorization: `Bearer ${await tokenOf("anna")}` };
  const response = await doors.post("/_live/ticket", {}, headers);
  return (await response.json()).ticket;
}

function live(ticket: string, headers: Record<string, string>): Request {
  return new Request(`http://127.0.0.1:8000/_live?ticket=${ticket}`, { headers });
}

async function credentialHeaders(credential: CredentialCase): Promise<Record<string, string>> {
  const good = await tokenOf("anna");
  const old = await tokenOf("anna", -1);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const cookie = (token: string) => ({ cookie: `other=1; ${COOKIE_NAME}=${token}` });
  switch (credential) {
    case "none":
      return {};
    case "bearer":
      return bearer(good);
    case "cookie":
      return cookie(good);
    case "bearer beside a bad cookie":
      return { ...bearer(good), ...cookie("nonsense") };
    case "expired bearer":
      return bearer(old);
    case "expired cookie":
      return cookie(old);
    case "forged bearer":
      return bearer(await sign({ sub: "anna" }, `${SECRET}, but another`, "HS256"));
    case "unsigned bearer": {
      const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
      return bearer(`${part({ alg: "none", typ: "JWT" })}.${part({ sub: "anna" })}.`);
    }
    case "not a bearer":
      return { authorization: `Basic ${btoa("anna:secret")}` };
    case "empty bearer":
      return { authorization: "Bearer " };
  }
}
