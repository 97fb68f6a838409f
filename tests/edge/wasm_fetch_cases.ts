/**
 * What outbound requests of modules must do, as cases that run in every runtime: nothing here is
 * Deno's, and no request leaves the program.
 */
import { strict as assert } from "node:assert";
import type { WasmBindings, WasmKv, WasmLimits, WasmMode } from "../../core/wasm_mount.ts";
import { memoryKv } from "../../edge/wasm/bindings.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { runExchange } from "../../edge/wasm/fetches.ts";
import { HeaderCache } from "../../edge/wasm/header_cache.ts";
import type { Lease, WasmInstance } from "../../edge/wasm/instance.ts";
import { limitsOf } from "../../edge/wasm/limits.ts";
import { Outbound, REDIRECTS_MAX } from "../../edge/wasm/outbound.ts";
import { InstancePool } from "../../edge/wasm/pool.ts";
import type { FanoutItem, WasmRequest } from "../../edge/wasm/request_slots.ts";
import type { ReadResponse } from "../../edge/wasm/response_slots.ts";
import { type StreamedResponse, suspendingImports } from "../../edge/wasm/suspending.ts";

/** The modules of `wasm_fetch_modules.ts`, compiled. */
export type FetchModules = Readonly<Record<string, WebAssembly.Module>>;

/** One case; rejects when it fails. */
export interface FetchCase {
  readonly name: string;
  run(modules: FetchModules): Promise<void>;
}

/** What an outbound request is answered with. */
type Answering = (url: string, init: RequestInit) => Response | Promise<Response>;

interface Options {
  readonly limits?: Partial<WasmLimits>;
  readonly mode?: WasmMode;
  readonly bindings?: WasmBindings;
  readonly answer?: Answering;
  readonly stallMs?: number;
}

/** A question to a module. */
interface Question {
  readonly url?: string;
  readonly head?: string;
  readonly headers?: string;
  readonly body?: string | Uint8Array;
  /** Slots from 8 on. */
  readonly more?: readonly FanoutItem[];
  readonly signal?: AbortSignal;
}

/** What came back, in the test's own memory. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const ANYWHERE = ["*"];
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A mounted module, without the mount. */
class Host {
  readonly pool: InstancePool;
  readonly outbound: Outbound;
  readonly dropped: string[] = [];
  readonly #suspending: ReturnType<typeof suspendingImports>;

  constructor(module: WebAssembly.Module | undefined, options: Options = {}) {
    assert.ok(module !== undefined, "the module is missing");
    const limits = limitsOf(options.limits);
    const { answer } = options;
    const fetch = answer === undefined ? {} : {
      fetch: {
        allow: ANYWHERE,
        fetch: async (url: string, init: RequestInit) => await answer(url, init),
      },
    };
    this.outbound = new Outbound({ ...fetch, ...options.bindings }, limits);
    this.#suspending = suspendingImports(module, options.stallMs);
    const sources = this.#suspending === undefined ? [] : [this.#suspending];
    const handler = { module, sources, limits, cache: new HeaderCache() };
    this.pool = new InstancePool(handler, {
      mode: options.mode ?? "pool",
      dropped: (reason) => this.dropped.push(reason),
    });
  }

  /** Asks as a mount does, and copies what comes back. */
  async ask(question: Question): Promise<Answer> {
    const lease = await this.pool.acquire();
    let state: "good" | "broken" = "broken";
    try {
      const response = await this.enter(lease.instance, question);
      assert.equal(response.kind, "response");
      state = "good";
      const { status, headers, body } = response as ReadResponse;
      return { status, headers: Object.fromEntries(headers), body: body.slice() };
    } finally {
      lease.release(state);
    }
  }

  /** Begins a stream; its lease is released when it ends. */
  async stream(question: Question & { fanout: readonly FanoutItem[] }): Promise<StreamedResponse> {
    const lease: Lease = await this.pool.acquire();
    try {
      const response = await this.enter(lease.instance, question, question.fanout);
      assert.equal(response.kind, "stream");
      const stream = response as StreamedResponse;
      stream.ended.then(() => lease.release("good"), () => lease.release("broken"));
      return stream;
    } catch (error) {
      lease.release("broken");
      throw error;
    }
  }

  /** Not a tick later than the host does. */
  enter(
    instance: WasmInstance,
    question: Question,
    fanout?: readonly FanoutItem[],
  ): Promise<ReadResponse | StreamedResponse> {
    const { signal } = question;
    const caller = signal === undefined ? undefined : { signal };
    const request = requestOf(question, fanout);
    instance.refuel();
    return this.#suspending === undefined
      ? Promise.resolve(runExchange(instance, request, this.outbound, caller))
      : this.#suspending.enter(instance, request, this.outbound, caller);
  }
}

