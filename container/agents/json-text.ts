/** Texts of agents, cut to sizes that hold for their JSON form: that is what limits on the wire count. */
const encoder = new TextEncoder();

/** UTF-8 bytes of `text` as JSON, without the quotes. */
function jsonBytes(text: string): number {
  return encoder.encode(JSON.stringify(text)).length - 2;
}

/** The longest beginning of `text` whose JSON form has at most `maxBytes`; never half a character. */
export function cutToJsonBytes(text: string, maxBytes: number): { readonly text: string; readonly truncated: boolean } {
  // No code unit takes less than one byte, so what is longer than that is cut before the exact count.
  if (text.length <= maxBytes && jsonBytes(text) <= maxBytes) return { text, truncated: false };
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += jsonBytes(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return { text: text.slice(0, end), truncated: true };
}

/** Cuts `text` into pieces of at most `maxUnits` UTF-16 code units; never half a character. */
export function piecesOf(text: string, maxUnits: number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + maxUnits, text.length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd8_00 && last <= 0xdb_ff) to -= 1;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
