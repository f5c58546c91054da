/** A process of an agent's author: for each path that it reads it calls the town, and says what was answered and what its alias holds. */
import { createInterface } from 'node:readline';
import { openTown } from '../../../agent/index.ts';

const town = openTown({ aliases: ['MY_TOKEN'] });
for await (const path of createInterface({ input: process.stdin })) {
  const answer = await town.fetch(path);
  process.stdout.write(`${await answer.text()} ${process.env['MY_TOKEN'] ?? ''}\n`);
}