/** Cases that need no suspension. */
const REPLAY_CASES: readonly FetchCase[] = [
  {
    name: "the result of a fetch has status, content type, body and headers",
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: () =>
          new Response("hello", {
            status: 201,
            headers: [["content-type", "text/x"], ["x-one", "1"], ["set-cookie", "a=1"], [
              "set-cookie",
              "b=2",
            ]],
          }),
      }, async (host) => {
        const { status, headers, body } = await host.ask({ url: "https://one.org/a?b=c" });
        assert.equal(status, 201);
        assert.equal(decoder.decode(body), "hello");
        assert.equal(headers["content-type"], "text/x");
        assert.equal(headers["x-one"], "1");
        // The last of the two, as an object has them.
        assert.equal(headers["set-cookie"], "b=2");
      }),
  },
  {
    name: "G3: bodies stay bytes in both directions",
    run: async ({ proxy }) => {
      const bytes = Uint8Array.from({ length: 256 }, (_, at) => 255 - at);
      let sent: Uint8Array | undefined;
      const answer = async (url: string, init: RequestInit) => {
        sent = new Uint8Array(await new Request(url, init).arrayBuffer());
        return new Response(bytes);
      };
      await withHost(proxy, { answer }, async (host) => {
        const { body } = await host.ask({
          head: "PUT\napplication/octet-stream",
          url: "https://one.org/",
          body: bytes,
        });
        assert.deepEqual(body, bytes);
        assert.deepEqual(sent, bytes);
      });
    },
  },
  {
    name: "method, headers and content type of a request are sent, the connection's own are not",
    run: async ({ proxy }) => {
      let seen: Request | undefined;
      const answer = (url: string, init: RequestInit) => {
        seen = new Request(url, init);
        return new Response(null, { status: 204 });
      };
      await withHost(proxy, { answer }, async (host) => {
        const { status } = await host.ask({
          head: "POST\ntext/x",
          url: "https://one.org/",
          body: "data",
          headers: "7\nX-One: 1\nHost: evil.org\nContent-Length: 9\nTransfer-Encoding: chunked\n",
        });
        assert.equal(status, 204);
        assert.equal(seen?.method, "POST");
        assert.equal(seen?.headers.get("x-one"), "1");
        assert.equal(seen?.headers.get("content-type"), "text/x");
        for (const name of ["host", "content-length", "transfer-encoding"]) {
          assert.equal(seen?.headers.has(name), false, name);
        }
      });
    },
  },
  ...([
    ["a header that is none", { headers: "0\nx y: 1\n" }, 403, "refused"],
    ["a method that is none", { head: "GE T\n" }, 403, "refused"],
    ["CONNECT", { head: "CONNECT\n" }, 403, "refused"],
    ["an address that is none", { url: "no address" }, 403, "refused"],
    ["another scheme", { url: "file:///etc/passwd" }, 403, "refused"],
    ["a private address", { url: "http://127.1/" }, 403, "refused"],
  ] as const).map(([what, question, status, reason]): FetchCase => ({
    name: `${what} is a result of ${status}, and nothing is sent`,
    run: async ({ proxy }) => {
      let sent = 0;
      const answer = () => {
        sent++;
        return new Response("secret");
      };
      await withHost(proxy, { answer }, async (host) => {
        const { headers, ...result } = await host.ask({ url: "https://one.org/", ...question });
        assert.equal(result.status, status);
        assert.equal(headers["x-driftless-error"], reason);
        assert.equal(sent, 0);
      });
    },
  })),
  {
    name: "without a binding nothing can be fetched",
    run: ({ proxy }) =>
      withHost(proxy, {}, async (host) => {
        const { status, headers } = await host.ask({ url: "https://one.org/" });
        assert.equal(status, 403);
        assert.equal(headers["x-driftless-error"], "refused");
      }),
  },
  {
    name: "a name whose address is private is refused, at every hop",
    run: async ({ proxy }) => {
      const sent: string[] = [];
      const fetch = (url: string) => {
        sent.push(url);
        return Promise.resolve(redirect(302, "https://inside.org/"));
      };
      const lookup = (name: string) =>
        Promise.resolve([name === "inside.org" ? "10.0.0.1" : "8.8.8.8"]);
      const bindings = { fetch: { allow: ANYWHERE, fetch, lookup } };
      await withHost(proxy, { bindings }, async (host) => {
        for (const url of ["https://inside.org/", "https://one.org/"]) {
          assert.equal((await host.ask({ url })).status, 403);
        }
        assert.deepEqual(sent, ["https://one.org/"]);
      });
    },
  },
  {
    name: "a server cannot pretend that the host failed",
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: () => new Response("", { headers: { "x-driftless-error": "timeout" } }),
      }, async (host) => {
        const { headers } = await host.ask({ url: "https://one.org/" });
        assert.equal(headers["x-driftless-error"], undefined);
      }),
  },
  {
    name: "the number of a call comes back, and results are given back before the next request",
    run: ({ numbered }) =>
      withHost(numbered, { answer: () => new Response() }, async (host) => {
        const { instance } = await host.pool.acquire();
        const freed = instance.exports.freed as () => number;
        for (const number of [0, 7, 42]) {
          const before = freed();
          const url = "https://one.org/";
          const answer = await host.enter(instance, { url, headers: `${number}\n` });
          assert.equal(answer.status, 200 + number);
          assert.equal(freed() - before, number === 0 ? 0 : 1);
        }
      }),
  },
  {
    name: "the time of all requests together is bounded",
    run: async ({ forever }) => {
      const sent: Promise<unknown>[] = [];
      const answer = async () => {
        const answered = new Promise((resolve) => setTimeout(resolve, 10));
        sent.push(answered);
        await answered;
        return new Response();
      };
      await withHost(
        forever,
        { answer, limits: { fetchMs: 100, fetchRounds: 400 } },
        async (host) => {
          await assert.rejects(host.ask({ url: "https://one.org/" }), isFault("wasm_timeout"));
          assert.ok(sent.length < 100, `${sent.length} requests`);
          // The last of them were left behind.
          await Promise.all(sent);
        },
      );
    },
  },
  {
    name: "no connection is a result of 502, without what the runtime says of it",
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: () => {
          throw new TypeError("connect 10.0.0.7:443 refused");
        },
      }, async (host) => {
        const { status, headers, body } = await host.ask({ url: "https://one.org/" });
        assert.equal(status, 502);
        assert.equal(headers["content-type"], "text/plain; charset=utf-8");
        assert.equal(headers["x-driftless-error"], "failed");
        assert.equal(decoder.decode(body), "The request failed");
      }),
  },
  {
    name: "an answer that breaks off is a result of 502",
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: () =>
          new Response(
            new ReadableStream({
              pull(controller) {
                controller.enqueue(encoder.encode("begin"));
                controller.error(new TypeError("reset"));
              },
            }),
          ),
      }, async (host) => {
        assert.equal((await host.ask({ url: "https://one.org/" })).status, 502);
      }),
  },
  {
    name: "redirects are followed, each hop is checked, and secrets do not cross to another origin",
    run: async ({ proxy }) => {
      const seen: string[] = [];
      const answer = (url: string, init: RequestInit) => {
        assert.equal(init.redirect, "manual");
        const headers = new Headers(init.headers);
        seen.push(`${init.method} ${url} ${headers.get("authorization")} ${headers.get("x-a")}`);
        if (url === "https://one.org/") return redirect(302, "/again");
        if (url === "https://one.org/again") return redirect(307, "https://two.org/#part");
        return new Response("end");
      };
      await withHost(proxy, { answer }, async (host) => {
        const { status } = await host.ask({
          url: "https://one.org/",
          head: "POST\ntext/plain",
          body: "x",
          headers: "0\nAuthorization: secret\nX-A: a\n",
        });
        assert.equal(status, 200);
        assert.deepEqual(seen, [
          "POST https://one.org/ secret a",
          "GET https://one.org/again secret a",
          "GET https://two.org/ null a",
        ]);
      });
    },
  },
  {
    name: "a redirect to a private address is refused",
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: (url) => {
          assert.equal(url, "https://one.org/");
          return redirect(301, "http://169.254.169.254/latest/meta-data/");
        },
      }, async (host) => {
        const { status, headers } = await host.ask({ url: "https://one.org/" });
        assert.equal(status, 403);
        assert.equal(headers["x-driftless-error"], "refused");
      }),
  },
  ...[REDIRECTS_MAX - 1, REDIRECTS_MAX, REDIRECTS_MAX + 1].map((hops): FetchCase => ({
    name: `${hops} redirects ${hops <= REDIRECTS_MAX ? "arrive" : "are too many"}`,
    run: ({ proxy }) =>
      withHost(proxy, {
        answer: (url) => {
          const left = Number(new URL(url).pathname.slice(1));
          return left === 0 ? new Response("end") : redirect(302, `/${left - 1}`);
        },
      }, async (host) => {
        const { status, headers } = await host.ask({ url: `https://one.org/${hops}` });
        assert.equal(status, hops <= REDIRECTS_MAX ? 200 : 502);
        assert.equal(headers["x-driftless-error"], hops <= REDIRECTS_MAX ? undefined : "redirects");
      }),
  })),
  ...[999, 1000, 1001].map((length): FetchCase => ({
    name: `a body of ${length} bytes ${length <= 1000 ? "fits" : "does not fit"} into 1000`,
    run: ({ proxy }) =>
      withHost(proxy, {
        limits: { fetchBytes: 1000 },
        answer: () => bytesResponse(length),
      }, async (host) => {
        const { status, headers, body } = await host.ask({ url: "https://one.org/" });
        assert.equal(status, length <= 1000 ? 200 : 502);
        if (length <= 1000) assert.equal(body.length, length);
        else assert.equal(headers["x-driftless-error"], "too_large");
      }),
  })),
  {
    name: "a body of 10 MB is cancelled at the limit, not read",
    run: async ({ proxy }) => {
      let given = 0;
      let cancelled = false;
      const answer = () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              given += 65_536;
              controller.enqueue(new Uint8Array(65_536));
              if (given >= 10_000_000) controller.close();
            },
            cancel() {
              cancelled = true;
            },
          }),
        );
      await withHost(proxy, { limits: { fetchBytes: 1_000_000 }, answer }, async (host) => {
        assert.equal((await host.ask({ url: "https://one.org/" })).status, 502);
        await until(() => cancelled, "the cancelled body");
        assert.ok(given < 2_000_000, `${given} bytes were read`);
      });
    },
  },
  {
    name: "a request that hangs is a result of 504 when its time is up",
    run: ({ proxy }) =>
      withHost(
        proxy,
        { limits: { fetchMs: 30 }, answer: () => new Promise(() => {}) },
        async (host) => {
          const { status, headers } = await host.ask({ url: "https://one.org/" });
          assert.equal(status, 504);
          assert.equal(headers["x-driftless-error"], "timeout");
        },
      ),
  },
  {
    name: "a slow body is a result of 504 when the time is up",
    run: ({ proxy }) =>
      withHost(proxy, {
        limits: { fetchMs: 30 },
        answer: () =>
          new Response(
            new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }),
          ),
      }, async (host) => {
        assert.equal((await host.ask({ url: "https://one.org/" })).status, 504);
      }),
  },
  {
    name: "a module that goes on asking when its time is up has failed",
    run: ({ forever }) =>
      withHost(
        forever,
        { limits: { fetchMs: 30 }, answer: () => new Promise(() => {}) },
        async (host) => {
          await assert.rejects(host.ask({ url: "https://one.org/" }), isFault("wasm_timeout"));
          assert.deepEqual(host.dropped, ["broken"]);
        },
      ),
  },
  {
    name:
      "G5: a module that never has enough is refused after its rounds, and others run in between",
    run: async ({ forever }) => {
      let sent = 0;
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      const answer = () => {
        sent++;
        return new Response("more");
      };
      try {
        await withHost(forever, { limits: { fetchRounds: 50 }, answer }, async (host) => {
          await assert.rejects(host.ask({ url: "https://one.org/" }), isFault("wasm_timeout"));
          assert.equal(sent, 50);
          assert.ok(turns > 0, "nothing else had a turn");
          assert.deepEqual(host.dropped, ["broken"]);
        });
      } finally {
        clearInterval(timer);
      }
    },
  },
  ...[0, 1, 2].map((rounds): FetchCase => ({
    name: `a module that asks twice ${rounds < 2 ? "fails" : "is answered"} with ${rounds} rounds`,
    run: ({ remembering }) =>
      withHost(remembering, {
        limits: { fetchRounds: rounds },
        answer: () => new Response("ok"),
      }, async (host) => {
        const asked = host.ask({ url: "https://one.org/" });
        if (rounds < 2) await assert.rejects(asked, isFault("wasm_timeout"));
        else assert.equal((await asked).status, 200);
      }),
  })),
  {
    name: "G2: two users with interleaved answers never get each other's",
    run: async ({ remembering }) => {
      const waiting: (() => void)[] = [];
      const answer = async (url: string) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return new Response(`SECRET-OF-${new URL(url).pathname}`);
      };
      await withHost(remembering, { answer }, async (host) => {
        const users = ["alice", "bob"];
        const asked = users.map((user) => host.ask({ url: `https://one.org/${user}` }));
        // Bob's first answer before Alice's, then turn about.
        for (let round = 0; round < 2; round++) {
          await until(() => waiting.length === 2, "both requests");
          for (const go of waiting.splice(0).reverse()) go();
        }
        const bodies = (await Promise.all(asked)).map(({ body }) => decoder.decode(body));
        assert.deepEqual(bodies, users.map((user) => `SECRET-OF-/${user}`));
        assert.equal(host.pool.size, 2);
      });
    },
  },
  {
    name: "a user who leaves during a fetch costs the instance, and leaves nothing to the next",
    run: async ({ remembering }) => {
      const leaving = new AbortController();
      let asked = 0;
      const answer = (url: string) => {
        asked++;
        if (asked === 2) leaving.abort(new Error("gone"));
        return asked === 2 ? new Promise<never>(() => {}) : new Response(new URL(url).pathname);
      };
      await withHost(remembering, { answer, limits: { instances: 1 } }, async (host) => {
        const { signal } = leaving;
        await assert.rejects(host.ask({ url: "https://one.org/alice", signal }), {
          message: "gone",
        });
        assert.deepEqual(host.dropped, ["broken"]);
        const { body } = await host.ask({ url: "https://one.org/bob" });
        assert.equal(decoder.decode(body), "/bob");
      });
    },
  },
  {
    name: "who has left already is not worked for",
    run: ({ proxy }) =>
      withHost(proxy, { answer: () => assert.fail("sent") }, async (host) => {
        const signal = AbortSignal.abort(new Error("gone"));
        await assert.rejects(host.ask({ url: "https://one.org/", signal }), { message: "gone" });
      }),
  },
  {
    name: "64 requests that hang, whose users leave, leave the pool whole",
    run: async ({ proxy }) => {
      let sent = 0;
      const answer = (url: string) => {
        sent++;
        return url.endsWith("/hang") ? new Promise<never>(() => {}) : new Response("ok");
      };
      await withHost(proxy, { answer, limits: { instances: 64, queue: 64 } }, async (host) => {
        const leaving = new AbortController();
        const { signal } = leaving;
        const hanging = Array.from(
          { length: 64 },
          () => host.ask({ url: "https://one.org/hang", signal }),
        );
        const outcomes = Promise.allSettled(hanging);
        await until(() => sent === 64, "64 requests");
        const next = host.ask({ url: "https://one.org/" });
        await until(() => host.pool.waiting === 1, "the next in the queue");
        leaving.abort(new Error("gone"));
        assert.ok((await outcomes).every(({ status }) => status === "rejected"));
        assert.equal((await next).status, 200);
        assert.equal(host.pool.size, 1);
      });
    },
  },
  ...[0, 1, 2].map((which): FetchCase => ({
    name: `three requests at once bring result ${which} in its place`,
    run: async ({ batch }) => {
      let sent = 0;
      let together = 0;
      const all = Promise.withResolvers<void>();
      const answer = async () => {
        const mine = sent++;
        together = Math.max(together, sent);
        if (sent === 3) all.resolve();
        await all.promise;
        return new Response(`${mine}`, { headers: { "x-mine": `${mine}` } });
      };
      await withHost(batch, { answer }, async (host) => {
        const { body, headers } = await host.ask({ url: "https://one.org/", more: [which, 3] });
        assert.equal(decoder.decode(body), `${which}`);
        assert.equal(headers["x-mine"], `${which}`);
        assert.equal(together, 3);
      });
    },
  })),
  ...[0, 17, -1].map((count): FetchCase => ({
    name: `${count} requests at once are a fault of the module`,
    run: ({ batch }) =>
      withHost(batch, { answer: () => new Response() }, async (host) => {
        const asked = host.ask({ url: "https://one.org/", more: [0, count] });
        await assert.rejects(asked, isFault("wasm_bad_response"));
      }),
  })),
  {
    name: "a batch that is its own call is a fault of the module",
    run: ({ batch_of_batches }) =>
      withHost(batch_of_batches, {}, async (host) => {
        await assert.rejects(host.ask({}), isFault("wasm_bad_response"));
      }),
  },
  {
    name: "a call without a number is a fault of the module",
    run: ({ proxy }) =>
      withHost(proxy, { answer: () => new Response() }, async (host) => {
        for (const headers of ["", "x\n", "-1\n", "1e9\n", "9999999999\n"]) {
          await assert.rejects(host.ask({ headers }), isFault("wasm_bad_response"));
        }
      }),
  },
  {
    name: "an instance that has answered is used again",
    run: ({ proxy }) =>
      withHost(proxy, { answer: () => new Response("ok") }, async (host) => {
        for (let times = 0; times < 20; times++) await host.ask({ url: "https://one.org/" });
        assert.equal(host.pool.size, 1);
        assert.deepEqual(host.dropped, []);
      }),
  },
  {
    name: "calls to a store get, put, list and delete values, as bytes",
    run: (modules) => runStoreCase(modules, memoryKv()),
  },
  {
    name: "what a store is given stays as it was, whatever the module does then",
    run: async ({ proxy }) => {
      const values: Uint8Array[] = [];
      const kv: WasmKv = {
        ...memoryKv(),
        put: (_, value) => Promise.resolve(void values.push(value)),
      };
      await withHost(proxy, { bindings: { kv } }, async (host) => {
        for (const body of ["one", "two"]) await host.ask({ head: "__KV_PUT\n", url: "k", body });
        assert.deepEqual(values.map((value) => decoder.decode(value)), ["one", "two"]);
      });
    },
  },
  {
    name: "without a store a call to it is a result of 500",
    run: ({ proxy }) =>
      withHost(proxy, { answer: () => assert.fail("sent") }, async (host) => {
        assert.equal((await host.ask({ head: "__KV_GET\n", url: "a" })).status, 500);
      }),
  },
  {
    name: "a store that fails is a result of 502, one that hangs of 504",
    run: async ({ proxy }) => {
      const fails = () => Promise.reject(new TypeError("secret"));
      const hangs = () => new Promise<never>(() => {});
      for (const [get, status] of [[fails, 502], [hangs, 504]] as const) {
        const kv = { ...memoryKv(), get };
        await withHost(proxy, { bindings: { kv }, limits: { fetchMs: 30 } }, async (host) => {
          const { body, ...result } = await host.ask({ head: "__KV_GET\n", url: "a" });
          assert.equal(result.status, status);
          assert.ok(!decoder.decode(body).includes("secret"));
        });
      }
    },
  },
];

