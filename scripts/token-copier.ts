import { townIdSchema, type AgentView } from '#protocol';
import { parseConfig } from '../src/env.ts';
import { KeyRing } from '../src/tokens/key-ring.ts';
import { mintAgentToken, type Issuer } from '../src/tokens/mint.ts';
import type { Variables } from './dev-settings.ts';

export type CopyToken = (agent: AgentView) => Promise<string>;

/**
 * The same token that an agent calls with, signed again with this stack's key: the real one is in the container, and nothing
 * shows it.
 */
export function tokenCopier(variables: Readonly<Variables>): CopyToken {
  return async (agent) => {
    const town = townIdSchema.parse(agent.container.split(':')[0]);
    const order = { town, agent: agent.id, inc: agent.incarnation, gen: agent.credential.in_use, scopes: agent.scopes };
    return (await mintAgentToken(await issuerOf(variables), order, Date.now())).token.reveal();
  };
}

async function issuerOf(variables: Readonly<Variables>): Promise<Issuer> {
  const config = parseConfig(variables);
  if (!config.ok) throw new Error('the settings of this stack are refused');
  const { publicUrl, trustDomain, tokenTtlSeconds: ttlSeconds, signingKeys } = config.value;
  return { ring: await KeyRing.import(signingKeys), publicUrl, trustDomain, ttlSeconds };
}
