/**
 * Asks a host for as many things as the argument says, the whole a few times over, and prints what is
 * in use after each time, as JSON. Runs with `--expose-gc`: what nobody holds does not count.
 */
import { dutyWorld } from "./duty_world.ts";

/** What is in use, in bytes. */
export interface Usage {
  /** Of the program, without what is garbage. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** What the durable instance tells: its memory, and how much of it is given out. */
  readonly durable: string;
  readonly sent: number;
}

/** How often all is asked for. The first time fills caches, so only later ones are compared. */
const TIMES = 4;

const REQUESTS: readonly (readonly [path: string, body?: string])[] = [
  ["/reflect?a=1"],
  ["/echo", "a".repeat(5_000)],
  ["/echo", "b".repeat(20_000)],
  ["/large?size=50000"],
  ["/fetch?url=https://api.test/json"],
  ["/many?n=3&url=https://api.test/n"],
  ["/post?url=https://api.test/mirror", "c".repeat(2_000)],
  ["/kv?key=a"],
  ["/cookies"],
  ["/status?is=404"],
];

if (import.meta.main) {
  const world = dutyWorld(await Deno.readFile(new URL("duties.wasm", import.meta.url)));
  const usages: Usage[] = [];
  const each = Math.ceil(Number(Deno.args[0]) / TIMES);
  const collect = (globalThis as unknown as { gc(): void }).gc;
  for (let time = 0; time < TIMES; time++) {
    for (let at = 0; at < each; at++) {
      const [path, body] = REQUESTS[at % REQUESTS.length] ?? ["/"];
      const mount = ["/duties", "/durable", "/fresh"][at % 3];
      const init = body === undefined ? {} : { method: "POST", body };
      await (await world.ask(`${mount}${path}`, init)).arrayBuffer();
      if (at % 20 === 0) await (await world.ask("/duties/panic")).arrayBuffer();
    }
    const sent = world.sent.length;
    world.sent.length = 0;
    world.failures.length = 0;
    // Memories of instances that are gone are let go in a second round.
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const { heapUsed, external, rss } = Deno.memoryUsage();
    usages.push({
      heapBytes: heapUsed + external,
      rssBytes: rss,
      durable: await world.tell("/durable/memory"),
      sent,
    });
  }
  world.close();
  console.log(JSON.stringify(usages));
}
