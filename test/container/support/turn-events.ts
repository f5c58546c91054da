/** What an agent reports of its turns, each at the same moment, and the reporter of one agent. */
import type { TurnEvent } from '#protocol';
import { EventReporter } from '../../../container/clients/event-reporter.ts';
import { messageId } from '../../support/ids.ts';
import { AgentScene } from './agent-scene.ts';

const turn = (seed: number) => ({ message: messageId(seed), attempt: 1, at: '2027-01-01T00:00:00.000Z' });

export const started = (seed: number): TurnEvent => ({ type: 'turn.started', ...turn(seed) });

/** Of the first turn. */
export const delta = (text: string): TurnEvent => ({ type: 'turn.delta', ...turn(1), kind: 'text', text });

export const finished = (seed: number, reply = `reply ${seed}`): TurnEvent => {
  return { type: 'turn.finished', ...turn(seed), result: { state: 'done', reply, truncated: false } };
};

/** The traceparent of each turn. */
const traceparentOf = (message: string): string => `00-${message.slice(-1).repeat(32)}-00f067aa0ba902b7-01`;

/** A reporter, and what the town acknowledged to it. */
export function reporting(): { scene: AgentScene; reporter: EventReporter; acknowledged: TurnEvent[] } {
  const scene = new AgentScene();
  const acknowledged: TurnEvent[] = [];
  const { client, life, agent } = scene;
  const { platform } = scene.context;
  const onAcknowledged = (event: TurnEvent): void => void acknowledged.push(event);
  return {
    scene,
    acknowledged,
    reporter: new EventReporter({ platform, client, life, agent, onAcknowledged, traceOf: traceparentOf }),
  };
}
