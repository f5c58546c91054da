/** The path by which a request finds its route. */
import { getPath } from 'hono/utils/url';
import { modelAsOneSegment } from './openai/model-name.ts';

/**
 * Hono's router keeps the segments of patterns among those that are spelled out: one that a caller writes like a pattern, as `:agent` or
 * `*`, would match twice, and what stands before a handler run twice over one body. In escapes it is text like any other.
 */
export const routedPath = (request: Request): string =>
  modelAsOneSegment(getPath(request)).replaceAll('/:', '/%3A').replaceAll('/*', '/%2A');
