import { z } from 'zod';
import { MAX_PAGE_BYTES } from './limits.ts';
import { utf8Bytes } from './text.ts';

/** Which end of a list its first page shows; the cursor of a page leads on in the same order. */
export const PAGE_ORDERS = ['oldest', 'newest'] as const;
export type PageOrder = (typeof PAGE_ORDERS)[number];

/** A page of a list; `next` is the cursor of what follows, null where nothing does. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** The schema of a page: `next` goes into `after` (events) or `cursor` (all other lists). */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() });

/** Room for `{"items":[],"next":"…"}` around the items, and what a kind of list adds to it, in bytes. */
const FRAME_BYTES = 256;

/**
 * Fills a page with views of rows, in their order: as many as fit into the bytes of its JSON text, and at least one, so that a
 * reader who follows `next` comes to the end. Rows are taken one by one, and one more than the page shows: a lazy source loads
 * no other.
 * @param cursor of the last row that is shown: the next page begins after it
 */
export function fillPage<Row, View>(
  rows: Iterable<Row>,
  limit: number,
  view: (row: Row) => View,
  cursor: (row: Row) => string,
  maxBytes = MAX_PAGE_BYTES,
): Page<View> {
  const items: View[] = [];
  let bytes = FRAME_BYTES;
  let last: Row | null = null;
  for (const row of rows) {
    if (last !== null && items.length >= limit) return { items, next: cursor(last) };
    const item = view(row);
    bytes += utf8Bytes(JSON.stringify(item)) + 1;
    if (last !== null && bytes > maxBytes) return { items, next: cursor(last) };
    items.push(item);
    last = row;
  }
  return { items, next: null };
}
