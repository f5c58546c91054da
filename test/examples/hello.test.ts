/** The agents of docs/agents.md, run as they stand there. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchSchema } from '#protocol';
import { ProcessScene, isAlive } from '../container/agents/process/support/process-scene.ts';
import { ROOT } from '../support/source.ts';

let scene: ProcessScene;
beforeEach(() => void (scene = new ProcessScene()));
afterEach(() => scene.end());

/** Where Python itself is, not what stands for it on a path; null where there is none. */
function pythonPath(): string | null {
  try {
    return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  } catch {
    process.stdout.write('There is no python3 here: examples/hello.py is not run.\n');
    return null;
  }
}

const LANGUAGES: readonly (readonly [file: string, command: string | null])[] = [
  ['hello.ts', process.execPath],
  ['hello.py', pythonPath()],
];

describe.each(LANGUAGES)('an agent of 20 lines, %s', (file, command) => {
  const path = join(ROOT, 'examples', file);

  it.skipIf(command === null)('answers each message of a conversation, and ends when it is stopped', async () => {
    const agent = await scene.start(launchSchema.parse({ command, args: [path] }));
    expect(await scene.prompt(agent, 'Ada').reply).toBe('Hello, Ada');
    expect(await scene.prompt(agent, 'Bob').reply).toBe('Hello, Bob');
    await agent.stop();
    expect(isAlive(agent.processId)).toBe(false);
  });

  it('has 20 lines at most, and stands in docs/agents.md word for word', () => {
    const text = readFileSync(path, 'utf8');
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(20);
    expect(readFileSync(join(ROOT, 'docs/agents.md'), 'utf8')).toContain(text);
  });
});
