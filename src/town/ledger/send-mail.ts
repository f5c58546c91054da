/** Mail between agents of one town. It wakes no agent: it waits in the inbox until its reader asks. */
import {
  MAX_LETTERS_PER_MINUTE,
  MAX_MAIL_BYTES_WAITING,
  MAX_MAILS_WAITING,
  fence,
  jsonBytes,
  type AgentId,
  type MailId,
  type MailPage,
  type MailSent,
  type NewMail,
} from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { drawMark } from './delegation-views.ts';
import { hasLedgerRoom } from './ledger-room.ts';
import type { TownPorts } from '../ports.ts';

const MINUTE_MS = 60_000;

/** Whether this agent began so many mails and delegations within the last minute that the next has to wait. */
export function isOverQuota(p: TownPorts, from: AgentId, nowMs: number): boolean {
  const since = nowMs - MINUTE_MS;
  return p.mail.countSince(from, since) + p.delegations.countSince(from, since) >= MAX_LETTERS_PER_MINUTE;
}

/** Stores a mail. The sender is the caller, whatever the text says. The same id again changes nothing. */
export function sendMail(
  p: TownPorts,
  from: Agent,
  { id, to, text }: NewMail & { readonly id: MailId },
): Result<MailSent, 'unknown_peer' | 'limit_exceeded'> {
  return p.transaction(() => {
    const now = p.clock.now();
    const known = p.mail.get(id);
    if (known !== null) return ok({ id, to: known.to, sent_at: timestamp(known.sentAtMs) });
    const reader = p.agents.find(to);
    if (reader === null || reader.state === 'retired') return err('unknown_peer');
    const { count, bytes } = p.mail.waiting(reader.id);
    const size = jsonBytes(text);
    const isFull = count >= MAX_MAILS_WAITING || bytes + size > MAX_MAIL_BYTES_WAITING;
    if (isOverQuota(p, from.id, now) || isFull || !hasLedgerRoom(p, size, now)) return err('limit_exceeded');
    p.mail.add({ id, from: from.id, to: reader.id, text, sentAtMs: now });
    p.events.append('reeve.mail.sent', from.id, { mail: id, to: reader.id }, now);
    return ok({ id, to: reader.id, sent_at: timestamp(now) });
  });
}

/** A page of the caller's unread mail. `cursor` says that it has read everything up to there; null: nothing yet. */
export function readMail(p: TownPorts, reader: AgentId, cursor: number | null, limit: number): MailPage {
  return p.transaction(() => {
    if (cursor !== null) p.mail.read(reader, cursor, p.clock.now());
    const mails = p.mail.unread(reader, limit);
    return {
      items: mails.map(({ id, from, sentAtMs, text }) => ({
        id,
        from,
        sent_at: timestamp(sentAtMs),
        text: fence(text, drawMark),
      })),
      next: mails.length === 0 ? null : String(mails.at(-1)?.seq),
    };
  });
}
