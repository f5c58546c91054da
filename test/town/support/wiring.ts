/** The configuration and the wiring of the Worker under test: everything real but the clock and the containers. */
import { exportJWK, generateKeyPair, calculateJwkThumbprint } from 'jose';
import { parseConfig, type Config } from '../../../src/env.ts';
import { splitContainerName, type TownId } from '../../../src/protocol/index.ts';
import type { LinkWiring } from '../../../src/link/agent-container.ts';
import type { ContainerLink } from '../../../src/link/container-link.ts';
import { neverRejects } from '../../../src/link/never-rejects.ts';
import { mintAgentToken, mintPushToken, type Issuer } from '../../../src/tokens/mint.ts';
import { lazyIssuer, type TownWiring } from '../../../src/town/wiring.ts';
import type { Log } from '../../../src/lib/log.ts';
import { lab } from './lab.ts';

export const DEV_TOKEN = 'a-development-token-for-tests';
export const CONTAINER_SECRET = 'a-container-secret-for-tests';
export const PUBLIC_URL = 'https://reeve.test';

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let made: Promise<{ config: Config; issuer: () => Promise<Issuer> }> | undefined;

/** Made once per test file, with fresh keys. `devToken` is set after the rules, which refuse it off loopback. */
export function deployment(): Promise<{ config: Config; issuer: () => Promise<Issuer> }> {
  return (made ??= make());
}

async function make(): Promise<{ config: Config; issuer: () => Promise<Issuer> }> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(pair.privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  labKeys.activeKid = kid;
  const config = parseConfig({
    PUBLIC_URL: 'http://127.0.0.1:8787',
    SIGNING_KEYS: JSON.stringify({ keys: [{ ...jwk, kid, reeve_state: 'active' }] }),
    CONTAINER_URL: 'http://127.0.0.1:8790',
    CONTAINER_SECRET,
    REEVE_DEV_TOKEN: DEV_TOKEN,
  });
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const value = { ...config.value, publicUrl: PUBLIC_URL, trustDomain: 'reeve.test' };
  return { config: value, issuer: lazyIssuer(value) };
}

/** Keys as the town sees them; a test that changes them evicts the town, as a deployment does. */
export const labKeys = { activeKid: '', keySet: 'first' };

export function labTownWiring(link: (container: string) => ContainerLink): TownWiring {
  return {
    settings: { refreshIntervalMs: 3_600_000, agentsPerContainer: 4, ...labKeys },
    clock: lab.clock,
    // The top of the jitter: waits double, and the first retry comes after exactly 15 s.
    random: () => 1,
    log: silent,
    mint: async (order, nowMs) => mintAgentToken(await (await deployment()).issuer(), order, nowMs),
    link: (town: TownId, container: number) => neverRejects(() => link(`${town}:${container}`)),
  };
}

export function labLinkWiring(): LinkWiring {
  return {
    clock: lab.clock,
    backend: (container) => lab.container(container).backend(),
    sign: async ({ container, ...request }) => {
      const order = { ...request, container, town: splitContainerName(container).town };
      return mintPushToken(await (await deployment()).issuer(), order, lab.clock.now());
    },
    // Real milliseconds: how long a test waits for a container that hangs.
    pushTimeoutMs: 300,
    heartbeatSeconds: 30,
  };
}
