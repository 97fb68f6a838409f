/** What modules import of cryptography: official vectors, empty inputs, and addresses out of bounds. */
import { assertEquals, assertThrows } from "@std/assert";
import { cryptoImports } from "../../edge/wasm/crypto.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { hostOf } from "./wasm_import_rig.ts";

type Call = (...args: number[]) => number | undefined;

const KEY = 0;
const NONCE = 64;
const TEXT = 128;
const EXTRA = 1024;
const SEALED = 2048;
const RESULT = 4096;

function rig() {
  const source = cryptoImports(importing("driftless_crypto"));
  if (source === undefined) throw new Error("nothing was imported");
  const host = hostOf(source);
  const call = (name: string, ...args: number[]) => (host.imports[name] as Call)(...args);
  const put = (at: number, hex: string) => host.write(at, bytesOf(hex));
  const get = (at: number, length: number) => hexOf(host.read(at, length));
  return { ...host, call, put, get };
}

Deno.test("a module's SHA-256 and SHA-512 give the digests of FIPS 180", () => {
  const { call, put, get } = rig();
  put(TEXT, hexOf(new TextEncoder().encode("abc")));
  call("sha256", TEXT, 3, RESULT);
  assertEquals(get(RESULT, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  call("sha512", TEXT, 3, RESULT);
  assertEquals(
    get(RESULT, 64),
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  );
});

Deno.test("G14: G14: a module's digests of nothing are digests, and not zeros", () => {
  const { call, put, get } = rig();
  call("sha256", 0, 0, RESULT);
  assertEquals(get(RESULT, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  call("sha512", 0, 0, RESULT);
  assertEquals(
    get(RESULT, 64),
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce" +
      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
  );
  call("hmac_sha256", 0, 0, 0, 0, RESULT);
  assertEquals(get(RESULT, 32), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  put(KEY, "6b6579");
  call("hmac_sha256", KEY, 3, 0, 0, RESULT);
  assertEquals(get(RESULT, 32), "5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0");
});

Deno.test("a module's HMAC gives the codes of RFC 4231", () => {
  const { call, put, get } = rig();
  put(KEY, "0b".repeat(20));
  put(TEXT, hexOf(new TextEncoder().encode("Hi There")));
  call("hmac_sha256", KEY, 20, TEXT, 8, RESULT);
  assertEquals(get(RESULT, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  put(TEXT, "aa".repeat(131));
  put(
    EXTRA,
    hexOf(new TextEncoder().encode(`Test Using Larger Than Block-Size Key - Hash Key First`)),
  );
  call("hmac_sha256", TEXT, 131, EXTRA, 54, RESULT);
  assertEquals(get(RESULT, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
});

/** Test cases 13 to 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega). */
const LONG_KEY = "feffe9928665731c6d6a8f9467308308".repeat(2);
const LONG_TEXT = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
const LONG_SEALED = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";
const VECTORS: readonly Readonly<Record<"key" | "nonce" | "text" | "extra" | "sealed", string>>[] =
  [
    {
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      text: "",
      extra: "",
      sealed: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    {
      key: "00".repeat(32),
      nonce: "00".repeat(12),
      text: "00".repeat(16),
      extra: "",
      sealed: "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    },
    {
      key: LONG_KEY,
      nonce: "cafebabefacedbaddecaf888",
      text: LONG_TEXT,
      extra: "",
      sealed: `${LONG_SEALED}b094dac5d93471bdec1a502270e3cc6c`,
    },
    {
      key: LONG_KEY,
      nonce: "cafebabefacedbaddecaf888",
      text: LONG_TEXT.slice(0, 120),
      extra: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      sealed: `${LONG_SEALED.slice(0, 120)}76fc6ece0f4e1768cddf8853bb2d551b`,
    },
  ];

for (const { key, nonce, text, extra, sealed } of VECTORS) {
  const name = `${text.length / 2} bytes with ${extra.length / 2} more`;
  Deno.test(`a module's AES-256-GCM gives the published bytes for ${name}`, () => {
    const { call, put, get } = rig();
    put(KEY, key);
    put(NONCE, nonce);
    put(TEXT, text);
    put(EXTRA, extra);
    const aad = [EXTRA, extra.length / 2] as const;
    const length = sealed.length / 2;
    assertEquals(call("aes256gcm_encrypt", KEY, NONCE, TEXT, text.length / 2, ...aad, SEALED), 0);
    assertEquals(get(SEALED, length), sealed);
    put(RESULT, "55".repeat(64));
    assertEquals(call("aes256gcm_decrypt", KEY, NONCE, SEALED, length, ...aad, RESULT), 0);
    assertEquals(get(RESULT, text.length / 2), text);
    // In place: the result takes the place of the argument.
    assertEquals(call("aes256gcm_decrypt", KEY, NONCE, SEALED, length, ...aad, SEALED), 0);
    assertEquals(get(SEALED, text.length / 2), text);
  });

  Deno.test(`a module's AES-256-GCM refuses every changed byte of ${name}`, () => {
    const { call, put, get } = rig();
    put(KEY, key);
    put(NONCE, nonce);
    put(EXTRA, extra);
    put(RESULT, "55".repeat(64));
    const length = sealed.length / 2;
    for (let at = 0; at < length; at += 7) {
      put(SEALED, sealed);
      put(
        SEALED + at,
        (Number.parseInt(sealed.slice(2 * at, 2 * at + 2), 16) ^ 1).toString(16)
          .padStart(2, "0"),
      );
      const aad = [EXTRA, extra.length / 2] as const;
      assertEquals(call("aes256gcm_decrypt", KEY, NONCE, SEALED, length, ...aad, RESULT), 1);
      assertEquals(get(RESULT, 64), "55".repeat(64));
    }
  });
}

Deno.test("a module's AES-256-GCM refuses what is shorter than its tag", () => {
  const { call } = rig();
  assertEquals(call("aes256gcm_decrypt", KEY, NONCE, SEALED, 15, EXTRA, 0, RESULT), 1);
});

Deno.test("cryptography outside of the memory ends the instance, and reads nothing", () => {
  const { call, size } = rig();
  const calls: readonly [string, ...number[]][] = [
    ["sha256", size - 3, 4, RESULT],
    ["sha256", TEXT, 4, size - 31],
    ["sha512", -1, -1, RESULT],
    ["sha512", TEXT, 4, size - 63],
    ["hmac_sha256", KEY, -1, TEXT, 1, RESULT],
    ["hmac_sha256", KEY, 1, TEXT, 1, -1],
    ["aes256gcm_encrypt", size - 31, NONCE, TEXT, 1, EXTRA, 0, RESULT],
    ["aes256gcm_encrypt", KEY, size - 11, TEXT, 1, EXTRA, 0, RESULT],
    ["aes256gcm_encrypt", KEY, NONCE, TEXT, 16, EXTRA, 0, size - 31],
    ["aes256gcm_decrypt", KEY, NONCE, SEALED, 32, EXTRA, size, RESULT],
    ["aes256gcm_decrypt", KEY, NONCE, SEALED, 32, EXTRA, 0, size - 15],
  ];
  for (const [name, ...args] of calls) {
    assertThrows(() => call(name, ...args), WasmFault, "Cannot use ");
  }
  call("sha256", size - 4, 4, size - 32);
});

Deno.test("cryptography costs a module instructions by its length", () => {
  const { call, spent } = rig();
  call("sha256", 0, 1, RESULT);
  const small = spent();
  call("sha256", 0, 60_001, RESULT);
  assertEquals(spent() - 2 * small, 60_000);
});

Deno.test("modules that import no cryptography get none", () => {
  assertEquals(cryptoImports(importing("env")), undefined);
});

/** A module that imports one function. */
function importing(name: string): WebAssembly.Module {
  const text = new TextEncoder().encode(name);
  const imports = [1, text.length, ...text, 1, 0x66, 0, 0];
  return new WebAssembly.Module(
    Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, imports.length, ...imports),
  );
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
