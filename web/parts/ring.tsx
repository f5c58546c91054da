import type { Agent } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { duration } from '../lib/time.ts';
import type { Tone } from './status.tsx';

/** Of the circle, in its own units. */
const RADIUS = 20;
const CIRCUMFERENCE = 2 * Math.PI * RADIUS;
/** Below this part of its life a token is worth a look: the sweep renews it well before. */
const LATE = 0.15;

/** What is left of the life of the token that the agent has, as a part of one; null: there is none. */
export function lifeLeft({ issued_at, expires_at }: Agent['credential'], nowMs: number): number | null {
  if (issued_at === null || expires_at === null) return null;
  const [from, to] = [Date.parse(issued_at), Date.parse(expires_at)];
  return Math.min(1, Math.max(0, (to - nowMs) / (to - from)));
}

/** How the credential of an agent fares, for people who look for trouble. */
export function toneOfCredential(agent: Agent, nowMs: number): Tone {
  const left = lifeLeft(agent.credential, nowMs);
  if (agent.credential.revoked_at !== null || ['stopped', 'retired'].includes(agent.state)) return 'off';
  if (left === null) return 'off';
  if (left === 0) return 'bad';
  return left < LATE || agent.credential.lagging !== null || agent.credential.last_error !== null ? 'warn' : 'good';
}

/** The life of an agent's credential as a ring that empties; its generation stands inside. */
export function CredentialRing({ agent, size = 48 }: { readonly agent: Agent; readonly size?: number }) {
  const { nowMs } = useConsole();
  const { credential } = agent;
  const left = lifeLeft(credential, nowMs.value);
  const tone = toneOfCredential(agent, nowMs.value);
  const over = credential.expires_at === null ? null : Date.parse(credential.expires_at) - nowMs.value;
  const words =
    credential.revoked_at !== null
      ? 'revoked'
      : over === null
        ? 'no token yet'
        : over > 0
          ? `expires in ${duration(over)}`
          : `expired ${duration(-over)} ago`;
  return (
    <svg
      class={`ring ${tone}`}
      viewBox="0 0 48 48"
      width={size}
      height={size}
      role="img"
      aria-label={`Credential of ${agent.name}: generation ${credential.acked}, ${words}`}
    >
      <title>{`Generation ${credential.acked}, ${words}`}</title>
      <circle class="track" cx="24" cy="24" r={RADIUS} />
      <circle
        class="life"
        cx="24"
        cy="24"
        r={RADIUS}
        stroke-dasharray={`${(left ?? 0) * CIRCUMFERENCE} ${CIRCUMFERENCE}`}
        transform="rotate(-90 24 24)"
      />
      <text x="24" y="28.5">
        {credential.acked}
      </text>
    </svg>
  );
}
