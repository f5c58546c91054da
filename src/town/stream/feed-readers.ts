/**
 * Sends what happened to the readers of the stream, from the table and after it was committed: what was rolled back is never
 * seen. Each reader has its place in the table, so a feed that is lost is made up by the next, without gap and repeat. Synchronous
 * to the end: nothing can happen between the events and the deltas of one feed, and they are one frame where they fit.
 */
import { FrameWriter, deltaText, eventText, type Delta, type EventText } from '../../events/frame.ts';
import { afterDelta, afterEvent, afterFeed, roomOf, takesDeltas, type Reader } from '../../events/reader.ts';
import { messageOf } from '#lib/result.ts';
import type { TownPorts } from '../ports.ts';
import type { OpenSocket } from '../state/readers.ts';

/** Events that are read from the table at once. */
const PAGE = 100;

type Page = readonly { readonly seq: number; readonly text: EventText }[];

/** What one feed sends, read and made once for all readers: most are at the same place. Events by the `seq` that they follow. */
interface Feed {
  readonly nowMs: number;
  /** `seq` of the newest event, and of the oldest that is kept. */
  readonly head: number;
  readonly oldest: number;
  readonly deltas: readonly { readonly afterSeq: number; readonly text: EventText }[];
  readonly pages: Map<number, Page>;
}

/** Brings every reader up to the newest event, with `deltas` in their places. Returns how many there are. Never throws for a socket. */
export function feedReaders(p: TownPorts, deltas: readonly Delta[] = []): number {
  const open = p.readers.open();
  if (open.length === 0) return 0;
  const all = newFeed(
    p,
    deltas.map((delta) => ({ afterSeq: delta.afterSeq, text: deltaText(p.id, delta) })),
  );
  for (const one of open) feed(p, one, all);
  return open.length;
}

/** The same for one; `opening` goes before everything else, where its stream begins. */
export function feedReader(p: TownPorts, one: OpenSocket, opening?: EventText): void {
  feed(p, one, newFeed(p, []), opening);
}

function newFeed(p: TownPorts, deltas: Feed['deltas']): Feed {
  return { nowMs: p.clock.now(), head: p.events.head(), oldest: p.events.oldest(), deltas, pages: new Map() };
}

function feed(p: TownPorts, { socket, reader }: OpenSocket, all: Feed, opening?: EventText): void {
  try {
    const { nowMs, head, oldest } = all;
    // However late the alarm is that ends streams.
    if (reader.endsAtMs <= nowMs) return p.readers.close(socket, 'ended');
    // One that is overtaken by the pruning comes again too, and learns then how many it missed.
    const isLost = roomOf(reader, head).kind === 'stalled' || reader.sent < oldest - 1;
    if (reader.sent < head && isLost) return p.readers.close(socket, 'stalled');
    const frames = new FrameWriter((frame) => socket.send(frame));
    if (opening !== undefined) frames.add(opening);
    let now = reader;
    for (const { afterSeq, text } of all.deltas) {
      now = addEvents(p, frames, now, afterSeq, all);
      // One that is behind catches up with what is stored, and has its deltas in the replies.
      if (now.sent !== afterSeq || !takesDeltas(now)) continue;
      frames.add(text);
      now = afterDelta(now, text.bytes);
    }
    now = addEvents(p, frames, now, head, all);
    frames.flush();
    // Most of the time nothing is new to a reader: nothing is written then.
    if (now !== reader || reader.live !== (reader.sent === head)) p.readers.keep(socket, afterFeed(now, head));
  } catch (thrown) {
    // The socket broke under it: the platform tells of its end, and its reader comes again.
    p.log.warn('stream.feed_failed', { town: p.id, error: messageOf(thrown) });
  }
}

/** Adds events up to `until`, as far as the reader has room. */
function addEvents(p: TownPorts, frames: FrameWriter, from: Reader, until: number, { head, pages }: Feed): Reader {
  let reader = from;
  while (reader.sent < until) {
    const page = pageAfter(p, reader.sent, pages);
    if (page.length === 0) break;
    for (const { seq, text } of page) {
      if (seq > until || roomOf(reader, head).kind !== 'send') return reader;
      frames.add(text);
      reader = afterEvent(reader, seq, text.bytes);
    }
  }
  return reader;
}

function pageAfter(p: TownPorts, after: number, pages: Map<number, Page>): Page {
  const known = pages.get(after);
  if (known !== undefined) return known;
  const page = p.events.list(p.id, after, PAGE).map((event) => ({ seq: event.seq, text: eventText(event) }));
  pages.set(after, page);
  return page;
}
