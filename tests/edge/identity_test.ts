/** From credentials to a principal: which tokens count, who they name, and until when. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { sign } from "hono/jwt";
import { DriftlessError } from "../../core/errors.ts";
import {
  ANONYMOUS,
  COOKIE_NAME,
  identify,
  type Identity,
  issueToken,
} from "../../edge/identity.ts";
import { SECRET } from "./served_app.ts";

const HOUR_SECONDS = 60 * 60;

/** Tokens that are well signed and still not good, by what is wrong with them. */
const BAD_CLAIMS: Readonly<Record<string, Record<string, unknown>>> = {
  "has expired": { sub: "anna", exp: inSeconds(-1) },
  "expires now": { sub: "anna", exp: inSeconds(0) },
  "expires at a text": { sub: "anna", exp: "never" },
  "expires at nothing": { sub: "anna", exp: null },
  "is not valid yet": { sub: "anna", nbf: inSeconds(HOUR_SECONDS) },
  "names nobody": {},
  "names the empty text": { sub: "" },
  "names a number": { sub: 7 },
  "names a list": { sub: ["anna"] },
};

Deno.test("a bearer token names a principal, its claims and its end", async () => {
  const exp = inSeconds(HOUR_SECONDS);
  const claims = { sub: "anna", exp, role: "admin", teams: ["red"] };
  const identity = await bearing(await sign(claims, SECRET, "HS256"));
  assertEquals(identity.principal, { id: "anna", claims });
  assertEquals(identity.expires, exp * 1000);
  assertEquals(identity.explicit, true);
});

Deno.test("a token without an end does not expire", async () => {
  assertEquals((await bearing(await sign({ sub: "anna" }, SECRET, "HS256"))).expires, Infinity);
});

Deno.test("a token of an issuer whose clock runs ahead counts", async () => {
  const claims = { sub: "anna", iat: inSeconds(HOUR_SECONDS) };
  assertEquals((await bearing(await sign(claims, SECRET, "HS256"))).principal?.id, "anna");
});

Deno.test("an issued token names its subject for so many seconds", async () => {
  const before = inSeconds(0);
  const { principal, expires } = await bearing(await issueToken("zoë 👋", HOUR_SECONDS, SECRET));
  assertEquals(principal?.id, "zoë 👋");
  assert(expires >= (before + HOUR_SECONDS) * 1000);
  assert(expires <= (inSeconds(0) + HOUR_SECONDS) * 1000);
});

Deno.test("a cookie names the same principal, but not explicitly", async () => {
  const token = await issueToken("anna", HOUR_SECONDS, SECRET);
  const identity = await identityOf({ cookie: `a=b; ${COOKIE_NAME}=${token}; c=d` });
  assertEquals([identity.principal?.id, identity.explicit], ["anna", false]);
});

Deno.test("a header counts, whatever the cookie says", async () => {
  const [anna, ben] = await Promise.all(["anna", "ben"].map((name) => issueToken(name, 9, SECRET)));
  const headers = { authorization: `bearer ${anna}`, cookie: `${COOKIE_NAME}=${ben}` };
  assertEquals((await identityOf(headers)).principal?.id, "anna");
});

Deno.test("without credentials, or without a secret, everybody is nobody", async () => {
  assertEquals(await identityOf({}), ANONYMOUS);
  assertEquals(await identityOf({ cookie: "session=1" }), ANONYMOUS);
  const token = await issueToken("anna", HOUR_SECONDS, SECRET);
  assertEquals(await identityOf({ authorization: `Bearer ${token}` }, null), ANONYMOUS);
});

for (const [what, claims] of Object.entries(BAD_CLAIMS)) {
  Deno.test(`a token that ${what} is refused`, async () => {
    await assertUnauthenticated(await sign(claims, SECRET, "HS256"));
  });
}

Deno.test("a token that is signed in another way is refused", async () => {
  const claims = { sub: "anna" };
  await assertUnauthenticated(await sign(claims, `${SECRET}!`, "HS256"));
  await assertUnauthenticated(await sign(claims, SECRET, "HS384"));
  await assertUnauthenticated(await sign(claims, SECRET, "HS512"));
  const [head, body, signature] = (await sign(claims, SECRET, "HS256")).split(".");
  const none = encoded({ alg: "none", typ: "JWT" });
  for (const alg of [none, encoded({ alg: "HS256", crit: ["exp"] }), encoded({})]) {
    await assertUnauthenticated(`${alg}.${body}.${signature}`);
  }
  await assertUnauthenticated(`${none}.${body}.`);
  await assertUnauthenticated(`${head}.${encoded({ sub: "ben" })}.${signature}`);
  await assertUnauthenticated(`${head}.${encoded(null)}.${signature}`);
  await assertUnauthenticated(`${head}.${body}`);
});

Deno.test("a change anywhere in a token makes it worthless", async () => {
  const token = await issueToken("anna", HOUR_SECONDS, SECRET);
  const place = fc.nat(token.length - 1);
  const sign = fc.constantFrom(..."AZaz09-_.=~".split(""));
  await fc.assert(
    fc.asyncProperty(place, sign, async (at, other) => {
      // The last sign of a part carries bits that mean nothing, and base 64 pads with "=".
      const last = token[at + 1] === undefined || token[at + 1] === ".";
      fc.pre(token[at] !== other && !last && other !== "=");
      await assertUnauthenticated(token.slice(0, at) + other + token.slice(at + 1));
    }),
  );
});

Deno.test("no text in a header or a cookie does worse than being refused", async () => {
  const text = fc.string({ unit: fc.constantFrom(..."Bearer .=;%\"'\\{}[]eyJ,:~ÿ".split("")) });
  await fc.assert(
    fc.asyncProperty(text, text, async (authorization, cookie) => {
      try {
        const headers = { authorization, cookie: `${COOKIE_NAME}=${cookie}` };
        assertEquals((await identityOf(headers)).principal, null);
      } catch (error) {
        assert(error instanceof DriftlessError && error.code === "unauthenticated", `${error}`);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("what is wrong with a token is told without the token", async () => {
  for (const token of ["secret.secret.secret", "secret", await sign({}, SECRET, "HS256")]) {
    const error = await assertRejects(() => bearing(token), DriftlessError);
    assert(!error.message.includes(token), error.message);
  }
});

function bearing(token: string): Promise<Identity> {
  return identityOf({ authorization: `Bearer ${token}` });
}

/** Asks with a request that has these headers. */
async function identityOf(
  headers: Record<string, string>,
  secret: string | null = SECRET,
): Promise<Identity> {
  return await identify(new Request("http://localhost/", { headers }), secret ?? undefined);
}

async function assertUnauthenticated(token: string): Promise<void> {
  const error = await assertRejects(() => bearing(token), DriftlessError);
  assertEquals(error.code, "unauthenticated");
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

function encoded(value: unknown): string {
  return btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
}
