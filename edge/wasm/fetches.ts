/**
 * Outbound requests by replay: a module that answers with status -1 or -2 gets the results and is
 * asked again, until it answers with a response.
 *
 *     round 1   request, slots 4 and 5 empty                       answer: status -1
 *     round 2   the same, slot 4 → its result, slot 5 = its number  answer: status -1
 *     round 3   the same, slot 4 → the next result, …              answer: status 200
 *
 * Status -1: slot 1 is `METHOD\ncontent type`, slot 2 is `URL\nbody`, slot 3 is `NUMBER\nName: value\n…`.
 * The module chooses the number, which comes back in slot 5. It has to keep the earlier results itself.
 *
 * Status -2 asks for several at once: slot 1 is their number as an integer, slot 2 (also of tag 2) the
 * address of so many answers of status -1 in a row, 64 bytes each. In the next round slot 4 points to
 * all their results in a row, 64 bytes each, and slot 5 has the number of the first.
 *
 * What a result is, `fetch_result.ts` tells. Between rounds the instance stays with its request, so
 * results never meet another's; when a request ends in between, its instance must be dropped. All rounds
 * share one request's worth of instructions, and the bounds of `outbound.ts`.
 */
import { isBindingCall } from "./bindings.ts";
import { WasmFault } from "./fault.ts";
import { writeResults } from "./fetch_result.ts";
import type { WasmInstance } from "./instance.ts";
import type { Outbound, OutboundRequest, OutboundTurn } from "./outbound.ts";
import type { WasmRequest } from "./request_slots.ts";
import type { ModuleAnswer, OutboundCall, ReadResponse } from "./response_slots.ts";

/** Who a module works for; a `Request` is one. The signal aborts when it is gone. */
export interface Caller {
  readonly signal: AbortSignal;
}

/** The number of a call, as a module may choose it. */
const CALL_NUMBER = /^\s*(\d{1,9})\s*$/;
const LINE_FEED = 10;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Blocks of results that a module still may point to, until its next request. */
const kept = new WeakMap<WasmInstance, number[]>();

/**
 * Has an instance answer a request, and makes its outbound requests in between; a promise only when
 * there are any. The instance must have been refuelled, and is of no use any more when this fails.
 *
 * @throws {WasmFault}
 * @throws what the caller's signal was aborted with
 */
export function runExchange(
  instance: WasmInstance,
  request: WasmRequest,
  outbound: Outbound,
  caller?: Caller,
): ReadResponse | Promise<ReadResponse> {
  freeResults(instance);
  const answer = instance.read(instance.run(instance.write(request)));
  if (answer.kind === "response") return answer;
  const turn = outbound.begin(caller?.signal);
  return replay(instance, request, answer, turn, (address) => instance.run(address));
}

/** Goes on from an answer that is no response; `run` calls the handler. */
export async function replay(
  instance: WasmInstance,
  request: WasmRequest,
  first: ModuleAnswer,
  turn: OutboundTurn,
  run: (address: number) => number | Promise<number>,
): Promise<ReadResponse> {
  let answer = first;
  while (answer.kind !== "response") {
    const calls = answer.kind === "batch" ? answer.calls : [answer];
    const number = numberOf(calls[0]);
    const results = await turn.run(calls.map(requestOf));
    const address = keepResults(instance, writeResults(instance, results));
    const again = instance.write(request);
    instance.setResult(address, number);
    answer = instance.read(await run(again));
  }
  return answer;
}

/** A call in the host's own memory. */
export function requestOf({ head, content, headers }: OutboundCall): OutboundRequest {
  const [method, contentType] = splitLine(head);
  const end = content.indexOf(LINE_FEED);
  const address = decoder.decode(end < 0 ? content : content.subarray(0, end));
  const isKey = isBindingCall(method.trim());
  return {
    method: method.trim(),
    contentType: contentType.trim(),
    // Blanks are nothing of an address, but a key with blanks is not the one without.
    url: isKey ? address : address.trim(),
    body: end < 0 ? new Uint8Array() : content.slice(end + 1),
    headers: splitLine(headers)[1],
  };
}

/** Remembers a block of results, to be given back before the instance's next request. */
export function keepResults(instance: WasmInstance, address: number): number {
  const addresses = kept.get(instance);
  if (addresses === undefined) kept.set(instance, [address]);
  else addresses.push(address);
  return address;
}

/** Gives back the results of the request before, the latest first. */
export function freeResults(instance: WasmInstance): void {
  const addresses = kept.get(instance);
  if (addresses === undefined) return;
  kept.delete(instance);
  for (const address of addresses.reverse()) instance.free(address);
}

function numberOf(call: OutboundCall | undefined): number {
  const match = CALL_NUMBER.exec(splitLine(call?.headers ?? "")[0]);
  if (match !== null) return Number(match[1]);
  throw new WasmFault("wasm_bad_response", "Cannot make a call without a number");
}

/** The first line, and what follows it. */
function splitLine(text: string): readonly [line: string, rest: string] {
  const end = text.indexOf("\n");
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
}
