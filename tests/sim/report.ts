/** What a person needs to see of a world. */
import type { DownMessage } from "../../core/wire/messages.ts";
import type { SimResult } from "./simulation.ts";

/** What broke, in which world, how it came about, and how to see it again. */
export function reportOf(
  { options, failure, hash, tail }: SimResult,
  name = `seed ${options.seed}`,
): string {
  const verdict = failure === null ? "kept every promise" : `broke "${failure.promise}"`;
  return [
    `${name} ${verdict} (trace ${hash})`,
    JSON.stringify(options),
    ...tail,
    ...(failure === null ? [] : [failure.message]),
    `deno task sim --seed ${options.seed}`,
  ].join("\n");
}

/** A server's message in a few words. */
export function textOfMessage(message: DownMessage): string {
  switch (message.kind) {
    case "welcome":
      return `welcome cursor ${message.cursor} seq ${message.lastSeq} reset ${message.reset}`;
    case "ack":
      return `ack ${message.results.map(({ id, code }) => `${id.slice(-6)} ${code ?? "ok"}`)}`;
    case "poke":
      return `poke ${message.from} +${message.changes.length}${message.more ? " more" : ""}`;
    case "failure":
      return `failure ${message.code}`;
    default:
      return message.kind;
  }
}
