/**
 * The duties of a host towards modules, one case each: what its requests carry (A1), what becomes of
 * answers (A2, A3), outbound requests (A4 to A6), bindings (A8), an instance that stays (A9), panics
 * (A11), large answers (A12). The module is `duties.c`.
 */
import { ASKING_CASES } from "./asking_cases.ts";
import { type DutyCase, hexOf, same } from "./duty_world.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const ALL_BYTES_HEX = Array.from(ALL_BYTES, (it) => it.toString(16).padStart(2, "0")).join("");

const REQUEST_CASES: readonly DutyCase[] = [
  {
    title: "A1: method, path and query reach the module as they are",
    async run({ ask }) {
      const seen = await (await ask("/duties/reflect?a=1&b=%20x&c=ä")).json();
      same([seen.method, seen.path, seen.query], ["GET", "/reflect", "a=1&b=%20x&c=%C3%A4"]);
    },
  },
  {
    title: "A1: what has no route is the module's to answer",
    async run({ tell }) {
      same(await tell("/duties/nowhere/at/all"), "404 nothing at /nowhere/at/all");
      same(await tell("/duties"), "404 nothing at ");
    },
  },
  {
    title: "A1: headers come as lines with small names, those of a name joined",
    async run({ ask }) {
      const headers = new Headers({ "X-Custom": "one", "User-Agent": "duty/1" });
      headers.append("x-custom", "two");
      const seen = await (await ask("/duties/reflect", { headers })).json();
      same([seen.custom, seen.agent], ["one, two", "duty/1"]);
      const lines = await (await ask("/duties/lines", { headers })).text();
      same(lines.includes("user-agent: duty/1\n") && lines.endsWith("\n"), true);
    },
  },
  {
    title: "A1: the body of POST, PUT, PATCH and DELETE is there",
    async run({ ask }) {
      for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
        const seen = await (await ask("/duties/reflect", { method, body: "sent ä" })).json();
        same([seen.method, seen.body], [method, "sent ä"]);
      }
    },
  },
  {
    title: "A1: an empty body is a text of no bytes, and slots beyond the fourth are zero",
    async run({ tell }) {
      const empty = "200 4 4 4 4 0:0 0:0 0:0 0:0 0:0 0:0";
      same(await tell("/duties/slots"), empty);
      same(await tell("/duties/slots", { method: "POST", body: "" }), empty);
      same(await tell("/duties/fetch?url=https://api.test/"), "200 200 text/plain answer of /");
      same(await tell("/duties/slots"), empty);
    },
  },
  {
    title: "A1: a cookie reaches the module",
    async run({ tell }) {
      same(await tell("/duties/cookie", { headers: { cookie: "theme=dark; a=b" } }), "200 dark");
    },
  },
  {
    title: "A1, G3: a body of any bytes comes back as it went in",
    async run({ ask }) {
      const type = "application/x-bytes";
      const init = { method: "POST", body: ALL_BYTES, headers: { "content-type": type } };
      const response = await ask("/duties/echo", init);
      same(response.headers.get("content-type"), type);
      same(await hexOf(response), ALL_BYTES_HEX);
    },
  },
  {
    title: "A1, G3: the body of a DELETE is not lost",
    async run({ tell }) {
      same(await tell("/duties/echo", { method: "DELETE", body: "which" }), "200 which");
    },
  },
  {
    title: "A1, G1: requests of every size are whole, one after the other",
    async run({ ask }) {
      for (const length of [9_000, 65_536, 60_000, 1, 8_192, 524_288, 0]) {
        const body = new Uint8Array(length).fill(65 + length % 26);
        const response = await ask("/duties/echo", { method: "POST", body });
        same((await response.text()).length, length);
      }
    },
  },
];

