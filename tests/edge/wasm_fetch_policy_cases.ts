/** Addresses that a module may and may not ask for, as cases that run in every runtime. */
import { strict as assert } from "node:assert";
import { FETCH_URL_UNITS_MAX, FetchPolicy, FetchRefused } from "../../edge/wasm/fetch_policy.ts";
import type { FetchCase } from "./wasm_fetch_cases.ts";

/** Private however they are written. */
const HOSTILE: readonly string[] = [
  "http://127.0.0.1/",
  "http://127.1/",
  "http://127.0.0.1./",
  "http://localhost../",
  "http://metadata..internal/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.0.0.1/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://127.0.0.1:8080/",
  "http://0/",
  "http://0.0.0.0/",
  "http://10.0.0.1/",
  "http://10.255.255.255/",
  "http://100.64.0.1/",
  "http://100.100.100.200/",
  "http://100.127.255.255/",
  "http://168.63.129.16/",
  "http://169.254.169.254/latest/meta-data/",
  "http://0xA9FEA9FE/",
  "http://2852039166/",
  "http://0251.0376.0251.0376/",
  "http://172.16.0.1/",
  "http://172.31.255.255/",
  "http://192.0.0.192/",
  "http://192.0.2.1/",
  "http://192.88.99.1/",
  "http://192.168.1.1/",
  "http://198.18.0.1/",
  "http://198.19.255.255/",
  "http://198.51.100.1/",
  "http://203.0.113.1/",
  "http://224.0.0.1/",
  "http://239.255.255.255/",
  "http://240.0.0.1/",
  "http://255.255.255.255/",
  "http://①②⑦.⓪.⓪.①/",
  "http://１２７.０.０.１/",
  "http://127。0。0。1/",
  "http://[::]/",
  "http://[::1]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::ffff:10.0.0.1]/",
  "http://[::ffff:169.254.169.254]/",
  "http://[::127.0.0.1]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[64:ff9b::a9fe:a9fe]/",
  "http://[64:ff9b:1::1]/",
  "http://[100::1]/",
  "http://[2001::1]/",
  "http://[2001:0:7f00:1::]/",
  "http://[2001:1ff::1]/",
  "http://[2001:db8::1]/",
  "http://[2002:7f00:1::]/",
  "http://[2002:a9fe:a9fe::]/",
  "http://[3fff:fff::1]/",
  "http://[4000::1]/",
  "http://[fc00::1]/",
  "http://[fd00:ec2::254]/",
  "http://[fe80::1]/",
  "http://[fec0::1]/",
  "http://[ff02::1]/",
  "http://localhost/",
  "http://LOCALHOST/",
  "http://localhost./",
  "http://a.localhost/",
  "http://intranet/",
  "http://metadata/",
  "http://metadata.google.internal/",
  "http://metadata.google.internal./",
  "http://printer.local/",
  "http://nas.home.arpa/",
  "http://router.lan/",
  "http://wiki.corp/",
  "http:\\\\127.0.0.1\\",
  "http://one.org@127.0.0.1/",
  "\thttp://127.0.0.1/",
  "ht\ntp://127.0.0.1/",
];

/** Not http, or no address at all. */
const UNUSABLE: readonly string[] = [
  "",
  "/path",
  "//one.org/",
  "one.org",
  "file:///etc/passwd",
  "ftp://one.org/",
  "data:text/plain,x",
  "javascript:alert(1)",
  "blob:https://one.org/1",
  "ws://one.org/",
  "gopher://one.org/",
  "http://",
  "http://user@one.org/",
  "http://user:password@one.org/",
  "http://:password@one.org/",
  "http://1.2.3.4.5.6/",
  "http://256.0.0.1/",
  "http://[::1/",
  "http://[fe80::1%25eth0]/",
  "http://one.org:65536/",
  "http://one..org:x/",
  `http://one.org/${"a".repeat(FETCH_URL_UNITS_MAX)}`,
];

