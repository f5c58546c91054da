/** The configuration and the wiring of the Worker under test: everything real but the clock and the containers. */
import { env } from 'cloudflare:test';
import { Directory } from '../../../src/directory/directory-store.ts';
import { FiguresStore } from '../../../src/directory/figures-store.ts';
import { parseConfig, type Config } from '../../../src/env.ts';
import { splitContainerName, type TownId } from '../../../src/protocol/index.ts';
import type { After } from '../../../src/lib/clock.ts';
import type { LinkWiring } from '../../../src/link/link-ports.ts';
import type { ContainerLink } from '../../../src/link/container-link.ts';
import { neverRejects, type Bound } from '../../../src/link/never-rejects.ts';
import { newKeySet } from '../../../src/tokens/key-edit.ts';
import { activeKid, fingerprint, type PrivateKeySet } from '../../../src/tokens/key-set.ts';
import { mintAgentToken, mintPushToken, mintThirdPartyToken, type Issuer } from '../../../src/tokens/mint.ts';
import { townDirectory } from '../../../src/town/state/town-directory.ts';
import { lazyIssuer } from '../../../src/wiring.ts';
import { postEvent } from '../../../src/webhooks/post-event.ts';
import type { TownWiring } from '../../../src/town/ports.ts';
import type { Log } from '../../../src/lib/log.ts';
import { lab } from './lab.ts';

export const DEV_TOKEN = 'a-development-token-for-tests';
export const CONTAINER_SECRET = 'a-container-secret-for-tests';
export const PUBLIC_URL = 'https://reeve.test';

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface Deployment {
  readonly config: Config;
  readonly issuer: () => Promise<Issuer>;
}

let made: Promise<Deployment> | undefined;
/** Keys as the towns see them; set with each deployment. */
const keysNow = { activeKid: '', keySet: '' };

/** What is deployed now; the first one has fresh keys. */
export function deployment(): Promise<Deployment> {
  return (made ??= newKeySet().then(deploy));
}

export async function currentKeys(): Promise<PrivateKeySet> {
  return (await deployment()).config.signingKeys;
}

/** Deploys another key set; the caller evicts the objects, as the platform would. */
export async function useKeys(keys: PrivateKeySet): Promise<void> {
  made = Promise.resolve(deploy(keys));
  await made;
}

/** Off loopback, as a deployment is; the development token is for the tests, so the rules see it on loopback. */
function deploy(keys: PrivateKeySet): Deployment {
  const config = parseConfig({
    PUBLIC_URL: 'http://127.0.0.1:8787',
    SIGNING_KEYS: JSON.stringify(keys),
    CONTAINER_URL: 'http://127.0.0.1:8790',
    CONTAINER_SECRET,
    REEVE_DEV_TOKEN: DEV_TOKEN,
    WEBHOOK_KEYS: lab.webhookKeys,
  });
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  keysNow.activeKid = activeKid(keys);
  keysNow.keySet = fingerprint(keys);
  const value = { ...config.value, publicUrl: PUBLIC_URL, trustDomain: 'reeve.test' };
  return { config: value, issuer: lazyIssuer(value) };
}

export function labTownWiring(link: (container: string) => ContainerLink, bound?: Bound): TownWiring {
  return {
    settings: {
      refreshIntervalMs: 3_600_000,
      agentsPerContainer: lab.agentsPerContainer,
      containerAddresses: lab.containerAddresses,
      retiredAgents: lab.retiredAgents,
      finishedBytes: lab.finishedBytes,
      ledgerBytes: lab.ledgerBytes,
      writesPerMinute: lab.writesPerMinute,
      heartbeatMs: lab.heartbeatMs,
      restPerReaderMs: lab.restPerReaderMs,
      ...keysNow,
    },
    clock: lab.clock,
    after: afterOnLab,
    // The top of the jitter: waits double, and the first retry comes after exactly 15 s.
    random: () => 1,
    log: silent,
    secret: (name) => lab.secrets.get(name) ?? null,
    mint: async (order, nowMs) => mintAgentToken(await (await deployment()).issuer(), order, nowMs),
    mintForThirdParty: async (order) => mintThirdPartyToken(await (await deployment()).issuer(), order),
    pointSweep: (town, sweep) => void lab.sweeps.push({ town, sweep }),
    postEvent: async (order) => {
      const { webhookKeys } = (await deployment()).config;
      const parts = { keys: webhookKeys, loopback: false, clock: lab.clock, after: afterOnLab };
      return postEvent({ ...parts, send: (url, init) => lab.receive(url, init) }, order);
    },
    link: (town: TownId, container: number) => neverRejects(() => link(`${town}:${container}`), bound),
    directory: (town) => {
      const stores = { directory: new Directory(env.DIRECTORY), figures: new FiguresStore(env.DIRECTORY) };
      return townDirectory(stores, town, silent);
    },
  };
}

/** A timer of the lab's time that runs in the context of the object which set it: only there may it resolve its promises. */
const afterOnLab: After = (ms, run) => {
  const at = lab.clock.now() + ms;
  const { world } = lab;
  const timer = setInterval(() => {
    // What waits in the world of a test that is over waits for nothing: left alone it would be looked at 200 times a second.
    if (lab.world !== world) clearInterval(timer);
    else if (lab.clock.now() >= at) {
      clearInterval(timer);
      run();
    }
  }, 5);
  return () => clearInterval(timer);
};

export function labLinkWiring(): LinkWiring {
  return {
    clock: lab.clock,
    log: silent,
    backend: (container) => lab.container(container).backend(),
    sign: async ({ container, ...request }) => {
      const order = { ...request, container, town: splitContainerName(container).town };
      return mintPushToken(await (await deployment()).issuer(), order, lab.clock.now());
    },
    pushTimeoutMs: lab.pushTimeoutMs,
    heartbeatSeconds: 30,
    sleepAfterMs: 600_000,
    after: afterOnLab,
  };
}
