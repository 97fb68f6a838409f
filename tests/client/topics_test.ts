/** Topics: messages between those who are connected now, across reconnects, with the server's limits. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { TOPICS_MAX } from "../../core/session.ts";
import { Device, eventually, pause, RigServer, until } from "./rig.ts";

/** Longer than a message takes, in milliseconds: for what must not come at all. */
const SETTLE_MS = 50;

/** Two clients that are connected. */
async function withPair(
  test: (a: Device, b: Device, server: RigServer) => Promise<void>,
): Promise<void> {
  await using server = await RigServer.start();
  await using a = await Device.start({ url: server.url });
  await using b = await Device.start({ url: server.url });
  await until(() => a.client.isOnline && b.client.isOnline);
  await test(a, b, server);
}

/** Publishes until somebody hears it: a subscription takes a moment to arrive. */
async function publishUntilHeard(from: Device, topic: string, heard: unknown[]): Promise<void> {
  const before = heard.length;
  while (heard.length === before) {
    from.client.publish(topic, "is it there");
    await pause(5);
  }
  // Every copy is there before the next message is.
  from.client.publish(topic, "it is");
  await until(() => heard.includes("it is"));
  heard.length = 0;
}

Deno.test("whoever follows a topic hears its messages, their author too, and nobody else", async () => {
  await withPair(async (a, b) => {
    const heard: Record<string, unknown[]> = { a: [], b: [], other: [] };
    a.client.subscribeTopic("chat", (data) => heard.a?.push(data));
    b.client.subscribeTopic("chat", (data) => heard.b?.push(data));
    b.client.subscribeTopic("other", (data) => heard.other?.push(data));
    await publishUntilHeard(a, "chat", heard.b ?? []);
    await until(() => heard.a?.includes("it is") === true);
    heard.a = [];
    const messages = [1, "two", { three: [3, null] }, null, false];
    for (const message of messages) a.client.publish("chat", message);
    await eventually(() => heard.b, messages);
    await eventually(() => heard.a, messages);
    assertEquals(heard.other, []);
  });
});

Deno.test("what JSON does not have is sent as null, and what it refuses is refused here", async () => {
  await withPair(async (a, b, server) => {
    const heard: unknown[] = [];
    b.client.subscribeTopic("chat", (data) => heard.push(data));
    await publishUntilHeard(a, "chat", heard);
    a.client.publish("chat", undefined);
    a.client.publish("chat", () => {});
    a.client.publish("chat", new Date(0));
    await eventually(() => heard, [null, null, "1970-01-01T00:00:00.000Z"]);
    assertThrows(() => a.client.publish("chat", 1n), TypeError);
    let deep: unknown = 0;
    for (let i = 0; i < 40; i++) deep = [deep];
    for (const data of [deep, "x".repeat(20_000), JSON.parse(`{"__proto__":1}`)]) {
      assertThrows(() => a.client.publish("chat", data), DriftlessError);
    }
    const large = Array.from({ length: 10 }, () => "x".repeat(10_000));
    const error = assertThrows(() => a.client.publish("chat", large), DriftlessError);
    assertEquals(error.code, "too_large");
    a.client.publish("chat", large.slice(0, 6));
    await until(() => heard.length === 4);
    assertEquals([a.errors, server.socketCount], [[], 2]);
  });
});

Deno.test("a topic without a usable name, or one too many, is refused here", async () => {
  await withPair(async (a, _b, server) => {
    for (const topic of ["", "a\nb", "x".repeat(129)]) {
      assertThrows(() => a.client.subscribeTopic(topic, () => {}), DriftlessError);
      assertThrows(() => a.client.publish(topic, 1), DriftlessError);
    }
    const stops = Array.from(
      { length: TOPICS_MAX },
      (_, i) => a.client.subscribeTopic(`t${i}`, () => {}),
    );
    a.client.subscribeTopic("t0", () => {});
    assertThrows(() => a.client.subscribeTopic("one more", () => {}), DriftlessError);
    stops.at(-1)?.();
    a.client.subscribeTopic("one more", () => {});
    await a.client.sync();
    assertEquals([a.errors, server.socketCount], [[], 2]);
  });
});

Deno.test("one who stops hears no more, and the others of the topic still do", async () => {
  await withPair(async (a, b) => {
    const heard: unknown[] = [];
    const same = (data: unknown) => void heard.push(data);
    const stops = [b.client.subscribeTopic("t", same), b.client.subscribeTopic("t", same)];
    await publishUntilHeard(a, "t", heard);
    a.client.publish("t", 1);
    await eventually(() => heard, [1, 1]);
    stops[0]?.();
    stops[0]?.();
    a.client.publish("t", 2);
    await eventually(() => heard, [1, 1, 2]);
    stops[1]?.();
    const after: unknown[] = [];
    b.client.subscribeTopic("end", (data) => after.push(data));
    await publishUntilHeard(a, "end", after);
    a.client.publish("t", 3);
    a.client.publish("end", 4);
    await eventually(() => after, [4]);
    assertEquals(heard, [1, 1, 2]);
  });
});

Deno.test("topics are followed again after a reconnect, also ones from before the first", async () => {
  await using server = await RigServer.start();
  await using a = Device.create({ url: server.url });
  await using b = Device.create({ url: server.url });
  const heard: unknown[] = [];
  b.client.subscribeTopic("t", (data) => heard.push(data));
  a.client.publish("t", "before there is anybody");
  await Promise.all([a.client.start(), b.client.start()]);
  await publishUntilHeard(a, "t", heard);
  for (let round = 0; round < 2; round++) {
    server.refusesSockets = true;
    server.cut();
    await until(() => !a.client.isOnline && !b.client.isOnline);
    a.client.publish("t", "lost");
    server.refusesSockets = false;
    globalThis.dispatchEvent(new Event("online"));
    await until(() => a.client.isOnline && b.client.isOnline);
    await publishUntilHeard(a, "t", heard);
    a.client.publish("t", round);
    await eventually(() => heard, [round]);
    heard.length = 0;
  }
  await b.client.stop();
  await b.client.start();
  await until(() => b.client.isOnline);
  await publishUntilHeard(a, "t", heard);
});

Deno.test("a listener that fails, stops itself or others leaves the rest alone", async () => {
  const { error } = console;
  let complaints = 0;
  console.error = () => void complaints++;
  try {
    await withPair(async (a, b) => {
      const heard: unknown[] = [];
      b.client.subscribeTopic("t", () => {
        throw new TypeError("a fault in the app");
      });
      const stop = b.client.subscribeTopic("t", () => stop());
      b.client.subscribeTopic("t", (data) => heard.push(data));
      await publishUntilHeard(a, "t", heard);
      a.client.publish("t", 1);
      await eventually(() => heard, [1]);
      assertEquals(b.errors, []);
    });
  } finally {
    console.error = error;
  }
  assert(complaints > 0);
});

Deno.test("messages to topics are no notices of the view", async () => {
  await withPair(async (a, b) => {
    const heard: unknown[] = [];
    b.client.subscribeTopic("t", (data) => heard.push(data));
    await publishUntilHeard(a, "t", heard);
    let notices = 0;
    b.client.subscribe(() => void notices++);
    a.client.publish("t", 1);
    await eventually(() => heard, [1]);
    await pause(SETTLE_MS);
    assertEquals(notices, 0);
  });
});
