import { everyItem } from '../../client/index.ts';

/** What a page shows of a list that may be long. */
export interface Items<T> {
  readonly items: readonly T[];
  /** False: there are more than are shown. */
  readonly isAll: boolean;
}

/** Page after page, up to `most` items. */
export async function itemsUpTo<T>(most: number, read: Parameters<typeof everyItem<T>>[0]): Promise<Items<T>> {
  const items: T[] = [];
  for await (const item of everyItem(read)) {
    if (items.length === most) return { items, isAll: false };
    items.push(item);
  }
  return { items, isAll: true };
}
