/** The crash matrix is complete: it knows every method of every port, and its verbs reach every effect. */
import { env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { consoleLog } from '../../../src/lib/log.ts';
import { linkPorts } from '../../../src/link/link-ports.ts';
import { urlBackend } from '../../../src/link/url-backend.ts';
import { townPorts } from '../../../src/town/town-ports.ts';
import { CRASH_PARTS } from '../support/crash-matrix.ts';
import { OBJECT_EFFECTS, TOWN_EFFECTS, type Effects } from '../support/effects.ts';
import { record } from '../support/matrix.ts';
import { SCENARIOS } from '../support/scenarios.ts';
import { labLinkWiring, labTownWiring } from '../support/wiring.ts';
import { CONTROL_CALL_NAMES } from '../../../src/protocol/index.ts';
import { World } from '../support/world.ts';

const RESTORE = 'a town that goes back, which workerd cannot: restore-town.test.ts';

/** Effects that no verb of the matrix reaches in good weather, and what does reach them. */
const REACHED_ELSEWHERE: Readonly<Record<string, string>> = {
  'town.create': 'the making of a town, which every case begins with',
  'town.useKeySet': 'a deployment with other keys',
  'agents.monitor': 'an agent that is not heard',
  'agents.planRevival': 'an agent that has failed',
  'agents.postpone': 'rows that are broken: broken-rows.test.ts',
  'failures.record': 'rows that are broken: broken-rows.test.ts',
  'containers.unanswered': 'a container that is not reached',
  'containers.lose': 'a container that is abandoned',
  'town.planRemoval': 'the end of a town, which remove-town.test.ts cuts: a world without its town promises nothing',
  'link.destroy': 'the end of a town',
  wipe: 'the end of a town',
  'directory.remove': 'the end of a town',
  'directory.markRestore': RESTORE,
  'recovery.goBack': RESTORE,
  'town.noticed': RESTORE,
  'directory.markDeleted': 'the end of a town',
  'members.put': 'a person who invites: members-crash.test.ts',
  'members.remove': 'a person who removes: members-crash.test.ts',
  'tokens.lagging': 'a client that keeps an old token for a minute',
  'tokens.failed': 'a push that failed',
  'refusedCalls.record': 'a call that is refused; nothing depends on what people see of it',
  'tokens.outcome': 'a start whose container is not reached',
  'tokens.failing': 'a push or a start that failed',
  'containers.backOff': 'a container that hangs or is busy',
  'containers.refused': 'a container that refuses what the town signs',
  'containers.alive': 'an agent that speaks while its container is not reached: signs-of-life.test.ts',
  'runtimes.set': 'an agent with a runtime of its own: permissions.test.ts',
  'runtimes.failed': 'a process that came to nothing: permissions.test.ts',
  'permissions.add': 'an agent that asks: permissions.test.ts',
  'permissions.answer': 'a person who answers: permissions.test.ts',
  'permissions.plan': 'a person who answers: permissions.test.ts',
  'permissions.prune': 'an agent that asks: permissions.test.ts',
  'permissions.resolve': 'a question that is over: permissions.test.ts',
  'link.answerPermission': 'a person who answers: permissions.test.ts',
  'queues.failed': 'a delivery that failed',
  'queues.limit': 'a delivery that something refuses: poison.test.ts',
  'queues.rejected': 'a message that something refuses alone: poison.test.ts',
  'messages.pruneOldest': 'an agent with more than 10,000 finished messages',
  'messages.pruneBytes': 'a town with more than 2 GiB of finished messages',
  'town.allowAudiences': 'a person who sets what a town allows: one row and one event in one step',
  'exchanged.add': 'an exchange: one row and one event in one step, before anything is minted',
  'exchanged.remove': 'a token that its agent ends: one row and one event in one step',
  mintForThirdParty: 'an exchange that was recorded: who asks again gets another token',
  'transcripts.add': 'a chat frontend: a row of the transaction that accepts its message',
  'transcripts.answered': 'a chat frontend that has its answer; its loss costs a repeat that is answered again',
  'tickets.add': 'a person who opens a stream; no agent depends on it',
  'tickets.remove': 'a person who opens a stream; no agent depends on it',
  'webhooks.add': 'a person who makes a webhook: one row and one event in one step',
  'webhooks.describe': 'a person who changes a webhook: one row and one event in one step',
  'webhooks.enable': 'a person who changes a webhook: one row and one event in one step',
  'webhooks.rotate': 'a person who rotates a secret: one row and one event in one step',
  'webhooks.remove': 'a person who deletes a webhook: one row and one event in one step',
  'webhooks.removeAll': 'the end of a town',
  'webhooks.disable': 'a webhook that is posted to: webhook-crash.test.ts cuts it',
  'webhooks.advance': 'a webhook that is posted to: webhook-crash.test.ts cuts it',
  'webhooks.failed': 'a webhook that is posted to: webhook-crash.test.ts cuts it',
  'webhooks.plan': 'a webhook that is posted to: webhook-crash.test.ts cuts it',
  postEvent: 'a webhook that is posted to: webhook-crash.test.ts cuts it',
  'mail.add': 'a mail, which is one row and one event in one step',
  'mail.read': 'a reader that says how far it has read; to say it again is all that its loss costs',
  'mail.pruneRead': 'a town with more than 1 GiB of mail and delegations',
  'delegations.pruneBytes': 'a town with more than 1 GiB of mail and delegations',
  'delegations.add': 'a delegation on its way: delegation-crash.test.ts cuts it',
  'delegations.end': 'a result on its way: delegation-crash.test.ts cuts it',
  'delegations.postpone': 'a result on its way: delegation-crash.test.ts cuts it',
  'delegations.postponeDeadline': 'a delegation whose end throws',
  'delegations.announced': 'a result on its way: delegation-crash.test.ts cuts it',
  'delegations.warn': 'a result from another agent, which changes nothing but this mark',
};

/** Reached by a verb too where an agent's call happens to come while the container is being probed. */
const BY_CHANCE = 'town containers.alive';

/** Of an AgentContainer. */
const REACHED_ELSEWHERE_BY_OBJECT: Readonly<Record<string, string>> = {
  'store.keep': 'a container that refuses every opening too, which handshake.test.ts has',
  'client.closeSession': 'the end of a town',
  'client.answerPermission': 'a person who answers: permissions.test.ts',
};

/** `store.method` for everything that can be called on the ports; the name alone for a value. */
function methodsOf(ports: object, path = ''): string[] {
  return Object.entries(ports).flatMap(([key, value]: [string, unknown]) => {
    const name = `${path}${key}`;
    if (typeof value === 'function') return key === 'call' ? calls(path) : [name];
    if (typeof value !== 'object' || value === null || name === 'settings') return [name];
    return [
      ...methodsOf(value, `${name}.`),
      ...prototypeMethods(value).flatMap((method) => (method === 'call' ? calls(`${name}.`) : [`${name}.${method}`])),
    ];
  });
}

/** Each call of the control API counts as a method of its own. */
const calls = (path: string): string[] => CONTROL_CALL_NAMES.map((name) => `${path}${name}`);

function prototypeMethods(value: object): string[] {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return [];
  return [
    ...Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor'),
    ...prototypeMethods(prototype),
  ];
}

describe('the crash matrix', () => {
  it('knows every method of the ports of a Town, and none that is not there', async () => {
    const { stub } = await World.create();
    const methods = await runInDurableObject(stub, (_, state) => {
      const wiring = labTownWiring(() => {
        throw new Error('not called');
      });
      const ports = townPorts(state, { ...wiring, clock: systemClock, log: consoleLog });
      return methodsOf({ ...ports, link: ports.link(0) });
    });
    expect(methods.toSorted()).toEqual(Object.keys(TOWN_EFFECTS).toSorted());
  });

  it('knows every method of the ports of an AgentContainer, its handshake among them, and none that is not there', async () => {
    const { container } = await World.create();
    const methods = await runInDurableObject(env.AGENT_CONTAINER.getByName(container.name), (_, state) => {
      const backend = () => urlBackend(['http://127.0.0.1:8790'], 0);
      return methodsOf(linkPorts(state, { ...labLinkWiring(), clock: systemClock, backend }));
    });
    expect(methods.toSorted()).toEqual(Object.keys(OBJECT_EFFECTS).toSorted());
  });

  it('has each of its verbs in one of its files, and a file for each part', () => {
    const verbs = Object.values(CRASH_PARTS).flatMap((part): readonly string[] => part);
    expect(verbs.toSorted()).toEqual(SCENARIOS.map(({ verb }) => verb).toSorted());
    const files = Object.keys(import.meta.glob('./crash-*.test.ts'));
    expect(files.toSorted()).toEqual(
      Object.keys(CRASH_PARTS)
        .map((part) => `./crash-${part}.test.ts`)
        .toSorted(),
    );
  });

  it('reaches every effect through one of its verbs, but for those that it names', async () => {
    const reached = new Set<string>();
    for (const scenario of SCENARIOS) {
      for (const { layer, effect } of await record(scenario)) reached.add(`${layer} ${effect}`);
    }
    reached.delete(BY_CHANCE);
    const missing = (layer: string, effects: Effects): string[] =>
      Object.keys(effects).filter((effect) => Array.isArray(effects[effect]) && !reached.has(`${layer} ${effect}`));
    expect(missing('town', TOWN_EFFECTS).toSorted()).toEqual(Object.keys(REACHED_ELSEWHERE).toSorted());
    expect(missing('object', OBJECT_EFFECTS).toSorted()).toEqual(Object.keys(REACHED_ELSEWHERE_BY_OBJECT).toSorted());
  });
});
