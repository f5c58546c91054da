import { expect, it } from 'vitest';
import type { Spawn } from '../../../container/agents/agent-process.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { agentId } from '../../support/ids.ts';
import { aProcess } from '../support/a-process.ts';

const MINUTE = 60_000;
const AGENTS = 20;

/** A process whose turn goes on for ever. */
const busy: Spawn = (_, life) =>
  Promise.resolve(
    aProcess({
      prompt: ({ emit }) => {
        emit({ kind: 'text', text: 'a piece' });
        return new Promise((_, reject) => life.addEventListener('abort', () => reject(new Error('stopped'))));
      },
    }),
  );

it('an outage is logged at its first failures, then ever more rarely and with a count, and its end once', async () => {
  const { control, session, issued } = await TestControlServer.withAgent({ spawn: busy });
  await control.deliver(session, issued, message(1, 'work'));
  for (let seed = 2; seed <= AGENTS; seed += 1) {
    await control.start(session, control.town.mint(agentId(seed)));
    await control.deliver(session, control.town.mint(agentId(seed)), message(seed, 'work'));
  }
  control.town.intercept = () => Promise.reject(new TypeError('fetch failed'));
  const linesIn = async (minutes: number): Promise<number> => {
    const before = control.log.lines.length;
    await control.clock.advance(minutes * MINUTE);
    return control.log.lines.length - before;
  };
  await linesIn(10);
  // A line of its own for each twentieth of what each agent tried: heartbeats every half minute, reports as often.
  expect(await linesIn(50)).toBeLessThan(AGENTS * 25);
  const unreachable = control.log.lines.filter(({ event }) => event === 'town_unreachable');
  expect(unreachable.map(({ fields }) => fields['failures']).slice(0, 4)).toEqual([1, 2, 3, 10]);
  expect(unreachable.length).toBeLessThan(50);
  control.town.intercept = () => undefined;
  await control.clock.advance(2 * MINUTE);
  const events = control.log.lines.map(({ event }) => event);
  expect(events.filter((event) => event === 'town_reached')).toHaveLength(1);
  expect(events.filter((event) => event === 'heartbeat_heard')).toHaveLength(AGENTS);
  await control.clock.advance(10 * MINUTE);
  expect(control.log.lines).toHaveLength(events.length);
});
