type Fields = Readonly<Record<string, unknown>>;

/** What is in a JSON document of others; none where it is no object. */
export const fieldsOf = (text: string): Fields => asFields(parsed(text));

/** The objects in a list that was written as JSON; none where it is no list. */
export function listOf(text: string): Fields[] {
  const list = parsed(text);
  return Array.isArray(list) ? list.map(asFields) : [];
}

const asFields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No JSON: it says nothing.
  }
}
