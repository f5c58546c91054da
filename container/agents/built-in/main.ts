/** The built-in agent as a program of its own: it speaks over its standard input and output, and ends with its input. */
import { ndJsonStream } from '@agentclientprotocol/sdk';
import { Readable, Writable } from 'node:stream';
import { builtInAgent } from './acp-agent.ts';
import { SessionMemory } from './sessions.ts';

const { HOME = '.', REEVE_NAME = 'agent', REEVE_INCARNATION = '0' } = process.env;

const agent = builtInAgent({
  name: REEVE_NAME,
  incarnation: Number(REEVE_INCARNATION),
  memory: new SessionMemory(HOME),
  newId: () => crypto.randomUUID(),
  pause: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    }),
  post: async (url, headers, body) => {
    try {
      return await (await fetch(url, { method: 'POST', headers, body, redirect: 'manual' })).text();
    } catch {
      return null; // The agent is told that its tools are not reached.
    }
  },
});

const connection = agent.connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
await connection.closed;
process.exit(0);