const PUBLIC: readonly string[] = [
  "http://one.org/",
  "https://one.org/",
  "https://ONE.org./path?query#part",
  "http://one.org:80/",
  "https://one.org:443/",
  "http://8.8.8.8/",
  "http://9.255.255.255/",
  "http://11.0.0.0/",
  "http://100.63.255.255/",
  "http://100.128.0.0/",
  "http://126.255.255.255/",
  "http://128.0.0.0/",
  "http://168.63.129.15/",
  "http://169.253.255.255/",
  "http://169.255.0.0/",
  "http://172.15.255.255/",
  "http://172.32.0.0/",
  "http://192.167.255.255/",
  "http://192.169.0.0/",
  "http://198.17.255.255/",
  "http://198.20.0.0/",
  "http://223.255.255.255/",
  "http://[2606:4700::1111]/",
  "http://[2001:200::1]/",
  "http://[2001:4860:4860::8888]/",
  "http://[3fff:1000::1]/",
  "http://bücher.org/",
];

/** An entry of `allow`, what it allows and what not. */
const RULES: readonly {
  readonly allow: string;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}[] = [
  {
    allow: "api.one.org",
    yes: [
      "http://api.one.org/",
      "https://api.one.org/",
      "https://api.one.org./",
      "https://API.ONE.ORG:443/x",
    ],
    no: [
      "https://one.org/",
      "https://a.api.one.org/",
      "https://api.one.org.evil.org/",
      "https://evilapi.one.org/",
      "https://api.one.org:444/",
      "https://api.one.org:80/",
      "https://evil.org/api.one.org",
      "https://evil.org/?api.one.org",
      "https://evil.org#@api.one.org",
      "https://evil.org\\@api.one.org/",
      "https://api.one.org@evil.org/",
    ],
  },
  {
    allow: "*.one.org",
    yes: ["https://a.one.org/", "https://a.b.one.org/", "http://a.one.org./"],
    no: ["https://one.org/", "https://evilone.org/", "https://a.one.org.evil.org/"],
  },
  {
    allow: "one.org:8443",
    yes: ["https://one.org:8443/", "http://one.org:8443/"],
    no: ["https://one.org/", "https://one.org:443/", "https://one.org:8444/"],
  },
  {
    allow: "one.org:443",
    yes: ["https://one.org/", "http://one.org:443/"],
    no: ["http://one.org/"],
  },
  {
    allow: "one.org:*",
    yes: ["https://one.org/", "http://one.org:1/", "https://one.org:65535/"],
    no: ["https://two.org/"],
  },
  {
    allow: "https://one.org",
    yes: ["https://one.org/", "https://one.org:443/"],
    no: ["http://one.org/", "http://one.org:443/", "https://one.org:8443/"],
  },
  {
    allow: "https://*.one.org:8443",
    yes: ["https://a.one.org:8443/"],
    no: ["https://a.one.org/", "http://a.one.org:8443/"],
  },
  { allow: "https://*", yes: ["https://any.org/"], no: ["http://any.org/", "https://any.org:1/"] },
  {
    allow: "8.8.8.8",
    yes: ["http://8.8.8.8/", "http://134744072/"],
    no: ["http://8.8.4.4/", "http://a.8.8.8.8/"],
  },
  {
    allow: "[2606:4700:0::1111]:8080",
    yes: ["http://[2606:4700::1111]:8080/"],
    no: ["http://[2606:4700::1112]:8080/", "http://[2606:4700::1111]/"],
  },
  { allow: "bücher.org", yes: ["https://xn--bcher-kva.org/"], no: ["https://bucher.org/"] },
];

const NO_RULES: readonly string[] = [
  "",
  "https://",
  "one.org/path",
  "one.org/",
  "https://one.org/",
  "ftp://one.org",
  "user@one.org",
  "one.org:65536",
  "one.org:port",
  "*one.org",
  "one.*.org",
  "*.*",
  "*.8.8.8.8",
  "one.org?",
  "one.org#",
  "one .org",
];

/** Private, and so not allowed by name either. */
const PRIVATE_RULES: readonly string[] = ["127.0.0.1:8080", "localhost", "2130706433", "[::1]"];

const everything = ["*", "*:*"];

