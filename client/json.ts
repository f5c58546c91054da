/** What another side says, before it is known to be anything. */

/** Undefined is no JSON. */
export function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
