/**
 * The processes of one system in the comparison, on Bun: its server, or the clients that measure it.
 *
 *     serve FOLDER               prints the port, and serves until it is killed
 *     MEASURE PORT SIZE …        prints what came out as one line of JSON, and ends
 *
 * It is loaded by a file beside the system's packages, whose `benchLoad` finds them.
 */
import process from "node:process";
import { measures } from "./measures.ts";
import { peers } from "./peers/all.ts";
import type { Load } from "./peers/peer.ts";

const [, , name, role = "", ...args] = process.argv;
const peer = peers.find((peer) => peer.name === name);
if (peer === undefined) throw new TypeError(`Cannot find the system "${name}"`);
const load = Reflect.get(globalThis, "benchLoad") as Load;
if (role === "serve") {
  console.log(await peer.serve(load, args[0] ?? "."));
} else {
  const [port = 0, ...sizes] = args.map(Number);
  const measure = measures[role];
  if (measure === undefined) throw new TypeError(`Cannot find the measure "${role}"`);
  const connect = (to = port) => peer.connect(load, to);
  const context = {
    connect,
    local: (size: number) => peer.local?.(load, size),
    subscribe: (number: number, heard: () => void) => peer.subscribe?.(port, number, heard),
  };
  console.log(JSON.stringify(await measure(context, sizes)));
  process.exit(0);
}
