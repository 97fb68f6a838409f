/** Inputs of a connection: in order, bounded, and none spoils those behind it. */
import { assertEquals } from "@std/assert";
import { INPUT_BYTES_WAITING_MAX, Inputs, INPUTS_WAITING_MAX } from "../../edge/inputs.ts";

Deno.test("inputs wait behind one, up to so many and so many bytes, and end with it", async () => {
  for (
    const [count, bytes, isOver] of [
      [INPUTS_WAITING_MAX - 1, 0, false],
      [INPUTS_WAITING_MAX, 0, false],
      [INPUTS_WAITING_MAX + 1, 0, true],
      [1, INPUT_BYTES_WAITING_MAX - 1, false],
      [1, INPUT_BYTES_WAITING_MAX, false],
      [1, INPUT_BYTES_WAITING_MAX + 1, true],
    ] as const
  ) {
    let [overflows, ran] = [0, 0];
    const inputs = new Inputs({ overflowed: () => overflows++, failed: () => {} });
    const { promise, resolve } = Promise.withResolvers<void>();
    inputs.wait(promise, () => ran++, () => {});
    for (let i = 0; i < count; i++) inputs.take(() => ran++, bytes);
    assertEquals([overflows, ran], [isOver ? 1 : 0, 0], `${count} of ${bytes} bytes`);
    resolve();
    await promise;
    await Promise.resolve();
    assertEquals(ran, isOver ? 0 : count + 1);
  }
});

Deno.test("an input that throws after it has waited is told, and those behind it run", async () => {
  const failures: unknown[] = [];
  const order: string[] = [];
  const inputs = new Inputs({
    overflowed: () => {},
    failed: (error) => failures.push((error as Error).message),
  });
  const gone = Promise.reject(new Error("gone"));
  inputs.wait(gone, () => {}, (error) => {
    throw error;
  });
  inputs.take(() => {
    inputs.wait(Promise.resolve(1), (value) => order.push(`first ${value}`), () => {});
  });
  inputs.take(() => order.push("second"));
  inputs.take(() => {
    throw new Error("third");
  });
  inputs.take(() => order.push("fourth"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(order, ["first 1", "second", "fourth"]);
  assertEquals(failures, ["gone", "third"]);
});
