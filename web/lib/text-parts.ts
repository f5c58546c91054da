/** Fenced code apart from the rest; the fence itself is not shown. */
const FENCE = /^```[^\n]*\n([\s\S]*?)(?:\n```[^\S\n]*$|$(?![\s\S]))/gm;

interface Part {
  readonly isCode: boolean;
  readonly text: string;
}

/** A text in order. An open fence, which is still being written, lasts to the end. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: whole, 1: code = '', index } of text.matchAll(FENCE)) {
    parts.push({ isCode: false, text: text.slice(end, index).trim() }, { isCode: true, text: code });
    end = index + whole.length;
  }
  return [...parts, { isCode: false, text: text.slice(end).trim() }].filter((part) => part.isCode || part.text !== '');
}
