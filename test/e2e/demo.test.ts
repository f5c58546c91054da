import { afterEach, describe, expect, it } from 'vitest';
import { endAll, run } from './support/command.ts';

afterEach(endAll);

describe('npm run demo', () => {
  it('tells the whole story with the real alarm, and ends by itself with exit code 0', async () => {
    const demo = run('npm', ['run', 'demo']);
    expect(await demo.exited, demo.output()).toBe(0);
    expect(demo.output()).toContain('The second sweep of the alarm');
    expect(demo.output()).toMatch(/killed with -9 in the middle of bob's turn/);
    expect(demo.output()).toContain('✓ The events tell it: turn.started, agent.gone, message.queued_again,');
    expect(demo.output()).toContain('Everything that was shown did happen.');
  });
});
