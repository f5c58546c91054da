/** The edge over a real connection, for programs that come over one. */
import { serve } from '@hono/node-server';
import type { AddressInfo } from 'node:net';
import type { EdgeScene } from './fake-edge.ts';

/** Serves until `stop`, on any port or on the one that the scene's own address names. */
export async function serveScene(
  scene: EdgeScene,
  at = 0,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const listening = Promise.withResolvers<AddressInfo>();
  const server = serve({ fetch: scene.fetch, hostname: '127.0.0.1', port: at }, listening.resolve);
  server.on('error', listening.reject);
  const { port } = await listening.promise;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
