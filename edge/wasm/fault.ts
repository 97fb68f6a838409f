/** What goes wrong with a module: one error, with the code that the caller may see. */
import { DriftlessError } from "../../core/errors.ts";

/** What it did: trapped (500), answered what makes no sense (502), or took too long (504). */
export type WasmFaultCode = "wasm_failed" | "wasm_bad_response" | "wasm_timeout";

/** All that a caller learns of it: what happened inside is for the log. */
const PUBLIC = {
  wasm_failed: [500, "The handler failed"],
  wasm_bad_response: [502, "The handler gave no valid response"],
  wasm_timeout: [504, "The handler took too long"],
} as const satisfies Readonly<Record<WasmFaultCode, readonly [status: number, text: string]>>;

/**
 * A module that broke its contract. Its instance is of no use any more. The message says what it did,
 * for the log; {@linkcode HandlerError} is what the caller is told.
 */
export class WasmFault extends Error {
  override readonly name = "WasmFault";
  readonly code: WasmFaultCode;

  constructor(code: WasmFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the caller of a module is told of its fault. */
export class HandlerError extends DriftlessError {
  /** 500, 502 or 504. */
  readonly status: 500 | 502 | 504;

  constructor(fault: WasmFault) {
    const [status, text] = PUBLIC[fault.code];
    super("wasm_failed", text);
    this.status = status;
  }
}
