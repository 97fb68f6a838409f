/**
 * The state of islands in KV, beside the rows: bounded in age and in bytes.
 *
 *     "island" key                [saved, expires, bytes, id] and the text, when it is short
 *     "island" key id piece       a piece of a longer one, written before its id is
 *
 * Whoever reads while another one writes gets the earlier text or the later one, whole.
 */
import { utf8Length } from "../../core/json.ts";
import type { AsyncIslandStates } from "../fetched_islands.ts";
import {
  KV_VALUE_BYTES_MAX,
  type KvConnection,
  type KvEntry,
  kvFailure,
  type KvKey,
} from "./connection.ts";
import { checkedKey, type KvLayout, linesBytes, linesOf } from "./layout.ts";
import { batchesOf } from "./stage.ts";
import { KvReader } from "./values.ts";

/** What stands under a key. */
interface Saved {
  readonly saved: number;
  readonly expires: number;
  readonly bytes: number;
  /** Of the pieces; empty when the text is here. */
  readonly id: string;
  readonly pieces: number;
}

/**
 * Bytes of all saved state together after a trim; the one that was saved longest ago goes first.
 */
export const KV_ISLAND_STATES_BYTES_MAX = 256 * 1024 * 1024;
/** Bytes of a text that stands under its key; with all that is around it, it fits a value. */
export const WHOLE_TEXT_BYTES_MAX = 60_000;
/** How old pieces are that nobody will give a key any more, in milliseconds. */
const ORPHAN_MS = 10 * 60 * 1_000;
/** Reads of one text, each of which another save has overtaken. */
const READS_MAX = 10;
/** Of the key of a piece, beside that of its text: its id and its number. */
const PIECE_KEY_BYTES = 50;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Saved state in a KV database. */
export class KvIslands implements AsyncIslandStates {
  readonly #kv: KvConnection;
  readonly #layout: KvLayout;
  readonly #reader: KvReader;
  readonly #now: () => number;
  readonly #bytesMax: number;

  constructor(
    kv: KvConnection,
    layout: KvLayout,
    now: () => number,
    bytesMax: number = KV_ISLAND_STATES_BYTES_MAX,
  ) {
    this.#kv = kv;
    this.#layout = layout;
    this.#reader = new KvReader(kv, layout);
    this.#now = now;
    this.#bytesMax = bytesMax;
  }

  async load(key: string): Promise<string | undefined> {
    return await failing(async () => {
      for (let read = 0; read < READS_MAX; read++) {
        const [saved, text] = await this.#saved(key) ?? [];
        if (saved === undefined || saved.expires <= this.#now()) return undefined;
        if (saved.id === "") return text;
        const entries = await this.#reader.raw(this.#pieceKeys(key, saved));
        const pieces = entries.map(({ value }) => value);
        if (pieces.every((piece) => piece instanceof Uint8Array)) return textOf(pieces);
      }
      return undefined;
    });
  }

  async save(key: string, text: string, keepMs: number): Promise<void> {
    const now = this.#now();
    const base = { saved: now, expires: now + keepMs, bytes: utf8Length(text) };
    const place = checkedKey(this.#layout.key("island", key), PIECE_KEY_BYTES);
    await failing(async () => {
      const [earlier] = await this.#saved(key) ?? [];
      if (base.bytes <= WHOLE_TEXT_BYTES_MAX) {
        await this.#set(place, linesBytes({ ...base, id: "", pieces: 0 }, text));
      } else {
        const bytes = encoder.encode(text);
        const pieces = Math.ceil(bytes.length / KV_VALUE_BYTES_MAX);
        // Begins with the time, by which pieces without a key are known to be old.
        const id = `${now.toString(36)} ${crypto.randomUUID()}`;
        const saved: Saved = { ...base, id, pieces };
        for (const [piece, pieceKey] of this.#pieceKeys(key, saved).entries()) {
          const from = piece * KV_VALUE_BYTES_MAX;
          await this.#set(pieceKey, bytes.slice(from, from + KV_VALUE_BYTES_MAX));
        }
        await this.#set(place, linesBytes(saved, ""));
      }
      if (earlier !== undefined) await this.#drop(this.#pieceKeys(key, earlier));
    });
  }

  async remove(key: string): Promise<void> {
    await failing(async () => {
      const [saved] = await this.#saved(key) ?? [];
      if (saved === undefined) return;
      await this.#drop([this.#layout.key("island", key), ...this.#pieceKeys(key, saved)]);
    });
  }

  async trim(): Promise<void> {
    await failing(async () => {
      const now = this.#now();
      const all: { readonly key: string; readonly saved: Saved }[] = [];
      const ids = new Set<string>();
      const pieces: { readonly key: KvKey; readonly id: string }[] = [];
      const prefix = this.#layout.key("island");
      for await (const { key, value } of this.#kv.list({ prefix })) {
        const [name, id] = key.slice(prefix.length) as [string, string?];
        if (id !== undefined) {
          pieces.push({ key, id });
        } else {
          const [saved] = linesOf<Saved>(value as Uint8Array);
          all.push({ key: name, saved });
          ids.add(saved.id);
        }
      }
      let bytes = all.reduce((sum, { saved }) => sum + saved.bytes, 0);
      for (const { key, saved } of all.sort((a, b) => a.saved.saved - b.saved.saved)) {
        if (saved.expires > now && bytes <= this.#bytesMax) continue;
        bytes -= saved.bytes;
        await this.remove(key);
      }
      const orphans = pieces.filter(({ id }) =>
        !ids.has(id) && Number.parseInt(id, 36) < now - ORPHAN_MS
      );
      await this.#drop(orphans.map(({ key }) => key));
    });
  }

  async #saved(key: string): Promise<[Saved, string] | undefined> {
    const [{ value }] = await this.#reader.raw([this.#layout.key("island", key)]) as [KvEntry];
    return value === null ? undefined : linesOf<Saved>(value as Uint8Array);
  }

  #pieceKeys(key: string, { id, pieces }: Saved): readonly KvKey[] {
    return Array.from(
      { length: pieces },
      (_, piece) => this.#layout.key("island", key, id, piece),
    );
  }

  async #set(key: KvKey, value: Uint8Array): Promise<void> {
    const atomic = this.#kv.atomic();
    atomic.set(key, value);
    await atomic.commit();
  }

  async #drop(keys: readonly KvKey[]): Promise<void> {
    for (const batch of batchesOf(keys.map((key) => ({ key, value: null })), [])) {
      const atomic = this.#kv.atomic();
      for (const { key } of batch) atomic.delete(key);
      await atomic.commit();
    }
  }
}

function textOf(pieces: readonly Uint8Array[]): string {
  return pieces.map((piece) => decoder.decode(piece, { stream: true })).join("") + decoder.decode();
}

async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw kvFailure(error);
  }
}