/** Cases of modules that suspend. */
const SUSPENDED_CASES: readonly FetchCase[] = [
  {
    name: "G7: a suspended module is entered once and gets the same result",
    run: async ({ suspended }) => {
      const bytes = Uint8Array.of(0, 255, 254);
      const answer = () => new Response(bytes, { status: 203, headers: { "x-one": "1" } });
      await withHost(suspended, { answer }, async (host) => {
        for (let times = 0; times < 3; times++) {
          const { status, headers, body } = await host.ask({ url: "https://one.org/" });
          assert.deepEqual([status, headers["x-one"], body], [203, "1", bytes]);
        }
        assert.equal(host.pool.size, 1);
      });
    },
  },
  {
    name: "the results of a suspended module are given back before its next request",
    run: ({ freeing }) =>
      withHost(freeing, { answer: () => new Response() }, async (host) => {
        for (let before = 0; before < 3; before++) {
          await host.ask({ url: "https://one.org/" });
          const lease = await host.pool.acquire();
          assert.equal((lease.instance.exports["freed"] as () => number)(), before);
          lease.release("good");
        }
      }),
  },
  {
    name: "nothing listens to who has got an answer, suspended or not",
    run: async ({ proxy, suspended }) => {
      for (const module of [proxy, suspended]) {
        await withHost(module, { answer: () => new Response() }, async (host) => {
          const { signal } = new AbortController();
          let listeners = 0;
          const { addEventListener, removeEventListener } = signal;
          signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
            listeners++;
            addEventListener.apply(signal, args);
          };
          signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
            listeners--;
            removeEventListener.apply(signal, args);
          };
          await host.ask({ url: "https://one.org/", signal });
          assert.equal(listeners, 0);
        });
      }
    },
  },
  {
    name: "requests that are suspended at once never share an instance or its stack",
    run: async ({ stacked }) => {
      const waiting: (() => void)[] = [];
      const answer = async (url: string) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return new Response(new URL(url).pathname);
      };
      const options = { answer, limits: { instances: 8, queue: 100 } };
      await withHost(stacked, options, async (host) => {
        const users = Array.from({ length: 24 }, (_, at) => String.fromCharCode(97 + at));
        const asked = users.map((user) =>
          host.ask({ url: `https://one.org/${user}`, more: [user] })
        );
        for (let left = users.length; left > 0;) {
          await until(() => waiting.length === Math.min(8, left), "requests");
          // The first that came in is not the first to go on.
          const [go] = waiting.splice(left % waiting.length, 1);
          go?.();
          left--;
        }
        const answers = await Promise.all(asked);
        assert.deepEqual(
          answers.map(({ body }) => decoder.decode(body)),
          users.map((user) => `/${user}`),
        );
        assert.equal(host.pool.size, 8);
        assert.deepEqual(host.dropped, []);
      });
    },
  },
  {
    name: "an instance that is at work cannot be entered again",
    run: ({ suspended }) =>
      withHost(
        suspended,
        { answer: () => new Promise(() => {}), limits: { fetchMs: 50 } },
        async (host) => {
          const { instance } = await host.pool.acquire();
          const first = host.enter(instance, { url: "https://one.org/" });
          const again = async () => await host.enter(instance, { url: "https://one.org/" });
          await assert.rejects(again, {
            message: "Cannot enter an instance that is at work",
          });
          assert.equal((await first).kind, "response");
        },
      ),
  },
  {
    name: "an instance that has answered can be entered again at once",
    run: ({ suspended }) =>
      withHost(suspended, { answer: () => new Response() }, async (host) => {
        const { instance } = await host.pool.acquire();
        for (let times = 0; times < 3; times++) {
          assert.equal((await host.enter(instance, { url: "https://one.org/" })).kind, "response");
        }
      }),
  },
  ...[0, 1, 2].map((which): FetchCase => ({
    name: `fetch_all brings result ${which} in its place`,
    run: ({ suspended_all }) => {
      let sent = 0;
      return withHost(
        suspended_all,
        { answer: () => new Response(`${sent++}`) },
        async (host) => {
          const { body } = await host.ask({ url: "https://one.org/", more: [which, 3] });
          assert.equal(decoder.decode(body), `${which}`);
        },
      );
    },
  })),
  ...[0, -1, 17].map((count): FetchCase => ({
    name: `fetch_all of ${count} is a fault of the module`,
    run: ({ suspended_all }) =>
      withHost(suspended_all, { answer: () => new Response() }, async (host) => {
        const asked = host.ask({ url: "https://one.org/", more: [0, count] });
        await assert.rejects(asked, isFault("wasm_bad_response"));
        assert.deepEqual(host.dropped, ["broken"]);
      }),
  })),
  {
    name: "a suspended module whose user leaves is ended, and its instance dropped",
    run: async ({ suspended }) => {
      const leaving = new AbortController();
      let sent = 0;
      const answer = () => {
        sent++;
        return new Promise<never>(() => {});
      };
      await withHost(suspended, { answer }, async (host) => {
        const asked = host.ask({ url: "https://one.org/", signal: leaving.signal });
        await until(() => sent === 1, "the request");
        leaving.abort(new Error("gone"));
        await assert.rejects(asked, { message: "gone" });
        assert.deepEqual(host.dropped, ["broken"]);
      });
    },
  },
  {
    name: "a module may suspend and then ask by replay",
    run: async ({ mixed }) => {
      let sent = 0;
      await withHost(mixed, { answer: () => new Response(`${sent++}`) }, async (host) => {
        const { body } = await host.ask({ url: "https://one.org/" });
        assert.equal(decoder.decode(body), "1");
      });
    },
  },
  {
    name: "a streamed body arrives whole, and its instance is free again",
    run: ({ streaming }) =>
      withHost(streaming, {}, async (host) => {
        for (let times = 0; times < 3; times++) {
          const stream = await host.stream({ body: "0123456789", fanout: [1000, 0] });
          assert.equal(stream.status, 200);
          const body = await new Response(stream.body).text();
          // The address and its line feed are a part of the body of this request.
          assert.equal(body, "\n0123456789".repeat(1000));
          await stream.ended;
          assert.equal(host.pool.size, 1);
        }
      }),
  },
  {
    name: "a streamed body waits for its reader",
    run: ({ streaming }) =>
      withHost(streaming, {}, async (host) => {
        const stream = await host.stream({ body: "0123456789", fanout: [1000, 0] });
        const reader = stream.body.getReader();
        let ended = false;
        stream.ended.then(() => ended = true, () => {});
        for (let pieces = 0; pieces < 10; pieces++) await reader.read();
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert.equal(ended, false);
        assert.equal(host.pool.size, 1);
        await reader.cancel();
        await assert.rejects(stream.ended, /The reader is gone/);
        await until(() => host.pool.size === 0, "the instance's end");
      }),
  },
  {
    name: "a streamed body whose module fails breaks off",
    run: ({ streaming }) =>
      withHost(streaming, {}, async (host) => {
        const stream = await host.stream({ body: "x", fanout: [2, 1] });
        await assert.rejects(new Response(stream.body).text());
        await assert.rejects(stream.ended, isFault("wasm_failed"));
      }),
  },
  {
    name: "64 streams whose readers leave give every instance back",
    run: ({ streaming }) =>
      withHost(streaming, { limits: { instances: 64 } }, async (host) => {
        const streams = await Promise.all(Array.from(
          { length: 64 },
          () => host.stream({ body: "x", fanout: [1_000_000, 0] }),
        ));
        assert.equal(host.pool.size, 64);
        await Promise.all(streams.map(({ body }) => body.cancel()));
        for (const { ended } of streams) await assert.rejects(ended, /The reader is gone/);
        await until(() => host.pool.size === 0, "the ends");
        const last = await host.stream({ body: "x", fanout: [1, 0] });
        assert.equal(await new Response(last.body).text(), "\nx");
      }),
  },
  {
    name: "a reader that takes nothing and does not leave is given up",
    run: ({ streaming }) =>
      withHost(streaming, { stallMs: 20 }, async (host) => {
        const stream = await host.stream({ body: "x", fanout: [1000, 0] });
        await assert.rejects(stream.ended, /The reader takes nothing/);
        await until(() => host.pool.size === 0, "the instance's end");
        await assert.rejects(new Response(stream.body).text());
      }),
  },
  {
    name: "a streamed body begins with that of the response, and what was written stays as it was",
    run: ({ alphabet }) =>
      withHost(alphabet, {}, async (host) => {
        const stream = await host.stream({ body: "first:", fanout: [] });
        await new Promise((resolve) => setTimeout(resolve, 5));
        const body = await new Response(stream.body).text();
        assert.equal(body, "\nfirst:abcdefghijklmnopqrstuvwxyz");
      }),
  },
  {
    name: "a response that is begun twice breaks off",
    run: ({ twice }) =>
      withHost(twice, {}, async (host) => {
        const stream = await host.stream({ fanout: [] });
        await assert.rejects(stream.ended, isFault("wasm_bad_response"));
        await assert.rejects(new Response(stream.body).text());
      }),
  },
  {
    name: "wild numbers in calls to the host cost the instance, and nothing else",
    run: async ({ wild }) => {
      const numbers = [0, 1, -1, -16, 1024, 131_071, 131_072, 2_147_483_647, -2_147_483_648];
      await withHost(wild, { answer: () => new Response() }, async (host) => {
        let failures = 0;
        for (const which of [0, 1, 2, 3]) {
          for (const one of numbers) {
            for (const two of which === 1 || which === 3 ? numbers : [0]) {
              failures += await outcomeOf(host, [which, one, two]);
            }
          }
        }
        assert.equal(failures, host.dropped.length);
        // Only responding at 1024, and writing what is in the memory, makes sense.
        assert.ok(failures > 100, `${failures} failures`);
        assert.equal(host.pool.size <= 1, true);
      });
    },
  },
  {
    name: "a write before the response has begun is a fault of the module",
    run: ({ hasty }) =>
      withHost(hasty, {}, async (host) => {
        await assert.rejects(host.ask({}), isFault("wasm_bad_response"));
      }),
  },
];

