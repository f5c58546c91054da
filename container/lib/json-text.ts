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
