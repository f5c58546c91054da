/**
 * Every method of every port, and how the crash matrix cuts it; or, in words, why there is nothing to cut. A method that is
 * missing here fails `ports.test.ts`, so no effect comes into the product without its weather.
 *
 * `dies`: the object is gone in this very moment, with what it wrote since the last await. `breaks`: the call throws what is no
 * business failure, and the object lives on. `hangs`: there is never an answer. Before: nothing was done; after: all of it was.
 */
export type Fault = 'dies before' | 'dies after' | 'breaks before' | 'breaks after' | 'hangs';

const WRITE: readonly Fault[] = ['dies before', 'dies after'];
/** Of the writes those that a database refuses most likely, and whose failure has to take back all that came with them. */
const FRAGILE: readonly Fault[] = [...WRITE, 'breaks before', 'breaks after'];
const READ = 'reads only: to die at it is to die at the effect before it';
const VALUE = 'a value, or a pure function';
const LOG = 'a line for people; nothing depends on it';
const SOCKET = 'the connection dies with the object; its reader comes again with the place that it knows';
const IN_MEMORY = 'in memory only; the work that runs in it is cut at its own effects';
/** The contract of the link is that it never rejects; what breaks or hangs beneath it is cut at the object of the container. */
const LINK: readonly Fault[] = ['dies before', 'dies after'];

/** Writes are done at once; every other effect leaves the object and is waited for. */
export const isWrite = (faults: Effects[string] | undefined): boolean => faults === WRITE || faults === FRAGILE;

export type Effects = Readonly<Record<string, readonly Fault[] | string>>;

/** The ports of a Town. */
export const TOWN_EFFECTS: Effects = {
  id: VALUE,
  settings: VALUE,
  'clock.now': VALUE,
  after: 'a timer in memory; who waits asks again',
  random: VALUE,
  'log.info': LOG,
  'log.warn': LOG,
  'log.error': LOG,
  'town.create': WRITE,
  'town.get': READ,
  'town.planSweep': WRITE,
  'town.useKeySet': WRITE,
  'town.told': WRITE,
  'town.planRemoval': WRITE,
  'town.setValidFrom': WRITE,
  'agents.add': WRITE,
  'agents.get': READ,
  'agents.find': READ,
  'agents.list': READ,
  'agents.live': READ,
  'agents.inContainer': READ,
  'agents.inUse': READ,
  'agents.isAnyInUse': READ,
  'agents.watched': READ,
  'agents.startsDue': READ,
  'agents.endsDue': READ,
  'agents.earliestStart': READ,
  'agents.earliestEnd': READ,
  'agents.change': WRITE,
  'agents.looksDue': READ,
  'agents.revivalsDue': READ,
  'agents.earliestLook': READ,
  'agents.earliestRevival': READ,
  'agents.move': WRITE,
  'agents.nextIncarnation': FRAGILE,
  'agents.stall': WRITE,
  'agents.watch': WRITE,
  'agents.planLook': WRITE,
  'agents.countRestart': WRITE,
  'agents.forgetRestarts': WRITE,
  'agents.planRevival': WRITE,
  'agents.planStart': WRITE,
  'agents.planEnd': WRITE,
  'agents.started': WRITE,
  'agents.ended': WRITE,
  'agents.heard': WRITE,
  'agents.reported': WRITE,
  'tokens.add': WRITE,
  'tokens.get': READ,
  'tokens.allocate': FRAGILE,
  'tokens.ack': FRAGILE,
  'tokens.used': WRITE,
  'tokens.lagging': WRITE,
  'tokens.failing': WRITE,
  'tokens.outcome': WRITE,
  'tokens.retry': WRITE,
  'tokens.retriesDue': READ,
  'tokens.earliestRetry': READ,
  'tokens.revoke': WRITE,
  'tokens.pardon': WRITE,
  'tokens.cutAt': WRITE,
  'messages.accept': FRAGILE,
  'messages.get': READ,
  'messages.turnOf': READ,
  'messages.byKey': READ,
  'messages.list': READ,
  'messages.nextBatch': READ,
  'messages.planDelivery': WRITE,
  'messages.planQueue': WRITE,
  'messages.delivered': WRITE,
  'messages.working': WRITE,
  'messages.finish': WRITE,
  'messages.handedOver': READ,
  'messages.queueAgain': WRITE,
  'messages.forgetTries': WRITE,
  'messages.cancel': WRITE,
  'messages.pruneBefore': WRITE,
  'messages.pruneOldest': WRITE,
  'messages.pruneBytes': WRITE,
  'messages.failAll': WRITE,
  'messages.hasUnfinished': READ,
  'messages.hasQueued': READ,
  'messages.deliveriesDue': READ,
  'messages.earliestDelivery': READ,
  'queues.ofAgent': READ,
  'queues.ofTown': READ,
  'events.append': WRITE,
  'events.list': READ,
  'events.page': READ,
  'events.head': READ,
  'events.oldest': READ,
  'tickets.add': WRITE,
  'tickets.find': READ,
  'tickets.remove': WRITE,
  'readers.accept': SOCKET,
  'readers.open': READ,
  'readers.count': READ,
  'readers.readerOf': READ,
  'readers.keep': SOCKET,
  'readers.close': SOCKET,
  'readers.firstEnd': READ,
  'readers.forget': IN_MEMORY,
  'mail.add': WRITE,
  'mail.get': READ,
  'mail.unread': READ,
  'mail.read': WRITE,
  'mail.waiting': READ,
  'mail.countSince': READ,
  'mail.pruneRead': WRITE,
  'ledgerSize.bytes': READ,
  'delegations.add': WRITE,
  'delegations.get': READ,
  'delegations.list': READ,
  'delegations.openTo': READ,
  'delegations.openFrom': READ,
  'delegations.overdue': READ,
  'delegations.countSince': READ,
  'delegations.countUnderWay': READ,
  'delegations.end': WRITE,
  'delegations.announcementsDue': READ,
  'delegations.unannounced': READ,
  'delegations.postpone': WRITE,
  'delegations.announced': WRITE,
  'delegations.pruneBytes': WRITE,
  'delegations.unheard': WRITE,
  'delegations.warn': WRITE,
  'delegations.earliestDeadline': READ,
  'delegations.earliestAnnouncement': READ,
  'containers.get': READ,
  'containers.list': READ,
  'containers.ensure': WRITE,
  'containers.opened': WRITE,
  'containers.heard': WRITE,
  'containers.hold': WRITE,
  'containers.planRenewal': WRITE,
  'containers.renewalsDue': READ,
  'containers.earliestRenewal': READ,
  'containers.alive': WRITE,
  'containers.unheard': WRITE,
  'containers.planProbe': WRITE,
  'containers.lose': WRITE,
  'containers.lost': READ,
  'containers.probesDue': READ,
  'containers.earliestProbe': READ,
  'sweeps.add': WRITE,
  'sweeps.latest': READ,
  'alarm.guard': FRAGILE,
  'alarm.cover': 'the last step of each transaction, and cut with it',
  'alarm.forget': IN_MEMORY,
  'alarm.read': READ,
  'alarm.plan': FRAGILE,
  transaction: FRAGILE,
  mint: ['dies before', 'dies after', 'breaks before', 'breaks after', 'hangs'],
  'link.open': LINK,
  'link.check': LINK,
  'link.renew': LINK,
  'link.destroy': LINK,
  'link.authenticate': LINK,
  'link.start': LINK,
  'link.deliver': LINK,
  'link.refreshOne': LINK,
  'link.refreshMany': LINK,
  'link.stop': LINK,
  'link.retire': LINK,
  'directory.plan': ['dies before', 'dies after'],
  'link.list': LINK,
  'directory.remove': ['dies before', 'dies after'],
  wipe: ['dies before', 'dies after', 'breaks before'],
  'link.interrupt': LINK,
  'slots.run': IN_MEMORY,
  'flights.run': IN_MEMORY,
  'calls.take': IN_MEMORY,
  'waiters.size': VALUE,
  'waiters.wait': IN_MEMORY,
  'waiters.wake': IN_MEMORY,
};

