/** Token buckets give out what the rate allows, each key on its own, and stay bounded. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RATE_KEYS_MAX, RateLimiter } from "../../edge/rate.ts";

Deno.test("a bucket gives a burst at once and then as fast as it fills", () => {
  let now = 1_000;
  const limiter = new RateLimiter({ perSecond: 250, burst: 3 }, () => now);
  assertEquals([1, 2, 3].map(() => limiter.take("a")), [0, 0, 0]);
  assertEquals(limiter.take("a"), 4);
  now += 3;
  assertEquals(limiter.take("a"), 1);
  now += 1;
  assertEquals(limiter.take("a"), 0);
  assertEquals(limiter.take("a"), 4);
});

Deno.test("a bucket never holds more than its burst", () => {
  let now = 0;
  const limiter = new RateLimiter({ perSecond: 1_000, burst: 2 }, () => now);
  limiter.take("a");
  now += 1_000_000;
  assertEquals([1, 2].map(() => limiter.take("a")), [0, 0]);
  assertEquals(limiter.take("a"), 1);
});

Deno.test("a refusal takes nothing", () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 10 }, () => 0);
  assertEquals(limiter.take("a", 11), 1_000);
  assertEquals(limiter.take("a", 10), 0);
  assertEquals(limiter.take("a", 5), 5_000);
});

Deno.test("a key has a bucket of its own", () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, () => 0);
  assertEquals(limiter.take("a"), 0);
  assertEquals(limiter.take("b"), 0);
  assert(limiter.take("a") > 0);
  assert(limiter.take("b") > 0);
});

Deno.test("the key that was not used for longest is forgotten first", () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, () => 0);
  for (let i = 0; i < RATE_KEYS_MAX; i++) limiter.take(`key ${i}`);
  assert(limiter.take("key 0") > 0, "still known, and used just now");
  limiter.take("one more");
  assert(limiter.take("key 0") > 0, "still known");
  assertEquals(limiter.take("key 1"), 0, "forgotten, so its bucket is full again");
});

Deno.test("no sequence of calls is given more than the burst and what has flowed in since", () => {
  const step = fc.record({
    pause: fc.integer({ min: 0, max: 100 }),
    count: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(fc.property(fc.array(step), (steps) => {
    const rate = { perSecond: 250, burst: 20 };
    let now = 0;
    let taken = 0;
    const limiter = new RateLimiter(rate, () => now);
    for (const { pause, count } of steps) {
      now += pause;
      const wait = limiter.take("a", count);
      if (wait === 0) taken += count;
      else if (count <= rate.burst) {
        now += wait;
        assertEquals(limiter.take("a", count), 0, "the wait that was told is enough");
        taken += count;
      }
      assert(taken <= rate.burst + now * rate.perSecond / 1000 + 1e-6, "too much was given");
    }
  }));
});

Deno.test("what is charged is taken, though it is more than there is, and is owed", () => {
  let now = 0;
  const limiter = new RateLimiter({ perSecond: 1_000, burst: 10 }, () => now);
  assertEquals([limiter.charge("a", 0), limiter.charge("a", 10)], [0, 0]);
  assertEquals(limiter.charge("a", 25), 25);
  now += 24;
  assertEquals(limiter.charge("a", 0), 1, "who only asks owes no more for it");
  assertEquals(limiter.charge("a", 0), 1);
  now += 1;
  assertEquals(limiter.charge("a", 0), 0);
  assertEquals(limiter.take("a"), 1, "nothing is owed, and nothing is there");
  now += 1_000_000;
  assertEquals(limiter.charge("a", 11), 1, "a long pause is worth one burst");
});
