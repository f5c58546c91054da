/** How intricate a JSON text is, without making anything of it: what is made costs far more than its bytes. */

/**
 * Levels of lists and objects inside each other; what people and programs send has a handful, and the schemas of their tools some twenty.
 * Writing a value calls itself for each level, until the stack ends.
 */
const MAX_LEVELS = 200;
/** Values in one body. Where a list is one of what never fits, each of them is a fault, and a fault takes a hundred times its bytes. */
const MAX_VALUES = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** `[` and `{`, `]` and `}` differ in this bit alone. */
const CASE = 0x20;
const OPENS = 0x7b;
const CLOSES = 0x7d;

/** Whether a text of UTF-8 has more levels or more values than any honest body. What is no JSON is judged as far as it looks like it. */
export function isIntricate(text: Uint8Array): boolean {
  let levels = 0;
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === QUOTE) at = endOfString(text, at);
    else if (byte === COMMA) values += 1;
    else if ((byte | CASE) === OPENS) levels += 1;
    else if ((byte | CASE) === CLOSES) levels -= 1;
    if (levels > MAX_LEVELS || values > MAX_VALUES) return true;
  }
  return false;
}

/** Where the string ends that begins at a place: the first quote that no backslash escapes, or the end of the text. */
function endOfString(text: Uint8Array, from: number): number {
  for (let end = text.indexOf(QUOTE, from + 1); end !== -1; end = text.indexOf(QUOTE, end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
