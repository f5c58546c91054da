/** What the town's verbs need of the world. Verbs take these as an argument and reach for nothing else. */
import type { AgentId, TownId } from '#protocol';
import type { EventStore } from '../events/event-store.ts';
import type { TicketStore } from '../events/ticket-store.ts';
import type { After, Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import type { Secret } from '#lib/secret.ts';
import type { ContainerLink } from '../link/container-link.ts';
import type { DelegationStore } from '../ledger/delegation-store.ts';
import type { LedgerSizeStore } from '../ledger/ledger-size-store.ts';
import type { MailStore } from '../ledger/mail-store.ts';
import type { MessageStore } from '../outbox/message-store.ts';
import type { QueueStore } from '../outbox/queue-store.ts';
import type { TranscriptStore } from '../outbox/transcript-store.ts';
import type { WithdrawalStore } from '../outbox/withdrawal-store.ts';
import type { MemberStore } from '../people/member-store.ts';
import type { AgentStore } from '../roster/agent-store.ts';
import type { PermissionStore } from '../permissions/permission-store.ts';
import type { RuntimeStore } from '../roster/runtime-store.ts';
import type { ExchangedTokenStore } from '../tokens/exchanged-token-store.ts';
import type { AgentTokenOrder, MintedToken, ThirdPartyOrder } from '../tokens/mint.ts';
import type { RefusedCallStore } from '../tokens/refused-call-store.ts';
import type { TokenStore } from '../tokens/token-store.ts';
import type { PostAnswer, PostOrder } from '../webhooks/post-event.ts';
import type { WebhookStore } from '../webhooks/webhook-store.ts';
import type { CallRate } from './state/call-rate.ts';
import type { ContainerStore } from './state/container-store.ts';
import type { FailureStore } from './state/failure-store.ts';
import type { Drafts } from './state/drafts.ts';
import type { DueStore } from './state/due-store.ts';
import type { FiguresPlan } from './state/figures-plan.ts';
import type { Flights } from './state/flights.ts';
import type { Readers } from './state/readers.ts';
import type { Recovery } from './state/recovery.ts';
import type { Slots } from './state/slots.ts';
import type { SweepRecord, SweepStore } from './state/sweep-store.ts';
import type { TownAlarm } from './state/town-alarm.ts';
import type { TownDirectory } from './state/town-directory.ts';
import type { TownStore } from './state/town-store.ts';
import type { Waiters } from './state/waiters.ts';

/** Settings of the deployment that the rules need. */
export interface TownSettings {
  readonly refreshIntervalMs: number;
  readonly agentsPerContainer: number;
  /** Addresses that containers take by turns; infinite where each container is a machine of its own. */
  readonly containerAddresses: number;
  /** Retired agents that a town keeps, the latest. */
  readonly retiredAgents: number;
  /** Finished messages that a town keeps, in bytes of their JSON text. */
  readonly finishedBytes: number;
  /** Mail and delegations that a town keeps, in bytes of their JSON text. */
  readonly ledgerBytes: number;
  /** What one person does in a minute, beside reading. */
  readonly writesPerMinute: number;
  /** How often an agent at work says that it is. */
  readonly heartbeatMs: number;
  /**
   * After its readers got events, for how long (ms, for each of them) what happens is gathered for them. One event is on its way at
   * once; of many, a hundred readers get a frame each 5 ms.
   */
  readonly restPerReaderMs: number;
  /** The key that signs, and a fingerprint of the whole set with its states. */
  readonly activeKid: string;
  readonly keySet: string;
}

/** What a Town is given. */
export interface TownWiring {
  readonly settings: TownSettings;
  readonly clock: Clock;
  readonly after: After;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** Signs. Rejects only where the keys cannot be used. */
  readonly mint: (order: AgentTokenOrder, nowMs: number) => Promise<MintedToken>;
  /** The same, for a third party. */
  readonly mintForThirdParty: (order: ThirdPartyOrder) => Promise<string>;
  /** A secret of the deployment that agents may be given, by the name that they know it by; null: there is none. */
  readonly secret: (name: string) => Secret | null;
  /** A sweep is over: a point for those who watch the fleet, which nothing waits for. */
  readonly pointSweep: (town: TownId, sweep: SweepRecord) => void;
  /** Posts to a webhook, within a deadline. Never rejects. */
  readonly postEvent: (order: PostOrder) => Promise<PostAnswer>;
  /** The way to a container, by index. Never rejects. */
  readonly link: (town: TownId, container: number) => ContainerLink;
  /** Its entry in the directory. Never rejects. */
  readonly directory: (town: TownId) => TownDirectory;
}

/** What the steps of a town work with: its stores, the clock, the link and the settings. */
export interface TownPorts extends Omit<TownWiring, 'link' | 'directory'> {
  readonly id: TownId;
  /** Since when this object is in memory (ms). */
  readonly upAtMs: number;
  /** Steps of the schema that a newer release has run here and this one does not know; `sinceMs`: as far as this object knows. */
  readonly schemaAhead: () => { readonly steps: readonly string[]; readonly sinceMs: number };
  readonly town: TownStore;
  readonly agents: AgentStore;
  readonly runtimes: RuntimeStore;
  readonly tokens: TokenStore;
  readonly exchanged: ExchangedTokenStore;
  readonly refusedCalls: RefusedCallStore;
  readonly messages: MessageStore;
  readonly queues: QueueStore;
  readonly withdrawals: WithdrawalStore;
  readonly transcripts: TranscriptStore;
  readonly permissions: PermissionStore;
  readonly events: EventStore;
  readonly members: MemberStore;
  readonly webhooks: WebhookStore;
  readonly tickets: TicketStore;
  readonly readers: Readers;
  readonly mail: MailStore;
  readonly delegations: DelegationStore;
  readonly ledgerSize: LedgerSizeStore;
  readonly containers: ContainerStore;
  readonly sweeps: SweepStore;
  readonly failures: FailureStore;
  readonly alarm: TownAlarm;
  readonly due: DueStore;
  /** What this town has said of itself in numbers, and whether that is behind. */
  readonly figures: FiguresPlan;
  /** All or nothing, and an alarm for what it made due with it (T5); the work is synchronous. */
  readonly transaction: <T>(work: () => T) => T;
  readonly link: (container: number) => ContainerLink;
  /** This town's own. */
  readonly directory: TownDirectory;
  /** Back to an earlier state of all that this object stores. */
  readonly recovery: Recovery;
  /** Takes everything away that this object stores, its alarm too. */
  readonly wipe: () => Promise<void>;
  readonly slots: Slots;
  readonly flights: Flights;
  /** How often agents call, and how often people do what is more than reading. */
  readonly calls: CallRate<AgentId>;
  readonly writes: CallRate<string>;
  readonly waiters: Waiters;
  readonly drafts: Drafts;
}
