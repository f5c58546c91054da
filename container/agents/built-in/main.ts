/** The built-in agent as a program of its own: it speaks over its standard input and output, and ends with its input. */
import { ndJsonStream } from '@agentclientprotocol/sdk';
import { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { builtInAgent } from './acp-agent.ts';
import { SessionMemory } from './sessions.ts';

const { HOME = '.', REEVE_NAME = 'agent', REEVE_INCARNATION = '0' } = process.env;

const agent = builtInAgent({
  name: REEVE_NAME,
  incarnation: Number(REEVE_INCARNATION),
  memory: new SessionMemory(HOME),
  newId: () => crypto.randomUUID(),
  // It rejects only where the turn ends first, which is an end of the wait too.
  pause: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => undefined),
  post: async (url, headers, body) => {
    try {
      return await (await fetch(url, { method: 'POST', headers, body, redirect: 'manual' })).text();
    } catch {
      return null; // The agent says then that its tools are not reached.
    }
  },
});

const connection = agent.connect(ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
await connection.closed;
process.exit(0);
