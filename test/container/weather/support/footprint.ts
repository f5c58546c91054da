/** What this process holds, as its platform counts it. */
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';

/** Runs the collector until nothing more is freed, so that what is counted afterwards is what is held. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = z.custom<() => void>((value) => typeof value === 'function').parse(runInNewContext('gc'));
  for (let rounds = 0; rounds < 4; rounds += 1) {
    // References to what was looked at in this turn of the loop are let go of in the next one.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}

export const heapBytes = (): number => process.memoryUsage().heapUsed;

/** Open files and sockets, timers that keep the process alive, and listeners on the process. */
export function handles(): { files: number; timers: number; listeners: number } {
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const events = process.eventNames();
  const listeners = events.reduce((sum, event) => sum + process.listenerCount(event), 0);
  return { files: readdirSync('/proc/self/fd').length, timers, listeners };
}
