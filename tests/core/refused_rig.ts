/** A client with refused mutations, and what stands behind them. */
import { assertStrictEquals, assertThrows } from "@std/assert";
import { DriftlessError, type ErrorCode } from "../../core/errors.ts";
import type { QueueEntry } from "../../core/quarantine.ts";
import { ClientRig } from "./client_rig.ts";

/** Fails unless `act` throws an error with the code. */
export function assertCode(act: () => unknown, code: ErrorCode): void {
  assertStrictEquals(assertThrows(act, DriftlessError).code, code);
}

/** Each entry in short: its name, its state, and what goes with that. */
export function outline(entries: readonly QueueEntry[]): readonly string[] {
  return entries.map(({ name, state, code, cause }) =>
    [name, state, code ?? cause].join(" ").trim()
  );
}

/** A live client whose earn was sent, with two spends behind it that have not left the device. */
export function dependingRig(): {
  readonly rig: ClientRig;
  readonly earn: string;
  readonly spends: readonly string[];
} {
  const rig = new ClientRig();
  const { id: earn } = rig.add("k", 5);
  rig.client.takeBatch();
  const spends = [2, 3].map((by) => rig.mutate("counter.spend", { id: "k", by }).id);
  return { rig, earn, spends };
}

/** As `dependingRig`, when the earn was refused. */
export function refusedRig(): ReturnType<typeof dependingRig> {
  const made = dependingRig();
  const result = { id: made.earn, cursor: 0, lastSeq: 1, code: "rejected", error: "No" } as const;
  made.rig.client.decided([result], "epoch-1");
  made.rig.settle();
  made.rig.take();
  return made;
}
