/**
 * Which addresses a module may ask for: those that its mount names, and no private ones.
 *
 *     api.example.com          this host, http on port 80 or https on port 443
 *     api.example.com:8443     this host on this port; `:*` on any port
 *     *.example.com            every host below example.com, at any depth, but not example.com itself
 *     https://api.example.com  this scheme only; the port is the scheme's where none is given
 *     *                        every public host, on the usual ports
 *
 * A private address is one of a private network, of this machine, of its link, of a cloud's metadata
 * service, or reserved. They are refused however they are written: `new URL` turns the decimal, hex,
 * octal and short forms into the usual one, and addresses of IPv6 that carry one of IPv4 are refused
 * whole. Names that stand for no public host (`localhost`, one label, `.internal`, …) count as private.
 *
 * A public name may have a private address. Where the runtime can look names up, every address of a name
 * must be public. What cannot be known: `fetch` looks the name up again, and whoever rules the name
 * may answer otherwise then (DNS rebinding); and where there is no look-up, as on Workers, it is the
 * platform's network that keeps private addresses out. Who needs more than that names hosts, not `*`.
 */

/** What a policy is made of. */
export interface FetchPermissions {
  /** Hosts, as described above. None means: nothing is allowed. */
  readonly allow: readonly string[];
  /** Allows private addresses, where `allow` does as well. @default {false} */
  readonly privateAddresses?: boolean;
  /** Every address of a host. Without it, names are taken at their word. */
  readonly lookup?: Lookup | undefined;
}

/** Every address of a host name; rejects when there is none. */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** An address that a module must not ask for. The message may be shown to the module. */
export class FetchRefused extends Error {
  override readonly name = "FetchRefused";
}

/** Characters of an address. Workers allow as many. */
export const FETCH_URL_UNITS_MAX = 16 * 1024;

interface Rule {
  /** With the colon, as `URL` has it. */
  readonly protocol: string | undefined;
  /** As `URL` has it; the part from the first dot on where `below` is set; `*` for all. */
  readonly hostname: string;
  readonly below: boolean;
  /** As `URL` has it: empty for the usual one, `*` for any. */
  readonly port: string;
}

