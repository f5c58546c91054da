/** What a reader of the stream is sent: CloudEvents in their JSON format. Those that are `ephemeral` have no `seq` and are never stored. */
import type { AgentId, MessageId, TownId } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import type { TownEvent } from './event-store.ts';

/** One frame, made once for all readers. */
export interface Frame {
  readonly text: string;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
}

/** A piece of an agent's output in the middle of a turn: shown live, and come again in the reply. */
export interface Delta {
  /** Unique in the town: who reported it, and where. */
  readonly id: string;
  readonly agent: AgentId;
  readonly message: MessageId;
  readonly attempt: number;
  readonly text: string;
  readonly at: string;
  /** The town's newest event when it was reported: it is shown after that one, and before the next. */
  readonly afterSeq: number;
}

/** The first frame of a stream. Events follow `after`; `missed` of those that the reader asked for are no longer kept. */
export interface Opening {
  readonly id: string;
  readonly after: number;
  readonly missed: number;
  readonly endsAtMs: number;
}

const encoder = new TextEncoder();

function frame(content: object): Frame {
  const text = JSON.stringify(content);
  return { text, bytes: encoder.encode(text).length };
}

export function eventFrame(event: TownEvent): Frame {
  return frame(event);
}

export function deltaFrame(town: TownId, { id, agent, message, attempt, text, at }: Delta): Frame {
  return frame({ ...envelope(town, 'reeve.turn.delta', id, agent, at), data: { message, attempt, text } });
}

export function openingFrame(town: TownId, { id, after, missed, endsAtMs }: Opening, nowMs: number): Frame {
  const data = { after, missed, ends_at: timestamp(endsAtMs) };
  return frame({ ...envelope(town, 'reeve.stream.opened', id, town, timestamp(nowMs)), data });
}

function envelope(town: TownId, type: string, id: string, subject: string, time: string): object {
  const source = `/v1/towns/${town}`;
  return { specversion: '1.0', id, source, type, subject, time, datacontenttype: 'application/json', ephemeral: true };
}
