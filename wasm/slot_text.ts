/** Text in memory: UTF-8, short ASCII without the cost of an encoder. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Characters of a text that is written by a loop: faster than to call an encoder or a decoder. */
export const SHORT_TEXT_MAX = 24;
const LOOP_BYTES_MAX = SHORT_TEXT_MAX;
/** Keys that were read and are kept. */
const KEYS_KEPT = 257;

/** Keys whose bytes are remembered, and how long they may be. */
const KEYS_KEPT_MAX = 1024;
const KEY_UNITS_KEPT_MAX = 64;

/** A key, as it was read. */
interface KnownKey {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const written = new Map<string, Uint8Array>();
const known: (KnownKey | undefined)[] = Array.from({ length: KEYS_KEPT }, () => undefined);

/**
 * Bytes of a text.
 *
 * @throws {TypeError} when half of a surrogate pair stands alone: it has no bytes
 */
export function textBytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = unit < 0xdc00 ? text.charCodeAt(at + 1) : 0;
    if (!(next >= 0xdc00 && next <= 0xdfff)) {
      throw new TypeError("Cannot store the text: half of a surrogate pair stands alone");
    }
    // Four bytes for both, of which two are counted as characters.
    at++;
  }
  return bytes;
}

/**
 * Reads a key. The same few come again and again, and an engine finds a property faster by a string
 * that it has met: so those that were read last are kept, and compared byte by byte.
 */
export function readKey(memory: Uint8Array, at: number, length: number): string {
  if (length === 0 || length > LOOP_BYTES_MAX) return readText(memory, at, length);
  const place = ((memory[at] ?? 0) * 7 + (memory[at + length - 1] ?? 0) * 31 + length) % KEYS_KEPT;
  const kept = known[place];
  if (kept !== undefined && kept.bytes.length === length) {
    let same = 0;
    while (same < length && kept.bytes[same] === memory[at + same]) same++;
    if (same === length) return kept.text;
  }
  const text = readText(memory, at, length);
  known[place] = { bytes: memory.slice(at, at + length), text };
  return text;
}

/** Writes a text that has so many bytes. */
export function writeText(memory: Uint8Array, at: number, text: string, length: number): void {
  if (length > LOOP_BYTES_MAX) {
    encoder.encodeInto(text, memory.subarray(at, at + length));
    return;
  }
  let to = at;
  for (let index = 0; index < text.length; index++) {
    const point = text.codePointAt(index) ?? 0;
    if (point < 0x80) memory[to++] = point;
    else {
      const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
      if (more === 3) index++;
      // As many bits set at the front as there are bytes, then six bits in each byte that follows.
      memory[to++] = (0xf00 >> (more + 1)) & 0xff | point >> (6 * more);
      for (let left = more - 1; left >= 0; left--) {
        memory[to++] = 0x80 | (point >> (6 * left) & 0x3f);
      }
    }
  }
}

/** Writes a text of as many bytes as characters; returns whether it is one. */
export function writeShort(memory: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return false;
    memory[at + index] = unit;
  }
  return true;
}

/** Reads a text; bytes that are no UTF-8 become U+FFFD. */
export function readText(memory: Uint8Array, at: number, length: number): string {
  if (length > LOOP_BYTES_MAX) return decoder.decode(memory.subarray(at, at + length));
  let text = "";
  for (let index = at; index < at + length; index++) {
    const byte = memory[index] ?? 0;
    if (byte < 0x80) text += String.fromCharCode(byte);
    else {
      const more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      const point = index + more < at + length ? pointAt(memory, index, more) : -1;
      if (point < 0) return decoder.decode(memory.subarray(at, at + length));
      text += String.fromCodePoint(point);
      index += more;
    }
  }
  return text;
}

/** The character of two to four bytes; negative when they are none. */
function pointAt(memory: Uint8Array, at: number, more: number): number {
  let point = (memory[at] ?? 0) & (0x3f >> more);
  if (((memory[at] ?? 0) & (0xff & ~(0x3f >> more))) !== ((0xf00 >> (more + 1)) & 0xff)) return -1;
  for (let next = 1; next <= more; next++) {
    const byte = memory[at + next] ?? 0;
    if ((byte & 0xc0) !== 0x80) return -1;
    point = point << 6 | byte & 0x3f;
  }
  const isShortest = point >= (more === 1 ? 0x80 : more === 2 ? 0x800 : 0x10000);
  return isShortest && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff) ? point : -1;
}

/**
 * The bytes of a key, for comparisons.
 *
 * @throws {TypeError} as {@linkcode textBytes}: two keys never have the same bytes
 */
export function keyBytes(key: string): Uint8Array {
  let bytes = written.get(key);
  if (bytes === undefined) {
    textBytes(key);
    bytes = encoder.encode(key);
    if (key.length > KEY_UNITS_KEPT_MAX) return bytes;
    if (written.size >= KEYS_KEPT_MAX) written.clear();
    written.set(key, bytes);
  }
  return bytes;
}
