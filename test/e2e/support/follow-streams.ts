/** Streams as people open them, and what comes of them: tickets that must not be found anywhere, and every frame. */
import { once } from 'node:events';
import { z } from 'zod';
import type { Text } from './read-everything.ts';

export interface Streams {
  readonly tickets: Readonly<Record<string, string>>;
  readonly frames: readonly Text[];
}

/** One ticket is used for a stream from the first event on, twice; another is left for tries in other ways. */
export async function followStreams(url: string, bearer: string, town: string): Promise<Streams> {
  const ticket = async (): Promise<string> => {
    const headers = { authorization: `Bearer ${bearer}` };
    const answer = await fetch(`${url}/v1/towns/${town}/tickets`, { method: 'POST', headers });
    return z.object({ ticket: z.string() }).parse(await answer.json()).ticket;
  };
  const [used, unused] = [await ticket(), await ticket()];
  const address = `${url.replace('http', 'ws')}/v1/towns/${town}/stream?after=0&ticket=${used}`;
  const frames: Text[] = [];
  const socket = new WebSocket(address);
  socket.addEventListener('message', ({ data }) => frames.push({ where: 'a frame of the stream', text: String(data) }));
  await once(socket, 'open');
  const events = (): number =>
    frames.reduce((sum, { text }) => sum + z.array(z.unknown()).parse(JSON.parse(text)).length, 0);
  while (events() < 20) await once(socket, 'message');
  // A frame that holds a secret is refused like any other that is none.
  socket.send(used);
  await once(socket, 'close');
  const again = new WebSocket(address);
  await once(again, 'error');
  return { tickets: { 'a ticket that was used': used, 'a ticket that was not': unused }, frames };
}
