/** Parts that route declarations share: bodies with their caps, answers with their problems. */
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from '@hono/zod-openapi';
import { MAX_BODY_BYTES, MAX_EVENT_BATCH_BYTES, MAX_MESSAGE_BYTES, MAX_TRANSCRIPT_BYTES } from '#protocol';
import type { EdgeEnv } from './edge.ts';
import { isIntricate } from './json-shape.ts';
import { Refusal } from './problem.ts';

/** The size first, and then that it is text, as bytes that are no UTF-8 would be read as other text than was sent, and none that costs more than it says. */
const capped = (maxSize: number): MiddlewareHandler<EdgeEnv> => {
  const withinLimit = bodyLimit({
    maxSize,
    onError: () => {
      throw new Refusal('payload_too_large');
    },
  });
  return (c, next) =>
    withinLimit(c, async () => {
      // Kept by the request: the validator parses these bytes.
      const body = await c.req.arrayBuffer();
      if (!isUtf8(body)) throw new Refusal('invalid_body');
      if (isIntricate(new Uint8Array(body))) throw new Refusal('payload_too_large');
      await next();
    });
};

function isUtf8(bytes: ArrayBuffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false; // The one way in which decoding whole bytes fails.
  }
}

/**
 * For a route whose body is 64 KiB at most. A longer one is 413, and so is one of more levels or values than any honest one has; one
 * that is no UTF-8 is 400 `invalid_body`. So for those below.
 */
export const smallBody = capped(MAX_BODY_BYTES);
/** For a message of a person: 256 KiB at most. */
export const messageBody = capped(MAX_MESSAGE_BYTES);
/** For the transcript of a chat frontend: 8 MiB at most. */
export const transcriptBody = capped(MAX_TRANSCRIPT_BYTES);
/** For a batch of events of an agent: 512 KiB at most. */
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

/** A good answer of a route. */
export const answers = <S extends 200 | 201 | 202, T extends z.ZodType>(status: S, schema: T, description: string) => {
  const good = { description, content: { 'application/json': { schema } } };
  // The cast keeps the one literal status as key; a computed key widens to `string`.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { [status]: good } as { [K in S]: typeof good };
};