/** Every case; those of suspension only where there is any. */
export const FETCH_CASES: readonly FetchCase[] = [
  ...REPLAY_CASES,
  ...(Reflect.has(WebAssembly, "Suspending") ? SUSPENDED_CASES : []),
];

/** What a module's calls to a store do, whatever store it is. */
export function runStoreCase({ proxy }: FetchModules, kv: WasmKv): Promise<void> {
  return withHost(proxy, { bindings: { kv } }, async (host) => {
    const bytes = Uint8Array.of(0, 255, 10, 254);
    const call = (name: string, key: string, body?: Uint8Array) =>
      host.ask({ head: `__KV_${name}\n`, url: key, ...(body && { body }) });
    assert.equal((await call("GET", "a")).status, 404);
    const put = await call("PUT", "a", bytes);
    assert.deepEqual([put.status, decoder.decode(put.body)], [200, "ok"]);
    const got = await call("GET", "a");
    assert.deepEqual([got.status, got.body], [200, bytes]);
    await call("PUT", "b", bytes);
    assert.equal(decoder.decode((await call("LIST", "")).body), `["a","b"]`);
    assert.equal(decoder.decode((await call("LIST", "b")).body), `["b"]`);
    assert.equal((await call("DELETE", "a")).status, 200);
    assert.equal((await call("GET", "a")).status, 404);
    assert.equal((await call("GET", "")).status, 400);
    assert.equal((await call("GET", "k".repeat(512))).status, 404);
    assert.equal((await call("GET", "k".repeat(513))).status, 400);
    assert.equal((await call("DROP", "a")).status, 400);
    const keys = ["c", " c", "c ", "c\t", "c\0", "\ufeffc", "__proto__", "../c", "c/../c", "C"];
    for (const key of keys) await call("PUT", key, encoder.encode(`of ${key}`));
    for (const key of keys) {
      const { status, body } = await call("GET", key);
      assert.deepEqual([status, decoder.decode(body)], [200, `of ${key}`]);
    }
    // Two keys that are no UTF-8 would be one.
    for (const name of ["PUT", "GET", "LIST"]) {
      assert.equal((await call(name, "c\ufffd")).status, 400);
    }
  });
}

