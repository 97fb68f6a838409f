/**
 * Cryptography for modules, done by the runtime: its code is native, and many times faster than what
 * a module could bring along.
 *
 * A module imports it under the name `driftless_crypto`. Arguments are addresses and lengths in its
 * own memory; a result may lie where an argument does. The functions of AES give 0 when they are
 * done, and 1 when they refuse.
 *
 * ```
 * sha256(data, length, digest32)                       sha512(data, length, digest64)
 * hmac_sha256(key, keyLength, data, length, code32)
 * aes256gcm_encrypt(key32, nonce12, text, length, extra, extraLength, sealed) → 0 | 1
 * aes256gcm_decrypt(key32, nonce12, sealed, sealedLength, extra, extraLength, text) → 0 | 1
 * ```
 * What is sealed is 16 bytes longer than the text: the tag stands behind it.
 */
import { WasmFault } from "./fault.ts";
import {
  FAULT_UNITS,
  type ImportSource,
  type InstanceImports,
  type WasmInstance,
} from "./instance.ts";

type NodeCrypto = typeof import("node:crypto");

/** The name that modules import it under. */
const CRYPTO = "driftless_crypto";
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What one call costs a module, in instructions, beside one for each byte. */
const CALL_UNITS = 2_000;

const DONE = 0;
const REFUSED = 1;

/**
 * The functions for a module that imports them, `undefined` for any other.
 *
 * @throws {TypeError} where the runtime has no `node:crypto`
 */
export function cryptoImports(module: WebAssembly.Module): ImportSource | undefined {
  const isWanted = WebAssembly.Module.imports(module).some((it) => it.module === CRYPTO);
  if (!isWanted) return undefined;
  const node = nodeCrypto();
  return { name: CRYPTO, make: () => new ModuleCrypto(node).instanceImports() };
}

/** Asked for at run time: on Workers there is none without the flag `nodejs_compat`. */
function nodeCrypto(): NodeCrypto {
  const { process } = globalThis as {
    readonly process?: { getBuiltinModule?(name: string): NodeCrypto | undefined };
  };
  const node = process?.getBuiltinModule?.("node:crypto");
  if (node === undefined) {
    throw new TypeError(
      `it imports "${CRYPTO}", and there is no node:crypto: on Workers set nodejs_compat`,
    );
  }
  return node;
}

/** The functions of one instance. */
class ModuleCrypto {
  readonly #node: NodeCrypto;
  #instance: WasmInstance | undefined;

  constructor(node: NodeCrypto) {
    this.#node = node;
  }

  instanceImports(): InstanceImports {
    return {
      imports: {
        sha256: (data: number, length: number, digest: number) =>
          this.#hash("sha256", this.#at(data, length), this.#at(digest, 32)),
        sha512: (data: number, length: number, digest: number) =>
          this.#hash("sha512", this.#at(data, length), this.#at(digest, 64)),
        hmac_sha256: this.#hmac.bind(this),
        aes256gcm_encrypt: this.#encrypt.bind(this),
        aes256gcm_decrypt: this.#decrypt.bind(this),
      },
      attach: (instance) => {
        this.#instance = instance;
      },
    };
  }

  #hash(name: "sha256" | "sha512", data: Uint8Array, digest: Uint8Array): void {
    this.#spend(data.length);
    digest.set(this.#node.createHash(name).update(data).digest());
  }

  #hmac(key: number, keyLength: number, data: number, length: number, code: number): void {
    const keyBytes = this.#at(key, keyLength);
    const bytes = this.#at(data, length);
    const result = this.#at(code, 32);
    this.#spend(keyBytes.length + bytes.length);
    result.set(this.#node.createHmac("sha256", keyBytes).update(bytes).digest());
  }

  #encrypt(
    ...[key, nonce, text, length, extra, extraLength, sealed]: [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
  ): number {
    const from = this.#at(text, length);
    const extraBytes = this.#at(extra, extraLength);
    const to = this.#at(sealed, from.length + TAG_BYTES);
    this.#spend(from.length + extraBytes.length);
    const cipher = this.#node.createCipheriv(
      CIPHER,
      this.#at(key, KEY_BYTES),
      this.#at(nonce, NONCE_BYTES),
    );
    if (extraBytes.length > 0) cipher.setAAD(extraBytes);
    const first = cipher.update(from);
    const rest = cipher.final();
    to.set(first);
    to.set(rest, first.length);
    to.set(cipher.getAuthTag(), from.length);
    return DONE;
  }

  /** What is not authentic is not shown: the result is written only when the tag is right. */
  #decrypt(
    ...[key, nonce, sealed, sealedLength, extra, extraLength, text]: [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
  ): number {
    const from = this.#at(sealed, sealedLength);
    const extraBytes = this.#at(extra, extraLength);
    this.#spend(from.length + extraBytes.length);
    if (from.length < TAG_BYTES) return REFUSED;
    const length = from.length - TAG_BYTES;
    const to = this.#at(text, length);
    const decipher = this.#node.createDecipheriv(
      CIPHER,
      this.#at(key, KEY_BYTES),
      this.#at(nonce, NONCE_BYTES),
      { authTagLength: TAG_BYTES },
    );
    if (extraBytes.length > 0) decipher.setAAD(extraBytes);
    decipher.setAuthTag(from.subarray(length));
    const first = decipher.update(from.subarray(0, length));
    let rest: Uint8Array;
    try {
      rest = decipher.final();
    } catch {
      return REFUSED;
    }
    to.set(first);
    to.set(rest, first.length);
    return DONE;
  }

  #spend(bytes: number): void {
    this.#instance?.spend(CALL_UNITS + bytes);
  }

  /** Bytes of the module's memory; none may be anywhere. @throws {WasmFault} */
  #at(given: number, givenLength: number): Uint8Array<ArrayBuffer> {
    const address = given >>> 0;
    const length = givenLength >>> 0;
    const memory = this.#instance?.memory;
    memory?.refresh();
    if (memory === undefined || address + length > memory.byteLength) {
      this.#instance?.spend(FAULT_UNITS);
      throw new WasmFault(
        "wasm_failed",
        `Cannot use ${length} bytes at ${address}: there are none`,
      );
    }
    return memory.bytes.subarray(address, address + length);
  }
}
