import { MAX_CALLS_PER_MINUTE, townIdSchema } from '#protocol';
import { EventStore } from '../events/event-store.ts';
import { TicketStore } from '../events/ticket-store.ts';
import type { After } from '#lib/clock.ts';
import { stepsAhead } from '#lib/migrate.ts';
import { DelegationStore } from '../ledger/delegation-store.ts';
import { LedgerSizeStore } from '../ledger/ledger-size-store.ts';
import { MailStore } from '../ledger/mail-store.ts';
import { MessageStore } from '../outbox/message-store.ts';
import { QueueStore } from '../outbox/queue-store.ts';
import { TranscriptStore } from '../outbox/transcript-store.ts';
import { WithdrawalStore } from '../outbox/withdrawal-store.ts';
import { PermissionStore } from '../permissions/permission-store.ts';
import { MemberStore } from '../people/member-store.ts';
import { AgentStore } from '../roster/agent-store.ts';
import { RuntimeStore } from '../roster/runtime-store.ts';
import { ExchangedTokenStore } from '../tokens/exchanged-token-store.ts';
import { RefusedCallStore } from '../tokens/refused-call-store.ts';
import { TokenStore } from '../tokens/token-store.ts';
import { WebhookStore } from '../webhooks/webhook-store.ts';
import { CallRate } from './state/call-rate.ts';
import { ContainerStore } from './state/container-store.ts';
import { FailureStore } from './state/failure-store.ts';
import { Drafts } from './state/drafts.ts';
import { DueStore, countWrites, type CountedSql } from './state/due-store.ts';
import { feedReaders } from './stream/feed-readers.ts';
import { FiguresPlan } from './state/figures-plan.ts';
import { Flights } from './state/flights.ts';
import type { TownPorts, TownWiring } from './ports.ts';
import { Readers } from './state/readers.ts';
import { Recovery } from './state/recovery.ts';
import { dueTimes } from './alarm/run-due.ts';
import { TOWN_SCHEMA } from './state/schema.ts';
import { Slots } from './state/slots.ts';
import { SweepStore } from './state/sweep-store.ts';
import { TownAlarm } from './state/town-alarm.ts';
import { TownStore } from './state/town-store.ts';
import { Waiters } from './state/waiters.ts';

/** A store for each table. */
const tables = ({ sql, writes }: CountedSql<SqlStorage>) => ({
  town: new TownStore(sql),
  agents: new AgentStore(sql),
  runtimes: new RuntimeStore(sql),
  tokens: new TokenStore(sql),
  exchanged: new ExchangedTokenStore(sql),
  refusedCalls: new RefusedCallStore(sql),
  messages: new MessageStore(sql),
  queues: new QueueStore(sql),
  withdrawals: new WithdrawalStore(sql),
  transcripts: new TranscriptStore(sql),
  permissions: new PermissionStore(sql),
  members: new MemberStore(sql),
  webhooks: new WebhookStore(sql),
  tickets: new TicketStore(sql),
  mail: new MailStore(sql),
  delegations: new DelegationStore(sql),
  ledgerSize: new LedgerSizeStore(sql),
  containers: new ContainerStore(sql),
  sweeps: new SweepStore(sql),
  failures: new FailureStore(sql),
  due: new DueStore(sql, writes),
});

/** The ports of one Town object: its own storage, and the wiring that it was given. */
export function townPorts(ctx: DurableObjectState, wiring: TownWiring): TownPorts {
  const counted = countWrites(ctx.storage.sql);
  const { sql } = counted;
  const id = townIdSchema.parse(ctx.id.name);
  const alarm = new TownAlarm(ctx);
  const upAtMs = wiring.clock.now();
  const restMs = wiring.settings.restPerReaderMs;
  const feed = afterThisStep(() => feedReaders(ports) * restMs, wiring.after);
  const stores = tables(counted);
  // Only an object of a newer release adds some, and none lives beside this one.
  let ahead: readonly string[] | undefined;
  const ports: TownPorts = {
    ...wiring,
    id,
    upAtMs,
    schemaAhead: () => ({ steps: (ahead ??= stepsAhead(sql, TOWN_SCHEMA)), sinceMs: upAtMs }),
    ...stores,
    figures: new FiguresPlan(() => stores.due.written()),
    events: new EventStore(sql, (type, seq, nowMs) => {
      ports.webhooks.appended(type, seq, nowMs);
      ports.figures.appended(type);
      feed();
    }),
    readers: new Readers(ctx),
    alarm,
    transaction: transactions(ctx.storage, () => ports),
    link: (container) => wiring.link(id, container),
    directory: wiring.directory(id),
    recovery: new Recovery(ctx, wiring.after),
    wipe: async () => {
      const wiped = ctx.storage.deleteAll();
      // From here on there is no table.
      ports.town.wiped();
      forgetRows(ports);
      alarm.forget();
      await wiped;
    },
    slots: new Slots(),
    flights: new Flights(),
    calls: new CallRate(MAX_CALLS_PER_MINUTE),
    writes: new CallRate(wiring.settings.writesPerMinute),
    waiters: new Waiters(wiring.after),
    drafts: new Drafts(wiring.after),
  };
  return ports;
}

/** What these stores have in memory is read again: it was rolled back, or its table is gone. */
function forgetRows({ agents, tokens, containers, webhooks }: TownPorts): void {
  for (const one of [agents, tokens, containers, webhooks]) one.forget();
}

/**
 * Runs work all or nothing. One within another is committed with it, and so is the alarm for what both made due: what is due is asked
 * for once, at the end of the outermost.
 */
function transactions(
  storage: Pick<DurableObjectStorage, 'transactionSync'>,
  ports: () => TownPorts,
): TownPorts['transaction'] {
  let isInOne = false;
  return (work) => {
    const { alarm, clock, due, town } = ports();
    const isOutermost = !isInOne;
    isInOne = true;
    try {
      return storage.transactionSync(() => {
        const value = work();
        const now = clock.now();
        if (isOutermost) alarm.cover(() => alarm.wanted(dueTimes(ports()), now), now);
        return value;
      });
    } catch (thrown) {
      for (const one of [alarm, due, town]) one.forget();
      forgetRows(ports());
      throw thrown;
    } finally {
      if (isOutermost) isInOne = false;
    }
  };
}

/**
 * Runs `work` once, after the synchronous step under way, however often it is asked for in it. A transaction is one step: by then
 * it is committed, or rolled back. `work` returns for how long (ms) it is not run again: what is asked for in that time is one run at its end.
 */
function afterThisStep(work: () => number, after: After): () => void {
  let isAsked = false;
  let isResting = false;
  const run = (): void => {
    isAsked = false;
    const restMs = work();
    if (restMs === 0) return;
    isResting = true;
    after(restMs, () => {
      isResting = false;
      if (isAsked) run();
    });
  };
  return () => {
    if (isAsked) return;
    isAsked = true;
    if (!isResting) queueMicrotask(run);
  };
}