async function withHost(
  module: WebAssembly.Module | undefined,
  options: Options,
  work: (host: Host) => Promise<void>,
): Promise<void> {
  const host = new Host(module, options);
  try {
    await work(host);
  } finally {
    host.pool.close();
  }
}

function requestOf(question: Question, fanout?: readonly FanoutItem[]): WasmRequest {
  const { url = "", head = "GET\n", headers = "0\n", body = "", more = [] } = question;
  const content = typeof body === "string" ? encoder.encode(body) : body;
  const call = Uint8Array.from([...encoder.encode(`${url}\n`), ...content]);
  return {
    method: "POST",
    target: "/",
    headers: "",
    body: call,
    fanout: fanout ?? [head, headers, ...more],
  };
}

/** 1 when the module failed, 0 when it answered. */
async function outcomeOf(host: Host, fanout: readonly FanoutItem[]): Promise<number> {
  const lease = await host.pool.acquire();
  try {
    const response = await host.enter(lease.instance, {}, fanout);
    if (response.kind === "response") {
      lease.release("good");
      return 0;
    }
    await new Response(response.body).bytes().catch(() => {});
    await response.ended;
    lease.release("good");
    return 0;
  } catch (error) {
    assert.ok(error instanceof WasmFault, String(error));
    lease.release("broken");
    return 1;
  }
}

function redirect(status: number, location: string): Response {
  return new Response(null, { status, headers: { location } });
}

/** Without a content type or other headers that would count. */
function bytesResponse(length: number): Response {
  return new Response(new Uint8Array(length));
}

function isFault(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WasmFault && error.code === code;
}

async function until(condition: () => boolean, awaited: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `Waited in vain for ${awaited}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
