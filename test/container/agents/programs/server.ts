/**
 * Starts an agent, says the ids of its processes, and waits to be killed. The agent hears neither SIGTERM nor the end of its input;
 * with `users` it has a user of its own, its token in a file, and a process that left it.
 */
import { ProcessScene, agent } from '../process/support/process-scene.ts';
import { UserScene } from '../process/support/user-scene.ts';

const [stateDir = '.', users] = process.argv.slice(2);

async function shared(): Promise<number[]> {
  const scene = new ProcessScene({ stateDir });
  const { processId, ready } = await scene.start(agent('deaf'));
  await ready;
  return [processId];
}

async function apart(): Promise<number[]> {
  const scene = await UserScene.make({}, stateDir);
  scene.token(2, 'token-of-bob');
  const bob = await scene.shell(2, { credentials: 'file' });
  const left = await scene.say(bob, 'env -i setsid sleep 1000 > /dev/null 2>&1 & echo $!');
  return [bob.processId, Number(left)];
}

const pids = await (users === 'users' ? apart() : shared());
process.stdout.write(`${pids.join(' ')}\n`);
setInterval(() => undefined, 1000);
