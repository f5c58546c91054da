/** What a town sends its readers (docs/stream.md), read without a schema library: this runs in browsers as it is. */
import type { Event } from './api-types.ts';
import { asJson } from './json.ts';

type Shown<E> = E extends Event ? Readonly<Pick<E, 'id' | 'type' | 'subject' | 'time' | 'seq' | 'data'>> : never;
/**
 * A stored event: a CloudEvent with its place in the town's history. Its `type` says what is in its `data`; a later release may
 * have types that are not among these, so a `switch` needs a `default`.
 */
export type StreamEvent = Shown<Event>;

/** A piece of a reply while it is written, or of what its agent thinks on the way. */
export interface StreamDelta {
  readonly id: string;
  readonly agent: string;
  readonly message: string;
  readonly attempt: number;
  readonly kind: 'text' | 'thought';
  readonly text: string;
}

/** One of those that a frame holds; `other` is what a newer town may say. */
export type InFrame =
  | { readonly kind: 'opened'; readonly after: number }
  | { readonly kind: 'event'; readonly event: StreamEvent }
  | { readonly kind: 'delta'; readonly delta: StreamDelta }
  | { readonly kind: 'other' };

type Fields = Readonly<Record<string, unknown>>;

/** What a frame holds, in order; a pong holds nothing. Null is what no town says. */
export function parseFrame(text: string): readonly InFrame[] | null {
  const frame = asJson(text);
  if (!Array.isArray(frame)) return fieldsOf(frame)?.['type'] === 'pong' ? [] : null;
  const parsed = frame.map(parseEvent).filter((event) => event !== null);
  return parsed.length === frame.length ? parsed : null;
}

function parseEvent(event: unknown): InFrame | null {
  const fields = fieldsOf(event);
  if (fields === null || typeof fields['type'] !== 'string') return null;
  if (typeof fields['seq'] === 'number') return eventOf(fields, fields['seq']);
  switch (fields['type']) {
    case 'reeve.stream.opened': {
      const after = fieldsOf(fields['data'])?.['after'];
      return typeof after === 'number' ? { kind: 'opened', after } : null;
    }
    case 'reeve.turn.delta':
      return deltaOf(fields);
    default:
      return { kind: 'other' };
  }
}

function eventOf({ id, type, subject, time, data }: Fields, seq: number): InFrame | null {
  const content = fieldsOf(data);
  if (typeof id !== 'string' || typeof type !== 'string' || typeof subject !== 'string') return null;
  if (typeof time !== 'string' || content === null) return null;
  const event = { id, type, subject, time, seq, data: content };
  // A town sends with each type the data that its protocol declares; here is no schema library to prove it again.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { kind: 'event', event: event as StreamEvent };
}

function deltaOf({ id, subject, data }: Fields): InFrame | null {
  const { message, attempt, kind, text } = fieldsOf(data) ?? {};
  if (typeof id !== 'string' || typeof subject !== 'string' || typeof message !== 'string') return null;
  if (typeof attempt !== 'number' || typeof text !== 'string') return null;
  if (kind !== 'text' && kind !== 'thought') return null;
  return { kind: 'delta', delta: { id, agent: subject, message, attempt, kind, text } };
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null ? { ...value } : null;
}
