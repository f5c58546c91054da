/** A shell that is signed in at the app, which is served over HTTP. */
import { freePort } from '../../../scripts/ports.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { DEV_TOKEN, type Bindings } from '../../support/bindings.ts';
import { makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { serveScene } from '../../support/served-edge.ts';
import { installReeve, type Shell } from './run-reeve.ts';

interface SignedIn {
  readonly scene: EdgeScene;
  readonly port: number;
  readonly url: string;
  readonly reeve: { readonly openShell: () => Shell };
  readonly shell: Shell;
  /** To be called after all tests. */
  readonly close: () => Promise<void>;
}

/** `changes`: of the app's configuration. */
export async function signedIn(changes: Bindings = {}, clock: Clock = { now: () => Date.now() }): Promise<SignedIn> {
  const port = await freePort();
  const scene = await makeScene({ PUBLIC_URL: `http://127.0.0.1:${port}`, ...changes }, clock);
  const server = await serveScene(scene, port);
  const reeve = await installReeve();
  const shell = reeve.openShell();
  const close = async (): Promise<void> => {
    reeve.close();
    await server.stop();
  };
  const { code, stderr } = await shell.run(['login', '--url', server.url], { stdin: `${DEV_TOKEN}\n` });
  if (code === 0) return { scene, port, url: server.url, reeve, shell, close };
  await close();
  throw new Error(`not signed in: ${stderr}`);
}

/** What a command says with `--json`. */
export const json = (text: string): unknown => JSON.parse(text) as unknown;
