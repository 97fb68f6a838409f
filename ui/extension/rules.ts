/**
 * The rules: which island of which server is shown in which pages, and where.
 *
 *     https://*.example.com/docs/*     scheme, host, path, as browsers have patterns for extensions
 */

/** What a page's own half knows of a rule. */
export interface ShownRule {
  readonly id: string;
  /** The server, as an origin. */
  readonly server: string;
  readonly island: string;
  /** The element that gets the island; without one it is in a panel at the side. */
  readonly selector: string;
  /** Whether the island is in a shadow root, where the page's styles do not reach. */
  readonly isShadow: boolean;
}

/** A rule as it is saved. */
export interface Rule extends ShownRule {
  readonly isOn: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The bearer token for the server; only the worker has it. */
  readonly token: string;
}

const ID = /^[\w-]{1,64}$/;
const PATTERN = /^(\*|https?):\/\/(\*|(?:\*\.)?[^/*:]+)(:\d+)?(\/.*)$/;

/** Whether a rule is on for a page. */
export function isFor({ isOn, include, exclude }: Rule, url: string): boolean {
  const fits = (pattern: string) => matches(pattern, url);
  return isOn && include.some(fits) && !exclude.some(fits);
}

/** Whether a pattern fits an address. */
export function matches(pattern: string, url: string): boolean {
  const [, scheme = "", host = "", port = "", path = ""] = PATTERN.exec(pattern) ?? [];
  if (scheme === "" || !URL.canParse(url)) return false;
  const page = new URL(url);
  const isHost = host === "*" || page.hostname === host ||
    host.startsWith("*.") && `.${page.hostname}`.endsWith(host.slice(1));
  return /^https?:$/.test(page.protocol) && (scheme === "*" || page.protocol === `${scheme}:`) &&
    isHost && (port === "" || `:${page.port}` === port) &&
    hasStars(path, page.pathname + page.search);
}

/** What the browser has to allow for a rule: its pages and its server. */
export function originsOf({ include, server }: Rule): readonly string[] {
  const pages = include.map((pattern) => pattern.replace(PATTERN, "$1://$2/*"));
  const { protocol, hostname } = new URL(server);
  return [...new Set([...pages, `${protocol}//${hostname}/*`])];
}

/**
 * Reads a rule of a form or a file.
 *
 * @throws {TypeError} when it is none
 */
export function ruleOf(value: unknown): Rule {
  const from = Object(value) as Record<string, unknown>;
  const text = (name: keyof Rule) => String(from[name] ?? "").trim();
  const list = (name: keyof Rule) => {
    const patterns = Array.isArray(from[name]) ? from[name].map(String) : text(name).split(/\s+/);
    return patterns.filter((pattern) => pattern !== "").map(checked);
  };
  const [address, include] = [text("server"), list("include")];
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new TypeError(`Cannot use the server "${address}": write it like https://app.example`);
  }
  if (text("island") === "") throw new TypeError("Cannot use the rule: it names no island");
  if (include.length === 0) throw new TypeError("Cannot use the rule: it includes no pages");
  return {
    id: ID.test(text("id")) ? text("id") : crypto.randomUUID(),
    isOn: from["isOn"] === true,
    server: new URL(address).origin,
    token: text("token"),
    island: text("island"),
    include,
    exclude: list("exclude"),
    selector: text("selector"),
    isShadow: from["isShadow"] !== false,
  };
}

/** Rules of a form or a file beside those that were saved, in place of the ones with the same ids. */
export function merged(old: readonly Rule[], fresh: readonly Rule[]): readonly Rule[] {
  const kept = old.filter(({ id }) => fresh.every((rule) => rule.id !== id));
  const added = fresh.map((rule) => {
    // A token is for the server that it was given for, and no file may have it sent elsewhere.
    const same = old.find(({ id, server }) => id === rule.id && server === rule.server);
    return { ...rule, token: rule.token || (same?.token ?? "") };
  });
  return [...kept, ...added];
}

function checked(pattern: string): string {
  if (PATTERN.test(pattern)) return pattern;
  throw new TypeError(`Cannot use the pattern "${pattern}": write it like https://app.example/*`);
}

/** Whether a text is the pattern, where a star is any text. From left to right, so it takes no time. */
function hasStars(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts.shift(), parts.pop()];
  if (pattern === first) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
