/** What a token says, and what is wrong with it, in lines for whoever holds it. */
import { verify } from "hono/jwt";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { SECRET_UNITS_MIN } from "./identity.ts";

/** A token looked into. */
export interface TokenReport {
  /** One fact a line: `name   value`, the verdict last. */
  readonly lines: readonly string[];
  /** Whether a server with this secret takes it now. */
  readonly isGood: boolean;
}

/** The algorithm that the server takes, and no other. */
const ALGORITHM = "HS256";
/** Characters of a claim that are shown. */
const CLAIM_UNITS_MAX = 200;

/**
 * Looks into a token. Never throws: what cannot be read is part of the report.
 *
 * @param now milliseconds since 1970
 */
export async function inspectToken(
  token: string,
  secret: string,
  now: number,
): Promise<TokenReport> {
  const parts = token.split(".");
  const [header, claims] = parts.map(decodePart);
  if (parts.length !== 3 || header === undefined || claims === undefined) {
    const reason = parts.length === 3
      ? "its parts are not JSON in base64url"
      : `it has ${parts.length} parts between dots, and a token has 3`;
    return verdict([], [`this is no JSON Web Token: ${reason}`]);
  }
  const lines = [
    ["algorithm", text(header.alg)],
    ["subject", text(claims.sub)],
    ...["iat", "nbf", "exp"].filter((name) => Object.hasOwn(claims, name)).map((name) => [
      { iat: "issued", nbf: "not before", exp: "expires" }[name] ?? name,
      moment(claims[name], now),
    ]),
    ...Object.entries(claims)
      .filter(([name]) => !["sub", "iat", "nbf", "exp"].includes(name))
      .map(([name, value]) => [name, text(value)]),
  ].map(([name = "", value = ""]) => `${name.padEnd(11)}${value}`);
  return verdict(lines, await problemsOf(token, header, claims, secret, now));
}

async function problemsOf(
  token: string,
  header: JsonObject,
  claims: JsonObject,
  secret: string,
  now: number,
): Promise<string[]> {
  const problems: string[] = [];
  if (header.alg !== ALGORITHM) {
    problems.push(`the server takes ${ALGORITHM} alone, and this one says ${text(header.alg)}`);
  } else if (secret.length < SECRET_UNITS_MIN) {
    problems.push("the signature was not checked: set DRIFTLESS_SECRET to the server's secret");
  } else if (!await isSignedWith(token, secret)) {
    problems.push("the signature is not of this DRIFTLESS_SECRET, or the token was changed");
  }
  if (typeof claims.sub !== "string" || claims.sub === "") {
    problems.push(`it names nobody: it has no "sub"`);
  }
  const { exp, nbf } = claims;
  if (typeof exp === "number" && exp * 1000 <= now) {
    problems.push(`it has expired; make another: driftless token ${text(claims.sub)}`);
  }
  if (typeof nbf === "number" && nbf * 1000 > now) {
    problems.push("it is not good yet; if that is a surprise, compare the clocks");
  }
  return problems;
}

/** The signature alone; times are judged on their own. */
async function isSignedWith(token: string, secret: string): Promise<boolean> {
  try {
    await verify(token, secret, { alg: ALGORITHM, exp: false, nbf: false, iat: false });
    return true;
  } catch {
    return false;
  }
}

function verdict(lines: readonly string[], problems: readonly string[]): TokenReport {
  const isGood = problems.length === 0;
  const last = isGood
    ? ["good: a server with this secret takes it"]
    : problems.map((it) => `bad: ${it}`);
  return { lines: [...lines, ...last], isGood };
}

function decodePart(part: string): JsonObject | undefined {
  try {
    if (!/^[\w-]+$/.test(part)) return undefined;
    const bytes = Uint8Array.from(
      atob(part.replaceAll("-", "+").replaceAll("_", "/")),
      (unit) => unit.charCodeAt(0),
    );
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A claim on one line: whoever made the token chose its text, control characters included. */
function text(value: unknown): string {
  if (value === undefined) return "(none)";
  const json = typeof value === "string" ? value : JSON.stringify(value);
  // deno-lint-ignore no-control-regex -- they are what is taken out
  const plain = json.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
  return plain.length > CLAIM_UNITS_MAX ? `${plain.slice(0, CLAIM_UNITS_MAX)}…` : plain;
}

function moment(seconds: unknown, now: number): string {
  const date = new Date(typeof seconds === "number" ? seconds * 1000 : NaN);
  if (Number.isNaN(date.getTime())) return `${text(seconds)} (no time)`;
  const minutes = Math.round((date.getTime() - now) / 60_000);
  const size = Math.abs(minutes);
  const span = size < 120
    ? `${size} minutes`
    : size < 2 * 24 * 60
    ? `${Math.round(size / 60)} hours`
    : `${Math.round(size / (24 * 60))} days`;
  return `${date.toISOString()} (${date.getTime() <= now ? `${span} ago` : `in ${span}`})`;
}
