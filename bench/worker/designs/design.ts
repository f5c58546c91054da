import { ROLES, makeId } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import type { Env } from '../../../src/bindings.ts';
import { wireTown } from '../../../src/wiring.ts';

/** What the other designs are given. */
export interface DesignEnv extends Env {
  /** Their container. */
  readonly DESIGNS_URL: string;
}

/** Signs tokens as a town does, so that no design has cheaper ones. Throws where the configuration is refused. */
export function minterOf(env: Env): (gen: number) => Promise<string> {
  const wiring = wireTown(env);
  if (wiring === null) throw new Error('misconfigured');
  const [town, agent] = [makeId('town', randomBytes(20)), makeId('agt', randomBytes(20))];
  return async (gen) => {
    const { token } = await wiring.mint({ town, agent, inc: 1, gen, scopes: ROLES.worker }, wiring.clock.now());
    return token.reveal();
  };
}