/** The calls of a Town into an AgentContainer, beneath the link: the platform loses them, or never answers. */
export const CALL_EFFECTS: Effects = Object.fromEntries(
  Object.keys(TOWN_EFFECTS)
    .filter((method) => method.startsWith('link.'))
    .map((method) => [method.replace('link.', ''), ['breaks before', 'breaks after', 'hangs']]),
);

/** The client has a deadline of its own for each request; what hangs beneath it hangs at the network. */
const CLIENT: readonly Fault[] = ['dies before', 'dies after', 'breaks before', 'breaks after'];

/** The ports of an AgentContainer, its handshake's among them. */
export const OBJECT_EFFECTS: Effects = {
  container: VALUE,
  heartbeatSeconds: VALUE,
  'clock.now': VALUE,
  'backend.running': READ,
  'backend.wake': WRITE,
  'backend.fetch': 'used by the client only, and cut at the network',
  'store.get': READ,
  'store.begin': WRITE,
  'store.answered': WRITE,
  'store.lost': WRITE,
  'client.health': CLIENT,
  'client.openSession': CLIENT,
  'client.start': CLIENT,
  'client.deliver': CLIENT,
  'client.refreshOne': CLIENT,
  'client.refreshMany': CLIENT,
  'client.stop': CLIENT,
  'client.retire': CLIENT,
  'client.list': CLIENT,
  'client.interrupt': CLIENT,
};

/**
 * Between two processes: the one that is asked dies, the network loses or holds what is sent, or the town that waits behind the
 * one that asks dies. Of a push that hangs the deadline strikes at once: the lab turns no real clock.
 */
export const PUSH_FAULTS = [
  'server dies before',
  'server dies after',
  'lost before',
  'lost after',
  'hangs before',
  'hangs after',
  'town dies',
] as const;
export type WireFault = (typeof PUSH_FAULTS)[number];
/** An agent's call is answered by the town itself, whose deaths are its own. */
export const AGENT_CALL_FAULTS: readonly WireFault[] = PUSH_FAULTS.filter((fault) => fault !== 'town dies');
