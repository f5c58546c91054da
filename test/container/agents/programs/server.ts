/**
 * Starts an agent that hears neither SIGTERM nor the end of its input, says its process id, and waits to be killed. With `users`
 * the agent has a user of its own, and its token in a file.
 */
import { ProcessScene, agent } from '../process/support/process-scene.ts';
import { UserScene } from '../process/support/user-scene.ts';

const [stateDir = '.', users] = process.argv.slice(2);
const isOwn = users === 'users';
const scene = isOwn ? await UserScene.make({}, stateDir) : new ProcessScene({ stateDir });
if (scene instanceof UserScene) scene.token(2, 'token-of-bob');
const runtime = agent('deaf', '', { credentials: isOwn ? 'file' : 'none' });
const started = await scene.start(runtime, 1, [], isOwn ? 2 : 1);
await started.ready;
process.stdout.write(`${started.processId}\n`);
setInterval(() => undefined, 1000);
