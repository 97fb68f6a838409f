/** A set of rows with a running hash, so that two of them are compared in one step. */
import { rowKey } from "../../core/transaction.ts";

/** Sums of row hashes stay exact integers below 2^53. */
const MODULUS = 2 ** 52;

/** Live rows by key, as canonical JSON. */
export class RowSet {
  readonly rows = new Map<string, string>();
  /** Equal for equal sets, whatever the order in which they came about. */
  hash = 0;

  /** Sets a row, or removes it with `null`. */
  set(entity: string, id: string, json: string | null): void {
    const key = rowKey(entity, id);
    const held = this.rows.get(key);
    if (held !== undefined) this.hash = (this.hash + MODULUS - hashOf(key, held)) % MODULUS;
    if (json === null) {
      this.rows.delete(key);
      return;
    }
    this.rows.set(key, json);
    this.hash = (this.hash + hashOf(key, json)) % MODULUS;
  }

  clear(): void {
    this.rows.clear();
    this.hash = 0;
  }

  addAll(other: RowSet): void {
    for (const [key, json] of other.rows) this.rows.set(key, json);
    if (this.rows.size !== other.rows.size) {
      throw new TypeError("Cannot add: there are rows already");
    }
    this.hash = other.hash;
  }

  /** How many keys do not have the same row in both. */
  countDifferent(other: RowSet): number {
    let count = 0;
    for (const [key, json] of this.rows) if (other.rows.get(key) !== json) count++;
    for (const key of other.rows.keys()) if (!this.rows.has(key)) count++;
    return count;
  }

  /** The first difference, in words. */
  difference(other: RowSet): string {
    for (const [key, json] of this.rows) {
      const theirs = other.rows.get(key);
      if (theirs !== json) return `${shown(key)}: ${json} here, ${theirs ?? "nothing"} there`;
    }
    for (const [key, json] of other.rows) {
      if (!this.rows.has(key)) return `${shown(key)}: nothing here, ${json} there`;
    }
    return "no difference";
  }
}

function shown(key: string): string {
  return key.replace("\0", "/");
}

/** 52 bits of a key and a text. */
function hashOf(key: string, text: string): number {
  let a = 0x9e3779b9;
  let b = 0x85ebca6b;
  for (const part of [key, text]) {
    for (let i = 0; i < part.length; i++) {
      const unit = part.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x5bd1e995);
      b ^= b >>> 15;
    }
    a ^= part.length;
  }
  return ((a >>> 0) & 0xfffff) * 2 ** 32 + (b >>> 0);
}
