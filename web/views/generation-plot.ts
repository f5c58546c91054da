/** Where the life of each generation lies in a drawing, as parts of its width: pure, so that a test can say what is drawn. */
import type { Credential } from '../../client/index.ts';

type Generation = Credential['items'][number];
type Refusal = Credential['refusals'][number];

/** From the oldest moment that is drawn to the newest (ms). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Bar {
  readonly generation: Generation;
  /** From its issue to its end: it expires, or is refused from then on, whichever comes first. */
  readonly start: number;
  readonly end: number;
  /** It was refused before it expired. */
  readonly isCut: boolean;
  /** Moments in between; null: there was none, or it is not drawn. */
  readonly acked: number | null;
  readonly used: number | null;
  readonly refusals: readonly { readonly at: number; readonly refusal: Refusal }[];
}

/** A generation that nothing confirmed is drawn this long (ms): how long it would have lived is not known. */
const UNCONFIRMED_MS = 120_000;
/** Beside what is drawn (part of the span), so that nothing sticks to the edge. */
const MARGIN = 0.02;

/** All that happened since `sinceMs`, and what is still to come of the tokens that are out. */
export function spanOf({ items, refusals }: Credential, sinceMs: number, nowMs: number): Span {
  const starts = [...items.map(({ issued_at }) => issued_at), ...refusals.map(({ at }) => at)].map(Date.parse);
  const ends = items.map(({ expires_at }) => (expires_at === null ? 0 : Date.parse(expires_at)));
  const from = Math.max(sinceMs, Math.min(nowMs, ...starts));
  const to = Math.max(nowMs, ...ends);
  const margin = (to - from) * MARGIN;
  return { from: from - margin, to: to + margin };
}

/** The generations that lived in a span, the newest first. */
export function barsOf({ items, refusals }: Credential, span: Span): Bar[] {
  const place = (ms: number): number => Math.min(1, Math.max(0, (ms - span.from) / (span.to - span.from)));
  const moment = (at: string | null): number | null => {
    const ms = at === null ? NaN : Date.parse(at);
    return ms >= span.from && ms <= span.to ? place(ms) : null;
  };
  return items.flatMap((generation) => {
    const start = Date.parse(generation.issued_at);
    const end = endOf(generation, start);
    if (end < span.from || start > span.to) return [];
    return {
      generation,
      start: place(start),
      end: place(end),
      isCut: end < expiryOf(generation, start),
      acked: moment(generation.acked_at),
      used: moment(generation.first_used_at),
      refusals: refusals.flatMap((refusal) => {
        const at = refusal.generation === generation.generation ? moment(refusal.last_at) : null;
        return at === null ? [] : [{ at, refusal }];
      }),
    };
  });
}

const expiryOf = ({ expires_at }: Generation, start: number): number =>
  expires_at === null ? start + UNCONFIRMED_MS : Date.parse(expires_at);

function endOf(generation: Generation, start: number): number {
  const { revoked_at: revoked } = generation;
  const expires = expiryOf(generation, start);
  return revoked === null ? expires : Math.max(start, Math.min(expires, Date.parse(revoked)));
}

/** Steps between two times of the axis (min). */
const STEPS = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
const MINUTE = 60_000;

/** Round moments of a span (ms), `most` of them at most. */
export function ticksOf({ from, to }: Span, most: number): number[] {
  const step = (STEPS.find((minutes) => (to - from) / (minutes * MINUTE) <= most) ?? 2880) * MINUTE;
  // Round on the clock of the reader, whose offset may be no whole hour.
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - offset) / step) * step + offset;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, nth) => first + nth * step);
}
