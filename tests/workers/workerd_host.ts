/**
 * Runs workerd with a bundle until its standard input ends: prints `{url, pid}` as one line, the pid
 * that of workerd itself.
 */
import { Miniflare, type MiniflareOptions } from "miniflare";

const { options } = JSON.parse(Deno.args[0] ?? "") as { options: MiniflareOptions };
const worker = new Miniflare({
  ...options,
  // Otherwise it asks the network where it is.
  cf: false,
});
try {
  const { origin } = await worker.ready;
  const children = await Deno.readTextFile(`/proc/self/task/${Deno.pid}/children`);
  console.log(JSON.stringify({ url: origin, pid: Number(children.trim().split(" ")[0]) }));
  for await (const _ of Deno.stdin.readable);
} finally {
  await worker.dispose();
}
