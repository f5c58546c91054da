/** The first of these rows whose bytes come to at least so many; none is taken from the source beyond them and one more. */
export function oldestFirst<T extends { readonly bytes: number }>(rows: Iterable<T>, bytes: number): T[] {
  const taken: T[] = [];
  let left = bytes;
  for (const row of rows) {
    if (left <= 0) break;
    taken.push(row);
    left -= row.bytes;
  }
  return taken;
}