const ANSWER_CASES: readonly DutyCase[] = [
  {
    title: "A2: status, content type and body are the module's",
    async run({ ask }) {
      const response = await ask("/duties/type?is=text/x-duty;a=1");
      same(response.headers.get("content-type"), "text/x-duty;a=1");
      same([response.status, await response.text()], [200, "typed"]);
    },
  },
  {
    title: "A2: JSON is told as such",
    async run({ ask }) {
      const response = await ask("/duties/reflect");
      same(response.headers.get("content-type"), "application/json");
      same(typeof await response.json(), "object");
    },
  },
  {
    title: "A2: two cookies stay two",
    async run({ ask }) {
      same((await ask("/duties/cookies")).headers.getSetCookie(), [
        "session=abc123; Path=/; HttpOnly; Secure; SameSite=Strict",
        "theme=dark; Max-Age=86400",
      ]);
    },
  },
  {
    title: "A2: a redirect is the client's to follow",
    async run({ ask }) {
      const response = await ask("/duties/redirect");
      same([response.status, response.headers.get("location")], [302, "/duties/reflect"]);
    },
  },
  {
    title: "A2: headers of a name are joined, and the content type counts in its own slot only",
    async run({ ask }) {
      const { headers } = await ask("/duties/named");
      const seen = ["x-one", "x-two", "x-both", "content-type"].map((name) => headers.get(name));
      same(seen, ["1", "2", "a, b", "text/plain"]);
    },
  },
  {
    title: "A2: slots that are empty are no type, no body, no headers",
    async run({ ask }) {
      const response = await ask("/duties/bare");
      same([response.status, response.headers.get("content-type")], [200, null]);
      same(await response.text(), "");
    },
  },
  {
    title: "A2, G3: a body in a slot of bytes is not touched",
    async run({ ask }) {
      same(await hexOf(await ask("/duties/binary")), ALL_BYTES_HEX);
    },
  },
  {
    title: "A2: three writes are one body",
    async run({ tell }) {
      same(await tell("/duties/three"), "200 one two three");
    },
  },
  {
    title: "A2: every status that a module may give",
    async run({ tell }) {
      for (const status of [200, 201, 202, 299, 301, 400, 401, 403, 404, 418, 500, 503, 599]) {
        same(await tell(`/duties/status?is=${status}`), `${status} status ${status}`);
      }
    },
  },
  {
    title: "A3: statuses without a body have none, whatever the module says",
    async run({ ask }) {
      for (const status of [204, 205, 304]) {
        const response = await ask(`/duties/status?is=${status}`);
        same([response.status, response.body], [status, null]);
      }
    },
  },
  {
    title: "A3: the answer to HEAD has headers and no body",
    async run({ ask }) {
      const response = await ask("/duties/large?size=100", { method: "HEAD" });
      same([response.status, response.headers.get("x-body-size"), await response.text()], [
        200,
        "100",
        "",
      ]);
    },
  },
  {
    title: "A3: OPTIONS and DELETE are the module's, with 204",
    async run({ ask }) {
      for (const method of ["OPTIONS", "DELETE"]) {
        const { status, headers } = await ask("/duties/items", { method });
        same([status, headers.get("access-control-allow-origin")], [204, "*"]);
      }
    },
  },
  {
    title: "A2: a small service: list, add, refuse",
    async run({ tell }) {
      const post = (body: string) => tell("/duties/items", { method: "POST", body });
      same(await tell("/duties/items"), '200 [{"id":1},{"id":2}]');
      same(await post('{"id":3}'), '201 {"id":3}');
      same([await post("{}"), await post("what")], ["422 ", "400 "]);
      same(await tell("/duties/items", { method: "PATCH", body: "{}" }), "405 ");
    },
  },
  {
    title: "A2: a name and a password reach the module, and its refusal the client",
    async run({ ask, tell }) {
      const refused = await ask("/duties/guarded");
      same(refused.status, 401);
      same(refused.headers.get("www-authenticate"), 'Basic realm="duties"');
      const headers = { authorization: `Basic ${btoa("ada:secret")}` };
      same(await tell("/duties/guarded", { headers }), "200 ada");
    },
  },
  {
    title: "A2: a module may find a body too large",
    async run({ tell }) {
      const post = (length: number) =>
        tell("/duties/limited", { method: "POST", body: "a".repeat(length) });
      same([await post(16), await post(17)], ["200 ", "413 "]);
    },
  },
  {
    title: "A12: answers of 32, 128 and 512 KiB are whole",
    async run({ ask }) {
      for (const size of [32_768, 131_072, 524_288]) {
        const response = await ask(`/duties/large?size=${size}`);
        same(response.headers.get("x-body-size"), `${size}`);
        const text = await response.text();
        const wanted = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".repeat(Math.ceil(size / 26)).slice(0, size);
        same(text === wanted, true);
      }
    },
  },
  {
    title: "A12, A13: events are told as such and come whole",
    async run({ ask }) {
      const response = await ask("/duties/events");
      same(response.headers.get("content-type"), "text/event-stream");
      same(await response.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    },
  },
  {
    title: "G15: numbers are written with the zeros behind the point, and the least one as well",
    async run({ tell }) {
      const wanted = "1.05 -0.5 1e21 1.5e-9 100 0.1 null 123456.789 -9223372036854775808";
      same(await tell("/duties/numbers"), `200 ${wanted}`);
    },
  },
];

const INSTANCE_CASES: readonly DutyCase[] = [
  {
    title: "A9: a durable instance keeps its memory, and answers one after the other",
    async run({ tell }) {
      same([await tell("/durable/count"), await tell("/durable/count")], ["200 1", "200 2"]);
      const counts = await Promise.all(Array.from({ length: 20 }, () => tell("/durable/count")));
      same(counts, Array.from({ length: 20 }, (_, at) => `200 ${at + 3}`));
    },
  },
  {
    title: "A9: an instance for one request knows of no other",
    async run({ tell }) {
      const counts = [await tell("/fresh/count"), await tell("/fresh/count")];
      same(counts, ["200 1", "200 1"]);
    },
  },
  {
    title: "A11, G6: a panic is a 500 that tells nothing, and its instance answers no more",
    async run({ ask, tell, failures }) {
      for (const mount of ["/duties", "/durable", "/fresh"]) {
        const response = await ask(`${mount}/panic`);
        same([response.status, (await response.json()).code], [500, "wasm_failed"]);
        same(await tell(`${mount}/count`), "200 1");
      }
      same(failures.length, 3);
    },
  },
];

/** All of them. */
export const DUTY_CASES: readonly DutyCase[] = [
  ...REQUEST_CASES,
  ...ANSWER_CASES,
  ...ASKING_CASES,
  ...INSTANCE_CASES,
];
