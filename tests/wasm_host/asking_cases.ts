/** What modules ask others for: outbound requests by replay (A4 to A6) and bindings (A8). */
import { type DutyCase, type DutyWorld, hexOf, same } from "./duty_world.ts";

/** Users who ask at the same time. */
const USERS = 12;

/** Asks for what the module fetches from `api.test`. */
function fetched({ tell }: DutyWorld, path: string): Promise<string> {
  return tell(`/duties/fetch?url=https://api.test${path}`);
}

/** Whether a request can have such a method at all: where it cannot, nobody can send it. */
function isSendable(method: string): boolean {
  try {
    return new Request("http://localhost/", { method }).method === method;
  } catch {
    return false;
  }
}

/** The cases. */
export const ASKING_CASES: readonly DutyCase[] = [
  {
    title: "A4: the module has status, type and body of what it fetched",
    async run(world) {
      same(await fetched(world, "/json"), "200 200 application/json answer of /json");
      same(world.sent.map(({ method, url }) => [method, url]), [["GET", "https://api.test/json"]]);
    },
  },
  {
    title: "A4: a server that fails, and one that is not there, are results",
    async run(world) {
      same(await fetched(world, "/broken"), "200 500 text/plain answer of /broken");
      same((await fetched(world, "/gone")).startsWith("200 502 text/plain"), true);
      same(world.failures, []);
    },
  },
  {
    title: "A4: an address that the mount does not allow is not asked",
    async run({ tell, sent }) {
      const addresses = [
        "https://other.test/",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "nothing",
      ];
      for (const address of addresses) {
        same((await tell(`/duties/fetch?url=${address}`)).startsWith("200 403 "), true);
        same((await tell(`/alone/fetch?url=${address}`)).startsWith("200 403 "), true);
      }
      same(sent, []);
    },
  },
  {
    title: "A4, G7: eight requests come in order, each sent once",
    async run({ tell, sent }) {
      const answer = await tell("/duties/many?n=8&url=https://api.test/n");
      same(answer, `200 ${Array.from({ length: 8 }, (_, at) => `answer of /n${at}|`).join("")}`);
      same(sent.map(({ url }) => url.slice(-2)).join(), "n0,n1,n2,n3,n4,n5,n6,n7");
    },
  },
  {
    title: "A4: the module has the headers of what it fetched",
    async run({ tell }) {
      same(await tell("/duties/answered?url=https://api.test/"), "200 yes, it was");
    },
  },
  {
    title: "A5: a POST carries its body, its type and its headers",
    async run({ tell, sent }) {
      const init = { method: "POST", body: "paid ä" };
      same(await tell("/duties/post?url=https://api.test/mirror", init), "201 paid ä");
      const [request] = sent;
      same([request?.method, request?.body], ["POST", "paid ä"]);
      const names = ["content-type", "x-sent", "authorization"];
      const seen = names.map((name) => request?.headers.get(name));
      same(seen, ["application/x-duty", "yes", "Bearer duty"]);
    },
  },
  {
    title: "A5, G3: bytes stay bytes, out and back",
    async run({ ask }) {
      const body = Uint8Array.of(0, 255, 254, 10, 128);
      const init = { method: "POST", body };
      same(await hexOf(await ask("/duties/post?url=https://api.test/mirror", init)), "00fffe0a80");
    },
  },
  {
    title: "A6: the same address twice is two requests",
    async run({ tell, sent }) {
      const answer = await tell("/duties/many?n=2&same=1&url=https://api.test/one");
      same([answer, sent.length], ["200 answer of /one|answer of /one|", 2]);
    },
  },
  {
    title: "G2: what one user fetched, no other one sees",
    async run({ tell }) {
      const users = Array.from({ length: USERS }, (_, at) => `/slow?user${at}`);
      const answers = await Promise.all(
        users.map((it) => tell(`/duties/many?n=2&same=1&url=https://api.test${it}`)),
      );
      same(answers, users.map((it) => `200 answer of ${it}|answer of ${it}|`));
    },
  },
  {
    title: "A8: a value is kept, read, named and forgotten",
    async run({ tell }) {
      const at = (key: string, init?: RequestInit) => tell(`/duties/kv?key=${key}`, init);
      same(await at("a1"), "404 ");
      same(await at("a1", { method: "PUT", body: "one" }), "200 ok");
      same(await at("a2", { method: "PUT", body: "two" }), "200 ok");
      same([await at("a1"), await at("a2")], ["200 one", "200 two"]);
      same(await tell("/duties/kv?list"), '200 ["a1","a2"]');
      same([await at("a1", { method: "DELETE" }), await at("a1")], ["200 ok", "404 "]);
      same(await at("a1", { method: "DELETE" }), "200 ok");
      same(await tell("/duties/kv?list"), '200 ["a2"]');
    },
  },
  {
    title: "A8, G3: a value of any bytes comes back as it went in",
    async run({ ask, tell }) {
      const body = Uint8Array.of(0, 10, 255, 13, 200, 10);
      same(await tell("/duties/kv?key=bytes", { method: "PUT", body }), "200 ok");
      same(await hexOf(await ask("/duties/kv?key=bytes")), "000aff0dc80a");
    },
  },
  {
    title: "A8: a call that no binding knows is 400, and without a binding every call is 500",
    async run({ ask }) {
      same((await ask("/duties/kv?key=a", { method: "POST" })).status, 400);
      for (const method of ["GET", "PUT", "DELETE"]) {
        same((await ask("/alone/kv?key=a", { method })).status, 500);
      }
    },
  },
  {
    title: "A8: a client cannot call a binding through a module that hands on its method",
    async run({ ask, tell }) {
      await tell("/duties/kv?key=kept", { method: "PUT", body: "here" });
      for (const method of ["__KV_DELETE", "__KV_GET", "WEBSOCKET", "WEBSOCKET_CLOSE"]) {
        if (isSendable(method)) same((await ask("/duties/proxy?url=kept", { method })).status, 405);
      }
      same(await tell("/duties/kv?key=kept"), "200 here");
    },
  },
];
