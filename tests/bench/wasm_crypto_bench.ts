/**
 * What cryptography costs a module that has it of the host, beside one that brings it along.
 *
 *     deno task bench wasm_crypto
 *
 * Ours are calls through the import, on bytes that lie in the module's memory; the peer is hash-wasm,
 * which copies its input into its own. It has no AES.
 */
import { createHMAC, createSHA256, createSHA512 } from "hash-wasm";
import { cryptoImports } from "../../edge/wasm/crypto.ts";
import { hostOf } from "../edge/wasm_import_rig.ts";
import { watModule } from "../wasm/wat_module.ts";
import { contender, medians } from "./rounds.ts";

const KEY = 0;
const NONCE = 64;
const RESULT = 256;
const TEXT = 4096;
const SEALED = 2 * 1024 * 1024;

const source = cryptoImports(
  new WebAssembly.Module(
    watModule(`(module (import "driftless_crypto" "sha256" (func (param i32 i32 i32))))`),
  ),
);
if (source === undefined) throw new Error("Cannot get the imports");
const { imports, read } = hostOf(source, 64);
const functions = imports as Readonly<Record<string, (...args: number[]) => void>>;
const sha256 = await createSHA256();
const sha512 = await createSHA512();
const key = read(KEY, 32);

console.log("cryptography of the host, median of alternating rounds; a busy machine slows both\n");
for (const length of [64, 1024, 1024 * 1024]) {
  const bytes = read(TEXT, length);
  const hmac = await createHMAC(createSHA256(), key);
  const call = (name: string, ...args: number[]) => functions[name]?.(...args);
  show(
    "SHA-256",
    length,
    () => call("sha256", TEXT, length, RESULT),
    () => sha256.init().update(bytes).digest("binary"),
  );
  show(
    "SHA-512",
    length,
    () => call("sha512", TEXT, length, RESULT),
    () => sha512.init().update(bytes).digest("binary"),
  );
  show(
    "HMAC-SHA-256",
    length,
    () => call("hmac_sha256", KEY, 32, TEXT, length, RESULT),
    () => hmac.init().update(bytes).digest("binary"),
  );
  const aes = [KEY, NONCE, TEXT, length, RESULT, 0, SEALED] as const;
  show("AES-256-GCM", length, () => call("aes256gcm_encrypt", ...aes));
}

function show(name: string, length: number, ours: () => unknown, theirs?: () => unknown): void {
  const [host = NaN, peer] = medians([
    contender("host", ours),
    ...(theirs === undefined ? [] : [contender("module", theirs)]),
  ]);
  const speed = (ns: number) => `${(length / ns * 1000).toFixed(0)} MB/s`;
  const beside = peer === undefined
    ? ""
    : `  hash-wasm ${speed(peer)}, ${(peer / host).toFixed(2)}×`;
  console.log(`${name.padEnd(13)}${String(length).padStart(8)} B  ${speed(host)}${beside}`);
}
