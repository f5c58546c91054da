/**
 * The JSON text of a value, for one line of a terminal. What JSON leaves as it is and a terminal obeys or hides is escaped too: C1
 * controls (U+009B begins a command, as ESC [ does), separators of lines, and what turns the direction of writing.
 */
export function quoted(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

/** As JSON does it: a letter outside of the first plane is two units. */
function escaped(letter: string): string {
  const units = Array.from({ length: letter.length }, (_, at) => letter.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
