/** What `text` says, or undefined where it is no JSON. Never throws: the platform's error would quote the text (T6). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
