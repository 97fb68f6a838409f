/** Modules with rules that do one thing each, and what a server says of a mutation by them. */
import { collection, defineApp } from "../../core/app.ts";
import { type RuleOptions, wasmRules } from "../../wasm/rules.ts";
import { Author, ServerRig } from "../core/server_rig.ts";
import { watModule } from "../wasm/wat_module.ts";

/** What a server says of one mutation. */
export interface Told {
  readonly code: string | null | undefined;
  readonly error: string | null | undefined;
  /** Why it failed, which the caller is not told. */
  readonly reason: string | undefined;
  readonly rows: Readonly<Record<string, unknown>>;
}

/** A module that answers each request with what `answer` leaves at 64, a slot of status and of text. */
export function ruleModule(answer: string, more = ""): Uint8Array<ArrayBuffer> {
  return watModule(`(module
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (func (export "malloc") (param i32) (result i32) (i32.const 32768))
    (func $say (param $status i32) (param $at i32)
      (i32.store (i32.const 64) (i32.const 2))
      (i32.store (i32.const 68) (local.get $status))
      (i32.store (i32.const 96) (i32.const 4))
      (i32.store (i32.const 100) (local.get $at)))
    (func (export "handle_zerobuf") (param $request i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      ${answer}
      (i32.const 64))
    ${more})`);
}

/** What a server says of one mutation by such a module. */
export function pushed(bytes: Uint8Array<ArrayBuffer>, options: RuleOptions = {}): Told {
  const rules = wasmRules(bytes, options);
  const anything = { "~standard": { version: 1, vendor: "t", validate: good } } as const;
  const app = defineApp({
    name: "t",
    collections: { note: collection<"note", object>("note", anything) },
    mutators: { act: rules.mutator("act") },
  });
  const rig = new ServerRig({ app });
  const [result] = rig.push([new Author("a").call("act", { x: 1 })]);
  const failure = rig.failures[0]?.error as Error | undefined;
  const reason = failure?.cause instanceof Error ? failure.cause.message : undefined;
  return { code: result?.code, error: result?.error, reason, rows: rig.records("note") };
}

const good = (value: unknown) => ({ value: value as object });
