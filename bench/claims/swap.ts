import { Cell } from '../../container/clients/cell.ts';
import { Registry, type RegistryEntry } from '../../container/clients/registry.ts';
import { makeId, type AgentId, type IssuedToken } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import { interleaved, ratio } from '../measure.ts';
import type { Claim } from './claim.ts';

const FEW = 10;
const MANY = 10_000;
const SWAPS = 50_000;

/** A token is swapped as fast beside ten thousand other agents as beside ten. */
export const swap: Claim = {
  name: 'swap',
  measure: async ({ rounds }) => {
    const sides = [FEW, MANY].map((agents) => {
      const registry = filled(agents);
      return { name: `${agents} agents`, run: async () => swapAll(registry) };
    });
    const times = await interleaved(sides, rounds);
    return [
      {
        id: 'swap.flat',
        what: `${SWAPS} swaps beside ${MANY} agents, against the same beside ${FEW}`,
        value: 1 / ratio(times, `${MANY} agents`, `${FEW} agents`),
        unit: 'x as long',
        goal: { at: 'most', value: 1.5 },
        times,
      },
    ];
  },
};

interface Filled {
  readonly agents: readonly { readonly id: AgentId; readonly entry: RegistryEntry }[];
  gen: number;
}

function filled(agents: number): Filled {
  const registry = new Registry();
  const all = Array.from({ length: agents }, () => {
    const id = makeId('agt', randomBytes(20));
    const entry = registry.open(new Cell(tokenOf(id, 1)), (thrown) => {
      throw thrown;
    });
    registry.register(id, { setToken: () => undefined });
    return { id, entry };
  });
  return { agents: all, gen: 1 };
}

/** Ten agents take turns, wherever they stand. */
function swapAll(registry: Filled): void {
  const { agents } = registry;
  const step = Math.max(1, Math.floor(agents.length / FEW));
  for (let nth = 0; nth < SWAPS; nth += 1) {
    registry.gen += 1;
    const agent = agents[(nth * step) % agents.length];
    if (agent?.entry.swap(tokenOf(agent.id, registry.gen)) !== 'applied') throw new Error('it was not applied');
  }
}

const tokenOf = (agent: AgentId, gen: number): IssuedToken => ({
  agent,
  inc: 1,
  gen,
  jti: `jti-${gen}`,
  token: 'text',
  issued_at: '2030-01-01T00:00:00Z',
  expires_at: '2030-01-01T03:00:00Z',
});
