/** Starts an agent that hears neither SIGTERM nor the end of its input, says its process id, and waits to be killed. */
import { ProcessScene, program } from '../process/support/process-scene.ts';

const scene = new ProcessScene({ stateDir: process.argv[2] ?? '.' });
const { args } = program('agent.ts');
const started = await scene.start(program('agent.ts', { args: [...args, 'deaf', ''] }));
await started.ready;
process.stdout.write(`${started.processId}\n`);
setInterval(() => undefined, 1000);