const PROTOCOLS: readonly string[] = ["http:", "https:"];
const RULE =
  /^(?:(https?):\/\/)?(\*\.)?(\*|\[[0-9a-f:.]+\]|[^\s/:@?#[\]*%\\]+)(?::(\d{1,5}|\*))?$/i;

/** Networks of IPv4 that are not public: first address, length of the prefix. */
const PRIVATE_NETWORKS: readonly (readonly [address: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // The metadata of most clouds, by the way.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
  // A public address that leads to the host of a machine on Azure.
  ["168.63.129.16", 32],
];

/** Last labels of names that stand for no public host. */
const PRIVATE_ENDINGS: readonly string[] = [
  "corp",
  "home",
  "home.arpa",
  "internal",
  "intranet",
  "lan",
  "local",
  "localdomain",
  "localhost",
  "private",
];

/** What one mount may ask for. */
export class FetchPolicy {
  readonly #rules: readonly Rule[];
  readonly #private: boolean;
  readonly #lookup: Lookup | undefined;

  /** @throws {TypeError} when an entry is no host, or a private one without leave */
  constructor({ allow, privateAddresses = false, lookup }: FetchPermissions) {
    this.#private = privateAddresses;
    this.#lookup = lookup;
    this.#rules = allow.map((entry) => {
      const rule = ruleOf(entry);
      if (!rule.below && rule.hostname !== "*" && !privateAddresses && isPrivate(rule.hostname)) {
        throw new TypeError(`Cannot allow ${entry}: it is private; set privateAddresses as well`);
      }
      return rule;
    });
  }

  /**
   * The address, if it may be asked for; `base` is what it is relative to, after a redirect.
   *
   * @throws {FetchRefused}
   */
  check(text: string, base?: URL): URL {
    if (text.length > FETCH_URL_UNITS_MAX) throw new FetchRefused("The address is too long");
    const url = URL.parse(text, base);
    if (url === null) throw new FetchRefused("The address cannot be read");
    if (!PROTOCOLS.includes(url.protocol)) {
      throw new FetchRefused("Only http and https are allowed");
    }
    if (url.username !== "" || url.password !== "") {
      throw new FetchRefused("Credentials in an address are not allowed");
    }
    if (!this.#rules.some((rule) => allows(rule, url))) {
      throw new FetchRefused("This address is not allowed");
    }
    if (!this.#private && isPrivate(url.hostname)) {
      throw new FetchRefused("Private addresses are not allowed");
    }
    url.hash = "";
    return url;
  }

  /**
   * Looks at the addresses of a host, where that can be done.
   *
   * @throws {FetchRefused} and what the look-up rejects with
   */
  async checkAddresses({ hostname }: URL): Promise<void> {
    if (this.#lookup === undefined || this.#private || isAddress(hostname)) return;
    const addresses = await this.#lookup(hostname);
    if (addresses.length > 0 && !addresses.some(isPrivateAddress)) return;
    throw new FetchRefused("Private addresses are not allowed");
  }
}

/**
 * Whether a host, as `URL` has it, is a private address or a name that stands for no public host.
 * What cannot be read counts as private.
 */
export function isPrivate(hostname: string): boolean {
  if (isAddress(hostname)) return isPrivateAddress(hostname);
  const name = withoutDot(hostname);
  // One with an empty label is none, and resolvers differ in what they make of it.
  return !name.includes(".") || name.endsWith(".") || name.includes("..") ||
    PRIVATE_ENDINGS.some((ending) => name === ending || name.endsWith(`.${ending}`));
}

/** Looks names up as the runtime's own `fetch` does; `undefined` where programs cannot. */
export function systemLookup(): Lookup | undefined {
  const modules: unknown = Reflect.get(globalThis, "process");
  if (!hasBuiltins(modules) || isWorker()) return undefined;
  const dns = modules.getBuiltinModule("node:dns/promises");
  if (dns === undefined) return undefined;
  return async (hostname) => {
    const answers = await dns.lookup(hostname, { all: true });
    return answers.map(({ address }) => address);
  };
}

interface Dns {
  lookup(hostname: string, options: { all: true }): Promise<readonly { address: string }[]>;
}

interface Builtins {
  getBuiltinModule(name: "node:dns/promises"): Dns | undefined;
}

function hasBuiltins(value: unknown): value is Builtins {
  return typeof value === "object" && value !== null && "getBuiltinModule" in value &&
    typeof value.getBuiltinModule === "function";
}

/** Workers have a look-up that is a request of its own, and a network without private addresses. */
function isWorker(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

function ruleOf(entry: string): Rule {
  const match = RULE.exec(entry);
  if (match === null) throw new TypeError(`Cannot allow ${entry}: it is no host`);
  const [, scheme, wildcard, host = "", port = ""] = match;
  const below = wildcard !== undefined;
  const protocol = scheme === undefined ? undefined : `${scheme.toLowerCase()}:`;
  if (host === "*") {
    if (below) throw new TypeError(`Cannot allow ${entry}: it is no host`);
    return { protocol, hostname: "*", below, port };
  }
  // The port as `URL` has it: none where it is the scheme's own.
  const url = URL.parse(
    `${protocol ?? "http:"}//${host}${port === "*" || port === "" ? "" : `:${port}`}`,
  );
  if (url === null || (below && (isAddress(url.hostname) || !/[^.]/.test(url.hostname)))) {
    throw new TypeError(`Cannot allow ${entry}: it is no host`);
  }
  const hostname = withoutDot(url.hostname);
  const ownPort = protocol === undefined ? port.replace(/^0+(?=.)/, "") : url.port;
  return { protocol, hostname, below, port: port === "*" ? "*" : ownPort };
}

function allows({ protocol, hostname, below, port }: Rule, url: URL): boolean {
  if (protocol !== undefined && url.protocol !== protocol) return false;
  const usual = url.protocol === "https:" ? "443" : "80";
  const isPort = port === "*" || url.port === port || (url.port === "" && port === usual);
  if (!isPort) return false;
  const name = withoutDot(url.hostname);
  return hostname === "*" || (below ? name.endsWith(`.${hostname}`) : name === hostname);
}

function withoutDot(hostname: string): string {
  return hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || hostname.includes(":") || wordOf(hostname) !== undefined;
}

function isPrivateAddress(text: string): boolean {
  const word = wordOf(text);
  if (word !== undefined) return isPrivateWord(word);
  const bare = text.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const parts = groupsOf(bare);
  return parts === undefined || isPrivateGroups(parts);
}

/** An address of four decimal numbers as 32 bits. */
function wordOf(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((word, part) => word * 256 + Number(part), 0);
}

function isPrivateWord(word: number): boolean {
  return PRIVATE_NETWORKS.some(([address, prefix]) => {
    const size = 2 ** (32 - prefix);
    return Math.floor(word / size) === Math.floor((wordOf(address) ?? 0) / size);
  });
}

/** The eight groups of an address of IPv6. */
function groupsOf(text: string): readonly number[] | undefined {
  // `URL` writes an address of IPv6 without dots, and refuses what is none.
  const { hostname } = URL.parse(`http://[${text}]`) ?? { hostname: "" };
  if (!hostname.startsWith("[")) return undefined;
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  const groups = [...before, ...(tail === undefined ? [] : zeros), ...after];
  return groups.length === 8 ? groups.map((group) => parseInt(group, 16)) : undefined;
}

/**
 * All but 2000::/3, which is what is given out, and of that: 2001::/23 (protocols, tunnels that carry
 * an address of IPv4), 2002::/16 (likewise), and 2001:db8::/32 and 3fff::/20 (examples).
 */
function isPrivateGroups([first = 0, second = 0]: readonly number[]): boolean {
  if (first < 0x2000 || first > 0x3fff) return true;
  if (first === 0x2001) return second < 0x200 || second === 0xdb8;
  return first === 0x2002 || (first === 0x3fff && second < 0x1000);
}
