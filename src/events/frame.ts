/**
 * What a reader of the stream is sent: frames, each a JSON array of CloudEvents (their JSON batch format). Those that are `ephemeral`
 * have no `seq` and are never stored.
 */
import {
  MAX_TOWN_FRAME_BYTES,
  utf8Bytes,
  type AgentId,
  type DeltaKind,
  type EventView,
  type MessageId,
  type TownId,
} from '#protocol';
import { timestamp } from '#lib/clock.ts';

/** One CloudEvent of a frame, made once for all readers. */
export interface EventText {
  readonly text: string;
  /** UTF-8 bytes of the text, and two for what stands around it: those of a frame add up to what is sent, or to more. */
  readonly bytes: number;
}

/** A piece of an agent's output in the middle of a turn, shown live: a text comes again in the reply, a thought does not. */
export interface Delta {
  /** Unique in the town: who reported it, and where. */
  readonly id: string;
  readonly agent: AgentId;
  readonly message: MessageId;
  readonly attempt: number;
  readonly kind: DeltaKind;
  readonly text: string;
  readonly at: string;
  /** The town's newest event when it was reported: it is shown after that one, and before the next. */
  readonly afterSeq: number;
}

/** The first that a stream says. Events follow `after`; `missed` of those that the reader asked for are no longer kept. */
export interface Opening {
  readonly id: string;
  readonly after: number;
  readonly missed: number;
  readonly endsAtMs: number;
}

/** What one step has for one reader, in as few frames as their limit allows. */
export class FrameWriter {
  readonly #send: (frame: string) => void;
  #texts: string[] = [];
  #bytes = 0;

  constructor(send: (frame: string) => void) {
    this.#send = send;
  }

  /** Sends what came before, where this one does not fit beside it. */
  add({ text, bytes }: EventText): void {
    if (this.#bytes + bytes > MAX_TOWN_FRAME_BYTES) this.flush();
    this.#texts.push(text);
    this.#bytes += bytes;
  }

  /** Sends what is left, at the end of the step. */
  flush(): void {
    if (this.#texts.length === 0) return;
    this.#send(`[${this.#texts.join(',')}]`);
    this.#texts = [];
    this.#bytes = 0;
  }
}

function inFrame(content: object): EventText {
  const text = JSON.stringify(content);
  return { text, bytes: utf8Bytes(text) + 2 };
}

/** A stored event; its `seq` is what the reader confirms. */
export function eventText(event: EventView): EventText {
  return inFrame(event);
}

/** A piece of a reply that is being written. Not stored, so a reader may miss it. */
export function deltaText(town: TownId, { id, agent, message, attempt, kind, text, at }: Delta): EventText {
  return inFrame({ ...envelope(town, 'reeve.turn.delta', id, agent, at), data: { message, attempt, kind, text } });
}

/** The first event of a stream: where it begins, and how many events before that are pruned. */
export function openingText(town: TownId, { id, after, missed, endsAtMs }: Opening, nowMs: number): EventText {
  const data = { after, missed, ends_at: timestamp(endsAtMs) };
  return inFrame({ ...envelope(town, 'reeve.stream.opened', id, town, timestamp(nowMs)), data });
}

function envelope(town: TownId, type: string, id: string, subject: string, time: string): object {
  const source = `/v1/towns/${town}`;
  return { specversion: '1.0', id, source, type, subject, time, datacontenttype: 'application/json', ephemeral: true };
}
