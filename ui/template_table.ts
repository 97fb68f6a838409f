/** What browsers are told of a program: its markup and where it changes, never an expression. */
import type { Block, ClientBlock, ClientSlot, ClientTable, Slot } from "./program.ts";

/** The client's half of blocks; its hash names it. */
export function clientTable(blocks: readonly Block[]): ClientTable {
  const known = blocks.map(({ html, slots, namespace }): ClientBlock => ({
    html,
    slots: slots.map(clientSlot),
    ...(namespace === "html" ? {} : { namespace }),
  }));
  return { hash: hashOf(JSON.stringify(known)), blocks: known };
}

function clientSlot(slot: Slot): ClientSlot {
  const { path } = slot;
  switch (slot.kind) {
    case "text":
    case "show":
    case "html":
      return [slot.kind, path];
    case "attr":
    case "prop":
    case "class":
    case "style":
    case "plugin":
      return [slot.kind, path, slot.name];
    case "list":
      return ["list", path, slot.block];
    case "cond":
      return ["cond", path, slot.branches.map(({ block }) => block)];
    case "on":
      return ["on", path, slot.event, slot.target, slot.modifiers, slot.wants];
    case "do":
      return ["do", path, slot.event, slot.target, slot.modifiers, slot.commands];
    case "bind":
      return ["bind", path, slot.input];
    case "drag":
    case "drop":
      return [slot.kind, path, slot.group];
    case "island":
      return ["island", path, slot.name, slot.isShadow];
    case "upload":
      return ["upload", path, slot.bytesMax, slot.filesMax, slot.accept];
  }
}

/** 128 bits by which versions of one app's tables are told apart; no defence against forgery. */
function hashOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const words = Uint32Array.of(0x9e3779b9, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f);
  for (const [lane, seed] of words.entries()) {
    let hash = seed ^ bytes.length;
    for (const byte of bytes) {
      hash = Math.imul(hash ^ byte, 0x01000193 + (lane << 8));
      hash = (hash << 13 | hash >>> 19) + lane | 0;
    }
    hash = Math.imul(hash ^ hash >>> 16, 0x7feb352d);
    hash = Math.imul(hash ^ hash >>> 15, 0x846ca68b);
    words[lane] = hash ^ hash >>> 16;
  }
  return [...words].map((word) => word.toString(16).padStart(8, "0")).join("");
}
