/**
 * The container of the designs that Reeve is compared with. It asks no caller who it is and checks no token, so each of them is faster
 * here than it could be.
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { containerParts } from '../container-parts.ts';
import { RestartingAgents } from './restarting-agents.ts';

const { config, agents } = containerParts();
const restarting = new RestartingAgents(agents.spawn);
/** The generation that each agent holds. */
const held = new Map<string, number>();
const app = new Hono()
  .get('/health', (c) => c.text('ok'))
  .post('/agents/:n', async (c) => {
    await restarting.start(Number(c.req.param('n')), 'first');
    return c.json(null);
  })
  .post('/turns', async (c) => {
    await restarting.work();
    return c.json(null);
  })
  .put('/tokens/:agent/:gen', async (c) => {
    await c.req.text();
    held.set(c.req.param('agent'), Number(c.req.param('gen')));
    return c.json(null);
  })
  .get('/tokens/:gen', (c) => {
    const gen = Number(c.req.param('gen'));
    return c.json([...held.values()].filter((one) => one >= gen).length);
  })
  .put('/token', async (c) => c.json({ cut: await restarting.refresh(await c.req.text()) }));
serve({ fetch: app.fetch, hostname: config.host, port: config.port });
process.once('SIGTERM', () => void restarting.stop().then(() => process.exit(0)));