/** Every case. */
export const FETCH_POLICY_CASES: readonly FetchCase[] = [
  ...HOSTILE.map((url) =>
    named(`${JSON.stringify(url)} is private`, () => {
      assert.throws(() => new FetchPolicy({ allow: everything }).check(url), FetchRefused);
    })
  ),
  ...UNUSABLE.map((url) =>
    named(`${JSON.stringify(url.slice(0, 40))} cannot be used`, () => {
      const policy = new FetchPolicy({ allow: everything, privateAddresses: true });
      assert.throws(() => policy.check(url), FetchRefused);
    })
  ),
  ...PUBLIC.map((url) =>
    named(`${url} is public`, () => {
      const checked = new FetchPolicy({ allow: ["*"] }).check(url);
      assert.equal(checked.hash, "");
      assert.throws(() => new FetchPolicy({ allow: [] }).check(url), FetchRefused);
    })
  ),
  ...RULES.map(({ allow, yes, no }) =>
    named(`"${allow}" allows what it says and nothing else`, () => {
      const policy = new FetchPolicy({ allow: ["other.org", allow] });
      for (const url of yes) assert.ok(policy.check(url), url);
      for (const url of no) assert.throws(() => policy.check(url), FetchRefused, url);
    })
  ),
  ...NO_RULES.map((allow) =>
    named(`"${allow}" is no host to allow`, () => {
      assert.throws(() => new FetchPolicy({ allow: [allow] }), TypeError);
    })
  ),
  ...PRIVATE_RULES.map((allow) =>
    named(`"${allow}" is allowed with leave only`, () => {
      assert.throws(() => new FetchPolicy({ allow: [allow] }), TypeError);
      const policy = new FetchPolicy({ allow: [allow], privateAddresses: true });
      assert.ok(policy.check(`http://${allow}/`));
      assert.throws(() => policy.check("http://10.0.0.1/"), FetchRefused);
    })
  ),
  named("an address as long as the limit can be used, one longer cannot", () => {
    const policy = new FetchPolicy({ allow: ["one.org"] });
    const start = "https://one.org/";
    const longest = start + "a".repeat(FETCH_URL_UNITS_MAX - start.length);
    assert.equal(policy.check(longest.slice(0, -1)).href.length, FETCH_URL_UNITS_MAX - 1);
    assert.equal(policy.check(longest).href.length, FETCH_URL_UNITS_MAX);
    assert.throws(() => policy.check(`${longest}a`), FetchRefused);
  }),
  named("a relative redirect is read from where it came", () => {
    const policy = new FetchPolicy({ allow: ["one.org"] });
    const base = new URL("https://one.org/a/b?c");
    assert.equal(policy.check("../d", base).href, "https://one.org/d");
    assert.throws(() => policy.check("//two.org/", base), FetchRefused);
    assert.throws(() => policy.check("http://[::1]/", base), FetchRefused);
  }),
  ...([
    [["8.8.8.8"], true],
    [["8.8.8.8", "2606:4700::1111"], true],
    [[], false],
    [["10.0.0.1"], false],
    [["8.8.8.8", "127.0.0.1"], false],
    [["::1"], false],
    [["::ffff:10.0.0.1"], false],
    [["fe80::1%eth0"], false],
    [["nonsense"], false],
  ] as const).map(([addresses, isAllowed]) =>
    named(
      `a name at [${addresses.join(", ")}] is ${isAllowed ? "allowed" : "refused"}`,
      async () => {
        const asked: string[] = [];
        const lookup = (hostname: string) => {
          asked.push(hostname);
          return Promise.resolve(addresses);
        };
        const policy = new FetchPolicy({ allow: ["*"], lookup });
        const url = policy.check("https://one.org/");
        if (isAllowed) await policy.checkAddresses(url);
        else await assert.rejects(policy.checkAddresses(url), FetchRefused);
        assert.deepEqual(asked, ["one.org"]);
        await policy.checkAddresses(policy.check("https://8.8.8.8/"));
        assert.equal(asked.length, 1);
        const open = new FetchPolicy({ allow: ["*"], lookup, privateAddresses: true });
        await open.checkAddresses(url);
        assert.equal(asked.length, 1);
      },
    )
  ),
];

function named(name: string, run: () => void | Promise<void>): FetchCase {
  return { name, run: async () => await run() };
}
