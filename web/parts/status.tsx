/** States with a shape, a word and a colour each, so that none of the three is needed to tell them apart. */
import type { Agent, Health } from '../../client/index.ts';

/** How much a state wants of the person. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'off';

const SHAPES: Readonly<Record<Tone, string>> = {
  good: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z',
  busy: 'M8 1.5 14.5 8 8 14.5 1.5 8Z',
  warn: 'M8 1.8 15 14H1Z',
  bad: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2Z',
  off: 'M2.5 6.5h11v3h-11Z',
};

export function Badge({ tone, word, title }: { readonly tone: Tone; readonly word: string; readonly title?: string }) {
  return (
    <span class={`badge ${tone}`} title={title}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={SHAPES[tone]} />
      </svg>
      {word}
    </span>
  );
}

export const toneOfAgent: Readonly<Record<Agent['state'], Tone>> = {
  starting: 'busy',
  idle: 'good',
  working: 'busy',
  stalled: 'warn',
  stopped: 'off',
  failed: 'bad',
  retired: 'off',
};

export const AgentState = ({ agent }: { readonly agent: Agent }) => (
  <Badge tone={toneOfAgent[agent.state]} word={agent.state} />
);

const HEALTH = {
  green: { tone: 'good', word: 'healthy' },
  amber: { tone: 'warn', word: 'needs a look' },
  red: { tone: 'bad', word: 'in trouble' },
} as const;

export const HealthBadge = ({ status }: { readonly status: Health['status'] }) => <Badge {...HEALTH[status]} />;
