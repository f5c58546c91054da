/** Joins the nouns into what the two Durable Objects are given. The only place that turns `Config` into ports. */
import {
  MAX_FINISHED_BYTES,
  MAX_RETIRED_AGENTS,
  MAX_LEDGER_BYTES,
  MAX_WRITES_PER_MINUTE,
  containerNameSchema,
  splitContainerName,
  type ContainerName,
  type TownId,
} from '#protocol';
import { parseConfig, type Config } from './env.ts';
import type { Env } from './bindings.ts';
import { Directory } from './directory/directory-store.ts';
import { FiguresStore } from './directory/figures-store.ts';
import { after, systemClock, within } from '#lib/clock.ts';
import { consoleLog, rarely } from '#lib/log.ts';
import { cloudflareBackend, type PlatformContainer } from './link/cloudflare-backend.ts';
import type { ContainerBackend } from './link/container-link.ts';
import type { LinkWiring } from './link/link-ports.ts';
import { linkTo, neverRejects } from './link/never-rejects.ts';
import { urlBackend } from './link/url-backend.ts';
import { isLoopback } from '#lib/variables.ts';
import { activeKid, fingerprint, publicKeys } from './tokens/key-set.ts';
import { KeyRing } from './tokens/key-ring.ts';
import { mintAgentToken, mintPushToken, mintThirdPartyToken, type Issuer } from './tokens/mint.ts';
import { postEvent } from './webhooks/post-event.ts';
import type { TownWiring } from './town/ports.ts';
import { townDirectory } from './town/state/town-directory.ts';

/** The issuer of one object or isolate: the keys are imported at the first use and kept. */
export function lazyIssuer(config: Config): () => Promise<Issuer> {
  let issuer: Promise<Issuer> | undefined;
  return () =>
    (issuer ??= KeyRing.import(config.signingKeys).then((ring) => ({
      ring,
      publicUrl: config.publicUrl,
      trustDomain: config.trustDomain,
      ttlSeconds: config.tokenTtlSeconds,
    })));
}

/** Wiring of the Town, or null where the configuration is refused: then the Worker answers 503 and alarms only re-arm. */
export function wireTown(env: Env): TownWiring | null {
  const config = parseConfig(env);
  if (!config.ok) return null;
  const issuer = lazyIssuer(config.value);
  const directory = { directory: new Directory(env.DIRECTORY), figures: new FiguresStore(env.DIRECTORY) };
  const log = rarely(consoleLog, systemClock);
  return {
    settings: {
      refreshIntervalMs: config.value.refreshIntervalMs,
      agentsPerContainer: config.value.agentsPerContainer,
      // Where the platform runs them each container has a place of its own.
      containerAddresses: config.value.containerUrls.length || Number.MAX_SAFE_INTEGER,
      retiredAgents: MAX_RETIRED_AGENTS,
      finishedBytes: MAX_FINISHED_BYTES,
      ledgerBytes: MAX_LEDGER_BYTES,
      writesPerMinute: MAX_WRITES_PER_MINUTE,
      heartbeatMs: config.value.heartbeatSeconds * 1000,
      restPerReaderMs: 0.05,
      activeKid: activeKid(config.value.signingKeys),
      keySet: fingerprint(config.value.signingKeys),
    },
    clock: systemClock,
    after,
    random: Math.random,
    log,
    secret: (name) => config.value.agentSecrets.get(name) ?? null,
    mint: async (order, nowMs) => mintAgentToken(await issuer(), order, nowMs),
    mintForThirdParty: async (order) => mintThirdPartyToken(await issuer(), order),
    pointSweep: (town, { due, ok, failed, skipped, startedAtMs, finishedAtMs }) =>
      env.SWEEPS?.writeDataPoint({ indexes: [town], doubles: [due, ok, failed, skipped, finishedAtMs - startedAtMs] }),
    postEvent: (order) =>
      postEvent(
        {
          keys: config.value.webhookKeys,
          loopback: isLoopback(new URL(config.value.publicUrl)),
          clock: systemClock,
          after,
        },
        order,
      ),
    link: (town, container) =>
      neverRejects(
        () => linkTo(env.AGENT_CONTAINER.getByName(`${town}:${container}`)),
        // A handshake of two requests, the request itself, and a margin for the way.
        (call) => within(3 * config.value.pushTimeoutMs + 1000, call),
      ),
    directory: (town) => townDirectory(directory, town, log),
  };
}

/**
 * Wiring of an AgentContainer. Throws where the configuration is refused: the Worker answers 503 then, and does not call it.
 */
export function wireLink(env: Env): LinkWiring {
  const config = parseConfig(env);
  if (!config.ok) throw new Error('misconfigured');
  const { pushTimeoutMs, heartbeatSeconds, sleepAfterMs } = config.value;
  const issuer = lazyIssuer(config.value);
  return {
    clock: systemClock,
    log: consoleLog,
    backend: (container, platform) => backendOf(config.value, container, platform),
    after,
    sign: async ({ audience, container, method, path, bodyDigest }) => {
      const town = townOf(container);
      const order = { audience, town, container, method, path, bodyDigest };
      return mintPushToken(await issuer(), order, systemClock.now());
    },
    pushTimeoutMs,
    heartbeatSeconds,
    sleepAfterMs,
  };
}

/** Control servers that the operator runs, where `CONTAINER_URL` names them; else the platform's containers. */
function backendOf(
  config: Config,
  container: ContainerName,
  platform: PlatformContainer | undefined,
): ContainerBackend {
  const { containerUrls, containerApiUrl, publicUrl, signingKeys } = config;
  if (containerUrls.length > 0) return urlBackend(containerUrls, splitContainerName(container).index);
  if (platform === undefined) throw new Error('CONTAINER_URL is not set, and no container is bound to AgentContainer');
  const jwks = JSON.stringify(publicKeys(signingKeys));
  return cloudflareBackend(platform, { REEVE_API_URL: containerApiUrl, REEVE_ISSUER: publicUrl, REEVE_JWKS: jwks });
}

const townOf = (container: ContainerName): TownId => splitContainerName(containerNameSchema.parse(container)).town;
