import type { TownPorts } from '../ports.ts';

/** Rows of each table that one step forgets at most: a bounded piece of work beside what it makes room for. */
const PRUNED_AT_ONCE = 100;

/** A read mail counts for its sender's quota of a minute (ms): so long it stays. */
const COUNTED_MS = 60_000;

/**
 * Whether so many more bytes of mail or delegations fit into what a town keeps of both. Room is made of what no agent waits
 * for: of mail that was read, and of delegations that are over and announced, each the oldest first. What is unread or open
 * stays. Synchronous, inside a transaction of the caller.
 */
export function hasLedgerRoom(p: TownPorts, bytes: number, nowMs: number): boolean {
  const over = (): number => p.ledgerSize.bytes() + bytes - p.settings.ledgerBytes;
  if (over() > 0) p.mail.pruneRead(over(), nowMs - COUNTED_MS, PRUNED_AT_ONCE);
  if (over() > 0) p.delegations.pruneBytes(over(), PRUNED_AT_ONCE);
  return over() <= 0;
}
