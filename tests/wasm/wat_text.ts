/** Data segments for modules in the text format. */

/** Text with its length in front, at an address. */
export function watText(at: number, content: string): string {
  const bytes = new TextEncoder().encode(content);
  const length = new Uint8Array(new Uint32Array([bytes.length]).buffer);
  const codes = [...length, ...bytes].map((code) => `\\${code.toString(16).padStart(2, "0")}`);
  return `(data (i32.const ${at}) "${codes.join("")}")`;
}

/** A slot with its tag and word, at an address. */
export function watSlot(at: number, tag: number, word: number): string {
  const bytes = [...new Uint8Array(new Int32Array([tag, word]).buffer)];
  return `(data (i32.const ${at}) "${
    bytes.map((code) => `\\${code.toString(16).padStart(2, "0")}`).join("")
  }")`;
}
