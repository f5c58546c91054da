/** A real stack with one control server, in a folder of its own that has its migrations; what the tests of a file share. */
import { rmSync } from 'node:fs';
import { ApiClient } from '../../../scripts/api-client.ts';
import { workerVariables, type Variables } from '../../../scripts/dev-settings.ts';
import { startStack, type Stack } from '../../../scripts/dev-stack.ts';
import { Guard } from '../../../scripts/guard.ts';
import { freePort } from '../../../scripts/ports.ts';
import { migratedFolder } from './migrated.ts';

export interface TestStack {
  readonly url: string;
  readonly port: number;
  readonly stateDir: string;
  /** Of the one person of the stack. */
  readonly token: string;
  readonly api: ApiClient;
  /** Ends the control server as a crash would; it is started again. */
  crashControlServer(): void;
  /** Ends all of it, and takes the folder away. */
  stop(): Promise<void>;
}

/** `name` is in that of the folder, `env` has variables of the Worker. Where it does not start, nothing of it is left. */
export async function startTestStack(name: string, env: Variables = {}): Promise<TestStack> {
  const stateDir = migratedFolder(`reeve-${name}-`);
  const guard = new Guard();
  const stop = async (stack?: Stack): Promise<void> => {
    await stack?.stop();
    guard.end();
    rmSync(stateDir, { recursive: true, force: true });
  };
  try {
    const [port, container] = [await freePort(), await freePort()];
    const variables = await workerVariables(stateDir, env, { worker: port, containers: [container] });
    const stack = await startStack({ stateDir, workerPort: port, controlPorts: [container], variables, guard });
    const token = variables['REEVE_DEV_TOKEN'] ?? '';
    const api = new ApiClient(stack.url, token);
    const crashControlServer = (): void => stack.crashControlServer();
    return { url: stack.url, port, stateDir, token, api, crashControlServer, stop: () => stop(stack) };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
