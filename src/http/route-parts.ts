/** Parts that route declarations share: bodies with their caps, answers with their problems. */
import { bodyLimit } from 'hono/body-limit';
import type { z } from '@hono/zod-openapi';
import { MAX_BODY_BYTES, MAX_EVENT_BATCH_BYTES, MAX_MESSAGE_BYTES } from '#protocol';
import { Refusal } from './problem.ts';
import { problemBody } from './schemas.ts';

const capped = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new Refusal('payload_too_large');
    },
  });

export const smallBody = capped(MAX_BODY_BYTES);
export const messageBody = capped(MAX_MESSAGE_BYTES);
export const eventsBody = capped(MAX_EVENT_BATCH_BYTES);

/** A page out of one row more than it shows, which tells whether there is another page. */
export function pageAt<T>(rows: readonly T[], limit: number, cursor: (last: T) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? cursor(last) : null };
}

/** A JSON body that has to be there. */
export const jsonBody = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true as const,
});

/** The one good answer of a route, and the problem document for everything else. */
export const answers = <S extends 200 | 201 | 202, T extends z.ZodType>(status: S, schema: T, description: string) => {
  const good = { description, content: { 'application/json': { schema } } };
  const bad = { description: 'A problem document', content: { 'application/problem+json': { schema: problemBody } } };
  // The cast keeps the one literal status as key; a computed key widens to `string`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { [status]: good, default: bad } as { [K in S]: typeof good } & { default: typeof bad };
};
